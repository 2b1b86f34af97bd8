"""Runs one driver's suite in a clean environment and writes its JSON lines.

    run.py --driver py48 --out FILE [--only CASE --limit SECONDS]

Host names and trust come from outside: the hosts file, and either the system's stores or the
variables in PASSED. Credentials come from CONFORMANCE_USER and CONFORMANCE_PASSWORD. The
stand-in's poll_seconds should be 2, or the long statements end before a driver has to poll.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DRIVERS = Path(os.environ.get("CONFORMANCE_DRIVERS", HERE.parent.parent / "target" / "drivers"))

# Trust that the caller chose to give by environment.
PASSED = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "JAVA_TOOL_OPTIONS")
GIVEN = ("CONFORMANCE_USER", "CONFORMANCE_PASSWORD", "CONFORMANCE_ACCOUNT")

# Without the first, several drivers spend seconds per connection on a host that is not there;
# without the second, on the metadata addresses of three clouds.
QUIET = {"SF_OCSP_RESPONSE_CACHE_SERVER_ENABLED": "false", "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true"}

# Generous for all cases: the slowest driver needs half a minute on two busy cores.
LIMIT_SECONDS = 300


def python(venv: str, suite: str) -> list[str]:
    return [str(DRIVERS / venv / "bin" / "python"), str(HERE / "suites" / suite)]


def java() -> list[str]:
    jars = ":".join(str(jar) for jar in sorted((DRIVERS / "jdbc").glob("*.jar")))
    classes = DRIVERS / "jdbc" / "classes"
    source = HERE / "suites" / "Conformance.java"
    built = classes / "Conformance.class"
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["javac", "-cp", jars, "-d", str(classes), str(source)], check=True)
    options = ["--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xmx512m"]
    if store := os.environ.get("JAVA_TRUST_STORE"):
        options += [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    return ["java", *options, "-cp", f"{jars}:{classes}", "Conformance", str(HERE / "cases.json")]


# What every driver must refuse, and what each driver ends in its own way: some raise when a
# statement is cancelled or times out, others only report a status.
MUST_FAIL = {"missing_table", "syntax_error", "close"}
MAY_FAIL = {"cancel", "timeout"}
# So that a suite that stops half-way is not mistaken for one that passed.
FEWEST_CASES = 17

COMMANDS = {
    "py48": lambda: python("py48", "python_connector.py"),
    "py317": lambda: python("py317", "python_connector.py"),
    "py52": lambda: python("py52", "python_connector.py"),
    "adbc": lambda: python("adbc", "adbc.py"),
    "node": lambda: ["node", str(HERE / "suites" / "node.js")],
    "jdbc": java,
    "rust": lambda: [str(DRIVERS / "rust" / "debug" / "conformance"), str(HERE / "cases.json")],
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", choices=COMMANDS, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help="a case to run after connecting, instead of all")
    parser.add_argument("--limit", type=int, default=LIMIT_SECONDS, help="in seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": home,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **QUIET,
            **{name: os.environ[name] for name in (*PASSED, *GIVEN) if name in os.environ},
            "CONFORMANCE_TABLE": f"conformance_{options.driver}",
            "CONFORMANCE_NODE_MODULES": str(DRIVERS / "node"),
            **({"CONFORMANCE_ONLY": options.only} if options.only else {}),
        }
        with options.out.open("w") as out:
            done = subprocess.run(
                COMMANDS[options.driver](), env=environment, cwd=home, stdout=out, stderr=subprocess.PIPE,
                timeout=options.limit, check=False,
            )  # fmt: skip
    lines = [json.loads(line) for line in options.out.read_text().splitlines() if line.startswith("{")]
    wrong = [line["case"] for line in lines if line["ok"] == (line["case"] in MUST_FAIL) and line["case"] not in MAY_FAIL]
    print(f"{options.driver}: {len(lines)} cases; not as they should be: {', '.join(wrong) or 'none'}")
    if done.returncode or len(lines) < (2 if options.only else FEWEST_CASES):
        sys.stderr.write(done.stderr.decode(errors="replace")[-4000:])
        sys.exit(1)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
