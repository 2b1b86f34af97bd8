//! Start, end, crash, restart: at no moment is there a gap.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use agent::config;
use agent::kernel::metrics::KernelMetrics;
use agent::kernel::probe::{self, FeatureState};
use agent::kernel::{Counter, Kernel, KernelError, detach};

use crate::harness::{Bench, LINKS, counted};

#[test]
fn without_a_listener_connections_are_refused() {
    let bench = Bench::new();
    let mut kernel = bench.load();
    kernel.enforce().unwrap();
    let mut client = bench.connect_snowflake(&bench.agents());
    assert_eq!(client.line(), "ECONNREFUSED");
    assert_eq!(bench.snowflake.direct(), 0);
    assert_eq!(counted(&kernel, Counter::RefusedNoListener), 1);
}

#[test]
fn what_the_programs_count_is_exported_by_name() {
    let bench = Bench::new();
    let mut kernel = bench.load();
    kernel.enforce().unwrap();
    let mut client = bench.connect_snowflake(&bench.agents());
    assert_eq!(client.line(), "ECONNREFUSED");
    let registry = prometheus::Registry::new();
    let metrics = KernelMetrics::new(Arc::new(kernel)).unwrap();
    registry.register(Box::new(metrics)).unwrap();
    let values: HashMap<_, _> = registry
        .gather()
        .into_iter()
        .map(|family| {
            let metric = &family.get_metric()[0];
            let value = metric.get_counter().get_value() + metric.get_gauge().get_value();
            (family.name().to_owned(), value)
        })
        .collect();
    assert_eq!(
        values["snowfence_kernel_refused_no_listener_total"].to_string(),
        "1"
    );
    assert_eq!(values["snowfence_kernel_redirected_total"].to_string(), "0");
    assert_eq!(values["snowfence_kernel_flows"].to_string(), "0");
}

#[test]
fn this_kernel_has_what_the_daemon_needs() {
    let bench = Bench::new();
    let config = config::Kernel {
        attach: bench.attach(),
        pin_dir: bench.pin_dir(),
        ports: vec![443],
    };
    for feature in probe::features(&config) {
        assert_eq!(feature.state, FeatureState::Present, "{}", feature.name);
    }
    let elsewhere = config::Kernel {
        pin_dir: std::env::temp_dir(),
        ..config
    };
    let missing: Vec<_> = probe::features(&elsewhere)
        .into_iter()
        .filter(|feature| matches!(feature.state, FeatureState::Missing(_)))
        .map(|feature| feature.name)
        .collect();
    assert_eq!(missing, ["bpf file system"]);
}

#[test]
fn loading_enforces_nothing_yet() {
    let bench = Bench::new();
    let kernel = bench.load();
    bench.publish(&kernel);
    let mut client = bench.connect_snowflake(&bench.agents());
    client.line();
    assert_eq!(client.line(), "DIRECT");
}

#[test]
fn when_the_daemon_is_gone_connections_are_refused() {
    const PROGRAM: &str = r"
import errno, socket, sys
results = [socket.socket().connect_ex((sys.argv[1], 443)) for _ in range(500)]
print(results.count(errno.ECONNREFUSED), flush=True)
";
    let mut bench = Bench::new();
    drop(bench.enforced());
    bench.replace_listeners();
    let host = bench.snowflake.address.ip().to_string();
    let mut client = bench.start(&bench.agents(), PROGRAM, &[&host]);
    assert_eq!(client.line(), "500");
    assert_eq!(bench.snowflake.direct(), 0);
    assert_eq!(
        bench.load().flow_count(),
        0,
        "a refused connection leaves no flow"
    );
}

#[test]
fn a_restart_takes_over_what_is_attached() {
    let mut bench = Bench::new();
    drop(bench.enforced());
    bench.replace_listeners();
    let mut kernel = bench.load();
    bench.publish(&kernel);
    let enforced = kernel.enforce().unwrap();
    assert_eq!((enforced.links_created, enforced.links_updated), (0, LINKS));
    let mut client = bench.connect_snowflake(&bench.agents());
    bench.listeners.expect_flow(&kernel);
    client.line();
    assert_eq!(client.line(), "PROXY");
    assert_eq!(bench.snowflake.direct(), 0);
}

#[test]
fn replacing_the_programs_lets_nothing_through() {
    const PROGRAM: &str = r"
import socket, sys
answers = []
for _ in range(1000):
    s = socket.create_connection((sys.argv[1], 443))
    answers.append(s.recv(64))
    s.close()
print(answers.count(b'PROXY'), flush=True)
";
    let bench = Bench::new();
    let mut kernel = bench.enforced();
    let host = bench.snowflake.address.ip().to_string();
    let mut client = bench.start(&bench.agents(), PROGRAM, &[&host]);
    for number in 0..1000 {
        bench.listeners.expect_flow(&kernel);
        if number % 20 == 0 {
            let enforced = kernel.enforce().unwrap();
            assert_eq!((enforced.links_created, enforced.links_updated), (0, LINKS));
        }
    }
    assert_eq!(client.line(), "1000");
    assert_eq!(bench.snowflake.direct(), 0);
}

