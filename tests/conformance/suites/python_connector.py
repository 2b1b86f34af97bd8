"""The suite for snowflake-connector-python, any version."""

from __future__ import annotations

import datetime
import time
from typing import Any

import snowflake.connector

from common import ACCOUNT, CASES, ONLY, PASSWORD, USER, digest, done, report, rows


def main() -> None:
    snowflake.connector.paramstyle = "qmark"
    state: dict[str, Any] = {}

    def connect() -> dict[str, Any]:
        state["connection"] = snowflake.connector.connect(
            account=ACCOUNT, user=USER, password=PASSWORD, database="DEMO", schema="PUBLIC",
            login_timeout=30, network_timeout=None if ONLY else 90,
        )  # fmt: skip
        return {}

    def cursor() -> Any:
        return state["connection"].cursor()

    def types(cur: Any) -> list[Any]:
        return [[c.name, c.type_code, c.precision, c.scale, c.is_nullable] for c in cur.description]

    def query(name: str, shrink: bool = False) -> dict[str, Any]:
        cur = cursor()
        cur.execute(CASES[name])
        found = rows(cur.fetchall())
        return {"rows": digest(found) if shrink else found, "types": types(cur), "count": cur.rowcount}

    def dml() -> dict[str, Any]:
        counts = []
        for name in ("create", "insert", "update", "delete"):
            cur = cursor()
            cur.execute(CASES[name])
            counts.append([name, cur.rowcount, cur.fetchall()])
        return {"counts": counts, **query("read_back")}

    def binds() -> dict[str, Any]:
        cur = cursor()
        cur.execute(CASES["binds"], (7, "text ☕", datetime.date(2024, 2, 29)))
        return {"rows": rows(cur.fetchall()), "types": types(cur)}

    def array_bind() -> dict[str, Any]:
        cur = cursor()
        cur.executemany(CASES["array_bind"], [(100, "x"), (101, "y"), (102, None)])
        return {"inserted": cur.rowcount, **query("read_back")}

    def multi() -> dict[str, Any]:
        cur = cursor()
        cur.execute(CASES["multi_statement"], num_statements=2)
        results = [rows(cur.fetchall())]
        while cur.nextset():
            results.append(rows(cur.fetchall()))
        return {"rows": results}

    def fetch_async() -> dict[str, Any]:
        cur = cursor()
        cur.execute_async(CASES["async"])
        query_id = cur.sfqid
        connection = state["connection"]
        while connection.is_still_running(connection.get_query_status(query_id)):
            time.sleep(0.2)
        other = cursor()
        other.get_results_from_sfqid(query_id)
        return {"rows": rows(other.fetchall()), "status": connection.get_query_status(query_id).name}

    def cancel() -> dict[str, Any]:
        cur = cursor()
        cur.execute_async(CASES["wait_long"])
        query_id = cur.sfqid
        cancelled = cursor().abort_query(query_id)
        connection = state["connection"]
        while connection.is_still_running(connection.get_query_status(query_id)):
            time.sleep(0.2)
        return {"cancelled": cancelled, "status": connection.get_query_status(query_id).name}

    def timeout() -> dict[str, Any]:
        cursor().execute(CASES["wait_long"], timeout=2)
        return {}

    def describe() -> dict[str, Any]:
        columns = cursor().describe(CASES["describe"])
        return {"types": [[c.name, c.type_code, c.precision, c.scale, c.is_nullable] for c in columns]}

    def parameters() -> dict[str, Any]:
        first = query("set_parameter")["rows"]
        return {"rows": [*first, *query("unset_parameter")["rows"]]}

    def transaction() -> dict[str, Any]:
        seen = []
        for end in ("rollback", "commit"):
            for name in ("begin", "insert_one", end):
                cursor().execute(CASES[name])
            seen.append([end, query("count")["rows"]])
        return {"rows": seen}

    def after_close() -> dict[str, Any]:
        state["connection"].close()
        return query("one")

    def error_of(error: Exception) -> dict[str, Any]:
        return {
            "type": type(error).__name__,
            "code": getattr(error, "errno", None),
            "sqlstate": getattr(error, "sqlstate", None),
            "message": str(getattr(error, "msg", None) or error),
        }

    report("connect", connect, error_of)
    for name in ("scalars", "nulls", "unicode", "seed", "empty", "context", "show", "protected"):
        report(name, lambda name=name: query(name), error_of)
    report("large", lambda: query("large", shrink=True), error_of)
    report("dml", dml, error_of)
    for name in ("missing_table", "syntax_error"):
        report(name, lambda name=name: query(name), error_of)
    report("binds", binds, error_of)
    report("array_bind", array_bind, error_of)
    report("multi_statement", multi, error_of)
    report("async_fetch", fetch_async, error_of)
    report("cancel", cancel, error_of)
    report("timeout", timeout, error_of)
    report("long_running", lambda: query("long_running"), error_of)
    report("describe", describe, error_of)
    report("session_parameters", parameters, error_of)
    report("transaction", transaction, error_of)
    report("close", after_close, error_of)
    done()


main()
