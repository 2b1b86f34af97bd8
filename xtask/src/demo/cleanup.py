"""An agent that has to wait for people: the stock connector, and one command of the host's.

The connector waits as it waits for any long statement. For the role the agent runs a program in its
own cgroup, which is how the daemon knows who asks.
"""

import subprocess
import sys

import snowflake.connector

SNOWFENCE, SOCKET = sys.argv[1:]


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
    run(cursor, "delete from orders where not paid")
    run(cursor, "truncate table cards")
    ask = ["ask", "clean-up", "--for", "10m", "--reason", "cards of closed accounts", "--wait"]
    print("$ snowfence " + " ".join(ask), flush=True)
    asked = subprocess.run(
        [SNOWFENCE, *ask, "--socket", SOCKET], capture_output=True, text=True, check=False
    )
    for line in (asked.stdout + asked.stderr).splitlines():
        print(f"  {line}", flush=True)
    run(cursor, "truncate table cards")
