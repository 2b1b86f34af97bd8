"""What should go wrong: injected by a test, matched by request, spent by count."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

# How each kind shows on the wire. `before` kinds act instead of the handler; `after` kinds
# let the handler run first, so that the statement has been executed when the answer is lost.
KINDS = {
    "reset": "TCP reset instead of an answer",
    "reset_after": "the statement is executed, then TCP reset: its answer is lost",
    "stall": "silence for `seconds`, then the normal answer",
    "status": "HTTP `status` (503 unless said otherwise)",
    "broken_json": "HTTP 200 with a body that is not JSON",
    "truncate": "Content-Length promises more than is sent, then the connection ends",
    "slow": "the body in 64-byte pieces over `seconds`",
    "broken_arrow": "rowsetBase64 or the chunk is not an Arrow stream",
    "wrong_certificate": "TLS leaf with the defect `defect`: name, issuer or expired",
    "chunk_403": "the storage host answers 403 with an XML body, as for an expired link",
    "session_expired": "390112, whatever the token",
    "in_progress": "333333 at once instead of the result",
    "unknown_key": "an answer of the SQL API has rows under a key that nobody knows",
    "row_count": "an answer of the SQL API, or a chunk, has other rows than it says",
    "cut_gzip": "a chunk whose gzip ends in the middle, though all of its Content-Length comes",
    "file_transfer": "the answer to a PUT, whatever the statement",
}


@dataclass
class Fault:
    """One injected fault; every empty matcher matches everything."""

    kind: str
    host: str = ""
    path: str = ""
    user: str = ""
    sql: str = ""
    count: int = 1
    skip: int = 0
    status: int = 503
    seconds: float = 5.0
    defect: str = "name"
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; one of {', '.join(KINDS)}")


@dataclass
class Faults:
    """All faults that wait for a request."""

    waiting: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, raw: dict[str, Any]) -> None:
        fault = Fault(**raw)
        with self.lock:
            self.waiting.append(fault)

    def clear(self) -> None:
        with self.lock:
            self.waiting.clear()

    def listed(self) -> list[dict[str, Any]]:
        with self.lock:
            return [dict(vars(fault)) for fault in self.waiting]

    def take(self, kinds: tuple[str, ...], host: str, path: str = "", user: str = "", sql: str = "") -> Fault | None:
        """Spends one count of the first fault of these kinds that matches."""
        with self.lock:
            for fault in self.waiting:
                if fault.kind not in kinds or fault.hits >= fault.count + fault.skip:
                    continue
                if fault.host and fault.host != host:
                    continue
                if fault.path not in path or fault.user.upper() not in user.upper():
                    continue
                if fault.sql.lower() not in sql.lower():
                    continue
                fault.hits += 1
                if fault.hits > fault.skip:
                    return fault
        return None
