"""A stand-in for Snowflake, real enough for unmodified drivers.

SQL is run in this process by fakesnow on DuckDB. Everything else that a driver can see is
made here: TLS, checked logins, sessions, held and asynchronous statements, result chunks on
a second host, and faults on demand. What arrives is recorded, so that a test can prove what
reached the upstream.

One file per concern, from the wire inwards:

    tls         the private CA and the two leaf certificates
    wire        HTTP/1.1 over one socket, and the faults that need the socket itself
    faults      what should go wrong, for which requests, how often
    received    the record of what arrived and of what was executed
    account     the paths of the account host
    login       credentials, sessions, tokens
    query       statements: submitting, waiting, fetching, cancelling
    engine      SQL
    origins     which result columns are plain columns of a table
    bindings    bind values
    encode      engine tables to rowtype, Arrow and JSON
    result      one finished statement as an answer
    chunks      the storage host
    transfer    answers to PUT and GET
    control     the test's own port
"""
