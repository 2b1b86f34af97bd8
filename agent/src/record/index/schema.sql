-- The index of a recording. Everything in it can be read from the segments again.
-- Times are milliseconds since 1970. Words, texts and sets of objects are kept once and named by id.

CREATE TABLE about (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- Up to where each segment is read. state: 0 being read, 1 whole, 2 damaged behind the offset,
-- 3 could not be opened.
CREATE TABLE segments (
    number INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    digest BLOB NOT NULL,
    frames INTEGER NOT NULL,
    first_entry INTEGER,
    last_entry INTEGER,
    time_min INTEGER,
    time_max INTEGER
) STRICT;

-- kind: see `Word`.
CREATE TABLE words (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    word TEXT NOT NULL,
    UNIQUE (kind, word)
) STRICT;

CREATE TABLE texts (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE finds USING fts5 (
    text,
    content = 'texts',
    content_rowid = 'id',
    columnsize = 0,
    tokenize = "unicode61 remove_diacritics 0 tokenchars '_$'"
);

-- A set of tables that statements touch.
CREATE TABLE sets (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE set_objects (
    object INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    PRIMARY KEY (object, objects)
) WITHOUT ROWID, STRICT;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    account INTEGER,
    credential INTEGER,
    workload INTEGER,
    user INTEGER,
    client INTEGER,
    login INTEGER,
    begun INTEGER,
    last INTEGER,
    opened INTEGER,
    closed INTEGER,
    reason INTEGER,
    first_entry INTEGER,
    last_entry INTEGER,
    entries INTEGER NOT NULL,
    statements INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    held INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    masked INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_begun ON sessions (begun);

-- Sets of tables and labels that a session met. kind: 0 set, 1 label.
CREATE TABLE session_marks (
    kind INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    session INTEGER NOT NULL,
    PRIMARY KEY (kind, mark, session)
) WITHOUT ROWID, STRICT;

-- text: 0 is a statement whose text is not indexed. duration: see `take::bucket`.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    time INTEGER,
    session INTEGER,
    workload INTEGER,
    user INTEGER,
    account INTEGER,
    operation INTEGER,
    verdict INTEGER,
    outcome INTEGER,
    reason INTEGER,
    rows INTEGER,
    bytes INTEGER,
    duration INTEGER,
    masked INTEGER,
    text INTEGER,
    objects INTEGER,
    segment INTEGER NOT NULL
) STRICT;
CREATE INDEX entries_text ON entries (text) WHERE text > 0;
CREATE INDEX entries_objects ON entries (objects) WHERE objects > 0;

CREATE TABLE labels (
    label INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    cells INTEGER NOT NULL,
    PRIMARY KEY (label, entry)
) WITHOUT ROWID, STRICT;

-- Sums by hour, so that statistics need no look at the entries. 0 stands for nothing.
CREATE TABLE begun_hours (
    hour INTEGER NOT NULL,
    workload INTEGER NOT NULL,
    account INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    statements INTEGER NOT NULL,
    PRIMARY KEY (hour, workload, account, verdict)
) WITHOUT ROWID, STRICT;

CREATE TABLE ended_hours (
    hour INTEGER NOT NULL,
    workload INTEGER NOT NULL,
    account INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    statements INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    masked INTEGER NOT NULL,
    PRIMARY KEY (hour, workload, account, verdict, reason, duration)
) WITHOUT ROWID, STRICT;

CREATE TABLE object_hours (
    hour INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    statements INTEGER NOT NULL,
    PRIMARY KEY (hour, objects, verdict)
) WITHOUT ROWID, STRICT;

CREATE TABLE label_hours (
    hour INTEGER NOT NULL,
    label INTEGER NOT NULL,
    statements INTEGER NOT NULL,
    masked INTEGER NOT NULL,
    PRIMARY KEY (hour, label)
) WITHOUT ROWID, STRICT;
