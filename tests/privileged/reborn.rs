//! Scopes whose cgroup comes and goes: a slice of systemd is one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use agent::kernel::probe::{self, FeatureState};
use agent::kernel::{Counter, Kernel, KernelError, detach};

use crate::harness::{Bench, Client, LINKS, counted, eventually};

/// Makes a socket, leaves for another cgroup, and connects with it when told to.
const TAKE_SOCKET_OUT: &str = r"
import os, socket, sys
s = socket.socket()
with open(sys.argv[2], 'w') as procs: procs.write(str(os.getpid()))
print('out', flush=True)
sys.stdin.readline()
s.connect((sys.argv[1], 443))
print(s.recv(64).decode(), flush=True)
sys.stdin.read()
";

#[track_caller]
fn expect_redirected(bench: &Bench, kernel: &Kernel, cgroup: &str, scope: usize) {
    let mut client = bench.connect_snowflake(cgroup);
    let flow = bench.listeners.expect_flow(kernel);
    assert_eq!(flow.cgroup_id, bench.cgroup_id(cgroup));
    assert_eq!(kernel.scope_of(flow.cgroup_id), Some(scope));
    client.line();
    assert_eq!(client.line(), "PROXY");
}

#[track_caller]
fn expect_direct(bench: &Bench, cgroup: &str) {
    let mut client = bench.connect_snowflake(cgroup);
    client.line();
    assert_eq!(client.line(), "DIRECT");
}

fn make_again(bench: &Bench, cgroup: &str) {
    let before = bench.cgroup_id(cgroup);
    bench.remove(cgroup);
    bench.make(cgroup);
    assert_ne!(bench.cgroup_id(cgroup), before);
}

/// A process outside with a socket that was made in the scope.
fn socket_taken_out(bench: &Bench) -> Client {
    let host = bench.snowflake.address.ip().to_string();
    let procs = bench.directory(&bench.outside()).join("cgroup.procs");
    let arguments = [host.as_str(), procs.to_str().unwrap()];
    let mut client = bench.start(&bench.agents(), TAKE_SOCKET_OUT, &arguments);
    assert_eq!(client.line(), "out");
    client
}

#[test]
fn a_scope_that_does_not_exist_at_the_start_is_enforced_from_its_first_process() {
    let bench = Bench::new();
    bench.remove(&bench.agents());
    let kernel = bench.enforced();
    assert_eq!(kernel.scope_count(), 0);
    assert!(kernel.is_enforced(0), "it will be");
    bench.make(&bench.agents());
    assert!(kernel.is_enforced(0));
    expect_redirected(&bench, &kernel, &bench.agents(), 0);
    assert_eq!(bench.snowflake.direct(), 0);
    assert_eq!(counted(&kernel, Counter::ScopeMade), 1);
}

#[test]
fn a_scope_made_between_loading_and_attaching_is_enforced() {
    let bench = Bench::new();
    bench.remove(&bench.agents());
    let mut kernel = bench.load();
    bench.make(&bench.agents());
    bench.publish(&kernel);
    kernel.enforce().unwrap();
    expect_redirected(&bench, &kernel, &bench.agents(), 0);
    assert_eq!(bench.snowflake.direct(), 0);
}

#[test]
fn a_scope_that_is_made_again_is_enforced_by_its_new_id() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    for _ in 0..3 {
        make_again(&bench, &bench.agents());
        assert!(kernel.is_enforced(0));
        expect_redirected(&bench, &kernel, &bench.agents(), 0);
    }
    assert_eq!(bench.snowflake.direct(), 0);
}

#[test]
fn a_scope_that_is_made_again_while_the_daemon_is_dead_is_refused() {
    let mut bench = Bench::new();
    drop(bench.enforced());
    // Once more: the links of a restart replace the first ones, and must hold as well.
    let mut kernel = bench.load();
    let enforced = kernel.enforce().unwrap();
    assert_eq!((enforced.links_created, enforced.links_updated), (0, LINKS));
    drop(kernel);
    bench.replace_listeners();
    make_again(&bench, &bench.agents());
    let mut client = bench.connect_snowflake(&bench.agents());
    assert_eq!(client.line(), "ECONNREFUSED");
    assert_eq!(bench.snowflake.direct(), 0);
}

