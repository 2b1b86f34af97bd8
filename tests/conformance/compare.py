"""Prints the differences between two runs of one driver's suite: `compare.py DIRECT THROUGH`.

Rows, types and errors must be the same; ids differ by nature and are masked. Exit code 1 when
anything differs, or when a run has no cases at all.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)

# The Python connector says so if its cancellation was answered before the statement's error came
# (`_utils.py`, `_TrackedQueryCancellationTimer`): two connections, and whichever is first.
RACE = (
    "SQL execution was cancelled by the client due to a timeout. "
    "Error message received from the server: "
)


def load(path: Path) -> dict[str, Any]:
    cases = {}
    for line in path.read_text().splitlines():
        if line.startswith("{"):
            case = json.loads(IDS.sub("<id>", line).replace(RACE, ""))
            cases[case.pop("case")] = case
    return cases


def main() -> None:
    left, right = (load(Path(name)) for name in sys.argv[1:3])
    different = [name for name in {**left, **right} if left.get(name) != right.get(name)]
    for name in different:
        print(f"{name}:")
        for sign, side in (("-", left), ("+", right)):
            text = json.dumps(side.get(name), ensure_ascii=False)
            print(f"  {sign} {text if len(text) < 1500 else text[:1500] + ' …'}")
    print(f"{len(left)} and {len(right)} cases, {len(different)} differ")
    sys.exit(1 if different or not left or not right else 0)


if __name__ == "__main__":
    main()
