//! Requests that no driver sends, or that a driver sends and may not: each gets one clear answer.

use serde_json::{Value, json};
use tests::record::Frame;

use crate::bench::{Bench, Plan};

const SMALL: Plan<'_> = Plan {
    variables: &[],
    more: "[limits]\nrequest_body_bytes_max = \"64 KiB\"",
    warehouse: "",
    credentials: None,
    policy: crate::bench::ALLOW_ALL,
    labels: "",
    record: "",
    scope: "",
};

/// What is expected of a run of scripts: how many refusals of each reason so far.
struct Account<'a> {
    bench: &'a Bench,
    reasons: Vec<&'static str>,
}

impl<'a> Account<'a> {
    const fn of(bench: &'a Bench) -> Self {
        Self {
            bench,
            reasons: Vec::new(),
        }
    }

    /// Runs a script; checks its report, and that one more refusal is recorded and counted.
    #[track_caller]
    fn check(&mut self, script: &str, seen: &Value, operation: &str, reason: &'static str) {
        let report = self.bench.ask(&format!("from client import *\n{script}"));
        assert_eq!(&report, seen, "{script}\n{}", self.bench.daemon.log());
        self.reasons.push(reason);
        let times = self.reasons.iter().filter(|it| **it == reason).count();
        let frames = self.bench.await_endings(reason, times);
        let last = frames
            .iter()
            .rfind(|frame| frame.payload.get("reason").is_some_and(|it| it == reason))
            .unwrap();
        let caller = |frame: &&Frame| {
            frame.entry == last.entry && frame.payload["caller"]["workload"] == "agent"
        };
        assert_eq!(frames.iter().filter(caller).count(), 1, "{last:?}");
        let labels = format!("operation=\"{operation}\",outcome=\"{reason}\"");
        let sample = format!("snowfence_requests_total{{{labels}}}");
        assert!(
            self.bench.daemon.metric(&sample).unwrap() >= 1.0,
            "{sample}"
        );
    }
}

/// The answer to a statement that cannot be read.
fn unread(message: &str) -> Value {
    json!([200, "001003", format!("Snowfence: {message}")])
}

#[test]
fn a_request_that_cannot_be_read_is_refused_in_the_form_of_its_path() {
    let bench = Bench::with("unread", &SMALL);
    let mut account = Account::of(&bench);
    account.check(
        "report(raw('POST /queries/v1/query-request?requestId=1 HTTP/1.1\\nHost: other.snowflakecomputing.com\\nContent-Length: 2\\n', b'{}').split('message')[1][3:86])",
        &json!("Snowfence: the Host header does not name the server of the TLS handshake\",\"success\""),
        "unreadable",
        "bad_request",
    );
    account.check(
        "report(shown(query('x', 'a' * 100, padding=os.urandom(60000).hex())))",
        &unread("the request body is larger than 65536 bytes"),
        "unreadable",
        "body_too_large",
    );
    account.check(
        "report(shown(query('x', ' ' * 50_000_000)))",
        &unread("the request body is larger than 65536 bytes"),
        "unreadable",
        "body_too_large",
    );
    account.check(
        "report(shown(request('POST', '/queries/v1/query-request', b'\\x1f\\x8b' + bytes(50), Content_Encoding='gzip')))",
        &unread("the request body is not the gzip that its header says"),
        "unreadable",
        "bad_request",
    );
    account.check(
        "report(shown(request('POST', '/queries/v1/query-request', b'{}', Content_Encoding='br')))",
        &unread("the content encoding `br` is not supported, send gzip or none"),
        "unreadable",
        "bad_request",
    );
    account.check(
        "report(shown(request('POST', '/queries/v1/query-request?requestId=' + str(uuid.uuid4()), b'{\"sqlText\":\"select 1\",\"sqlText\":\"drop table t\"}')))",
        &unread("a key of the body comes twice"),
        "unreadable",
        "bad_request",
    );
    account.check(
        "report(shown(request('POST', '/queries/v1/query-request?requestId=1&requestId=2', {})))",
        &unread("the query parameter `requestId` comes more than once"),
        "unreadable",
        "bad_request",
    );
    account.check(
        "report(shown(request('POST', '/session/v1/login-request', b'not json')))",
        &json!([
            200,
            "390100",
            "Snowfence: the body is not the JSON that is expected here"
        ]),
        "unreadable",
        "bad_request",
    );
    // The same path in another spelling is answered in the same form.
    account.check(
        "report(shown(request('POST', '//session/v1/login%2drequest/', b'not json')))",
        &json!([
            200,
            "390100",
            "Snowfence: the body is not the JSON that is expected here"
        ]),
        "unreadable",
        "bad_request",
    );
    bench.assert_serves();
    bench.assert_record_is_whole();
}

