"""One finished statement as the `data` of an answer, in either format."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from typing import Any

import pyarrow as pa

from warehouse import encode
from warehouse.chunks import Storage
from warehouse.engine import DML, Outcome


class Result:
    """Rows already encoded; the links are signed anew for each answer."""

    def __init__(
        self,
        outcome: Outcome,
        wanted: str,
        *,
        database: str | None,
        schema: str | None,
        role: str,
        warehouse: str | None,
        parameters: dict[str, Any],
        inline_rows: int,
        chunk_rows: int,
    ) -> None:
        self.kind = outcome.kind
        self.format = wanted
        self.binds = outcome.binds
        self.described = False
        self.total = outcome.table.num_rows
        self.columns = [
            encode.row_type(name, kind) for name, kind in zip(outcome.table.column_names, outcome.types, strict=True)
        ]
        for column, origin in zip(self.columns, outcome.origins):
            if origin:
                column["database"], column["schema"], column["table"] = origin
        self.context = {
            "finalDatabaseName": database,
            "finalSchemaName": schema,
            "finalRoleName": role,
            "finalWarehouseName": warehouse,
        }
        self.parameters = [{"name": name, "value": value} for name, value in parameters.items()]
        self.affected = _affected(outcome)
        self.key = base64.b64encode(id(self).to_bytes(32, "little")).decode()
        inline_end = self.total if self.total <= max(inline_rows, chunk_rows) else inline_rows
        self.inline = self._encode(outcome.table.slice(0, inline_end), inline=True)
        self.chunks = [
            self._chunk(outcome.table.slice(start, chunk_rows))
            for start in range(inline_end, self.total, chunk_rows)
        ]
        self.lock = threading.Lock()

    def _encode(self, table: pa.Table, inline: bool) -> bytes:
        if self.format == "arrow":
            return _stream(encode.to_arrow(table, self.columns))
        text = json.dumps(encode.to_json(table, self.columns), ensure_ascii=False, separators=(",", ":"))
        # A JSON chunk is the rows without the brackets around them.
        return text.encode() if inline else text[1:-1].encode()

    def _chunk(self, table: pa.Table) -> tuple[int, int, bytes]:
        content = self._encode(table, inline=False)
        return table.num_rows, len(content), gzip.compress(content, 1)

    def data(self, query_id: str, storage: Storage) -> dict[str, Any]:
        """Builds `data`; each call gives the chunks fresh links."""
        data: dict[str, Any] = {
            "parameters": self.parameters,
            "rowtype": self.columns,
            "total": 0 if self.described else self.total,
            "returned": 0 if self.described else self.total,
            "queryId": query_id,
            "databaseProvider": None,
            **self.context,
            "numberOfBinds": self.binds,
            "arrayBindSupported": self.described and self.kind == 0x3100,
            "statementTypeId": self.kind,
            "version": 1,
            "sendResultTime": int(time.time() * 1000),
            "queryResultFormat": self.format,
            "sqlState": "00000",
            "totalTruncated": False,
            "queryContext": {
                "entries": [{"id": 0, "timestamp": int(time.time() * 1000000), "priority": 0, "context": "CPbPTg=="}]
            },
        }
        if self.described:
            data["metaDataOfBinds"] = [_bind_type(place) for place in range(self.binds)]
        if self.format == "arrow":
            data["rowsetBase64"] = base64.b64encode(self.inline).decode()
        else:
            data["rowset"] = json.loads(self.inline)
        if self.affected:
            data["stats"] = self.affected
        if self.chunks:
            data["chunks"], data["chunkHeaders"] = storage.publish(query_id, self.key, self.chunks, self.format)
            data["qrmk"] = self.key
        return data


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _bind_type(place: int) -> dict[str, Any]:
    return {**encode.row_type(str(place + 1), "VARCHAR"), "fields": []}


def _affected(outcome: Outcome) -> dict[str, int]:
    if outcome.kind not in DML or not outcome.table.num_rows:
        return {}
    stats = {"numRowsInserted": 0, "numRowsUpdated": 0, "numRowsDeleted": 0, "numDmlDuplicates": 0}
    for name, value in outcome.table.to_pylist()[0].items():
        verb = name.removeprefix("number of rows ")
        if verb in ("inserted", "updated", "deleted"):
            stats[f"numRows{verb.capitalize()}"] = int(value)
    return stats
