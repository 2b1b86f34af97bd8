"""The SQL API: statements over plain HTTP, each in a session of its own that nobody sees.

Jobs are those of the drivers' paths, so that a handle is a query id there, too, as upstream.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import threading
import uuid
from typing import Any

from warehouse import bindings
from warehouse.engine import SqlError
from warehouse.login import Logins, Refused, Session, check_jwt, _default_parameters, _same
from warehouse.query import Job, Queries
from warehouse.settings import User
from warehouse.wire import Request, Response, json_response

ROOT = "/api/v2/statements"
STATEMENT = re.compile(rf"{ROOT}/([0-9a-f-]{{36}})")
CANCEL = re.compile(rf"{ROOT}/([0-9a-f-]{{36}})/cancel")
BODY = {"statement", "timeout", "database", "schema", "warehouse", "role", "bindings", "parameters"}


class Failed(Exception):
    """A request that is answered with a status of its own."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)

    def response(self) -> Response:
        return json_response({"code": self.code, "message": self.message}, self.status)


class SqlApi:
    """Everything below `/api/v2/statements`."""

    def __init__(self, logins: Logins, queries: Queries) -> None:
        self.logins, self.queries = logins, queries
        self.settings = logins.settings
        self.by_request: dict[tuple[str, str], Job] = {}
        self.timed_out: set[str] = set()
        self.lock = threading.Lock()

    def handle(self, request: Request) -> Response:
        try:
            user = self._user(request)
            request.notes["user"] = user.name
            if request.method == "POST" and request.path == ROOT:
                return self._submit(request, user)
            if request.method == "GET" and (match := STATEMENT.fullmatch(request.path)):
                return self._fetch(request, self._owned(request, match[1], user))
            if request.method == "POST" and (match := CANCEL.fullmatch(request.path)):
                return self._cancel(self._owned(request, match[1], user))
            raise Failed(404, "390404", "Not found.")
        except Failed as failed:
            request.notes["refused"] = failed.code
            return failed.response()

    # ---- who asks ----------------------------------------------------------------------

    def _user(self, request: Request) -> User:
        if not request.headers.get("user-agent"):
            raise Failed(400, "391902", "Missing User-Agent header in the request.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        kind = request.headers.get("x-snowflake-authorization-token-type", "OAUTH")
        if scheme.lower() != "bearer" or not token:
            raise Failed(401, "390103", "Missing authorization token.")
        try:
            user = self._authenticate(kind, token)
        except Refused as refused:
            raise Failed(401, refused.code, refused.message) from refused
        request.notes["auth"] = kind
        return user

    def _authenticate(self, kind: str, token: str) -> User:
        users = self.settings.users
        if kind == "KEYPAIR_JWT":
            try:
                claims = token.split(".")[1]
                claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
                user = users[str(claims["sub"]).rpartition(".")[2]]
            except (IndexError, KeyError, TypeError, ValueError, binascii.Error) as error:
                raise Failed(401, "390144", "JWT token is invalid.") from error
            check_jwt(token, user, self.settings.account)
            return user
        if kind == "PROGRAMMATIC_ACCESS_TOKEN":
            for user in users.values():
                if any(_same(token, known) for known in user.access_tokens):
                    return user
            raise Failed(401, "394400", "Programmatic access token is invalid.")
        if kind == "OAUTH":
            return self.logins._oauth_user(token, None)  # noqa: SLF001
        raise Failed(400, "391903", f"Unsupported token type {kind}.")

    def _owned(self, request: Request, handle: str, user: User) -> Job:
        """Finds a statement by its handle. Authorised per user, exactly as upstream."""
        job = self.queries.jobs.get(handle)
        if job is None or job.session.user is not user:
            raise Failed(404, "391918", "The specified resource could not be found.")
        request.notes["query_id"] = job.id
        return job

    # ---- statements --------------------------------------------------------------------

    def _submit(self, request: Request, user: User) -> Response:
        body = request.json()
        if not isinstance(body.get("statement"), str) or set(body) - BODY:
            raise Failed(400, "391911", "Malformed request body.")
        request_id = request.query.get("requestId") or str(uuid.uuid4())
        is_retry = request.query.get("retry") == "true"
        is_async = request.query.get("async") == "true"
        with self.lock:
            job = self.by_request.get((user.name, request_id)) if is_retry else None
            if job is None:
                job = self._start(user, request_id, body, is_async)
                self.by_request[(user.name, request_id)] = job
        request.notes["query_id"] = job.id
        request.notes["session"] = job.session.id
        held = is_async or self._is_held(request, job)
        job.done.wait(0 if held else self.settings.poll_seconds)
        return self._answer(job, 0, ended=not held)

    def _start(self, user: User, request_id: str, body: dict[str, Any], is_async: bool) -> Job:
        job = Job(
            self._session(user, body),
            body["statement"],
            request_id,
            parameters=body.get("parameters") or {},
            binds=bindings.parse(body.get("bindings")),
            detached=is_async,
        )
        with self.queries.lock:
            self.queries._remember(job)  # noqa: SLF001
        threading.Thread(target=self.queries._run, args=(job,), daemon=True).start()  # noqa: SLF001
        if seconds := int(body.get("timeout") or 0):
            threading.Thread(target=self._time, args=(job, seconds), daemon=True).start()
        return job

    def _time(self, job: Job, seconds: int) -> None:
        if not job.done.wait(seconds):
            self.timed_out.add(job.id)
            job.cancel()

    def _session(self, user: User, body: dict[str, Any]) -> Session:
        # Names are taken as they are written, and not as a statement would read them.
        connection = self.logins.engine.connect(
            body.get("database") or user.database, body.get("schema") or user.schema, autocommit=True, user=user.name
        )
        session = Session(
            id=next(self.logins.ids),
            user=user,
            app="",
            connection=connection,
            token="",
            token_expires=0,
            master="",
            master_expires=0,
            parameters=_default_parameters(),
            role=body.get("role") or user.role,
            warehouse=body.get("warehouse") or user.warehouse,
            auth="sql-api",
        )
        connection.describe_session(session.id, session.role, session.warehouse)
        return session

    def _fetch(self, request: Request, job: Job) -> Response:
        held = self._is_held(request, job)
        job.done.wait(0 if held else min(1.0, self.settings.poll_seconds))
        return self._answer(job, int(request.query.get("partition", 0)), ended=not held)

    def _is_held(self, request: Request, job: Job) -> bool:
        fault = self.queries.faults.take(
            ("in_progress",), self.settings.account_host, request.path, job.session.user.name, job.sql
        )
        return fault is not None

    def _cancel(self, job: Job) -> Response:
        if not job.cancel():
            text = "Identified SQL statement is not currently executing."
            return json_response({**_status(job, "000605", text), "sqlState": "57014"}, 422)
        return json_response({**_status(job, "000604", "SQL execution canceled"), "sqlState": "57014"})

    # ---- answers -----------------------------------------------------------------------

    def _answer(self, job: Job, partition: int, ended: bool) -> Response:
        if not (ended and job.done.is_set()):
            text = "Asynchronous execution in progress. Use provided query id to perform query monitoring and management."
            return json_response(_status(job, "333334", text), 202)
        if job.id in self.timed_out:
            text = "Statement reached its statement or warehouse timeout and was canceled."
            return json_response({**_status(job, "000630", text), "sqlState": "57014"}, 408)
        if job.error is not None:
            return _failed(job, job.error)
        if job.result is None:
            return _failed(job, SqlError("391920", "0A000", "File transfers are not supported by the SQL API."))
        parts = _partitions(job)
        if partition >= len(parts):
            raise Failed(400, "391912", f"There is no partition {partition}.")
        links = {"Link": _links(job, partition, len(parts))}
        if partition:
            content = gzip.compress(json.dumps({"data": parts[partition]}).encode(), 1)
            return Response(200, content, headers={**links, "Content-Encoding": "gzip"})
        answer = {
            "resultSetMetaData": {
                "numRows": job.result.total,
                "format": "jsonv2",
                "partitionInfo": [
                    {"rowCount": len(rows), "uncompressedSize": len(json.dumps(rows)), "compressedSize": 1}
                    if number
                    else {"rowCount": len(rows), "uncompressedSize": len(json.dumps(rows))}
                    for number, rows in enumerate(parts)
                ],
                "rowType": job.result.columns,
            },
            "data": parts[0],
            **_status(job, "090001", "Statement executed successfully."),
            "sqlState": "00000",
        }
        if job.children:
            answer["statementHandles"] = [child.id for child in job.children]
        if job.result.affected:
            answer["stats"] = {
                "numRowsInserted": job.result.affected["numRowsInserted"],
                "numRowsDeleted": job.result.affected["numRowsDeleted"],
                "numRowsUpdated": job.result.affected["numRowsUpdated"],
                "numDuplicateRowsUpdated": 0,
            }
        return Response(200, json.dumps(answer, default=str).encode(), headers=links)


def _partitions(job: Job) -> list[list[list[str | None]]]:
    assert job.result is not None
    parts = [json.loads(job.result.inline)]
    parts += [json.loads(b"[" + gzip.decompress(content) + b"]") for _, _, content in job.result.chunks]
    flags = [place for place, column in enumerate(job.result.columns) if column["type"] == "boolean"]
    for row in (row for part in parts for row in part):
        for place in flags:
            if row[place] is not None:
                row[place] = "true" if row[place] in ("1", "true") else "false"
    return parts


def _links(job: Job, number: int, count: int) -> str:
    places = {"first": 0, "prev": number - 1, "next": number + 1, "last": count - 1}
    return ",".join(
        f'<{ROOT}/{job.id}?requestId={job.request_id}&partition={place}>;rel="{rel}"'
        for rel, place in places.items()
        if 0 <= place < count
    )


def _status(job: Job, code: str, message: str) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "statementHandle": job.id,
        "statementStatusUrl": f"{ROOT}/{job.id}?requestId={job.request_id}",
        "createdOn": int(job.started * 1000),
    }


def _failed(job: Job, error: SqlError) -> Response:
    return json_response({**_status(job, error.code, error.message), "sqlState": error.sql_state}, 422)
