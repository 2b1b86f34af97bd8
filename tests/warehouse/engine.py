"""SQL: fakesnow on DuckDB, and the small part of Snowflake that fakesnow lacks."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import snowflake.connector.errors
import sqlglot
from fakesnow import statement_type
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.dialect import parse_one
from fakesnow.instance import FakeSnow
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from warehouse.origins import Origin, origins

warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
logging.getLogger("sqlglot").setLevel(logging.ERROR)

ALTER_SESSION = 0x4100
DML = statement_type.DML_TYPE_IDS

SET_PARAMETER = re.compile(r"\s*alter\s+session\s+set\s+(.+)", re.I | re.S)
UNSET_PARAMETER = re.compile(r"\s*alter\s+session\s+unset\s+(.+)", re.I | re.S)
ASSIGNMENT = re.compile(r"\s*(\w+)\s*=\s*('(?:[^']|'')*'|[^\s,]+)\s*,?")
WAIT = re.compile(r"system\$wait\s*\(\s*(\d+(?:\.\d+)?)\s*\)", re.I)
USE_OTHER = re.compile(r"\s*use\s+(role|warehouse)\s+\"?(\w+)\"?\s*;?\s*$", re.I)
USE_SECONDARY = re.compile(r"\s*use\s+secondary\s+roles\b", re.I)
MISSING = re.compile(r"Table with name (\S+) does not exist")
SHOW_PARAMETERS = re.compile(r"\s*show\s+parameters\s+in\s+session\s*;?\s*$", re.I)
# What decides about names, as a session of Snowflake's begins.
NAMING = {"SEARCH_PATH": "$current, $public", "QUOTED_IDENTIFIERS_IGNORE_CASE": False}
ORDER_BY_ALL = re.compile(r"\border\s+by\s+all\s*;?\s*$", re.I)
ACCOUNT_USAGE = re.compile(r"\bsnowflake\s*\.\s*account_usage\b", re.I)
# The roles that may read the views there; others are told that there is no such schema.
GOVERNORS = ("ACCOUNTADMIN", "GOVERNOR")
NO_ACCOUNT_USAGE = (
    "002003",
    "02000",
    "SQL compilation error:\nSchema 'SNOWFLAKE.ACCOUNT_USAGE' does not exist or not authorized.",
)
CANCEL_ALL = re.compile(r"\s*select\s+system\$cancel_all_queries\s*\(", re.I)


class SqlError(Exception):
    """A statement failed the way Snowflake would say it."""

    def __init__(self, code: str, sql_state: str, message: str) -> None:
        self.code, self.sql_state, self.message = code, sql_state, message
        super().__init__(message)


CANCELED = ("000604", "57014", "SQL execution canceled")


@dataclass
class Outcome:
    """What one statement gave: rows, their engine types, and the statement's kind."""

    table: pa.Table
    types: list[str]
    kind: int
    binds: int = 0
    origins: list[Origin | None] = field(default_factory=list)

    @property
    def is_query(self) -> bool:
        return self.kind == statement_type.SELECT


class Engine:
    """The one database that all sessions share."""

    def __init__(self, seed: list[str]) -> None:
        self.snow = FakeSnow()
        loader = Connection(self.snow.connect("DEMO", "PUBLIC"), "SYSTEM")
        # From here on a login that names an unknown database gets none, as upstream.
        self.snow.create_database_on_connect = self.snow.create_schema_on_connect = False
        for script in seed:
            for sql in split(script):
                loader.execute(sql, None, threading.Event())

    def connect(self, database: str | None, schema: str | None, autocommit: bool, user: str) -> Connection:
        return Connection(self.snow.connect(database, schema, autocommit=autocommit), user)