#[test]
fn links_to_a_cgroup_that_is_gone_are_made_again() {
    let bench = Bench::new();
    drop(bench.enforced());
    for cgroup in [bench.agents(), bench.outside(), bench.attach()] {
        fs::remove_dir(bench.directory(&cgroup)).unwrap();
    }
    for cgroup in [bench.attach(), bench.agents(), bench.outside()] {
        fs::create_dir(bench.directory(&cgroup)).unwrap();
    }
    let mut kernel = bench.load();
    bench.publish(&kernel);
    let enforced = kernel.enforce().unwrap();
    // The links to tracepoints are to no cgroup, and went on.
    assert_eq!((enforced.links_created, enforced.links_updated), (9, 2));
    let _client = bench.connect_snowflake(&bench.agents());
    bench.listeners.expect_flow(&kernel);
}

#[test]
fn connections_from_before_the_start_are_destroyed() {
    const PROGRAM: &str = r"
import errno, socket, sys
s = socket.socket(getattr(socket, sys.argv[1]))
s.connect((sys.argv[2], 443))
print(s.recv(64).decode(), flush=True)
s.settimeout(5)
try:
    print(s.recv(64), flush=True)
except OSError as e:
    print(errno.errorcode.get(e.errno, str(e)), flush=True)
";
    let bench = Bench::new();
    let host = bench.snowflake.address.ip().to_string();
    let mapped = format!("::ffff:{host}");
    let mut v4 = bench.start(&bench.agents(), PROGRAM, &["AF_INET", &host]);
    let mut v6 = bench.start(&bench.agents(), PROGRAM, &["AF_INET6", &mapped]);
    let mut outside = bench.start(&bench.outside(), PROGRAM, &["AF_INET", &host]);
    for client in [&mut v4, &mut v6, &mut outside] {
        assert_eq!(client.line(), "DIRECT");
    }
    let mut kernel = bench.load();
    bench.publish(&kernel);
    let enforced = kernel.enforce().unwrap();
    assert_eq!(enforced.connections_destroyed, 2);
    assert_eq!(v4.line(), "ECONNABORTED");
    assert_eq!(v6.line(), "ECONNABORTED");
    assert_eq!(
        outside.line(),
        "timed out",
        "other people's connections live on"
    );

    let _client = bench.connect_snowflake(&bench.agents());
    bench.listeners.expect_flow(&kernel);
    let again = kernel.enforce().unwrap();
    assert_eq!(
        again.connections_destroyed, 0,
        "connections to us are not from before"
    );
}

#[test]
fn detaching_ends_enforcement_and_leaves_nothing() {
    let bench = Bench::new();
    drop(bench.enforced());
    assert_eq!(detach(&bench.pin_dir()).unwrap(), LINKS);
    assert!(!bench.pin_dir().exists());
    assert_eq!(detach(&bench.pin_dir()).unwrap(), 0);
    let mut client = bench.connect_snowflake(&bench.agents());
    client.line();
    assert_eq!(client.line(), "DIRECT");
}

#[test]
fn a_scope_that_is_no_longer_configured_is_let_go() {
    let bench = Bench::new();
    drop(bench.enforced());
    let config = config::Kernel {
        attach: bench.attach(),
        pin_dir: bench.pin_dir(),
        ports: vec![443],
    };
    let mut kernel = Kernel::load(&config, &[]).unwrap();
    kernel.enforce().unwrap();
    let mut client = bench.connect_snowflake(&bench.agents());
    client.line();
    assert_eq!(client.line(), "DIRECT");
}

#[test]
fn pins_must_be_on_a_bpf_file_system() {
    let bench = Bench::new();
    let config = config::Kernel {
        attach: bench.attach(),
        pin_dir: std::env::temp_dir().join("snowfence-pins"),
        ports: vec![443],
    };
    let error = Kernel::load(&config, &[]).unwrap_err();
    assert!(matches!(error, KernelError::NoBpffs { .. }), "{error}");
    assert!(error.to_string().ends_with("mount -t bpf bpf /sys/fs/bpf"));
}

#[test]
fn a_listener_at_an_intercepted_port_is_refused() {
    let bench = Bench::new();
    let kernel = bench.load();
    let error = kernel.publish_listener(443, 0).unwrap_err();
    assert!(
        matches!(error, KernelError::ListenerPort { port: 443 }),
        "{error}"
    );
}
