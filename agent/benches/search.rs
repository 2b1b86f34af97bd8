//! How fast a recording is indexed and searched, and how large its index is.
//!
//! `cargo xtask bench search [--entries N] [--texts N]` runs this. Segments are made as the daemon's
//! would be, one at a time; only reading them into the index is timed.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::record::chain::{Digest, link};
use agent::record::format::{Kind, MAGIC, Packing, file_name, v1};
use agent::record::index::query::{By, Filter, Glob, TablePattern, Words};
use agent::record::index::{Follower, Index, Verdict};
use agent::record::read::Identities;
use anyhow::{Context as _, Result};
use tokio::time::Instant;

const SEGMENT_BYTES: usize = 64 << 20;
const RUNS: u64 = 100;
const START_US: i64 = 1_795_161_600_000_000;
/// A statement every 200 ms is 10 million in three weeks.
const PAUSE_US: i64 = 200_000;
const TABLES: u64 = 5_000;
const STATEMENTS_OF_SESSION: u64 = 200;

fn main() -> Result<()> {
    let mut entries = 10_000_000;
    let mut texts = 300_000;
    let mut dir = std::env::temp_dir();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--entries" => entries = arguments.next().context("a number")?.parse()?,
            "--texts" => texts = arguments.next().context("a number")?.parse()?,
            "--dir" => dir = PathBuf::from(arguments.next().context("a directory")?),
            _cargos => {}
        }
    }
    let dir = dir.join(format!("snowfence-bench-{}", std::process::id()));
    fs::create_dir_all(dir.join("record"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = runtime.block_on(measure(&dir, entries, texts));
    fs::remove_dir_all(&dir)?;
    measured
}

async fn measure(dir: &Path, entries: u64, texts: u64) -> Result<()> {
    let path = dir.join("index.db");
    let mut index = Index::open(&path, true, false).await?;
    let (time, recorded) = build(&dir.join("record"), &mut index, entries, texts).await?;
    index.close().await?;
    let bytes = fs::metadata(&path)?.len();
    println!(
        "{entries} entries, {texts} distinct statements, {} MB recorded",
        recorded >> 20
    );
    let per_second = u128::from(entries) * 1_000_000 / time.as_micros().max(1);
    println!(
        "indexed in {} s, {per_second} entries/s, {} MB/s",
        time.as_secs(),
        u128::from(recorded) / time.as_micros().max(1)
    );
    println!(
        "index {} MB, {} bytes per entry",
        bytes >> 20,
        bytes / entries.max(1)
    );
    println!();
    let mut index = Index::read(&path).await?;
    println!(
        "{:<38}{:>10}{:>10}{:>10}{:>8}",
        "ms", "p50", "p99", "max", "found"
    );
    searches(&mut index, entries).await?;
    lists(&mut index, entries).await
}

async fn searches(index: &mut Index, entries: u64) -> Result<()> {
    let all = Filter::default;
    let last = (START_US + i64::try_from(entries)? * PAUSE_US) / 1_000;
    let queries: [(&str, &str, Filter); 13] = [
        ("rare word", "needle_%", all()),
        ("word in 1 of 50 statements", "region_%", all()),
        ("common word", "select", all()),
        ("two common words", "select limit", all()),
        ("no such word", "absent_%", all()),
        ("phrase", "\"from db1.schema_2.table_%\"", all()),
        ("common phrase", "\"order by 3 desc\"", all()),
        ("prefix", "table_%*", all()),
        ("common prefix", "tab*", all()),
        (
            "common word, workload",
            "select",
            Filter {
                workload: Some(Glob::new("agent-7")),
                ..all()
            },
        ),
        (
            "common word, denied",
            "select",
            Filter {
                verdict: Some(Verdict::Deny),
                ..all()
            },
        ),
        (
            "common word, one table",
            "select",
            Filter {
                table: Some(TablePattern::parse("db1.schema_1.table_1001")?),
                ..all()
            },
        ),
        (
            "common word, the oldest hour",
            "select",
            Filter {
                since: Some(START_US / 1_000),
                until: Some((START_US / 1_000 + 3_600_000).min(last)),
                ..all()
            },
        ),
    ];
    for (name, words, filter) in queries {
        let mut times = Vec::new();
        let mut found = 0;
        for run in 0..RUNS {
            let words = Words::parse(&words.replace('%', &(run % 50).to_string()))?;
            let start = Instant::now();
            found += index.search(&words, &filter, 50).await?.len();
            times.push(start.elapsed());
        }
        print(name, times, found / 100);
    }
    Ok(())
}

async fn lists(index: &mut Index, entries: u64) -> Result<()> {
    let all = Filter::default;
    let middle = START_US / 1_000 + i64::try_from(entries)? * PAUSE_US / 2_000;
    for (name, filter) in [
        ("sessions", all()),
        (
            "sessions, workload",
            Filter {
                workload: Some(Glob::new("agent-7")),
                ..all()
            },
        ),
        (
            "sessions, denied",
            Filter {
                verdict: Some(Verdict::Deny),
                ..all()
            },
        ),
        (
            "sessions, one table",
            Filter {
                table: Some(TablePattern::parse("db1.schema_1.table_1001")?),
                ..all()
            },
        ),
        (
            "sessions, label",
            Filter {
                label: Some(Glob::new("pii.*")),
                ..all()
            },
        ),
        (
            "sessions, until the middle",
            Filter {
                until: Some(middle),
                ..all()
            },
        ),
    ] {
        let (mut times, mut found) = (Vec::new(), 0);
        for _run in 0..RUNS {
            let start = Instant::now();
            found += index.sessions(&filter, false, 50).await?.len();
            times.push(start.elapsed());
        }
        print(name, times, found / 100);
    }
    for (name, by) in [
        ("stats", None),
        ("stats by workload", Some(By::Workload)),
        ("stats by table", Some(By::Table)),
        ("stats by day", Some(By::Day)),
    ] {
        let (mut times, mut found) = (Vec::new(), 0);
        for _run in 0..5 {
            let start = Instant::now();
            found += index.statistics((None, None), by, 20).await?.groups.len();
            times.push(start.elapsed());
        }
        print(name, times, found / 5);
    }
    Ok(())
}

fn print(name: &str, mut times: Vec<Duration>, found: usize) {
    times.sort_unstable();
    let at = |percent: usize| {
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(at).copied().unwrap_or_default().as_secs_f64() * 1_000.0
    };
    println!(
        "{name:<38}{:>10.2}{:>10.2}{:>10.2}{found:>8}",
        at(50),
        at(99),
        at(100)
    );
}

/// Makes one segment after the other and reads each into the index; tells how long the reading took.
async fn build(dir: &Path, index: &mut Index, entries: u64, texts: u64) -> Result<(Duration, u64)> {
    let mut follower = Follower::new(dir.to_owned(), Identities::default());
    let mut segment = Segment::begin(1, Digest::ZERO);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut taken, mut recorded) = (Duration::ZERO, 0);
    for entry in 1..=entries {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        write(&mut segment, entry, random, texts);
        if segment.bytes.len() < SEGMENT_BYTES && entry < entries {
            continue;
        }
        recorded += segment.bytes.len() as u64;
        let path = dir.join(file_name(segment.number, Packing::Plain));
        fs::write(&path, &segment.bytes)?;
        let start = Instant::now();
        follower.catch_up(index).await?;
        taken += start.elapsed();
        // What is read is not read again; its name must stay, or the index forgets it.
        fs::write(&path, [])?;
        segment = Segment::begin(segment.number + 1, segment.digest);
    }
    Ok((taken, recorded))
}

