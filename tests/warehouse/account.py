"""The account host: its paths, and the faults that any of them may meet."""

from __future__ import annotations

import gzip
import json
import re
import time
from dataclasses import dataclass, replace
from typing import Any

from warehouse import chunks, sqlapi
from warehouse.chunks import BINARY
from warehouse.faults import Fault, Faults
from warehouse.login import Logins, Refused, SESSION_EXPIRED
from warehouse.query import Queries
from warehouse.received import Record
from warehouse.sqlapi import SqlApi
from warehouse.settings import Settings
from warehouse.wire import Handler, Request, Response, json_response

BEFORE = ("reset", "stall", "status", "session_expired")
AFTER = ("reset_after", "broken_json", "truncate", "slow", "broken_arrow", "unknown_key", "row_count", "cut_gzip")
# Those that only an answer with rows can have.
OF_ROWS = ("broken_arrow", "cut_gzip")

RESULT = re.compile(r"/queries/([^/]+)/result")
ABORT = re.compile(r"/queries/([^/]+)/abort-request")
MONITOR = re.compile(r"/monitoring/queries/+([^/]+)")


@dataclass
class Account:
    """Dispatches the requests of the account host."""

    settings: Settings
    logins: Logins
    queries: Queries
    sql_api: SqlApi

    def handle(self, request: Request) -> Response:
        try:
            return self._route(request)
        except Refused as refused:
            request.notes["refused"] = refused.code
            return refused.response()

    def _route(self, request: Request) -> Response:
        path = request.path
        if path.startswith(sqlapi.ROOT):
            return self.sql_api.handle(request)
        if request.method == "POST":
            handler = {
                "/session/v1/login-request": self.logins.login,
                "/session/token-request": self.logins.renew,
                "/session/heartbeat": self._heartbeat,
                "/session": self.logins.close,
                "/queries/v1/query-request": self.queries.submit,
                "/queries/v1/abort-request": self.queries.abort_by_request,
                "/telemetry/send": self._telemetry,
                "/oauth/token-request": self.logins.oauth_token,
            }.get(path)
            if handler:
                return handler(request)
            if match := ABORT.fullmatch(path):
                return self.queries.abort_by_id(request, match[1])
        elif request.method == "GET":
            if match := RESULT.fullmatch(path):
                return self.queries.fetch(request, match[1])
            if match := MONITOR.fullmatch(path):
                return self.queries.monitor(request, match[1])
        error = {"data": None, "code": "390404", "message": "Not found.", "success": False}
        return json_response(error, 404)

    def _heartbeat(self, request: Request) -> Response:
        self.logins.session(request)
        return json_response({"data": None, "code": None, "message": None, "success": True})

    def _telemetry(self, request: Request) -> Response:
        self.logins.session(request)
        return json_response({"data": "Log Received", "code": None, "message": None, "success": True})


def guarded(host: str, inner: Handler, faults: Faults, record: Record, queries: Queries) -> Handler:
    """Wraps a host's handler with its faults and with the record of what arrived."""

    def handle(request: Request) -> Response:
        sql = _sql(request, queries)
        user = _user(request, queries.logins)
        fault = faults.take(BEFORE, host, request.path, user, sql)
        if fault:
            request.notes["fault"] = fault.kind
            response = _spoil_before(fault, inner, request)
        else:
            response = inner(request)
            kinds = AFTER if _has_rows(response) else tuple(kind for kind in AFTER if kind not in OF_ROWS)
            fault = faults.take(kinds, host, request.path, user, sql)
            if fault:
                request.notes["fault"] = fault.kind
                response = _spoil_after(fault, response)
        _note(host, record, request, response)
        return response

    return handle


def _spoil_before(fault: Fault, inner: Handler, request: Request) -> Response:
    if fault.kind == "reset":
        return Response(damage="reset")
    if fault.kind == "status":
        return Response(fault.status, b"<html>injected</html>", "text/html")
    if fault.kind == "session_expired":
        return Refused(SESSION_EXPIRED).response()
    time.sleep(fault.seconds)
    return inner(request)


def _spoil_after(fault: Fault, response: Response) -> Response:
    if fault.kind == "reset_after":
        return replace(response, damage="reset")
    if fault.kind == "broken_json":
        return replace(response, body=b'{"data": {"rowset": [[')
    if fault.kind == "cut_gzip":
        return replace(response, body=response.body[: len(response.body) // 2])
    if fault.kind == "row_count" and response.content_type == BINARY:
        return replace(response, body=chunks.without_last_row(response.body))
    if fault.kind in ("unknown_key", "row_count"):
        return _spoil_result(fault, response)
    if fault.kind == "broken_arrow":
        # Still valid base64 and valid JSON, but no Arrow; for a chunk, not even gzip.
        body = re.sub(rb'("rowsetBase64": ")[^"]*', rb"\1bm90IGFuIGFycm93IHN0cmVhbQ==", response.body)
        return replace(response, body=body if body != response.body else b"not an arrow stream")
    return replace(response, damage=fault.kind, seconds=fault.seconds)


def _spoil_result(fault: Fault, response: Response) -> Response:
    """Makes an answer of the SQL API one that nobody has described."""
    answer = json.loads(gzip.decompress(response.body) if response.body[:2] == b"\x1f\x8b" else response.body)
    if fault.kind == "unknown_key":
        answer["moreData"] = answer.get("data")
    elif "resultSetMetaData" in answer:
        answer["resultSetMetaData"]["numRows"] += 1
    else:
        answer["data"] = answer["data"][:-1]
    headers = {name: value for name, value in response.headers.items() if name != "Content-Encoding"}
    return replace(response, body=json.dumps(answer).encode(), headers=headers)


def _has_rows(response: Response) -> bool:
    return b'"rowsetBase64"' in response.body or response.content_type == BINARY


def _sql(request: Request, queries: Queries) -> str:
    if "query-request" in request.path:
        return str(request.json().get("sqlText") or "")
    if request.path == sqlapi.ROOT:
        return str(request.json().get("statement") or "")
    # A poll concerns the statement that it polls for.
    match = RESULT.fullmatch(request.path)
    job = queries.jobs.get(match[1]) if match else None
    return job.sql if job else ""


def _user(request: Request, logins: Logins) -> str:
    header = request.headers.get("authorization", "")
    session = logins.by_token.get(header[len('Snowflake Token="') : -1])
    if session:
        return session.user.name
    data: Any = request.json().get("data")
    return str(data.get("LOGIN_NAME") or "") if isinstance(data, dict) else ""


def _note(host: str, record: Record, request: Request, response: Response) -> None:
    notes = request.notes
    body = request.json() or (request.body.decode("utf-8", "replace") if request.body else None)
    record.add(
        host=host,
        connection=request.connection,
        method=request.method,
        path=request.path,
        query=request.query,
        headers=notes.get("raw_headers", {}),
        auth=notes.get("auth"),
        user=notes.get("user"),
        session=notes.get("session"),
        query_id=notes.get("query_id"),
        refused=notes.get("refused"),
        fault=notes.get("fault"),
        body=body,
        status=None if response.damage == "reset" else response.status,
    )
