"""Configuration: who may log in, what the database holds, how long things live."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class User:
    """One account user and every credential that it may present."""

    name: str
    password: str | None = None
    public_key: str | None = None
    access_tokens: list[str] = field(default_factory=list)
    oauth_client_id: str | None = None
    oauth_client_secret: str | None = None
    role: str = "ANALYST"
    warehouse: str | None = "COMPUTE_WH"
    database: str | None = "DEMO"
    schema: str | None = "PUBLIC"


@dataclass
class Settings:
    """Everything that a test may set, at start by file or later by the control port."""

    account: str = "TESTORG-TESTACCT"
    account_host: str = "testorg-testacct.snowflakecomputing.com"
    storage_host: str = "sfc-stage.s3.test.amazonaws.com"
    users: dict[str, User] = field(default_factory=dict)
    seed: list[str] = field(default_factory=list)

    session_seconds: float = 3600
    master_seconds: float = 14400
    oauth_seconds: float = 600
    link_seconds: float = 21600
    # Snowflake never stays silent for longer than 45 s; drivers give up at 60 s.
    poll_seconds: float = 45
    # Rows in the answer itself, and rows in each chunk after them.
    inline_rows: int = 1000
    chunk_rows: int = 20000

    TUNABLE = (
        "session_seconds",
        "master_seconds",
        "oauth_seconds",
        "link_seconds",
        "poll_seconds",
        "inline_rows",
        "chunk_rows",
    )

    def tune(self, changes: dict[str, Any]) -> None:
        """Changes numbers while running; an unknown name is an error, not a silent no-op."""
        for name, value in changes.items():
            if name not in self.TUNABLE:
                raise ValueError(f"no such setting: {name}; one of {', '.join(self.TUNABLE)}")
            setattr(self, name, type(getattr(self, name))(value))


def load(path: Path | None) -> Settings:
    """Reads the TOML file, or the demo configuration that ships with the package."""
    path = path or Path(__file__).parent / "demo.toml"
    raw = tomllib.loads(path.read_text())
    settings = Settings()
    for entry in raw.pop("user", []):
        key_file = entry.pop("public_key_file", None)
        if key_file:
            entry["public_key"] = (path.parent / key_file).read_text()
        user = User(**entry)
        user.name = user.name.upper()
        settings.users[user.name] = user
    for seed_file in raw.pop("seed_files", []):
        settings.seed.append((path.parent / seed_file).read_text())
    settings.seed.extend(raw.pop("seed", []))
    for name in ("account", "account_host", "storage_host"):
        if name in raw:
            setattr(settings, name, raw.pop(name))
    settings.tune(raw)
    return settings
