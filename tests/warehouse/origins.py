"""Which columns of a result are plain columns of one table.

Snowflake names database, schema and table for those in `rowtype`, and leaves them empty for
expressions. Only the simple case is done here: one table, no join, no nesting. Elsewhere all
stay empty, which drivers and relays must cope with anyway.
"""

from __future__ import annotations

from fakesnow.dialect import parse_one
from sqlglot import exp

Origin = tuple[str, str, str]


def origins(sql: str, width: int, database: str | None, schema: str | None) -> list[Origin | None]:
    """Gives one entry per result column; nothing where the column is not a plain one."""
    unknown: list[Origin | None] = [None] * width
    parsed = parse_one(sql)
    if not isinstance(parsed, exp.Select) or parsed.args.get("joins") or parsed.args.get("with_"):
        return unknown
    tables = list(parsed.find_all(exp.Table))
    if len(tables) != 1 or len(list(parsed.find_all(exp.Select))) != 1 or not isinstance(tables[0].this, exp.Identifier):
        return unknown
    table = tables[0]
    names = (table.catalog or database or "", table.db or schema or "", table.name)
    origin = (names[0].upper(), names[1].upper(), names[2] if table.this.quoted else names[2].upper())
    found: list[Origin | None] = []
    for item in parsed.expressions:
        if isinstance(item, exp.Star) and len(parsed.expressions) == 1:
            return [origin] * width
        found.append(origin if isinstance(item.unalias(), exp.Column) and not item.is_star else None)
    return found if len(found) == width else unknown
