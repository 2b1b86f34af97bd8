//! Builds every part and wires them; nothing else constructs.
//!
//! The order of the start is a promise: policy, record, authority and credentials are ready and
//! the listeners are bound before the kernel redirects the first connection. The recording is open
//! before the desk, which does nothing that it cannot record, and says which policies are in force
//! before anything is judged by them; that the daemon enforces it says before the first connection is
//! accepted, and that it stops after everything else. What an earlier start
//! pinned goes on refusing until then. The end leaves the programs attached: without a daemon,
//! connects are refused, never let past.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::time::Instant;

use crate::access::notify::{self, Notifier, NotifyError};
use crate::access::socket::{self, Counter, Reading};
use crate::access::{Desk, Recording};
use crate::admin::{self, Admin};
use crate::catalog::Catalog;
use crate::clock;
use crate::config::{self, Config};
use crate::credential::{self, Credentials};
use crate::identity::Identifier;
use crate::kernel::Kernel;
use crate::kernel::metrics::KernelMetrics;
use crate::life;
use crate::mask::key::MasterKey;
use crate::mask::masks::Masker;
use crate::policy::{self, PolicySet};
use crate::proxy::{self, Listeners, Refusal, Services};
use crate::record::event::SessionClosed;
use crate::record::index::Indexer;
use crate::record::keep::Keeper;
use crate::record::{Event, Recorder, Redaction, What};
use crate::session::{Chunks, Registry, Results, SessionId};
use crate::shutdown::{self, Shutdown};
use crate::sql::Analyst;
use crate::telemetry::ErrorChain;
use crate::tls::{Authority, SnowflakeNames, Terminator, client};
use crate::upstream::{self, Upstream};

/// For threads that hang in someone's file system while they read about a process.
const BLOCKED_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// A part cannot be started; what was enforced before still is.
pub fn run(config: Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let ended = runtime.block_on(serve(config));
    runtime.shutdown_timeout(BLOCKED_TIMEOUT);
    ended
}

async fn serve(config: Config) -> Result<()> {
    let registry = prometheus::Registry::new();
    let listeners = Listeners::bind().context("binding the listeners")?;
    let mut kernel = Kernel::load(&config.kernel, &config.scopes).context("loading eBPF")?;
    let mask_key = open_mask_key(&config).await?;
    let parts = Parts::build(&config, &registry, mask_key)?;
    let _indexer = Indexer::start(&config.record, &registry).context("starting the indexer")?;
    let notifier = open_notifier(&config, &registry)?;
    life::begin(&parts.recorder, &parts.policies.snapshot()).await?;
    let desk = Desk::open(
        &config.access.store,
        Arc::new(parts.witness(&config.record)),
    )
    .await
    .context("opening the store of asks and grants")?;
    let keeper = open_keeper(&config, &parts.recorder)?;
    let counter = socket::bind(&config.access.socket).context("opening the access socket")?;
    let (v4, v6) = listeners.ports().context("reading the listeners' ports")?;
    kernel
        .publish_listener(v4, v6)
        .context("publishing the listeners")?;
    let enforced = kernel.enforce().context("attaching the eBPF programs")?;
    tracing::info!(
        links_created = enforced.links_created,
        links_updated = enforced.links_updated,
        connections_destroyed = enforced.connections_destroyed,
        v4_port = v4,
        v6_port = v6,
        "enforcing"
    );
    life::started(&parts.recorder, &config).await?;
    let kernel = Arc::new(kernel);
    parts.policies.register(&registry)?;
    desk.register(&registry)?;
    registry.register(Box::new(KernelMetrics::new(Arc::clone(&kernel))?))?;
    let services = Arc::new(parts.into_services(config, kernel, desk));
    let admin = start_admin(&services, registry)?;
    let (trigger, shutdown) = shutdown::channel();
    let accepting = accept(listeners, &services, &shutdown);
    let serving = counter.serve(count(&services)?, shutdown.clone());
    let serving = serving.context("serving the access socket")?;
    let telling = notify::run(services.desk.clone(), notifier, shutdown.clone());
    let keeping = [
        serving,
        tokio::spawn(telling),
        tokio::spawn(keeper.run(shutdown.clone())),
        tokio::spawn(proxy::keep_sessions(
            Arc::clone(&services),
            shutdown.clone(),
        )),
        tokio::spawn(proxy::judge_again(Arc::clone(&services), shutdown.clone())),
        tokio::spawn(services.desk.clone().keep(shutdown.clone())),
        tokio::spawn(life::reload(Arc::clone(&services), shutdown)),
    ];

    shutdown::signalled()
        .await
        .context("waiting for a signal")?;
    tracing::info!("stopping; the kernel goes on refusing what it redirected");
    trigger.start();
    for task in accepting {
        task.await.context("waiting for connections")?;
    }
    for task in keeping {
        task.await.context("waiting for the housekeeping")?;
    }
    // Not before: the requests that were still open needed their sessions.
    proxy::end_sessions(&services).await;
    life::stopped(&services.recorder).await;
    admin.shutdown();
    Ok(())
}