class Connection:
    """One session's view of the database. Not for concurrent use: the session's lock guards it."""

    def __init__(self, fake: FakeSnowflakeConnection, user: str) -> None:
        self.fake = fake
        self.facts: dict[str, str] = {"user": user}
        self.parameters: dict[str, Any] = {}
        self.last_query_id: str | None = None

    @property
    def database(self) -> str | None:
        return self.fake.database if self.fake.database_set else None

    @property
    def schema(self) -> str | None:
        return self.fake.schema if self.fake.schema_set else None

    def describe_session(self, session: int, role: str, warehouse: str | None) -> None:
        self.facts.update(session=str(session), role=role, warehouse=warehouse or "")

    def interrupt(self) -> None:
        self.fake._duck_conn.interrupt()  # noqa: SLF001

    def execute(self, sql: str, binds: Binds, cancelled: threading.Event) -> Outcome:
        """Runs one statement; a list of tuples in `binds` is an array bind."""
        special = self._special(sql)
        if special is not None:
            return special
        sql = self._fill_in(sql, cancelled)
        try:
            kind = _kind(sql)
            if isinstance(binds, list):
                return self._execute_batch(sql, binds, kind, cancelled)
            cursor = self.fake.cursor()
            cursor.execute(sql, binding_params=binds, server=True)
            types = [row[1] for row in cursor._describe_last_sql()]  # noqa: SLF001
            table = cursor._arrow_table  # noqa: SLF001
            assert table is not None
            return self._traced(Outcome(table, types, kind), sql)
        except Exception as error:
            raise _translate(error, cancelled) from error

    def _execute_batch(self, sql: str, rows: list[tuple[Any, ...]], kind: int, cancelled: threading.Event) -> Outcome:
        affected = 0
        name = "number of rows inserted"
        for row in rows:
            if cancelled.is_set():
                raise SqlError(*CANCELED)
            cursor = self.fake.cursor()
            cursor.execute(sql, binding_params=row, server=True)
            affected += cursor.rowcount or 0
            if cursor._arrow_table is not None:  # noqa: SLF001
                name = cursor._arrow_table.column_names[0]  # noqa: SLF001
        return Outcome(pa.table({name: pa.array([affected], pa.int64())}), ["BIGINT"], kind)

    def describe(self, sql: str, cancelled: threading.Event) -> Outcome:
        """Compiles without running: the columns, no rows, and the number of placeholders."""
        sql = self._fill_in(sql, cancelled, wait=False)
        try:
            parsed = parse_one(sql)
            kind = _kind(sql)
            binds = len(list(parsed.find_all(exp.Placeholder)))
            cursor = self.fake.cursor()
            described = cursor._describe_only(sql)  # noqa: SLF001
        except Exception as error:
            raise _translate(error, cancelled) from error
        rows = described or [("status", "VARCHAR")]
        table = pa.table({str(row[0]): pa.array([], pa.string()) for row in rows}) if rows else pa.table({})
        return self._traced(Outcome(table, [row[1] for row in rows], kind, binds), sql)

    def _traced(self, outcome: Outcome, sql: str) -> Outcome:
        if outcome.is_query:
            outcome.origins = origins(sql, outcome.table.num_columns, self.database, self.schema)
        return outcome

    def _special(self, sql: str) -> Outcome | None:
        if match := SET_PARAMETER.match(sql):
            for name, value in ASSIGNMENT.findall(match[1].rstrip().rstrip(";")):
                self._set(name.upper(), value)
            return status("Statement executed successfully.", ALTER_SESSION)
        if match := UNSET_PARAMETER.match(sql):
            for name in re.findall(r"\w+", match[1]):
                self.parameters[name.upper()] = None
            return status("Statement executed successfully.", ALTER_SESSION)
        if match := USE_OTHER.match(sql):
            self.facts[match[1].lower()] = match[2].upper()
            return status("Statement executed successfully.", statement_type.USE + (match[1].lower() == "warehouse") * 3)
        if USE_SECONDARY.match(sql):
            return status("Statement executed successfully.", statement_type.USE)
        if SHOW_PARAMETERS.match(sql):
            return self._show_parameters()
        if CANCEL_ALL.match(sql):
            return status("0 cancelled.", statement_type.SELECT)
        return None

    def _show_parameters(self) -> Outcome:
        given = {name: value for name, value in self.parameters.items() if value is not None}
        rows = [
            (name, str(value).lower() if isinstance(value, bool) else str(value))
            for name, value in sorted((NAMING | given).items())
        ]
        table = pa.table({"key": [name for name, _ in rows], "value": [value for _, value in rows]})
        return Outcome(table, ["VARCHAR", "VARCHAR"], statement_type.SHOW)

    def _set(self, name: str, value: str) -> None:
        if value.startswith("'"):
            self.parameters[name] = value[1:-1].replace("''", "'")
        elif value.lower() in ("true", "false"):
            self.parameters[name] = value.lower() == "true"
        else:
            self.parameters[name] = int(value) if value.lstrip("-").isdigit() else value
        if name == "AUTOCOMMIT":
            self.fake.autocommit(bool(self.parameters[name]))

    def _fill_in(self, sql: str, cancelled: threading.Event, wait: bool = True) -> str:
        """Puts in the values of functions that only the server knows, and waits where asked to."""
        # Without a role it is the seed.
        if ACCOUNT_USAGE.search(sql) and self.facts.get("role", GOVERNORS[0]) not in GOVERNORS:
            raise SqlError(*NO_ACCOUNT_USAGE)
        if ORDER_BY_ALL.search(sql):
            sql = ORDER_BY_ALL.sub("", sql)
            places = range(1, len(parse_one(sql).selects) + 1)
            sql = f"{sql} ORDER BY {', '.join(map(str, places))}"
        lowered = sql.lower()
        if "system$wait" in lowered:
            for seconds in WAIT.findall(sql):
                if wait and cancelled.wait(float(seconds)):
                    raise SqlError(*CANCELED)
            sql = WAIT.sub(lambda m: f"'waited {m[1]} seconds'", sql)
        if "current_" in lowered or "last_query_id" in lowered:
            values = {f"current_{name}": value for name, value in self.facts.items()}
            values["last_query_id"] = self.last_query_id or ""
            for name, value in values.items():
                # With the call as its alias where it stands alone in a select list.
                sql = re.sub(rf"\b{name}\s*\(\s*\)", f"'{value}'", sql, flags=re.I)
        return sql


