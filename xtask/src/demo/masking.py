"""An agent that reads what is protected, in ways that a list of column names would not notice."""

import subprocess
import sys

import snowflake.connector

SNOWFENCE, SOCKET = sys.argv[1:]

STATEMENTS = [
    "select name, email, ssn, city from people order by id limit 2",
    "select number, credit_limit from cards order by id limit 2",
    # Called otherwise, computed with, put together: it stays what it is.
    "select upper(number) as n, 'paid with ' || number as note from cards order by id limit 1",
    # No column is named for it: detectors find it in the text.
    "select 'please call +1 212 555 0187 or write to ada@example.org' as note",
    # Nobody labels a sum of orders.
    "select count(*), sum(amount) from orders",
]
GRANTED = [
    "select number from cards order by id limit 2",
    # The role is for one kind: the others stay as they were.
    "select name, ssn from people order by id limit 2",
]


def run(cursor, statement: str) -> None:
    print(f"> {statement}", flush=True)
    try:
        for row in cursor.execute(statement):
            print("  " + " | ".join(str(value) for value in row), flush=True)
    except snowflake.connector.errors.Error as error:
        print(f"  {type(error).__name__} {error.errno} ({error.sqlstate}): {error.msg}", flush=True)


connection = snowflake.connector.connect(
    account="testorg-testacct",
    user="agent",
    password="not-the-real-password",
    database="DEMO",
    schema="PUBLIC",
    login_timeout=20,
)
with connection, connection.cursor() as cursor:
    for statement in STATEMENTS:
        run(cursor, statement)
    ask = ["ask", "fraud", "--for", "10m", "--reason", "chargeback 1182", "--wait"]
    print("$ snowfence " + " ".join(ask), flush=True)
    asked = subprocess.run(
        [SNOWFENCE, *ask, "--socket", SOCKET], capture_output=True, text=True, check=False
    )
    for line in (asked.stdout + asked.stderr).splitlines():
        print(f"  {line}", flush=True)
    for statement in GRANTED:
        run(cursor, statement)
