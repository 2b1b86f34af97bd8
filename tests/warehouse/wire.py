"""HTTP/1.1 over one accepted socket, one thread per connection.

A framework would hide the socket, and half of the faults (resets, truncation, stalls,
wrong certificates) are things that only the owner of the socket can do.
"""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import ssl
import struct
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11

# No driver sends more than a few megabytes of binds in one request.
BODY_LIMIT = 64 << 20
# Longer than any driver's pool keeps a connection; shorter than a forgotten test.
IDLE_SECONDS = 300

CONNECTIONS = itertools.count(1)


@dataclass
class Request:
    """One parsed request; `body` is already decompressed."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int = 0
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    # Filled by handlers as they learn it, for the record.
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit("//host" + self.target if self.target.startswith("/") else self.target)
        self.path = parts.path
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))

    def json(self) -> dict[str, Any]:
        """Parses the body as a JSON object; anything else is an empty object."""
        try:
            value = json.loads(self.body) if self.body else {}
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass
class Response:
    """One answer; `damage` tells the connection how to spoil the sending."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    damage: str | None = None
    seconds: float = 0.0


Handler = Callable[[Request], Response]
Unwrapped = Callable[[], ssl.SSLContext | None]


def json_response(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value, default=str).encode())


def serve(address: tuple[str, int], handler: Handler, context: Unwrapped) -> None:
    """Listens and serves in background threads; binds before it returns."""
    listener = socket.create_server(address, backlog=1024, reuse_port=False)

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_connection, args=(sock, handler, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _connection(sock: socket.socket, handler: Handler, context: Unwrapped) -> None:
    number = next(CONNECTIONS)
    try:
        sock.settimeout(IDLE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapping = context()
        stream = wrapping.wrap_socket(sock, server_side=True) if wrapping else sock
        try:
            while _exchange(stream, number, handler):
                pass
        finally:
            stream.close()
    except (OSError, h11.RemoteProtocolError):
        # The peer left, distrusts us, or speaks something else. Nothing to answer to.
        sock.close()


def _exchange(sock: socket.socket, number: int, handler: Handler) -> bool:
    # A fresh state machine per exchange would lose pipelined bytes, but no driver pipelines.
    machine = h11.Connection(h11.SERVER, max_incomplete_event_size=256 << 10)
    request = _read(sock, machine, number)
    if request is None:
        return False
    try:
        response = handler(request)
    except Exception:  # noqa: BLE001 - a bug here must look like one, not like a hung server
        traceback.print_exc()
        error = {"data": None, "code": "261000", "message": "stand-in failed, see its log", "success": False}
        response = json_response(error)
    return _write(sock, machine, request, response)


def _read(sock: socket.socket, machine: h11.Connection, number: int) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            if machine.they_are_waiting_for_100_continue:
                sock.sendall(machine.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            data = sock.recv(65536)
            if not data and head is None:
                return None
            machine.receive_data(data)
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            break
        else:
            return None
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in head.headers.raw_items()}
    lowered = {k.lower(): v for k, v in headers.items()}
    content = bytes(body)
    # By magic and not by header: one driver sends the header without compressing.
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    request = Request(head.method.decode(), head.target.decode("latin-1"), lowered, content, number)
    request.notes["raw_headers"] = headers
    return request


def _write(sock: socket.socket, machine: h11.Connection, request: Request, response: Response) -> bool:
    if response.damage == "reset":
        # Linger of zero turns close into RST.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.close(sock)
        return False
    body = response.body
    headers = {"Content-Type": response.content_type, "Connection": "keep-alive", **response.headers}
    accepts = request.headers.get("accept-encoding", "")
    if "gzip" in accepts and len(body) > 1024 and "Content-Encoding" not in headers:
        body = gzip.compress(body, 1)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    head = machine.send(h11.Response(status_code=response.status, headers=list(headers.items()))) or b""
    if response.damage == "truncate":
        sock.sendall(head + body[: len(body) // 2])
        return False
    if response.damage == "slow":
        sock.sendall(head)
        pieces = [body[at : at + 64] for at in range(0, len(body), 64)] or [b""]
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(response.seconds / len(pieces))
        return True
    if request.method == "HEAD":
        body = b""
    sock.sendall(head + body)
    return True
