"""Runs a command that reaches the stand-in warehouse directly, without the daemon.

Everything is private to a mount namespace: the hosts file is bound over, trust is given by
environment. Nothing of this machine is changed. Needs root for the namespace.

    direct.py --state DIR -- python run.py --driver py48 --out FILE
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
JAVA_ROOTS = Path("/etc/ssl/certs/java/cacerts")


def trust_store(ca: Path, store: Path) -> None:
    """Makes a Java trust store with only the warehouse's CA: tests reach no public host."""
    if not store.exists():
        command = ["keytool", "-importcert", "-noprompt", "-alias", "warehouse", "-file", str(ca)]
        command += ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", "changeit"]
        subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True, help="the warehouse's --state")
    parser.add_argument("--account-address", default="127.77.0.10")
    parser.add_argument("--storage-address", default="127.77.0.11")
    parser.add_argument("--account-host", default="testorg-testacct.snowflakecomputing.com")
    parser.add_argument("--storage-host", default="sfc-stage.s3.test.amazonaws.com")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    command = [part for part in options.command if part != "--"]

    ca = (options.state / "warehouse-ca.pem").resolve()
    bundle = (options.state / "bundle.pem").resolve()
    bundle.write_bytes(SYSTEM_BUNDLE.read_bytes() + ca.read_bytes() if SYSTEM_BUNDLE.exists() else ca.read_bytes())
    hosts = (options.state / "hosts").resolve()
    hosts.write_text(
        "127.0.0.1 localhost\n"
        f"{options.account_address} {options.account_host}\n"
        f"{options.storage_address} {options.storage_host}\n"
    )
    store = (options.state / "trust.p12").resolve()
    trust_store(ca, store)
    environment = dict(
        os.environ,
        REQUESTS_CA_BUNDLE=str(bundle),
        SSL_CERT_FILE=str(bundle),
        NODE_EXTRA_CA_CERTS=str(ca),
        JAVA_TRUST_STORE=str(store),
    )
    script = f"mount --make-rprivate / && mount --bind {shlex.quote(str(hosts))} /etc/hosts && exec {shlex.join(command)}"
    sys.exit(subprocess.run(["unshare", "-m", "sh", "-c", script], env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