#[test]
fn a_restart_knows_the_scopes_that_came_and_went_without_it() {
    let bench = Bench::new();
    drop(bench.enforced());
    make_again(&bench, &bench.agents());
    let mut kernel = bench.load();
    bench.publish(&kernel);
    kernel.enforce().unwrap();
    assert_eq!(kernel.scope_count(), 1);
    assert!(kernel.is_enforced(0));
    expect_redirected(&bench, &kernel, &bench.agents(), 0);
}

#[test]
fn a_scope_that_is_removed_leaves_the_map() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    assert_eq!(kernel.scope_count(), 1);
    bench.remove(&bench.agents());
    assert_eq!(kernel.scope_count(), 0);
    assert!(kernel.is_enforced(0), "it will be when it is made again");
}

#[test]
fn a_socket_taken_out_of_a_removed_scope_stays_enforced() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let mut client = socket_taken_out(&bench);
    let creator = bench.cgroup_id(&bench.agents());
    make_again(&bench, &bench.agents());
    client.tell("connect");
    let flow = bench.listeners.expect_flow(&kernel);
    assert_eq!(flow.creator_cgroup_id, creator);
    assert_eq!(client.line(), "PROXY");
    assert_eq!(bench.snowflake.direct(), 0);
    assert_eq!(kernel.scope_count(), 1);
}

#[test]
fn a_scope_within_a_scope_is_told_from_it_when_both_are_made_again() {
    let bench = Bench::new();
    let (outer, between) = (bench.agents(), format!("{}/between", bench.agents()));
    let inner = format!("{between}/inner");
    bench.remove(&outer);
    let mut kernel = bench.load_scopes(&[&outer, &inner]);
    bench.publish(&kernel);
    kernel.enforce().unwrap();
    for _ in 0..2 {
        for cgroup in [&outer, &between, &inner] {
            bench.make(cgroup);
        }
        expect_redirected(&bench, &kernel, &outer, 0);
        expect_redirected(&bench, &kernel, &between, 0);
        expect_redirected(&bench, &kernel, &inner, 1);
        assert!(kernel.is_enforced(0) && kernel.is_enforced(1));
        for cgroup in [&inner, &between, &outer] {
            bench.remove(cgroup);
        }
    }
    assert_eq!(bench.snowflake.direct(), 0);
    assert_eq!(counted(&kernel, Counter::ScopeMade), 4);
}

#[test]
fn a_scope_below_a_cgroup_that_is_none_is_enforced_alone() {
    let bench = Bench::new();
    let scope = format!("{}/deep", bench.outside());
    let mut kernel = bench.load_scopes(&[&scope]);
    bench.publish(&kernel);
    kernel.enforce().unwrap();
    bench.make(&scope);
    expect_redirected(&bench, &kernel, &scope, 0);
    expect_direct(&bench, &bench.outside());
}

#[test]
fn cgroups_with_another_path_are_not_in_scope() {
    let bench = Bench::new();
    bench.remove(&bench.agents());
    let kernel = bench.enforced();
    let same_name = format!("{}/agents", bench.outside());
    let longer = format!("{}2", bench.agents());
    let shorter = format!("{}/agent", bench.attach());
    for cgroup in [same_name, longer, shorter] {
        bench.make(&cgroup);
        expect_direct(&bench, &cgroup);
    }
    assert_eq!(kernel.scope_count(), 0);
    assert_eq!(counted(&kernel, Counter::ScopeMade), 0);
}

#[test]
fn a_cgroup_of_version_1_is_not_in_scope() {
    struct Cgroups(Vec<PathBuf>);
    impl Drop for Cgroups {
        fn drop(&mut self) {
            for path in self.0.iter().rev() {
                fs::remove_dir(path).unwrap();
            }
        }
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let Some(mount) = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let point = fields.next()?;
        (fields.next()? == "cgroup").then(|| Path::new(point))
    }) else {
        println!("no cgroup v1 here");
        return;
    };
    let bench = Bench::new();
    bench.remove(&bench.agents());
    let kernel = bench.enforced();
    let mut cgroups = Cgroups(Vec::new());
    for cgroup in [bench.attach(), bench.agents()] {
        let path = mount.join(cgroup.trim_start_matches('/'));
        fs::create_dir(&path).unwrap();
        cgroups.0.push(path);
    }
    assert_eq!(kernel.scope_count(), 0);
    assert_eq!(counted(&kernel, Counter::ScopeMade), 0);
}

