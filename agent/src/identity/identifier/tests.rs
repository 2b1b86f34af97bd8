//! Names from configuration, and what happens when facts are missing.

use super::*;
use crate::identity::ContainerRuntime;

fn matcher(name: &str) -> WorkloadMatcher {
    WorkloadMatcher {
        name: name.to_owned(),
        unit: None,
        slice: None,
        cgroup: None,
        container: None,
        pod: None,
        exe: None,
        exe_sha256: None,
        uid: None,
    }
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn workload() -> Workload {
    Workload {
        cgroup: "/agents.slice/etl.service".to_owned(),
        unit: text("etl.service"),
        slice: text("agents.slice"),
        container: Some("ab".repeat(32)),
        runtime: Some(ContainerRuntime::Docker),
        pod: text("72f7f152-440c-66ac-9084-e0fc1d8a910c"),
        exe: Some("/opt/etl/bin/python3".into()),
        exe_sha256: Some("0f".repeat(32)),
        uid: 1000,
        ..Workload::default()
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut WorkloadMatcher), expected: bool) {
    let mut raw = matcher("etl");
    change(&mut raw);
    assert_eq!(
        Matcher::parse(&raw).unwrap().matches(&workload()),
        expected,
        "{raw:?}"
    );
}

#[test]
fn each_field_matches_by_its_glob() {
    check(|raw| raw.unit = text("etl.*"), true);
    check(|raw| raw.unit = text("ml.*"), false);
    check(|raw| raw.slice = text("agents.slice"), true);
    check(|raw| raw.slice = text("agents"), false);
    check(|raw| raw.cgroup = text("/agents.slice/**"), true);
    check(|raw| raw.cgroup = text("/agents.slice"), false);
    check(|raw| raw.container = text("abab*"), true);
    check(|raw| raw.container = text("abab"), false);
    check(|raw| raw.pod = text("72f7f152-*"), true);
    check(|raw| raw.exe = text("/opt/*/bin/python3*"), true);
    check(|raw| raw.exe_sha256 = Some("0F".repeat(32)), true);
    check(|raw| raw.exe_sha256 = Some("0e".repeat(32)), false);
    check(|raw| raw.uid = Some(1000), true);
    check(|raw| raw.uid = Some(0), false);
}

#[test]
fn one_star_stays_within_a_component() {
    check(|raw| raw.exe = text("/opt/*"), false);
    check(|raw| raw.exe = text("/opt/**"), true);
    check(|raw| raw.cgroup = text("/*"), false);
}

#[test]
fn all_given_fields_must_match() {
    check(
        |raw| (raw.unit, raw.uid) = (text("etl.*"), Some(1000)),
        true,
    );
    check(
        |raw| (raw.unit, raw.uid) = (text("etl.*"), Some(1001)),
        false,
    );
    check(
        |raw| (raw.unit, raw.uid) = (text("ml.*"), Some(1000)),
        false,
    );
}

#[test]
fn a_fact_that_is_not_known_matches_nothing() {
    for field in ["unit", "slice", "container", "pod", "exe"] {
        let mut raw = matcher("any");
        let all = text("**");
        match field {
            "unit" => raw.unit = all,
            "slice" => raw.slice = all,
            "container" => raw.container = all,
            "pod" => raw.pod = all,
            _ => raw.exe = all,
        }
        let matcher = Matcher::parse(&raw).unwrap();
        assert!(matcher.matches(&workload()), "{field}");
        assert!(!matcher.matches(&Workload::default()), "{field}");
    }
    let mut raw = matcher("any");
    raw.exe_sha256 = Some("0f".repeat(32));
    assert!(!Matcher::parse(&raw).unwrap().matches(&Workload::default()));
}

#[test]
fn a_backslash_is_a_part_of_the_name() {
    let mut raw = matcher("escaped");
    raw.unit = text(r"app-a\x2db.service");
    let workload = Workload {
        unit: text(r"app-a\x2db.service"),
        ..Workload::default()
    };
    assert!(Matcher::parse(&raw).unwrap().matches(&workload));
}

#[test]
fn entries_that_cannot_be_meant_are_refused() {
    let error = |change: fn(&mut WorkloadMatcher)| {
        let mut raw = matcher("etl");
        change(&mut raw);
        Matcher::parse(&raw).unwrap_err()
    };
    assert!(matches!(error(|_| ()), MatcherError::NoField));
    assert!(matches!(
        error(|raw| raw.unit = text("[")),
        MatcherError::Glob { field: "unit", .. }
    ));
    assert!(matches!(
        error(|raw| raw.exe_sha256 = text("0f*")),
        MatcherError::Digest
    ));
    assert!(matches!(
        error(|raw| raw.name = UNKNOWN.to_owned()),
        MatcherError::ReservedName
    ));
}

fn identifier(entries: &[(&str, &str)]) -> Identifier {
    let matchers: Vec<_> = entries
        .iter()
        .map(|(name, unit)| WorkloadMatcher {
            unit: text(unit),
            ..matcher(name)
        })
        .collect();
    Identifier::new(&matchers).unwrap()
}

/// A process that cannot be there: numbers end at 2^22.
fn gone() -> Caller {
    Caller {
        tgid: u32::MAX,
        uid: 1000,
        gid: 100,
        comm: "python3".to_owned(),
        start_time_ns: Some(79_999_999),
        ..Caller::default()
    }
}

#[tokio::test]
async fn the_first_entry_that_matches_gives_the_name() {
    let identifier = identifier(&[("one", "a*"), ("two", "ab*"), ("three", "b*")]);
    for (unit, expected) in [("ab", "one"), ("b", "three"), ("c", UNKNOWN)] {
        let path = format!("/x.slice/{unit}.service");
        let principal = identifier.identify(gone(), &path, 7).await.unwrap();
        assert_eq!(principal.workload.name, expected);
        assert_eq!(principal.netns_cookie, 7);
        assert_eq!(principal.user, None);
        assert_eq!(principal.key().anchor, path);
    }
}

#[tokio::test]
async fn a_process_that_is_gone_leaves_the_kernels_facts() {
    let principal = identifier(&[])
        .identify(gone(), "/x.slice/a.service/below", 1)
        .await
        .unwrap();
    assert_eq!(
        principal.workload,
        Workload {
            name: UNKNOWN.to_owned(),
            cgroup: "/x.slice/a.service/below".to_owned(),
            anchor: "/x.slice/a.service".to_owned(),
            unit: text("a.service"),
            slice: text("x.slice"),
            tgid: u32::MAX,
            uid: 1000,
            gid: 100,
            comm: "python3".to_owned(),
            started: Some(7),
            ..Workload::default()
        }
    );
}

#[tokio::test]
async fn a_cgroup_that_is_ambiguous_is_no_principal() {
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let error = identifier(&[])
        .identify(gone(), &format!("/docker/{a}/docker/{b}"), 1)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        IdentityError::Cgroup(CgroupError::ManyContainers { .. })
    ));
}

#[tokio::test]
async fn our_own_process_is_identified_with_its_program() {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1;
    let ticks: u64 = fields.split(' ').nth(19).unwrap().parse().unwrap();
    let caller = Caller {
        tgid: std::process::id(),
        start_time_ns: Some(ticks * 10_000_000),
        ..Caller::default()
    };
    let principal = identifier(&[]).identify(caller, "/", 1).await.unwrap();
    assert_eq!(principal.workload.started, Some(ticks));
    assert_eq!(principal.workload.exe, std::env::current_exe().ok());
    assert_eq!(principal.workload.exe_sha256.unwrap().len(), 64);
    assert!(!principal.workload.ancestors.is_empty());
}

#[test]
fn only_a_container_is_believed_about_paths_that_the_host_does_not_have() {
    let exe = |is_host_path| process::Executable {
        path: "/usr/bin/python3".into(),
        is_host_path,
        sha256: None,
    };
    let bare = CgroupFacts::default();
    let container = CgroupFacts {
        container: text("x"),
        ..CgroupFacts::default()
    };
    assert!(believed(&exe(true), &bare).is_some());
    assert!(believed(&exe(false), &bare).is_none());
    assert!(believed(&exe(false), &container).is_some());
}