fn write(segment: &mut Segment, entry: u64, random: u64, texts: u64) {
    let time = START_US + i64::try_from(entry).unwrap_or_default() * PAUSE_US;
    // Half of what is asked is asked again and again. With as many texts as entries all differ.
    let text = match (entry < texts, random.is_multiple_of(2)) {
        (true, _) => entry,
        (false, true) => (random >> 8) % (texts / 100).max(1),
        (false, false) => (random >> 8) % texts,
    };
    let session = entry / STATEMENTS_OF_SESSION;
    let who = session % 40;
    let table = text % TABLES;
    let region = text % 50;
    let needle = if text % 5_000 == 77 {
        format!(" /* needle_{} */", text / 5_000 % 50)
    } else {
        String::new()
    };
    let name = format!("db{}.schema_{}.table_{table}", table % 4, table % 10);
    let statement = format!(
        "select c{0}, c{1}, sum(amount_{2}) as total_{2} from {name} t join db1.public.customers c on c.id = t.customer_id \
         where c.region = 'region_{region}' and t.batch_id = {text} and t.created_at >= dateadd(day, -{3}, current_date()) \
         group by 1, 2 order by 3 desc limit 100{needle}",
        text % 97,
        text % 89,
        text % 13,
        text % 30,
    );
    let denied = random.is_multiple_of(200);
    let verdict = if denied { "deny" } else { "allow" };
    let about = format!(
        "\"connection\":{session},\"server_name\":\"org-acct.snowflakecomputing.com\",\"caller\":{{\"workload\":\"agent-{who}\",\
         \"cgroup\":\"/sys/fs/cgroup/agents.slice/agent-{who}.service\",\"tgid\":4242,\"uid\":1001,\"unit\":\"agent-{who}.service\",\
         \"exe\":\"/usr/bin/python3.12\",\"exe_sha256\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\
         \"user\":\"person{0}@example.org\"}},\"verdict\":\"{verdict}\",\"policies\":[\"read-sales\"],\"policy_version\":\"ab12cd34\",\
         \"session\":\"s-{session:x}\",\"account\":\"org-acct.snowflakecomputing.com\",\"credential\":\"svc\",\"operation\":\"query\",\
         \"request\":\"5f0c6a0e-9a54-4a5d-8f3c-{entry:012x}\",\"statement\":{{\"text\":\"{statement}\",\"digest\":\"{random:064x}\"}},\
         \"facts\":{{\"kinds\":[\"SELECT\"],\"effects\":[\"read\"],\"accesses\":[{{\"action\":\"read\",\"type\":\"Table\",\"object\":\"{1}\"}},\
         {{\"action\":\"read\",\"type\":\"Table\",\"object\":\"DB1.PUBLIC.CUSTOMERS\"}}],\"functions\":[\"SUM\",\"DATEADD\",\"CURRENT_DATE\"],\
         \"predicates\":[\"DB1.PUBLIC.CUSTOMERS.REGION\"],\"lineage\":\"known\",\"fingerprint\":\"{text:016x}\"}}",
        session % 300,
        name.to_uppercase(),
    );
    if denied {
        let frame = format!(
            "{{{about},\"outcome\":\"refusal\",\"reason\":\"denied\",\"duration_us\":180}}"
        );
        segment.frame(Kind::Ended, entry, time, frame.as_bytes());
        return;
    }
    segment.frame(
        Kind::Decided,
        entry,
        time,
        format!("{{{about}}}").as_bytes(),
    );
    let masked = if random.is_multiple_of(5) {
        "\"masked\":{\"pii.email\":40},"
    } else {
        ""
    };
    let ended = format!(
        "{{\"outcome\":\"answer\",\"query_id\":\"01b0{entry:08x}-0000-1234-0000-000000000001\",\"rows\":{},\"bytes\":{},{masked}\
         \"duration_us\":{},\"stages\":{{\"analyse\":210,\"decide\":90,\"record\":1100,\"upstream\":88000,\"mask\":500}}}}",
        random % 1_000,
        random % 100_000,
        20_000 + random % 400_000,
    );
    segment.frame(Kind::Ended, entry, time + 90_000, ended.as_bytes());
}

/// A segment of version 1, which needs no key.
struct Segment {
    number: u64,
    digest: Digest,
    bytes: Vec<u8>,
}

impl Segment {
    fn begin(number: u64, previous: Digest) -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(v1::VERSION.to_le_bytes());
        bytes.extend(4_u16.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(previous.0);
        bytes.extend(b"host");
        let digest = link(previous, &bytes);
        bytes.extend(digest.0);
        Self {
            number,
            digest,
            bytes,
        }
    }

    fn frame(&mut self, kind: Kind, entry: u64, time: i64, payload: &[u8]) {
        let begin = self.bytes.len();
        let length = u32::try_from(17 + payload.len() + 32).unwrap_or_default();
        self.bytes.extend(length.to_le_bytes());
        self.bytes.push(kind.to_byte());
        self.bytes.extend(entry.to_le_bytes());
        self.bytes.extend(time.to_le_bytes());
        self.bytes.extend(payload);
        self.digest = link(self.digest, self.bytes.get(begin..).unwrap_or_default());
        self.bytes.extend(self.digest.0);
    }
}
