//! What a durable decision costs, beside what the disk takes for a sync anyway; and how fast a
//! recording is verified, packed and exported, beside hashing the same bytes.
//!
//! `cargo xtask bench record` runs this. Arguments: the directory to record below, which decides the
//! disk, and how many MiB are recorded to be verified.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent::config::{Durability, Literals, Record};
use agent::identity::{Principal, Workload};
use agent::policy::{Mode, Permit, PolicySet, Question, Usage, Verdict, evaluate};
use agent::record::export::{Exporter, Filter, Format};
use agent::record::format::Packing;
use agent::record::keep::Keeper;
use agent::record::key::{public_path, read_public};
use agent::record::read::{Identities, SegmentFile, list};
use agent::record::verify::verify;
use agent::record::walk::{Step, Walk};
use agent::record::{Decided, Ending, Opening, Outcome, Recorder};
use agent::shutdown::channel;
use agent::snowflake::{Operation, Query, RequestId};
use agent::sql::{Analyst, Context, Facts, SessionState};
use anyhow::{Context as _, Result, bail, ensure};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PRODUCERS: [usize; 4] = [1, 16, 64, 256];
/// For each number of producers, and as long for the raw disk before and after it.
const RUN: Duration = Duration::from_secs(3);
const RAW_BYTES: usize = 4 << 10;
const SEGMENT_BYTES: u64 = 64 << 20;
const VERIFIES: usize = 3;
const STATEMENT: &str = "select o.order_id, o.placed_at, c.name, sum(l.price * l.quantity) as \
                         total from sales.public.orders o join sales.public.customers c using \
                         (customer_id) join sales.public.lines l using (order_id) where ";

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let below = PathBuf::from(arguments.next().context("no directory was given")?);
    let mib: u64 = arguments.next().context("no size was given")?.parse()?;
    let dir = tempfile::tempdir_in(&below)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let facts = facts(&runtime)?;
    commits(&runtime, dir.path(), &facts)?;
    println!();
    reads(&runtime, dir.path(), mib, &facts)
}

/// Decisions with group commit, beside one append and sync after the other.
fn commits(runtime: &Runtime, dir: &Path, facts: &Arc<Facts>) -> Result<()> {
    println!(
        "{:<26} {:>10} {:>8} {:>9} {:>9} {:>22}",
        "", "a second", "MB/s", "p50 µs", "p99 µs", "of raw append + sync"
    );
    for producers in PRODUCERS {
        let (before, mut raw) = raw(dir)?;
        let config = config(&dir.join(format!("of-{producers}")));
        let recorder = Recorder::open(&config)?;
        let start = Instant::now();
        let mut times = runtime.block_on(decide(&recorder, producers, facts))?;
        let seconds = start.elapsed().as_secs_f64();
        drop(recorder);
        let bytes = size(&config.dir)?;
        let (after, more) = self::raw(dir)?;
        raw.extend(more);
        let syncs = f64::midpoint(before, after);
        row(
            "raw 4 KiB + fdatasync",
            syncs,
            syncs * count(RAW_BYTES) / 1e6,
            &mut raw,
        );
        println!();
        let frames = count(times.len()) / seconds;
        let name = format!("decided, {producers} producers");
        row(
            &name,
            frames,
            count(usize::try_from(bytes)?) / 1e6 / seconds,
            &mut times,
        );
        println!(" {:>21.2}x", frames / syncs);
        fs::remove_dir_all(config.dir)?;
    }
    Ok(())
}

/// Syncs a second, and what each took.
fn raw(dir: &Path) -> Result<(f64, Vec<Duration>)> {
    let path = dir.join("raw");
    let mut file = File::create(&path)?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < RUN / 2 {
        let one = Instant::now();
        file.write_all(&[0x55; RAW_BYTES])?;
        file.sync_data()?;
        times.push(one.elapsed());
    }
    let rate = count(times.len()) / start.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok((rate, times))
}

