"""The storage host: result chunks behind signed links that expire."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import secrets
import time
from collections import OrderedDict
from urllib.parse import urlencode

import pyarrow as pa

from warehouse.faults import Faults
from warehouse.settings import Settings
from warehouse.wire import Request, Response

KEY_HEADER = "x-amz-server-side-encryption-customer-key"
DIGEST_HEADER = "x-amz-server-side-encryption-customer-key-md5"
ALGORITHM_HEADER = "x-amz-server-side-encryption-customer-algorithm"

# Chunks of this many results stay fetchable; the oldest go first.
RESULT_LIMIT = 500

BINARY = "binary/octet-stream"

Chunk = tuple[int, int, bytes]


class Storage:
    """Holds chunks and checks, like the object store, signature, expiry and key."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self.settings, self.faults = settings, faults
        self.secret = secrets.token_bytes(32)
        self.content: OrderedDict[str, tuple[str, list[Chunk], str]] = OrderedDict()

    def publish(self, query_id: str, key: str, chunks: list[Chunk], form: str) -> tuple[list[dict[str, object]], dict[str, str]]:
        """Makes the chunks fetchable; returns `chunks` and `chunkHeaders`."""
        self.content[query_id] = (key, chunks, form)
        while len(self.content) > RESULT_LIMIT:
            self.content.popitem(last=False)
        entries = [
            {"url": self._link(query_id, place), "rowCount": rows, "uncompressedSize": size, "compressedSize": len(body)}
            for place, (rows, size, body) in enumerate(chunks)
        ]
        digest = base64.b64encode(hashlib.md5(base64.b64decode(key)).digest()).decode()
        return entries, {KEY_HEADER: key, DIGEST_HEADER: digest}

    def _path(self, query_id: str, place: int) -> str:
        return f"/results/{query_id}_0/main/data_{place // 16}_{place % 16}_0"

    def _sign(self, path: str, expires: str) -> str:
        mac = hmac.new(self.secret, f"GET\n{path}\n{expires}".encode(), hashlib.sha1)
        return base64.b64encode(mac.digest()).decode()

    def _link(self, query_id: str, place: int) -> str:
        path = self._path(query_id, place)
        expires = str(int(time.time() + self.settings.link_seconds))
        query = {
            ALGORITHM_HEADER: "AES256",
            "response-content-encoding": "gzip",
            "AWSAccessKeyId": "AKIASTANDIN",
            "Expires": expires,
            "Signature": self._sign(path, expires),
        }
        return f"https://{self.settings.storage_host}{path}?{urlencode(query)}"

    def handle(self, request: Request) -> Response:
        fault = self.faults.take(("chunk_403",), self.settings.storage_host, request.path)
        expires = request.query.get("Expires", "")
        signed = hmac.compare_digest(self._sign(request.path, expires), request.query.get("Signature", ""))
        if request.method != "GET" or not signed:
            return _xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        if fault or not expires.isdigit() or time.time() >= int(expires):
            return _xml(403, "AccessDenied", "Request has expired")
        found = self._find(request.path)
        if found is None:
            return _xml(404, "NoSuchKey", "The specified key does not exist.")
        key, body = found
        if request.headers.get(KEY_HEADER) != key:
            return _xml(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption.")
        return Response(200, body, BINARY, {"Content-Encoding": "gzip", "ETag": '"0"'})

    def _find(self, path: str) -> tuple[str, bytes] | None:
        parts = path.split("/")
        if len(parts) != 5:
            return None
        stored = self.content.get(parts[2].removesuffix("_0"))
        if stored is None:
            return None
        _, high, low, _ = parts[4].split("_")
        key, chunks, _ = stored
        place = int(high) * 16 + int(low)
        return (key, chunks[place][2]) if place < len(chunks) else None


def without_last_row(body: bytes) -> bytes:
    """A chunk that has one row less than was announced."""
    content = gzip.decompress(body)
    if content.startswith(b"\xff\xff\xff\xff"):
        table = pa.ipc.open_stream(content).read_all()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(0, table.num_rows - 1))
        content = sink.getvalue().to_pybytes()
    else:
        rows = json.loads(b"[" + content + b"]")
        content = json.dumps(rows[:-1]).encode()[1:-1]
    return gzip.compress(content, 1)


def _xml(status: int, code: str, text: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{text}</Message></Error>'
    return Response(status, body.encode(), "application/xml")
