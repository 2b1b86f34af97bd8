"""Bind values from the wire to Python values."""

from __future__ import annotations

from typing import Any

from fakesnow.converter import from_binding

from warehouse.engine import Binds


def parse(bindings: dict[str, dict[str, Any]] | None) -> Binds:
    """Gives positional binds as a tuple, named ones as a dict, array binds as a list of rows."""
    if not bindings:
        return None
    if not all(name.isdigit() for name in bindings):
        return {name: _value(bind["type"], bind.get("value")) for name, bind in bindings.items()}
    ordered = [bindings[str(place)] for place in range(1, len(bindings) + 1)]
    if any(isinstance(bind.get("value"), list) for bind in ordered):
        columns = [[_value(bind["type"], value) for value in bind["value"]] for bind in ordered]
        return list(zip(*columns, strict=True))
    return tuple(_value(bind["type"], bind.get("value")) for bind in ordered)


def _value(kind: str, value: str | None) -> Any:
    if value is None:
        return None
    if kind == "REAL":
        return float(value)
    if kind == "BOOLEAN":
        return value.lower() in ("true", "1")
    if kind == "FIXED" and not value.lstrip("-").isdigit():
        return float(value)
    return from_binding({"type": kind, "value": value})
