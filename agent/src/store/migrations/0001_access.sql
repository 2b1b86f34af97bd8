-- Times are microseconds since 1970 (UTC); durations are microseconds. Lists and nested values are
-- JSON. An absent user is NULL, in keys the empty string.

CREATE TABLE asks (
    id             TEXT    NOT NULL PRIMARY KEY,
    state          TEXT    NOT NULL CHECK (state IN ('open', 'approved', 'denied', 'expired', 'withdrawn', 'void', 'used')),
    kind           TEXT    NOT NULL CHECK (kind IN ('role', 'statement')),
    -- What two asks must agree in to be the same one.
    join_key       TEXT    NOT NULL,
    workload       TEXT    NOT NULL,
    account        TEXT    NOT NULL,
    reason         TEXT,
    approvers      TEXT    NOT NULL,
    approvals      INTEGER NOT NULL CHECK (approvals >= 0),
    break_glass    INTEGER NOT NULL CHECK (break_glass IN (0, 1)),
    policy_version TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    asked          INTEGER NOT NULL,
    expires        INTEGER NOT NULL,
    closed         INTEGER,
    grant_id       TEXT,
    asker          TEXT    NOT NULL,
    -- The long ones come last: what stands behind them costs a walk over their pages.
    subject        TEXT    NOT NULL,
    -- The statement as people are shown it; in a column of its own so that lists can cut it.
    statement      TEXT    NOT NULL,
    -- Nothing is approved without as many approvals as it needs, unless the glass was broken.
    CHECK (approvals > 0 OR break_glass = 1),
    CHECK (kind = 'statement' OR state <> 'used')
) STRICT;

CREATE INDEX asks_by_state ON asks (state, workload, expires);
CREATE INDEX asks_by_time ON asks (asked);
CREATE INDEX asks_by_end ON asks (closed) WHERE closed IS NOT NULL;
CREATE INDEX asks_due ON asks (state, kind, expires);
-- Two open asks for the same thing would need two decisions.
CREATE UNIQUE INDEX asks_open_once ON asks (join_key) WHERE state = 'open';
CREATE INDEX asks_joined ON asks (join_key) WHERE state = 'approved';

CREATE TABLE votes (
    ask      TEXT    NOT NULL REFERENCES asks (id) ON DELETE CASCADE,
    person   TEXT    NOT NULL,
    uid      INTEGER NOT NULL,
    approves INTEGER NOT NULL CHECK (approves IN (0, 1)),
    note     TEXT,
    time     INTEGER NOT NULL,
    PRIMARY KEY (ask, person)
) STRICT;

CREATE TABLE grants (
    id         TEXT    NOT NULL PRIMARY KEY,
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'active', 'ended', 'revoked')),
    role       TEXT    NOT NULL,
    workload   TEXT    NOT NULL,
    anchor     TEXT,
    person     TEXT,
    account    TEXT,
    duration   INTEGER NOT NULL CHECK (duration > 0),
    reason     TEXT,
    ask        TEXT,
    granted_by TEXT    NOT NULL,
    granted    INTEGER NOT NULL,
    use_by     INTEGER NOT NULL,
    activated  INTEGER,
    ends       INTEGER,
    closed     INTEGER,
    ended_by   TEXT,
    warned     INTEGER NOT NULL DEFAULT 0 CHECK (warned IN (0, 1)),
    CHECK ((activated IS NULL) = (ends IS NULL)),
    CHECK (state <> 'active' OR ends IS NOT NULL)
) STRICT;

CREATE INDEX grants_by_state ON grants (state);
CREATE INDEX grants_by_time ON grants (granted);
CREATE INDEX grants_by_end ON grants (closed) WHERE closed IS NOT NULL;
-- An ask is made a grant once.
CREATE UNIQUE INDEX grants_by_ask ON grants (ask) WHERE ask IS NOT NULL;

-- What is counted against a principal in one span of time: never less than what it used.
CREATE TABLE spends (
    workload  TEXT    NOT NULL,
    anchor    TEXT    NOT NULL,
    person    TEXT    NOT NULL,
    bucket    INTEGER NOT NULL,
    queries   INTEGER NOT NULL CHECK (queries >= 0),
    row_count INTEGER NOT NULL CHECK (row_count >= 0),
    bytes     INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (workload, anchor, person, bucket)
) STRICT;

CREATE INDEX spends_by_bucket ON spends (bucket);

-- The outbox: what people are to be told, in order.
CREATE TABLE events (
    seq  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id   TEXT    NOT NULL UNIQUE,
    time INTEGER NOT NULL,
    kind TEXT    NOT NULL,
    body TEXT    NOT NULL
) STRICT;

CREATE INDEX events_by_time ON events (time);

-- How far each endpoint has been told.
CREATE TABLE endpoints (
    name TEXT    NOT NULL PRIMARY KEY,
    seq  INTEGER NOT NULL
) STRICT;

-- Single values, by name.
CREATE TABLE facts (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
