"""Engine tables to Snowflake's row types, Arrow columns and JSON cells."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TEXT_LENGTH = 16777216
BINARY_LENGTH = 8388608
UTC_OFFSET = 1440

SIMPLE = {
    '"NULL"': "text", "BOOLEAN": "boolean", "DATE": "date", "TIME": "time", "BLOB": "binary",
    "DOUBLE": "real", "FLOAT": "real", "JSON": "variant", "VARCHAR": "text", "UUID": "text",
    "TIMESTAMP": "timestamp_ntz", "TIMESTAMP_NS": "timestamp_ntz", "TIMESTAMP_S": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz", "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
}  # fmt: skip
INTEGERS = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
}  # fmt: skip
DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")

RowType = dict[str, Any]


def row_type(name: str, engine_type: str) -> RowType:
    """Describes one column the way `data.rowtype` does."""
    column: RowType = {
        "name": name, "database": "", "schema": "", "table": "", "nullable": True, "type": "text",
        "byteLength": None, "length": None, "scale": None, "precision": None, "collation": None,
    }  # fmt: skip
    if match := DECIMAL.match(engine_type):
        column.update(type="fixed", precision=int(match[1]), scale=int(match[2]))
    elif engine_type in INTEGERS:
        column.update(type="fixed", precision=38, scale=0)
    elif engine_type.endswith("[]"):
        column.update(type="array")
    elif engine_type.startswith(("STRUCT", "MAP")):
        column.update(type="object")
    else:
        column.update(type=SIMPLE.get(engine_type, "text"))
    if column["type"] == "text":
        column.update(byteLength=TEXT_LENGTH, length=TEXT_LENGTH)
    elif column["type"] == "binary":
        column.update(byteLength=BINARY_LENGTH, length=BINARY_LENGTH)
    elif column["type"].startswith("time"):
        column.update(precision=0, scale=9)
    return column


def to_arrow(table: pa.Table, columns: list[RowType]) -> pa.Table:
    """Re-encodes the engine's columns the way Snowflake's Arrow results are encoded."""
    arrays, fields = [], []
    for data, column in zip(table.columns, columns, strict=True):
        # One chunk per column: a struct cannot be built from several.
        flat = data.combine_chunks() if isinstance(data, pa.ChunkedArray) else data
        flat = flat if isinstance(flat, pa.Array) else pa.concat_arrays(flat.chunks)
        encoded = _arrow_column(flat, column)
        arrays.append(encoded)
        metadata = {
            "logicalType": column["type"].upper(),
            "precision": str(column["precision"] or (38 if column["type"] == "fixed" else 0)),
            "scale": str(column["scale"] or 0),
            "charLength": str(column["length"] or 0),
            "byteLength": str(column["byteLength"] or (16 if column["type"].startswith("timestamp") else 8)),
            "finalType": "T",
        }
        fields.append(pa.field(column["name"], encoded.type, column["nullable"], metadata))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _arrow_column(data: pa.Array, column: RowType) -> pa.Array:
    kind = column["type"]
    if kind == "fixed":
        return _arrow_fixed(data, column)
    if kind == "real":
        return data.cast(pa.float64())
    if kind == "time":
        return pc.multiply(data.cast(pa.time64("ns")).cast(pa.int64()), 1)
    if kind.startswith("timestamp"):
        return _arrow_timestamp(data, zone=kind == "timestamp_tz")
    if kind in ("variant", "array", "object"):
        return pa.array([_json_cell(value, kind) for value in data.to_pylist()], pa.string())
    if kind == "binary":
        return data.cast(pa.binary())
    if kind == "text":
        return data.cast(pa.string())
    # Casts of what has the type already, unless the statement was only described.
    if kind == "date":
        return data.cast(pa.date32())
    if kind == "boolean":
        return data.cast(pa.bool_())
    return data


def _arrow_fixed(data: pa.Array, column: RowType) -> pa.Array:
    if pa.types.is_string(data.type):
        return data.cast(pa.int64())
    if pa.types.is_decimal(data.type):
        # Snowflake sends the unscaled integer wherever one is wide enough.
        if column["precision"] <= 18:
            scale = Decimal(10) ** column["scale"]
            values = [None if v is None else int(v * scale) for v in data.to_pylist()]
            return pa.array(values, pa.int64())
        return data.cast(pa.decimal128(38, column["scale"]))
    return data.cast(pa.decimal128(38, 0)) if pa.types.is_uint64(data.type) else data


def _arrow_timestamp(data: pa.Array, zone: bool) -> pa.Array:
    nanos = data.cast(pa.timestamp("ns", "UTC" if zone else None)).cast(pa.int64())
    whole = pc.divide(pc.subtract(nanos, _floor_mod(nanos)), 1_000_000_000)
    parts = [whole.fill_null(0), _floor_mod(nanos).cast(pa.int32()).fill_null(0)]
    fields = [pa.field("epoch", pa.int64()), pa.field("fraction", pa.int32())]
    if zone:
        parts.append(pa.array([UTC_OFFSET] * len(data), pa.int32()))
        fields.append(pa.field("timezone", pa.int32()))
    return pa.StructArray.from_arrays(parts, fields=fields, mask=data.is_null())


def _floor_mod(nanos: pa.Array) -> pa.Array:
    # Arrow's division rounds towards zero; times before 1970 need the floor.
    remainder = pc.subtract(nanos, pc.multiply(pc.divide(nanos, 1_000_000_000), 1_000_000_000))
    return pc.if_else(pc.less(remainder, 0), pc.add(remainder, 1_000_000_000), remainder)


def to_json(table: pa.Table, columns: list[RowType]) -> list[list[str | None]]:
    """Encodes rows as JSON results carry them: every cell a string or null."""
    encoded = [
        [None if value is None else _json_cell(value, column["type"], column["scale"]) for value in data.to_pylist()]
        for data, column in zip(table.columns, columns, strict=True)
    ]
    return [list(row) for row in zip(*encoded, strict=True)]


EPOCH = datetime.datetime(1970, 1, 1)


def _json_cell(value: Any, kind: str, scale: int | None = None) -> str | None:
    if value is None:
        return None
    return JSON_CELLS.get(kind, lambda v, _: str(v))(value, scale)


def _json_fixed(value: Any, scale: int | None) -> str:
    return f"{value:.{scale}f}" if isinstance(value, Decimal) else str(value)


def _json_real(value: float, _: int | None) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    return repr(float(value))


def _json_date(value: datetime.date, _: int | None) -> str:
    return str((value - EPOCH.date()).days)


def _json_time(value: datetime.time, _: int | None) -> str:
    seconds = value.hour * 3600 + value.minute * 60 + value.second
    return f"{seconds}.{value.microsecond * 1000:09d}"


def _json_timestamp(value: datetime.datetime, _: int | None) -> str:
    since = value.replace(tzinfo=None) - EPOCH
    seconds = since.days * 86400 + since.seconds
    # Before 1970 the text is one negative decimal number, not a floored pair.
    nanos = seconds * 1_000_000_000 + since.microseconds * 1000
    sign = "-" if nanos < 0 else ""
    return f"{sign}{abs(nanos) // 1_000_000_000}.{abs(nanos) % 1_000_000_000:09d}"


def _json_variant(value: Any, _: int | None) -> str:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


JSON_CELLS: dict[str, Callable[[Any, int | None], str]] = {
    "fixed": _json_fixed,
    "real": _json_real,
    "boolean": lambda value, _: "1" if value else "0",
    "date": _json_date,
    "time": _json_time,
    "timestamp_ntz": _json_timestamp,
    "timestamp_tz": lambda value, scale: f"{_json_timestamp(value, scale)} {UTC_OFFSET}",
    "binary": lambda value, _: value.hex().upper(),
    "variant": _json_variant,
    "array": _json_variant,
    "object": _json_variant,
}
