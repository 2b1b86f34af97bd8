//! The harness keeps its own promises; the tests that build on it need not doubt them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::cgroup::Place;
use tests::environment::{ACCOUNT_HOST, Environment};
use tests::wait;

/// The cgroup of a process, as the kernel tells it, below the cgroup v2 mount.
fn cgroup_of(output: &str) -> &str {
    output
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap()
}

#[test]
fn a_client_runs_where_it_was_told_from_its_first_instruction() {
    let environment = Environment::new("place").unwrap();
    let ask = |client: tests::Client| client.arg("/proc/self/cgroup").output().unwrap().stdout;
    let inside = ask(environment.inside("/bin/cat"));
    let outside = ask(environment.outside("/bin/cat"));
    assert_eq!(cgroup_of(&inside), environment.tree().name(Place::Agents));
    assert_eq!(cgroup_of(&outside), environment.tree().name(Place::Free));
}

#[test]
fn a_client_sees_the_names_of_the_environment_and_no_variable_of_the_test() {
    let environment = Environment::new("names").unwrap();
    let output = environment
        .inside("/bin/sh")
        .args(["-c", &format!("getent ahostsv4 {ACCOUNT_HOST}; env")])
        .output()
        .unwrap();
    let address = environment.addresses().account().to_string();
    assert!(output.stdout.starts_with(&address), "{output:?}");
    assert!(!output.stdout.contains("CARGO"), "{output:?}");
}

#[test]
fn trust_stays_in_the_namespace() {
    let before = fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap();
    let mut environment = Environment::new("trust").unwrap();
    let certificate = environment.dir().join("ca.crt");
    let text = "-----BEGIN CERTIFICATE-----\nnot really\n-----END CERTIFICATE-----";
    fs::write(&certificate, text).unwrap();
    environment.trust(&certificate, &[]).unwrap();
    let bundle = environment
        .inside("/bin/cat")
        .arg("/etc/ssl/certs/ca-certificates.crt")
        .output()
        .unwrap();
    assert!(bundle.stdout.contains("not really"));
    assert_eq!(
        fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap(),
        before
    );
}

#[test]
fn nothing_is_left_after_a_panic() {
    let mut left: Option<(PathBuf, PathBuf, PathBuf, u32)> = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let environment = Environment::new("panic").unwrap();
        let process = environment
            .inside("/bin/sleep")
            .arg("1000")
            .start("sleeper")
            .unwrap();
        left = Some((
            environment.tree().path(Place::Agents),
            environment.pins().path().to_owned(),
            environment.dir().to_owned(),
            process.id(),
        ));
        panic!("as a failing test does");
    }));
    panicked.unwrap_err();
    let (cgroup, pins, dir, process) = left.unwrap();
    assert!(!cgroup.parent().unwrap().exists());
    assert!(!pins.exists());
    assert!(!dir.exists());
    assert!(!Path::new(&format!("/proc/{process}")).exists());
}

#[test]
fn even_a_daemonised_grandchild_is_killed() {
    let environment = Environment::new("orphan").unwrap();
    let output = environment
        .inside("/bin/sh")
        .args(["-c", "setsid /bin/sleep 1000 >/dev/null 2>&1 & echo $!"])
        .output()
        .unwrap();
    // A process that is dead and not yet collected by its parent has no command line.
    let process = PathBuf::from(format!("/proc/{}/cmdline", output.stdout.trim()));
    let runs = || fs::read(&process).is_ok_and(|line| !line.is_empty());
    // Amid its exec it has none for a moment, either.
    let started = wait::until("the sleeper", Duration::from_secs(5), || {
        Ok(runs().then_some(()))
    });
    started.unwrap();
    drop(environment);
    assert!(!runs());
}

#[test]
fn a_client_that_takes_too_long_is_ended_and_shows_what_it_wrote() {
    let environment = Environment::new("limit").unwrap();
    let error = environment
        .inside("/bin/sh")
        .args(["-c", "echo started; exec /bin/sleep 1000"])
        .limit(Duration::from_millis(500))
        .output()
        .unwrap_err();
    assert!(format!("{error:#}").contains("started"), "{error:#}");
}
