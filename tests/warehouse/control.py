"""The test's own port: plain HTTP and JSON, on loopback only.

    GET    /ready                      200 when all listeners are bound
    GET    /received?since=N&path=P    what arrived (both hosts)
    GET    /executed?since=N&sql=S     statements that were run, each once
    GET    /state                      sessions and settings
    GET    /faults, DELETE /faults     what waits to go wrong
    POST   /faults                     {"kind": …, matchers…, "count": n}; see faults.py
    POST   /settings                   {"poll_seconds": 1, …}; see settings.py
    POST   /expire                     {"what": "session|master|all|close|oauth", "user": ""}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from warehouse.faults import Faults
from warehouse.login import Logins
from warehouse.received import Record
from warehouse.settings import Settings
from warehouse.wire import Request, Response, json_response


@dataclass
class Control:
    """Dispatches the requests of the control port."""

    settings: Settings
    logins: Logins
    faults: Faults
    received: Record
    executed: Record

    def handle(self, request: Request) -> Response:
        try:
            return json_response(self._route(request))
        except (KeyError, TypeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)

    def _route(self, request: Request) -> Any:
        match (request.method, request.path):
            case ("GET", "/ready"):
                return {"ready": True}
            case ("GET", "/received"):
                rows = self.received.since(int(request.query.get("since", 0)))
                return [row for row in rows if request.query.get("path", "") in row["path"]]
            case ("GET", "/executed"):
                rows = self.executed.since(int(request.query.get("since", 0)))
                return [row for row in rows if request.query.get("sql", "").lower() in row["sql"].lower()]
            case ("GET", "/state"):
                return self._state()
            case ("GET", "/faults"):
                return self.faults.listed()
            case ("DELETE", "/faults"):
                self.faults.clear()
            case ("POST", "/faults"):
                self.faults.add(request.json())
            case ("POST", "/settings"):
                self.settings.tune(request.json())
            case ("POST", "/expire"):
                wanted = request.json()
                return {"sessions": self.logins.expire(wanted.get("what", "session"), wanted.get("user", ""))}
            case _:
                raise ValueError(f"no such control: {request.method} {request.path}")
        return {"ok": True}

    def _state(self) -> dict[str, Any]:
        sessions = [
            {"id": s.id, "user": s.user.name, "auth": s.auth, "app": s.app, "closed": s.closed}
            for s in self.logins.sessions.values()
        ]
        return {"sessions": sessions, "settings": {name: getattr(self.settings, name) for name in Settings.TUNABLE}}