/// Everything that can fail before the kernel is touched.
struct Parts {
    metrics: proxy::Metrics,
    identifier: Identifier,
    names: SnowflakeNames,
    terminator: Terminator,
    recorder: Recorder,
    policies: Arc<policy::Store>,
    masker: Arc<Masker>,
    analyst: Analyst,
    credentials: Credentials,
    upstream: Upstream,
}

impl Parts {
    fn build(
        config: &Config,
        registry: &prometheus::Registry,
        mask_key: MasterKey,
    ) -> Result<Self> {
        let recorder = Recorder::open(&config.record).context("opening the recording")?;
        recorder.metrics().register(registry)?;
        let hosts = config.accounts.iter().flat_map(|account| &account.hosts);
        let names = SnowflakeNames::new(hosts.chain(&config.tls.extra_names))?;
        let authority = Authority::open_or_create(&config.tls.ca_dir, &config.tls.extra_names)
            .context("opening the certificate authority")?;
        let connector = client::connector(&config.tls.upstream_ca_files)
            .context("reading the roots for the upstream")?;
        let systemd = std::env::var_os("CREDENTIALS_DIRECTORY");
        let credentials = Credentials::new(
            &config.credentials,
            systemd.as_deref().map(Path::new),
            &connector,
        )
        .context("opening the credentials")?;
        let upstream_metrics = upstream::Metrics::new(registry)?;
        let policies = policy::Store::open(&config.policy.dir).context("loading the policies")?;
        let masker = Masker::new(mask_key);
        prepare(&masker, &policies.snapshot());
        Ok(Self {
            metrics: proxy::Metrics::new(registry)?,
            identifier: Identifier::new(&config.workloads).context("reading the workloads")?,
            names,
            terminator: Terminator::new(Arc::new(authority), config.limits.hello_timeout)?,
            recorder,
            policies: Arc::new(policies),
            masker: Arc::new(masker),
            analyst: Analyst::new().context("starting statement analysis")?,
            credentials,
            upstream: Upstream::new(connector, &config.limits, Some(upstream_metrics)),
        })
    }

    /// The recording, as the desk's witness: values in statements are hidden as in other frames.
    fn witness(&self, config: &config::Record) -> Recording {
        let literals = config.literals;
        let (policies, masker) = (Arc::clone(&self.policies), Arc::clone(&self.masker));
        let hide = move |statement: &str| {
            let policies = policies.snapshot();
            let masks = masker.masks(policies.labels(), policies.version());
            let redaction = Redaction::new(Arc::clone(masks.redactions()), literals);
            redaction.statement(statement).into_owned()
        };
        let (policies, masker) = (Arc::clone(&self.policies), Arc::clone(&self.masker));
        let tell = move |text: &str| {
            let policies = policies.snapshot();
            let masks = masker.masks(policies.labels(), policies.version());
            let redaction = Redaction::new(Arc::clone(masks.redactions()), literals);
            redaction.told(text).into_owned()
        };
        Recording::new(self.recorder.clone(), &config.dir, Arc::new(hide)).telling(Arc::new(tell))
    }

