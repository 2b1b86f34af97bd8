"""An agent as its author would write it: the stock connector, the usual account, a password.

It knows nothing of Snowfence. The password is made up; whether that works is the demo's point.
"""

import sys

import snowflake.connector

STATEMENTS = [
    "select current_user(), current_role()",
    "select name, city from people order by id limit 3",
    "select count(*), sum(amount) from orders where paid",
    "delete from cards",
]


def main() -> int:
    try:
        connection = snowflake.connector.connect(
            account="testorg-testacct",
            user="agent",
            password="not-the-real-password",
            database="DEMO",
            schema="PUBLIC",
            login_timeout=20,
            network_timeout=30,
        )
    except snowflake.connector.errors.Error as error:
        print(f"login: refused: {error.msg or error}")
        return 1
    print("login: accepted")
    with connection, connection.cursor() as cursor:
        for statement in STATEMENTS:
            print(f"> {statement}")
            try:
                for row in cursor.execute(statement):
                    print("  " + " | ".join(str(value) for value in row))
            except snowflake.connector.errors.Error as error:
                print(f"  {type(error).__name__} {error.errno} ({error.sqlstate}): {error.msg}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
