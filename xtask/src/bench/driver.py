"""One measurement with the stock connector, as a user of it would write the calls.

Arguments: the cell. Environment: BENCH_USER and BENCH_PASSWORD. Writes one JSON object.
Import and interpreter start are outside every measured interval.
"""

import json
import os
import statistics
import sys
import time

import snowflake.connector

SELECT_WARM_UP = 10
SELECTS = 200
LOGINS = 5
ROWS = 100_000


def connect():
    return snowflake.connector.connect(
        account="testorg-testacct",
        user=os.environ["BENCH_USER"],
        password=os.environ["BENCH_PASSWORD"],
        database="DEMO",
        schema="PUBLIC",
        login_timeout=30,
        network_timeout=60,
    )


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def select() -> float:
    """The median time of a statement with one row, in one session."""
    with connect() as connection, connection.cursor() as cursor:

        def once():
            assert cursor.execute("select 1").fetchall() == [(1,)]

        for _ in range(SELECT_WARM_UP):
            once()
        return statistics.median(timed(once) for _ in range(SELECTS))


def fetch() -> float:
    """The time to run one statement and read its rows, most of which are in chunks."""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("select 1").fetchall()
        rows = []
        seconds = timed(lambda: rows.extend(cursor.execute("select n, name from numbers").fetchall()))
        assert len(rows) == ROWS, len(rows)
        assert sum(row[0] for row in rows) == ROWS * (ROWS - 1) // 2
        return seconds


def login() -> float:
    """The median time from no session to no session: connect, log in, close."""

    def once():
        connect().close()

    once()
    return statistics.median(timed(once) for _ in range(LOGINS))


if __name__ == "__main__":
    measure = {"select": select, "fetch": fetch, "login": login}[sys.argv[1]]
    print(json.dumps({"seconds": measure()}))