    fn into_services(self, config: Config, kernel: Arc<Kernel>, desk: Desk) -> Services {
        let first_session = self.recorder.status().next_entry;
        let recorder = self.recorder.clone();
        let ends = move |session: SessionId, reason| {
            recorder.event_detached(&Event {
                time: clock::now(),
                what: What::SessionClosed(SessionClosed {
                    session: session.to_string(),
                    reason,
                }),
            });
        };
        Services {
            flows: kernel.flows(),
            kernel,
            metrics: self.metrics,
            identifier: self.identifier,
            names: self.names,
            terminator: self.terminator,
            recorder: self.recorder,
            policies: self.policies,
            masker: self.masker,
            analyst: self.analyst,
            desk,
            credentials: self.credentials,
            upstream: self.upstream,
            sessions: Registry::new(config.limits.sessions_max, first_session, Box::new(ends)),
            results: Results::default(),
            catalog: Catalog::default(),
            chunks: Chunks::default(),
            state: proxy::State::new(&config),
            config,
        }
    }
}

fn accept(
    listeners: Listeners,
    services: &Arc<Services>,
    shutdown: &Shutdown,
) -> Vec<tokio::task::JoinHandle<()>> {
    [Some(listeners.v4), listeners.v6]
        .into_iter()
        .flatten()
        .map(|listener| {
            tokio::spawn(proxy::serve(
                listener,
                Arc::clone(services),
                shutdown.clone(),
            ))
        })
        .collect()
}

/// Opens what packs, ships and deletes closed segments.
fn open_keeper(config: &Config, recorder: &Recorder) -> Result<Keeper> {
    let systemd = std::env::var_os("CREDENTIALS_DIRECTORY");
    let directory = systemd.as_deref().map(Path::new);
    let keeper = Keeper::open(&config.record, recorder.clone(), directory);
    keeper.context("opening what keeps the recording")
}

/// Reads the masking key, or makes it at the first start.
async fn open_mask_key(config: &Config) -> Result<MasterKey> {
    let systemd = std::env::var_os("CREDENTIALS_DIRECTORY");
    let key = credential::mask_key(&config.mask, systemd.as_deref().map(Path::new)).await;
    key.context("opening the masking key")
}

/// Opens who is told of asks and grants; everything that is wrong is told at once.
fn open_notifier(config: &Config, registry: &prometheus::Registry) -> Result<Notifier> {
    let connector = client::connector(&config.tls.upstream_ca_files)
        .context("reading the roots for notifications")?;
    let systemd = std::env::var_os("CREDENTIALS_DIRECTORY");
    let metrics = notify::Metrics::new(registry)?;
    let directory = systemd.as_deref().map(Path::new);
    let opened = Notifier::open(&config.notify, directory, &connector, metrics);
    opened.map_err(|problems| {
        let told = problems
            .iter()
            .map(|it: &NotifyError| ErrorChain(it).to_string());
        let told = told.collect::<Vec<_>>().join("; ");
        anyhow!(told).context("opening the receivers of notifications")
    })
}

/// What serves the access socket.
fn count(services: &Arc<Services>) -> Result<Arc<Counter>> {
    let policies = Arc::clone(services);
    let policies = Arc::new(move || policies.policies.snapshot());
    let reader = Arc::clone(services);
    let read_tags = Arc::new(move |wanted| -> Reading {
        let reading = proxy::read_tags(Arc::clone(&reader), wanted);
        Box::pin(async move { reading.await.map_err(Refusal::into_message) })
    });
    let counter = Counter::new(&services.config, services.desk.clone(), policies, read_tags);
    Ok(Arc::new(counter.context("reading the workloads")?))
}

/// Compiles the patterns of the labels, so that no statement waits for that.
pub(crate) fn prepare(masker: &Masker, policies: &PolicySet) {
    drop(masker.masks(policies.labels(), policies.version()));
}

fn start_admin(
    services: &Arc<Services>,
    registry: prometheus::Registry,
) -> Result<admin::AdminThread> {
    let started = Instant::now();
    let services = Arc::clone(services);
    let config = services.config.admin.clone();
    let status = Arc::new(move || services.status(started));
    admin::start(&config, Admin { registry, status }).context("starting the admin socket")
}