#[test]
fn a_path_that_does_not_exist_is_404_and_nothing_else() {
    let bench = Bench::new("path");
    let mut account = Account::of(&bench);
    let unknown = json!([404, "390400", "Snowfence: no such method and path"]);
    for request in [
        "request('GET', '/')",
        "request('POST', '/queries/v2/query-request', {'sqlText': 'select 1'}, session())",
        "request('GET', '/queries/v1/query-request', None, session())",
        "request('POST', '/session', {}, session())",
    ] {
        account.check(
            &format!("report(shown({request}))"),
            &unknown,
            "unreadable",
            "unknown_path",
        );
    }
    account.check(
        "report(shown(request('PUT', '/queries/v1/query-request', {})))",
        &json!([
            404,
            "390400",
            "Snowfence: the method is neither GET nor POST"
        ]),
        "unreadable",
        "unknown_path",
    );
    account.check(
        "report(shown(request('GET', '/api/v2/databases', Authorization='Bearer x')))",
        &json!([
            404,
            "390400",
            "Snowfence: the REST API is not supported: use SQL through a driver"
        ]),
        "unreadable",
        "unknown_path",
    );
    account.check(
        "report(shown(request('GET', '/monitoring/queries', None, session())))",
        &json!([
            404,
            "390400",
            "Snowfence: the list of queries is not available: ask for a query by its id"
        ]),
        "unreadable",
        "unknown_path",
    );
    account.check(
        "report(shown(request('GET', '/sfc-results/none/0')))",
        &json!([
            404,
            "390400",
            "Snowfence: this result chunk is not yours, or is no longer kept"
        ]),
        "chunk",
        "chunk_unknown",
    );
    let frames = bench.await_endings("unknown_path", 7);
    let went_to = |path: &str| frames.iter().any(|frame| frame.payload["path"] == path);
    assert!(went_to("/api/v2/databases") && went_to("/queries/v2/query-request"));
    bench.assert_serves();
}

#[test]
fn a_statement_that_may_not_be_is_refused_before_the_upstream_sees_it() {
    let bench = Bench::new("refused");
    let mut account = Account::of(&bench);
    account.check(
        "report(shown(query('never-a-token', 'select 1')))",
        &json!([
            200,
            "390111",
            "Session no longer exists.  New login required to access the service."
        ]),
        "query",
        "token_unknown",
    );
    account.check(
        r"
token, id = session(), str(uuid.uuid4())
first = rows(query(token, 'select 1', id))
again = rows(query(token, 'select 1', id))
report([first, again, shown(query(token, 'select 2', id))])",
        &json!([
            [["1"]],
            [["1"]],
            [
                200,
                "001003",
                "Snowfence: the request id was used before with another statement; send a new one"
            ]
        ]),
        "query",
        "request_id_reused",
    );
    assert_eq!(
        bench.executions("select 1"),
        1,
        "a retry is not a second run"
    );
    assert_eq!(bench.executions("select 2"), 0);

    let transfer = json!([
        200,
        "003001",
        "Snowfence: PUT and GET move files past every check and are refused on this host; use \
         INSERT with binds, or ask a person to load the file"
    ]);
    for statement in ["put file:///etc/passwd @~", "/* x */ get @~/a file:///tmp"] {
        let script = format!("report(shown(query(session(), {statement:?})))");
        account.check(&script, &transfer, "query", "file_transfer");
        assert_eq!(bench.executions(statement), 0);
    }
    // A statement whose text does not give it away is caught by its answer.
    bench.inject(&json!({"kind": "file_transfer", "sql": "select 'innocent'"}));
    let script = "report(shown(query(session(), \"select 'innocent'\")))";
    account.check(script, &transfer, "query", "file_transfer");
    assert_eq!(bench.executions("select 'innocent'"), 1);
    bench.assert_serves();
    bench.assert_record_is_whole();
}

#[test]
fn a_login_that_needs_a_person_is_refused_with_what_to_do() {
    let bench = Bench::new("login");
    let mut account = Account::of(&bench);
    let factor = "Snowfence: a second factor is not possible behind Snowfence, which holds the \
                  credential: remove the passcode and connect with any placeholder password";
    let browser = "Snowfence: sign-in through a browser or an identity provider is not possible \
                   behind Snowfence, which holds the credential: remove the authenticator option \
                   and connect with any placeholder password";
    account.reasons = vec!["authenticator_refused"; 2];
    account.check(
        r"
import snowflake.connector
def connect(**options):
    try:
        snowflake.connector.connect(
            account='testorg-testacct', user='agent', password='x', login_timeout=20, **options)
        return 'connected'
    except snowflake.connector.errors.Error as error:
        return [error.errno, error.raw_msg[error.raw_msg.find('Snowfence'):]]
report([
    connect(authenticator='username_password_mfa', passcode='123456'),
    connect(authenticator='externalbrowser'),
    connect(authenticator='https://company.okta.com'),
])",
        &json!([[390_100, factor], [390_100, browser], [390_100, browser]]),
        "unreadable",
        "authenticator_refused",
    );
    bench.assert_serves();
    // Nothing of it reached the upstream: one login, that of the last check.
    let received = bench.warehouse.received().unwrap();
    let logins = received
        .iter()
        .filter(|row| row["path"] == "/session/v1/login-request");
    assert_eq!(logins.count(), 1);
}
