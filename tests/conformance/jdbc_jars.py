"""Takes the JDBC driver and the libraries that it needs out of two Python wheels.

A test machine then needs no Maven. One wheel holds the driver without Jackson and a few other
libraries; the other wheel holds those. `jdbc_jars.py WHEEL_DIR OUT_DIR`.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

DRIVER = ("atoti_server_directquery_snowflake-*.whl", "_atoti_server_directquery_snowflake/__resources__/plugin.jar")
LIBRARIES = ("atoti_server-*.whl", "_atoti_server/__resources__/server.jar")
WANTED = (
    "arrow-format-", "arrow-memory-", "arrow-vector-", "commons-codec-", "commons-io-", "commons-lang3-",
    "failureaccess-", "flatbuffers-java-", "guava-", "jackson-", "slf4j-api-", "spring-jcl-",
)  # fmt: skip


def inner(wheels: Path, where: tuple[str, str]) -> bytes:
    (wheel,) = wheels.glob(where[0])
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(where[1])


def main() -> None:
    wheels, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    (out / "snowflake-jdbc.jar").write_bytes(inner(wheels, DRIVER))
    with zipfile.ZipFile(io.BytesIO(inner(wheels, LIBRARIES))) as server:
        for name in server.namelist():
            file = name.rpartition("/")[2]
            if name.startswith("BOOT-INF/lib/") and file.startswith(WANTED):
                (out / file).write_bytes(server.read(name))


if __name__ == "__main__":
    main()
