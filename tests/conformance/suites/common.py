"""What the Python suites share: the cases' SQL, and one JSON line per case."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ACCOUNT = os.environ.get("CONFORMANCE_ACCOUNT", "testorg-testacct")
USER = os.environ["CONFORMANCE_USER"]
PASSWORD = os.environ["CONFORMANCE_PASSWORD"]
TABLE = os.environ.get("CONFORMANCE_TABLE", "conformance")
# One case instead of all of them: it may take an hour.
ONLY = os.environ.get("CONFORMANCE_ONLY")

CASES = {
    name: sql.replace("{table}", TABLE)
    for name, sql in json.loads((Path(__file__).parent.parent / "cases.json").read_text()).items()
}


def cell(value: Any) -> str | None:
    """Gives one cell as text that keeps its Python type apart from others."""
    if value is None:
        return None
    if isinstance(value, bytes | bytearray):
        return f"bytes:{bytes(value).hex()}"
    return f"{type(value).__name__}:{value}"


def rows(found: Iterable[Iterable[Any]]) -> list[list[str | None]]:
    return [[cell(value) for value in row] for row in found]


def digest(found: list[list[str | None]]) -> list[list[str | None]]:
    """Shrinks a large result to its count, ends and a hash of every cell."""
    total = hashlib.sha256(json.dumps(found).encode()).hexdigest()
    return [[str(len(found))], found[0], found[-1], [total]]


Case = Callable[[], dict[str, Any]]


def report(name: str, run: Case, error_of: Callable[[Exception], dict[str, Any]]) -> None:
    """Runs one case and prints its line; an error is a result like any other."""
    if ONLY and name not in ("connect", ONLY):
        return
    try:
        line = {"case": name, "ok": True, **run()}
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is what we compare
        line = {"case": name, "ok": False, "error": error_of(error)}
    print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


def done() -> None:
    sys.stdout.flush()
    # Some drivers keep threads that would hold up the exit.
    os._exit(0)
