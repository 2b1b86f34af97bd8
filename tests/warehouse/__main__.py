"""Starts the stand-in: `python -m warehouse --listen 127.77.0.10:443 --state DIR …`."""

from __future__ import annotations

import argparse
import os
import signal
import ssl
import threading
from pathlib import Path

from warehouse.account import Account, guarded
from warehouse.chunks import Storage
from warehouse.control import Control
from warehouse.engine import Engine
from warehouse.faults import Faults
from warehouse.login import Logins
from warehouse.query import Queries
from warehouse.received import Record
from warehouse.sqlapi import SqlApi
from warehouse.settings import load
from warehouse.tls import WRONG, Certificates
from warehouse.wire import serve


def address(text: str) -> tuple[str, int]:
    """Parses HOST:PORT, loopback only: this server hands out rows to whoever knows a test secret."""
    host, _, port = text.rpartition(":")
    if not host.startswith("127.") and host != "::1":
        raise argparse.ArgumentTypeError(f"not a loopback address: {host}")
    return host, int(port)


def main() -> None:
    parser = argparse.ArgumentParser(prog="warehouse", description="stand-in for a Snowflake account")
    parser.add_argument("--listen", type=address, required=True, help="account host, TLS")
    parser.add_argument("--storage-listen", type=address, required=True, help="chunk storage host, TLS")
    parser.add_argument("--control", type=address, required=True, help="the test's port, plain HTTP")
    parser.add_argument("--state", type=Path, required=True, help="certificates and records go here")
    parser.add_argument("--config", type=Path, help="TOML: users, secrets, seed; the demo's by default")
    options = parser.parse_args()

    options.state.mkdir(parents=True, exist_ok=True)
    settings = load(options.config)
    certificates = Certificates(options.state)
    faults = Faults()
    received = Record(options.state / "received.jsonl")
    executed = Record(options.state / "executed.jsonl")
    logins = Logins(settings, Engine(settings.seed))
    storage = Storage(settings, faults)
    queries = Queries(settings, logins, storage, faults, executed)
    account = Account(settings, logins, queries, SqlApi(logins, queries))

    def tls_for(host: str):  # noqa: ANN202 - a closure over prepared contexts
        right = certificates.context(host)
        wrong = {defect: certificates.context(host, defect) for defect in WRONG}

        def choose() -> ssl.SSLContext:
            fault = faults.take(("wrong_certificate",), host)
            return wrong[fault.defect] if fault else right

        return choose

    for where, host, inner in (
        (options.listen, settings.account_host, account.handle),
        (options.storage_listen, settings.storage_host, storage.handle),
    ):
        serve(where, guarded(host, inner, faults, received, queries), tls_for(host))
    # Last, so that an answer of /ready means that everything else is bound.
    serve(options.control, Control(settings, logins, faults, received, executed).handle, lambda: None)

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    # Threads may still hold statements, and DuckDB complains at length about those.
    os._exit(0)


if __name__ == "__main__":
    main()
