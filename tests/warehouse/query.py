"""Statements: submitting, waiting, fetching by id, cancelling, monitoring.

A statement is a job with its own thread. A request only waits for a job; that is why a lost
answer, a repeated POST, a poll from another session and a cancel need no special cases.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from warehouse import bindings, engine, transfer
from warehouse.chunks import Storage
from warehouse.engine import Outcome, SqlError
from warehouse.faults import Faults
from warehouse.login import Logins, Refused, Session
from warehouse.received import Record
from warehouse.result import Result
from warehouse.settings import Settings
from warehouse.wire import Request, Response, json_response

# Results are kept in memory; the oldest go first.
JOB_LIMIT = 5000
MULTI = 0xA000

RESULT_SCAN = re.compile(
    r"\s*select\s+\*\s+from\s+table\s*\(\s*result_scan\s*\(\s*'([0-9a-f-]{36})'\s*\)\s*\)\s*;?\s*$", re.I
)
ANY_RESULT_SCAN = re.compile(r"result_scan\s*\(\s*'([^']*)'\s*\)", re.I)
# Drivers upload large array binds to a stage; without the privilege they send them inline.
BIND_STAGE = re.compile(r"create\b.*\bstage\b.*\bSYSTEM\$?_?BIND\b", re.I | re.S)
NO_STAGE = ("003001", "42501", "SQL access control error:\nInsufficient privileges to operate on schema 'PUBLIC'")


@dataclass
class Job:
    """One statement from submission to the end of its result."""

    session: Session
    sql: str
    request_id: str
    parameters: dict[str, Any] = field(default_factory=dict)
    binds: engine.Binds = None
    describe_only: bool = False
    detached: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.time)
    ended: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    running: bool = False
    error: SqlError | None = None
    result: Result | None = None
    # An answer that is not a result: a file transfer.
    data: dict[str, Any] | None = None
    children: list[Job] = field(default_factory=list)

    def cancel(self) -> bool:
        """Ends the statement; false when it had ended already."""
        if self.done.is_set():
            return False
        self.cancelled.set()
        if self.running:
            self.session.connection.interrupt()
        return True

    def status(self) -> str:
        if not self.done.is_set():
            return "RUNNING"
        if self.error is None:
            return "SUCCESS"
        return "FAILED_WITH_ERROR"


class Queries:
    """All statements that the account remembers."""

    def __init__(
        self, settings: Settings, logins: Logins, storage: Storage, faults: Faults, executed: Record
    ) -> None:
        self.settings, self.logins, self.storage, self.faults = settings, logins, storage, faults
        self.executed = executed
        self.jobs: OrderedDict[str, Job] = OrderedDict()
        self.by_request: dict[tuple[int, str], Job] = {}
        self.lock = threading.Lock()

    # ---- requests ----------------------------------------------------------------------

    def submit(self, request: Request) -> Response:
        session = self.logins.session(request)
        body = request.json()
        request_id = request.query.get("requestId") or str(uuid.uuid4())
        sql = str(body.get("sqlText") or "")
        with self.lock:
            job = self.by_request.get((session.id, request_id))
            if job is None:
                job = self._new(session, sql, request_id, body)
                threading.Thread(target=self._run, args=(job,), daemon=True).start()
        request.notes["query_id"] = job.id
        if job.detached:
            return json_response(_in_progress(job))
        held = self.faults.take(("in_progress",), self.settings.account_host, request.path, session.user.name, sql)
        job.done.wait(0 if held else self.settings.poll_seconds)
        return self._answer(job, ended=not held)

    def fetch(self, request: Request, query_id: str) -> Response:
        job = self._owned(request, query_id)
        held = self.faults.take(("in_progress",), self.settings.account_host, request.path, job.session.user.name, job.sql)
        job.done.wait(self.settings.poll_seconds)
        return self._answer(job, ended=not held)

    def abort_by_request(self, request: Request) -> Response:
        session = self.logins.session(request)
        wanted = str(request.json().get("requestId") or "")
        return _aborted(self.by_request.get((session.id, wanted)))

    def abort_by_id(self, request: Request, query_id: str) -> Response:
        return _aborted(self._owned(request, query_id))

    def monitor(self, request: Request, query_id: str) -> Response:
        try:
            job = self._owned(request, query_id)
        except Refused as refused:
            if refused.code != "000709":
                raise
            return json_response({"data": {"queries": []}, "code": None, "message": None, "success": True})
        return json_response({"data": {"queries": [_monitored(job)]}, "code": None, "message": None, "success": True})

    # ---- inside ------------------------------------------------------------------------

    def _new(self, session: Session, sql: str, request_id: str, body: dict[str, Any]) -> Job:
        job = Job(
            session,
            sql,
            request_id,
            parameters=body.get("parameters") or {},
            binds=bindings.parse(body.get("bindings")),
            describe_only=bool(body.get("describeOnly")),
            detached=bool(body.get("asyncExec")),
        )
        self.by_request[(session.id, request_id)] = job
        self._remember(job)
        return job

    def _remember(self, job: Job) -> None:
        self.jobs[job.id] = job
        while len(self.jobs) > JOB_LIMIT:
            _, old = self.jobs.popitem(last=False)
            self.by_request.pop((old.session.id, old.request_id), None)

    def _owned(self, request: Request, query_id: str) -> Job:
        """Finds a job by id. Authorised per user and not per session, exactly as upstream."""
        session = self.logins.session(request)
        job = self.jobs.get(query_id)
        if job is None or job.session.user is not session.user:
            raise Refused(("000709", f"Statement {query_id} not found"), "02000", queryId=query_id, errorCode="000709")
        request.notes["query_id"] = query_id
        return job

    def _answer(self, job: Job, ended: bool) -> Response:
        if not (ended and job.done.is_set()):
            return json_response(_in_progress(job))
        if job.error is not None:
            return json_response(_failed(job.id, job.error))
        data = job.data if job.data is not None else self._result_data(job)
        return json_response({"data": data, "code": None, "message": None, "success": True})

    def _result_data(self, job: Job) -> dict[str, Any]:
        assert job.result is not None
        data = job.result.data(job.id, self.storage)
        if job.children:
            data["resultIds"] = ",".join(child.id for child in job.children)
            data["resultTypes"] = ",".join(str(child.result.kind) for child in job.children if child.result)
        return data

    def _run(self, job: Job) -> None:
        try:
            with job.session.lock:
                if job.cancelled.is_set():
                    raise SqlError(*engine.CANCELED)
                job.running = True
                self._run_statement(job)
        except SqlError as error:
            job.error = error
        except Exception as error:  # noqa: BLE001 - a waiting driver must get an answer
            job.error = SqlError("000603", "XX000", f"Internal error: {error!r}")
        finally:
            job.running = False
            job.ended = time.time()
            job.done.set()

    def _run_statement(self, job: Job) -> None:
        parts = engine.split(job.sql)
        wanted = int(job.parameters.get("MULTI_STATEMENT_COUNT", job.session.parameters.get("MULTI_STATEMENT_COUNT", 1)))
        if len(parts) > 1:
            if wanted not in (0, len(parts)):
                text = f"Actual statement count {len(parts)} did not match the desired statement count {wanted}."
                raise SqlError("000008", "0A000", text)
            self._run_parts(job, parts)
            return
        if not parts:
            raise SqlError("000900", "42601", "SQL compilation error:\nEmpty SQL statement.")
        self._run_single(job)

    def _run_parts(self, job: Job, parts: list[str]) -> None:
        for sql in parts:
            child = Job(job.session, sql, f"{job.request_id}/{len(job.children)}", parameters=job.parameters)
            child.cancelled = job.cancelled
            with self.lock:
                self._remember(child)
            job.children.append(child)
            try:
                self._run_single(child)
            except SqlError as error:
                child.error = error
                raise
            finally:
                child.ended = time.time()
                child.done.set()
        outcome = engine.status("Multiple statements executed successfully.", MULTI)
        outcome.table = outcome.table.rename_columns(["multiple statement execution"])
        job.result = self._result(job, outcome)

    def _run_single(self, job: Job) -> None:
        session, sql = job.session, job.sql
        self.executed.add(
            query_id=job.id, request_id=job.request_id, user=session.user.name, session=session.id,
            sql=sql, describe_only=job.describe_only,
        )  # fmt: skip
        if BIND_STAGE.search(sql):
            raise SqlError(*NO_STAGE)
        spoilt = self.faults.take(("file_transfer",), self.settings.account_host, "", session.user.name, sql)
        asked = "put file:///etc/passwd @~" if spoilt else sql
        if (files := transfer.answer(asked, job.id, self.settings)) is not None:
            job.data = files
            return
        for scanned in ANY_RESULT_SCAN.findall(sql):
            other = self.jobs.get(scanned)
            if other is None or other.session.user is not session.user or other.result is None:
                raise SqlError("000709", "02000", f"Statement {scanned} not found")
        if match := RESULT_SCAN.match(sql):
            result = self.jobs[match[1]].result
            assert result is not None
            job.result = result
            return
        connection = session.connection
        if job.describe_only:
            job.result = self._result(job, connection.describe(sql, job.cancelled))
            job.result.described = True
            return
        job.result = self._result(job, connection.execute(sql, job.binds, job.cancelled))
        connection.last_query_id = job.id
        session.role = connection.facts["role"]
        session.warehouse = connection.facts["warehouse"] or None
        for name, value in connection.parameters.items():
            session.parameters[name] = value

    def _result(self, job: Job, outcome: Outcome) -> Result:
        session = job.session
        wanted = session.format(job.parameters) if outcome.is_query else "json"
        return Result(
            outcome, wanted,
            database=session.connection.database, schema=session.connection.schema,
            role=session.connection.facts["role"], warehouse=session.connection.facts["warehouse"] or None,
            parameters={**session.parameters, **session.connection.parameters},
            inline_rows=self.settings.inline_rows, chunk_rows=self.settings.chunk_rows,
        )  # fmt: skip


def _in_progress(job: Job) -> dict[str, Any]:
    if job.detached:
        code = "333334"
        text = "Asynchronous execution in progress. Use provided query id to perform query monitoring and management."
    else:
        code = "333333"
        text = "Query execution in progress. Use provided query id to perform query monitoring and management."
    data = {
        "queryId": job.id,
        "getResultUrl": f"/queries/{job.id}/result",
        "queryAbortsAfterSecs": 300,
        "progressDesc": None,
    }
    return {"data": data, "code": code, "message": text, "success": True, "headers": None}


def _failed(query_id: str, error: SqlError) -> dict[str, Any]:
    data = {
        "internalError": False, "errorCode": error.code, "age": 0, "sqlState": error.sql_state,
        "queryId": query_id, "line": -1, "pos": -1, "type": "COMPILATION",
    }  # fmt: skip
    return {"data": data, "code": error.code, "message": error.message, "success": False, "headers": None}


def _aborted(job: Job | None) -> Response:
    if job is None or not job.cancel():
        raise Refused(("000605", "Identified SQL statement is not currently executing."), "57014")
    return json_response({"data": None, "code": None, "message": None, "success": True})


def _monitored(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "status": job.status(),
        "state": {"RUNNING": "EXECUTING", "SUCCESS": "SUCCEEDED"}.get(job.status(), "FAILED"),
        "sqlText": job.sql,
        "errorCode": job.error.code if job.error else "",
        "errorMessage": job.error.message if job.error else "",
        "sessionId": job.session.id,
        "startTime": int(job.started * 1000),
        "endTime": int(job.ended * 1000),
        "totalDuration": int(((job.ended or time.time()) - job.started) * 1000),
        "warehouseId": 1,
        "warehouseName": job.session.warehouse or "",
        "stats": {"scanBytes": 0, "producedRows": job.result.total if job.result else 0},
    }