#[test]
fn a_path_that_is_no_longer_configured_is_forgotten() {
    let bench = Bench::new();
    drop(bench.enforced());
    let mut kernel = bench.load_scopes(&[&bench.outside()]);
    kernel.enforce().unwrap();
    assert_eq!(kernel.scope_count(), 1);
    make_again(&bench, &bench.agents());
    expect_direct(&bench, &bench.agents());
    assert_eq!(counted(&kernel, Counter::ScopeMade), 0);
}

#[test]
fn what_is_not_attached_is_not_called_enforced() {
    let bench = Bench::new();
    let mut kernel = bench.load();
    assert!(!kernel.is_enforced(0), "not yet");
    kernel.enforce().unwrap();
    assert!(kernel.is_enforced(0));
    detach(&bench.pin_dir()).unwrap();
    assert!(!kernel.is_enforced(0), "no longer");
}

#[test]
fn a_scope_that_nobody_follows_is_not_called_enforced() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    fs::remove_file(bench.pin_dir().join("v1/links/cgroup_mkdir")).unwrap();
    bench.remove(&bench.agents());
    assert!(!kernel.is_enforced(0), "nobody would put it into the map");
    bench.make(&bench.agents());
    // The kernel ends a link some time after its last holder is gone.
    eventually("a cgroup that nobody told of", || {
        make_again(&bench, &bench.agents());
        !kernel.is_enforced(0)
    });
    assert_eq!(kernel.scope_count(), 0);
    expect_direct(&bench, &bench.agents());
}

#[test]
fn where_cgroups_cannot_be_followed_scopes_are_enforced_while_they_exist() {
    // A cgroup namespace with a mount of its own: the paths there are not those of the kernel.
    const ENTER: &str = r#"
echo $$ > "$1/cgroup.procs" && exec unshare --cgroup --mount sh -ec '
    mount --make-rprivate /
    umount --lazy "$1"
    mount -t cgroup2 none "$1"
    exec "$0" --exact --ignored reborn::in_a_cgroup_namespace
' "$0" "$2"
"#;
    let bench = Bench::new();
    let output = Command::new("sh")
        .args(["-c", ENTER])
        .arg(std::env::current_exe().unwrap())
        .args([bench.directory(&bench.outside()), bench.directory("/")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "the test above runs it in a namespace"]
fn in_a_cgroup_namespace() {
    let bench = Bench::new();
    let mut kernel = bench.load();
    bench.publish(&kernel);
    let enforced = kernel.enforce().unwrap();
    assert_eq!((enforced.links_created, enforced.links_updated), (9, 0));
    assert_eq!(kernel.links().len(), 9, "those that there can be here");
    assert!(kernel.is_enforced(0));
    expect_redirected(&bench, &kernel, &bench.agents(), 0);

    bench.remove(&bench.agents());
    assert!(!kernel.is_enforced(0));
    let error = bench.try_load(&[&bench.agents()]).unwrap_err();
    assert!(matches!(error, KernelError::Scope(_)), "{error}");
    bench.make(&bench.agents());
    assert!(!kernel.is_enforced(0));

    let degraded: Vec<_> = probe::features(&bench.config())
        .into_iter()
        .filter(|feature| matches!(feature.state, FeatureState::Degraded(_)))
        .map(|feature| feature.name)
        .collect();
    assert_eq!(degraded, ["following cgroups"]);
}

#[test]
fn a_scope_made_again_ten_thousand_times_leaves_the_map_as_it_was() {
    const CYCLES: u64 = 10_000;
    let bench = Bench::new();
    let kernel = bench.enforced();
    let agents = bench.directory(&bench.agents());
    let mut client = socket_taken_out(&bench);
    let start = SystemTime::now();
    for _ in 0..CYCLES {
        fs::remove_dir(&agents).unwrap();
        fs::create_dir(&agents).unwrap();
    }
    println!("{CYCLES} cycles in {:?}", start.elapsed().unwrap());
    assert_eq!(kernel.scope_count(), 1);
    assert_eq!(counted(&kernel, Counter::ScopeMade), CYCLES);
    assert_eq!(counted(&kernel, Counter::ScopeLost), 0);
    expect_redirected(&bench, &kernel, &bench.agents(), 0);
    client.tell("connect");
    bench.listeners.expect_flow(&kernel);
    assert_eq!(client.line(), "PROXY");
    assert_eq!(bench.snowflake.direct(), 0);
}