Binds = tuple[Any, ...] | dict[str, Any] | list[tuple[Any, ...]] | None


def status(text: str, kind: int) -> Outcome:
    return Outcome(pa.table({"status": [text]}), ["VARCHAR"], kind)


def split(script: str) -> list[str]:
    """Cuts a script at its semicolons, keeping each statement's own text."""
    try:
        tokens = sqlglot.tokenize(script, read="snowflake")
    except SqlglotError as error:
        raise SqlError("001003", "42000", f"SQL compilation error:\n{_first_line(error)}") from error
    parts: list[str] = []
    start = 0
    empty = True
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            if not empty:
                parts.append(script[start : token.start].strip())
            start, empty = token.end + 1, True
        else:
            empty = False
    if not empty:
        parts.append(script[start:].strip())
    return parts


def _kind(sql: str) -> int:
    parsed = parse_one(sql)
    kind = statement_type.statement_type_id(parsed)
    if kind == statement_type.UNKNOWN and isinstance(parsed, exp.Query):
        return statement_type.SELECT
    if isinstance(parsed, exp.Use):
        return kind + {"DATABASE": 1, "SCHEMA": 2, "WAREHOUSE": 3}.get(str(parsed.args.get("kind") or "").upper(), 0)
    return kind


def _translate(error: Exception, cancelled: threading.Event) -> SqlError:
    if isinstance(error, SqlError):
        return error
    if cancelled.is_set() or isinstance(error, duckdb.InterruptException):
        return SqlError(*CANCELED)
    if isinstance(error, SqlglotError):
        return SqlError("001003", "42000", f"SQL compilation error:\n{_first_line(error)}")
    if isinstance(error, snowflake.connector.errors.Error):
        text = str(error.raw_msg or error.msg or error)
        if missing := MISSING.search(text):
            text = f"Object '{missing[1]}' does not exist or not authorized."
        return SqlError(f"{error.errno or 904:06d}", error.sqlstate or "42000", f"SQL compilation error:\n{text}")
    # What fakesnow does not know is an error of the statement, never of the server: drivers
    # repeat a server error without end.
    return SqlError("000002", "0A000", f"Unsupported feature: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return re.sub(r"\x1b\[\d+m", "", str(error)).splitlines()[0] if str(error) else type(error).__name__
