//! What receivers get, over TLS, in which order and how often.

use prometheus::{Registry, TextEncoder};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::access::tests::{Place, at, role, statement, vote};
use crate::access::{AskId, NewAsk};
use crate::shutdown::{self, Trigger};
use crate::upstream::server::{Reply, Seen, Server};

/// A receiver that tells what it was sent.
struct Receiver {
    server: Server,
    posts: mpsc::Receiver<Seen>,
    dir: tempfile::TempDir,
    registry: Registry,
    metrics: Metrics,
}

impl Receiver {
    async fn start(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let (sender, posts) = mpsc::channel(100);
        let server = Server::start(move |seen, index| {
            sender.try_send(seen.clone()).unwrap();
            script(index)
        })
        .await;
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).unwrap();
        Self {
            server,
            posts,
            dir: tempfile::tempdir().unwrap(),
            registry,
            metrics,
        }
    }

    fn secret(&self, name: &str, text: &str) -> SecretSource {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).unwrap();
        SecretSource::File(path)
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/hook", self.server.address.port())
    }

    fn webhook(&self, events: &[EventKind]) -> Config {
        Config {
            webhooks: vec![Webhook {
                name: "ticketing".to_owned(),
                url: self.url(),
                secret: self.secret("key", "whsec"),
                events: events.to_vec(),
                redact: true,
            }],
            slack: Vec::new(),
        }
    }

    /// Starts telling; the answer is there when every endpoint has its place.
    async fn notify(&self, desk: &Desk, config: &Config) -> (Trigger, JoinHandle<()>) {
        let connector = &self.server.connector;
        let notifier = Notifier::open(config, None, connector, self.metrics.clone()).unwrap();
        let names: Vec<String> = notifier.endpoints.iter().map(|e| e.name.clone()).collect();
        outbox::enrol(desk, &names).await.unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let running = tokio::spawn(run(desk.clone(), notifier, shutdown));
        (trigger, running)
    }

    async fn post(&mut self) -> Seen {
        self.posts.recv().await.unwrap()
    }

    fn metric(&self, line: &str) -> bool {
        let text = TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap();
        text.lines().any(|found| found == line)
    }
}

fn secretive() -> NewAsk {
    let mut ask = statement("d1");
    if let crate::access::Subject::Statement(statement) = &mut ask.subject {
        statement.text = "DELETE FROM people WHERE card = '4111111111111111'".to_owned();
    }
    ask.reason = Some("<!channel> *urgent* ```\u{202e}".to_owned());
    ask
}

/// The key, the kind and the ask's id of a post, after its signature was checked.
#[track_caller]
fn read(post: &Seen) -> (String, String, String) {
    let signature = post.header("snowfence-signature").unwrap();
    let (seconds, signature) = signature.split_once(",v1=").unwrap();
    let seconds = seconds.strip_prefix("t=").unwrap();
    let signed = format!("{seconds}.{}", post.body);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"whsec");
    let bytes: Vec<u8> = (0..signature.len() / 2)
        .map(|at| signature.get(2 * at..2 * at + 2).unwrap())
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect();
    ring::hmac::verify(&key, signed.as_bytes(), &bytes).unwrap();
    let event: crate::access::Event = serde_json::from_str(&post.body).unwrap();
    assert_eq!(post.header("idempotency-key"), Some(event.id.as_str()));
    assert_eq!(post.header("snowfence-event"), Some(event.kind.name()));
    let id = event.ask.map_or_else(String::new, |ask| ask.id.0);
    (event.id, event.kind.name().to_owned(), id)
}

async fn opened(desk: &Desk, ask: NewAsk) -> AskId {
    desk.ask(ask, crate::clock::now()).await.unwrap().id
}

#[tokio::test]
async fn events_come_signed_in_order_and_without_literals() {
    let place = Place::new().await;
    let mut receiver = Receiver::start(|_| Reply::status(204)).await;
    let config = receiver.webhook(&[]);
    let (_trigger, _running) = receiver.notify(&place.desk, &config).await;
    let ask = place.desk.ask(secretive(), at(0)).await.unwrap().id;
    place
        .desk
        .vote(&ask, vote("ann", 1_001, true), at(1))
        .await
        .unwrap();
    place.desk.consume(&ask, "d1", at(2)).await.unwrap();

    for kind in ["ask_opened", "ask_approved", "ask_used"] {
        let post = receiver.post().await;
        assert_eq!(post.line, "POST /hook");
        let (_, found, id) = read(&post);
        assert_eq!((found.as_str(), &id), (kind, &ask.0));
        assert!(!post.body.contains("4111"), "{}", post.body);
        assert!(post.body.contains("DELETE FROM people WHERE card = ?"));
    }
}

