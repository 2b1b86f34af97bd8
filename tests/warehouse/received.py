"""The record of what arrived and of what was executed, for tests to read.

It holds real secrets on purpose: a test proves with it that the right credential arrived,
and that a placeholder never did.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from itertools import count
from pathlib import Path
from typing import Any


# In memory; the file keeps all. More than any test sends, less than a load run would pile up.
ROW_LIMIT = 100_000


class Record:
    """An append-only list, mirrored to a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8")
        self.rows: deque[dict[str, Any]] = deque(maxlen=ROW_LIMIT)
        self.numbers = count()
        self.lock = threading.Lock()

    def add(self, **row: Any) -> None:
        row = {"time": time.time(), **row}
        with self.lock:
            row["seq"] = next(self.numbers)
            self.rows.append(row)
            self.file.write(json.dumps(row, default=str) + "\n")
            self.file.flush()

    def since(self, seq: int) -> list[dict[str, Any]]:
        with self.lock:
            return [row for row in self.rows if row["seq"] >= seq]
