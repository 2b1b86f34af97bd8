"""The suite for adbc-driver-snowflake (gosnowflake inside)."""

from __future__ import annotations

import threading
from typing import Any

import adbc_driver_snowflake.dbapi

from common import ACCOUNT, CASES, PASSWORD, USER, digest, done, report, rows


def main() -> None:
    state: dict[str, Any] = {}

    def connect() -> dict[str, Any]:
        state["connection"] = adbc_driver_snowflake.dbapi.connect(
            db_kwargs={
                "username": USER,
                "password": PASSWORD,
                "adbc.snowflake.sql.account": ACCOUNT,
                "adbc.snowflake.sql.db": "DEMO",
                "adbc.snowflake.sql.schema": "PUBLIC",
                "adbc.snowflake.sql.client_option.login_timeout": "30s",
            },
            autocommit=True,
        )
        return {}

    def cursor() -> Any:
        return state["connection"].cursor()

    def query(name: str, shrink: bool = False, binds: Any = None) -> dict[str, Any]:
        with cursor() as cur:
            cur.execute(CASES[name], binds)
            table = cur.fetch_arrow_table()
        found = rows(zip(*(column.to_pylist() for column in table.columns), strict=True))
        types = [[field.name, str(field.type), field.nullable] for field in table.schema]
        return {"rows": digest(found) if shrink else found, "types": types}

    def run(name: str) -> int:
        with cursor() as cur:
            cur.execute(CASES[name])
            return cur.rowcount

    def dml() -> dict[str, Any]:
        counts = [[name, run(name)] for name in ("create", "insert", "update", "delete")]
        return {"counts": counts, **query("read_back")}

    def array_bind() -> dict[str, Any]:
        with cursor() as cur:
            cur.executemany(CASES["array_bind"], [(100, "x"), (101, "y"), (102, None)])
            count = cur.rowcount
        return {"inserted": count, **query("read_back")}

    def cancel() -> dict[str, Any]:
        with cursor() as cur:
            timer = threading.Timer(2, cur.adbc_cancel)
            timer.start()
            try:
                cur.execute(CASES["wait_long"])
                cur.fetchall()
            finally:
                timer.cancel()
        return {}

    def describe() -> dict[str, Any]:
        with cursor() as cur:
            schema = cur.adbc_execute_schema(CASES["describe"])
        return {"types": [[field.name, str(field.type), field.nullable] for field in schema]}

    def parameters() -> dict[str, Any]:
        return {"counts": [run("set_parameter"), run("unset_parameter")]}

    def transaction() -> dict[str, Any]:
        seen = []
        for end in ("rollback", "commit"):
            for name in ("begin", "insert_one", end):
                run(name)
            seen.append([end, query("count")["rows"]])
        return {"rows": seen}

    def after_close() -> dict[str, Any]:
        state["connection"].close()
        return query("one")

    def error_of(error: Exception) -> dict[str, Any]:
        return {
            "type": type(error).__name__,
            "code": getattr(error, "vendor_code", None),
            "sqlstate": getattr(error, "sqlstate", None),
            "message": str(error),
        }

    report("connect", connect, error_of)
    for name in ("scalars", "nulls", "unicode", "seed", "empty", "context", "show", "protected"):
        report(name, lambda name=name: query(name), error_of)
    report("large", lambda: query("large", shrink=True), error_of)
    report("dml", dml, error_of)
    for name in ("missing_table", "syntax_error"):
        report(name, lambda name=name: query(name), error_of)
    report("binds", lambda: query("binds", binds=(7, "text ☕", 1.5)), error_of)
    report("array_bind", array_bind, error_of)
    report("cancel", cancel, error_of)
    report("long_running", lambda: query("long_running"), error_of)
    report("describe", describe, error_of)
    report("session_parameters", parameters, error_of)
    report("transaction", transaction, error_of)
    report("close", after_close, error_of)
    done()


main()