#[tokio::test]
async fn a_receiver_that_is_down_gets_the_same_event_under_the_same_key() {
    let place = Place::new().await;
    let mut receiver = Receiver::start(|index| match index {
        0 => Reply::status(503),
        1 => Reply::Reset,
        _ => Reply::status(200),
    })
    .await;
    let config = receiver.webhook(&[EventKind::AskOpened]);
    let (_trigger, _running) = receiver.notify(&place.desk, &config).await;
    // By the real clock: how long an event is tried for begins when it happened.
    let first = opened(&place.desk, statement("d1")).await;
    let second = opened(&place.desk, statement("d2")).await;

    let tries = [
        receiver.post().await,
        receiver.post().await,
        receiver.post().await,
    ];
    let tries = tries.map(|post| read(&post));
    assert_eq!(tries[0].2, first.0);
    assert!(tries.iter().all(|found| *found == tries[0]), "{tries:?}");
    assert_eq!(read(&receiver.post().await).2, second.0);
    let retried = "snowfence_access_notifications_total{form=\"webhook\",outcome=\"retried\"} 2";
    assert!(receiver.metric(retried));
}

#[tokio::test]
async fn what_a_receiver_refuses_is_given_up_and_what_follows_is_told() {
    let place = Place::new().await;
    let mut receiver = Receiver::start(|index| match index {
        0 => Reply::status(410),
        1 => Reply::with(302, "location: https://elsewhere.example.com/\r\n", b""),
        _ => Reply::status(200),
    })
    .await;
    let config = receiver.webhook(&[EventKind::AskOpened]);
    let (_trigger, _running) = receiver.notify(&place.desk, &config).await;
    let mut ids = Vec::new();
    for digest in ["d1", "d2", "d3"] {
        ids.push(opened(&place.desk, statement(digest)).await.0);
    }
    for id in ids {
        assert_eq!(read(&receiver.post().await).2, id);
    }
    let failed = "snowfence_access_notifications_total{form=\"webhook\",outcome=\"failed\"} 2";
    assert!(receiver.metric(failed));
}

#[tokio::test]
async fn what_happens_while_nobody_is_told_is_told_after_the_next_start() {
    let place = Place::new().await;
    let mut receiver = Receiver::start(|_| Reply::status(200)).await;
    let config = receiver.webhook(&[]);
    let before = opened(&place.desk, statement("before")).await;
    let (trigger, running) = receiver.notify(&place.desk, &config).await;
    let first = opened(&place.desk, statement("d1")).await;
    assert_eq!(read(&receiver.post().await).2, first.0);
    trigger.start();
    running.await.unwrap();

    let second = opened(&place.desk, statement("d2")).await;
    let place = place.reopen().await;
    let (_trigger, _running) = receiver.notify(&place.desk, &config).await;
    let mut post = read(&receiver.post().await);
    if post.2 == first.0 {
        // The end came between the answer and the note that it was sent: the same key tells.
        post = read(&receiver.post().await);
    }
    assert_eq!(post.2, second.0);
    assert_ne!(post.2, before.0);
}

#[tokio::test]
async fn slack_is_told_what_an_approver_needs() {
    let place = Place::new().await;
    let mut receiver = Receiver::start(|_| Reply::status(200)).await;
    let config = Config {
        webhooks: Vec::new(),
        slack: vec![Slack {
            name: "slack".to_owned(),
            url: receiver.secret("url", &receiver.url()),
            events: Vec::new(),
            redact: true,
        }],
    };
    let (_trigger, _running) = receiver.notify(&place.desk, &config).await;
    let ask = place.desk.ask(secretive(), at(0)).await.unwrap().id;
    let opened = receiver.post().await;
    assert_eq!(opened.header("snowfence-signature"), None);
    let mut loud = role(10);
    loud.terms.approvals = 0;
    loud.terms.breakglass = true;
    let grant = place.desk.ask(loud, at(0)).await.unwrap();
    let told = [opened, receiver.post().await, receiver.post().await].map(|post| {
        let body: serde_json::Value = serde_json::from_str(&post.body).unwrap();
        // One block, one line; ids are random.
        let blocks = body["blocks"].as_array().unwrap().iter();
        let lines: Vec<String> = blocks.map(ToString::to_string).collect();
        let text = format!("{}\n{}\n", body["text"], lines.join("\n"));
        let text = text.replace(&ask.0, "ask-1").replace(&grant.id.0, "ask-2");
        let text = text.replace(&grant.grant.as_ref().unwrap().0, "grant-1");
        let start = text.find("event-").unwrap();
        text.replace(text.get(start..start + 22).unwrap(), "event-1")
    });
    let told = told.join("\n");
    // The mention is ours, and not what the agent wrote as its reason.
    assert_eq!(told.matches("<!channel> *Nobody").count(), 1);
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn every_problem_of_a_configuration_is_told_at_once() {
    let receiver = Receiver::start(|_| Reply::status(200)).await;
    let mut config = receiver.webhook(&[]);
    let mut other = config.webhooks[0].clone();
    other.url = "http://hooks.example.com/".to_owned();
    config.webhooks.push(other);
    config.slack.push(Slack {
        name: "chat".to_owned(),
        url: SecretSource::File(receiver.dir.path().join("missing")),
        events: Vec::new(),
        redact: true,
    });
    let connector = &receiver.server.connector;
    let problems = Notifier::open(&config, None, connector, receiver.metrics.clone());
    let problems: Vec<String> = problems
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        problems,
        [
            "two receivers of notifications are called `ticketing`",
            "the address of `ticketing` is neither https nor http to this host's loopback",
            "cannot get the secret of `chat`",
        ]
    );
}