async fn decide(
    recorder: &Recorder,
    producers: usize,
    facts: &Arc<Facts>,
) -> Result<Vec<Duration>> {
    let end = Instant::now() + RUN;
    let mut tasks = JoinSet::new();
    for producer in 0..producers {
        let (recorder, facts) = (recorder.clone(), Arc::clone(facts));
        tasks.spawn(async move {
            let policies = policies()?;
            let mut times = Vec::new();
            while Instant::now() < end {
                let text = statement(producer * 1_000_000 + times.len());
                let (permit, decided) = permit(&policies, &text, &facts)?;
                let mut entry = recorder.entry(Opening::default());
                let start = Instant::now();
                let _recorded = entry.decided(permit, decided).await?;
                times.push(start.elapsed());
                entry.close_detached(&ending());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok(times)
}

/// A recording of so many MiB: verified, packed as the daemon packs it, and exported.
fn reads(runtime: &Runtime, dir: &Path, mib: u64, facts: &Arc<Facts>) -> Result<()> {
    let config = config(&dir.join("verify"));
    let recorder = Recorder::open(&config)?;
    let frames = runtime.block_on(fill(&recorder, &config.dir, mib << 20, facts))?;
    drop(recorder);
    let bytes = size(&config.dir)?;
    let frame = usize::try_from(bytes / frames)?;
    println!(
        "{} MB of segments, {frame} bytes a frame",
        bytes / 1_000_000
    );
    let alone = hash(frame);
    let line = |name: &str, rate: f64| {
        println!("{name:<44} {rate:>7.0} MB/s {:>6.2}x", rate / alone);
    };
    line("BLAKE3 alone, frame by frame, one core", alone);
    line("BLAKE3 alone, 1 MiB at a time, one core", hash(1 << 20));
    let segment = list(&config.dir)?
        .into_iter()
        .next()
        .context("no segment")?;
    let one = "verify, one segment, plain, one core";
    line(one, proves(&segment.path, &config)?);
    line(
        "verify, all, plain, all cores",
        proves(&config.dir, &config)?,
    );
    let start = Instant::now();
    runtime.block_on(pack(&config))?;
    let rate = count(usize::try_from(bytes)?) / 1e6 / start.elapsed().as_secs_f64();
    line("pack: zstd, read back, sync; one core", rate);
    let packed = count(usize::try_from(size(&config.dir)?)?);
    println!("packed {:.1} to 1", count(usize::try_from(bytes)?) / packed);
    line(
        "verify, all, zstd, all cores",
        proves(&config.dir, &config)?,
    );
    for (name, format) in [
        ("export, zstd, JSON lines, one core", Format::Jsonl),
        ("export, zstd, OCSF, one core", Format::Ocsf),
    ] {
        let start = Instant::now();
        export(&config.dir, format)?;
        let seconds = start.elapsed().as_secs_f64();
        line(name, count(usize::try_from(bytes)?) / 1e6 / seconds);
    }
    Ok(())
}

/// MB/s of a proof, the best of some.
fn proves(path: &Path, config: &Record) -> Result<f64> {
    let host = read_public(&public_path(&config.key_file))?;
    let mut best = 0_f64;
    for _ in 0..VERIFIES {
        let start = Instant::now();
        let report = verify(path, host, &Identities::default(), None)?;
        let seconds = start.elapsed().as_secs_f64();
        ensure!(report.proven.frames > 0, "nothing was proven");
        best = best.max(count(usize::try_from(report.bytes)?) / 1e6 / seconds);
    }
    Ok(best)
}

/// Waits until the daemon's own keeper has packed every closed segment.
async fn pack(config: &Record) -> Result<()> {
    let recorder = Recorder::open(config)?;
    let keeper = Keeper::open(config, recorder, None)?;
    let (trigger, shutdown) = channel();
    let keeping = tokio::spawn(keeper.run(shutdown));
    let plain = |segments: Vec<SegmentFile>| {
        let plain = segments.iter().filter(|it| it.packing == Packing::Plain);
        plain.count()
    };
    // The one that is written stays.
    while plain(list(&config.dir)?) > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    trigger.start();
    Ok(keeping.await?)
}

fn export(dir: &Path, format: Format) -> Result<()> {
    let identities = Identities::default();
    let mut exporter = Exporter::new(format, Filter::default());
    let mut lines = Vec::new();
    for step in Walk::new(dir, &identities)? {
        match step {
            Step::Frame(placed) => exporter.frame(&placed, &mut lines)?,
            Step::Damage(damage) => bail!("segment {} is damaged", damage.segment),
        }
        lines.clear();
    }
    ensure!(exporter.lines() > 0, "nothing was exported");
    Ok(())
}

/// Records until the directory has so many bytes; returns about how many frames that are.
async fn fill(recorder: &Recorder, dir: &Path, bytes_max: u64, facts: &Arc<Facts>) -> Result<u64> {
    let mut frames = 0_usize;
    while size(dir)? < bytes_max {
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let (recorder, facts, first) = (recorder.clone(), Arc::clone(facts), frames);
            tasks.spawn(async move {
                for number in 0..256 {
                    let operation = operation(&statement(first + number));
                    let now = jiff::Timestamp::UNIX_EPOCH;
                    let about = Decided::of(&operation, &Arc::default(), now);
                    let about = about.with_facts(&facts);
                    let mut entry = recorder.entry(Opening::default());
                    entry.undecided(about);
                    entry.close(ending()).await?;
                }
                anyhow::Ok(())
            });
            frames += 256;
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
    }
    Ok(u64::try_from(frames)?)
}

/// MB/s of hashing pieces of that size.
fn hash(piece: usize) -> f64 {
    let data = statement(7).repeat((16 << 20) / STATEMENT.len());
    let mut best = 0_f64;
    for _ in 0..VERIFIES {
        let start = Instant::now();
        for piece in data.as_bytes().chunks(piece) {
            std::hint::black_box(blake3::hash(piece));
        }
        best = best.max(count(data.len()) / 1e6 / start.elapsed().as_secs_f64());
    }
    best
}

fn config(dir: &Path) -> Record {
    Record {
        dir: dir.join("record"),
        durability: Durability::BeforeForward,
        segment_bytes_max: SEGMENT_BYTES,
        segment_age_max: Duration::from_secs(3600),
        reserve_bytes: 0,
        key_file: dir.join("host.key"),
        index: None,
        index_text: false,
        literals: Literals::All,
        rows_max: 20,
        rows_bytes_max: 64 << 10,
        compression_level: 3,
        encrypt_to: Vec::new(),
        keep_age_max: None,
        keep_bytes_max: None,
        ship: None,
    }
}

fn facts(runtime: &Runtime) -> Result<Arc<Facts>> {
    let analyst = Analyst::new()?;
    let context = Context::default();
    let facts = runtime.block_on(analyst.facts(&statement(0), &context));
    Ok(Arc::new(facts.context("no facts in time")?))
}

fn policies() -> Result<PolicySet> {
    let text = "@id(\"all\") permit (principal, action, resource);";
    Ok(PolicySet::parse(&[("bench.cedar", text)])?)
}

/// A permit of a policy, and what is recorded of it.
fn permit(policies: &PolicySet, text: &str, facts: &Facts) -> Result<(Permit, Decided)> {
    let principal = Principal {
        workload: Workload {
            name: "bench".to_owned(),
            ..Workload::default()
        },
        user: None,
        netns_cookie: 0,
    };
    let session = SessionState::default();
    let question = Question {
        principal: &principal,
        account: "acme",
        credential: None,
        client: "bench",
        facts: Some(facts),
        session: &session,
        roles: &[],
        usage: Usage::default(),
        approved: false,
        mode: Mode::Enforce,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let operation = operation(text);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let about = Decided::of(&operation, &Arc::default(), now).with_facts(facts);
    match evaluate(policies, &question, operation) {
        Verdict::Allow(permit) => Ok((permit, about)),
        Verdict::Hold(_) | Verdict::Deny(_) => bail!("the policy allows everything"),
    }
}

fn operation(text: &str) -> Operation {
    Operation::Query(Box::new(Query {
        text: text.to_owned(),
        ..Query::restated(RequestId("bench".to_owned()))
    }))
}

/// Statements differ as statements do: in their values.
fn statement(number: usize) -> String {
    let mut text = STATEMENT.to_owned();
    let mut random = number as u64 * 2 + 1;
    for column in ["o.order_id", "c.customer_id", "l.product_id"] {
        random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (random >> 29);
        // Writing to a text does not fail.
        write!(text, "{column} <> {random} and ").ok();
    }
    text.push_str("o.placed_at > '2026-01-01'");
    text
}

fn ending() -> Ending {
    let now = jiff::Timestamp::UNIX_EPOCH;
    Ending::new(Outcome::Answer, now, Duration::from_micros(7))
}

/// Bytes of all files of a directory.
fn size(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for file in fs::read_dir(dir)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

fn row(name: &str, rate: f64, megabytes: f64, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |hundredths: usize| {
        let index = times.len().saturating_sub(1) * hundredths / 100;
        times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e6
    };
    let (half, most) = (at(50), at(99));
    print!("{name:<26} {rate:>10.0} {megabytes:>8.1} {half:>9.0} {most:>9.0}");
}

#[expect(clippy::cast_precision_loss, reason = "for a table")]
const fn count(count: usize) -> f64 {
    count as f64
}
