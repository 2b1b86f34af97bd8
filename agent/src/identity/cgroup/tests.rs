//! Paths as systemd, engines and the kubelet make them, and as a workload would forge them.

use proptest::prelude::*;

use super::*;

const A: &str = "b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2";
const B: &str = "4d2d6a4e2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2ee2e";
const POD: &str = "72f7f152-440c-66ac-9084-e0fc1d8a910c";
const POD_: &str = "72f7f152_440c_66ac_9084_e0fc1d8a910c";

/// What is expected beside the anchor.
#[derive(Clone, Copy, Default)]
struct Expected {
    unit: Option<&'static str>,
    slice: Option<&'static str>,
    container: Option<&'static str>,
    runtime: Option<ContainerRuntime>,
    pod: Option<&'static str>,
}

fn expand(text: &str) -> String {
    text.replace("<A>", A)
        .replace("<B>", B)
        .replace("<pod>", POD)
        .replace("<pod_>", POD_)
}

/// The path is written with `|` where the anchor ends.
#[track_caller]
fn check(path: &str, expected: Expected) {
    let path = expand(path);
    let (anchor, rest) = path.split_once('|').unwrap_or((&path, ""));
    let facts = parse(&format!("{anchor}{rest}")).unwrap();
    let owned = |text: Option<&str>| text.map(expand);
    assert_eq!(
        facts,
        CgroupFacts {
            unit: owned(expected.unit),
            slice: owned(expected.slice),
            container: owned(expected.container),
            runtime: expected.runtime,
            pod: owned(expected.pod),
            anchor: anchor.to_owned(),
        }
    );
}

#[test]
fn units_and_slices_of_systemd() {
    let unit = |unit, slice| Expected {
        unit: Some(unit),
        slice,
        ..Expected::default()
    };
    check("/init.scope", unit("init.scope", None));
    check(
        "/system.slice/agent.service",
        unit("agent.service", Some("system.slice")),
    );
    check(
        "/agents.slice/agents-a.slice/x.service",
        unit("x.service", Some("agents-a.slice")),
    );
    check(
        "/agents.slice/run-r1.scope|/deeper/x.service",
        unit("run-r1.scope", Some("agents.slice")),
    );
    check(
        "/user.slice/user-1000.slice/session-3.scope",
        unit("session-3.scope", Some("user-1000.slice")),
    );
    check(
        "/agents.slice",
        Expected {
            slice: Some("agents.slice"),
            ..Expected::default()
        },
    );
}

#[test]
fn a_users_own_units_are_the_users() {
    check(
        "/user.slice/user-1000.slice/user@1000.service|/app.slice/app-x.service",
        Expected {
            unit: Some("user@1000.service"),
            slice: Some("user-1000.slice"),
            ..Expected::default()
        },
    );
}

#[test]
fn containers_with_the_systemd_driver() {
    for (prefix, runtime) in [
        ("docker", ContainerRuntime::Docker),
        ("libpod", ContainerRuntime::Podman),
        ("cri-containerd", ContainerRuntime::Containerd),
        ("crio", ContainerRuntime::CriO),
    ] {
        let unit: &'static str = format!("{prefix}-<A>.scope").leak();
        let expected = || Expected {
            unit: Some(unit),
            slice: Some("agents.slice"),
            container: Some("<A>"),
            runtime: Some(runtime),
            pod: None,
        };
        check(&format!("/agents.slice/{unit}"), expected());
        check(
            &format!("/agents.slice/{unit}|/system.slice/inner.service"),
            expected(),
        );
        check(&format!("/agents.slice/{unit}|/container"), expected());
    }
}

#[test]
fn containers_with_the_cgroupfs_driver() {
    let docker = || Expected {
        container: Some("<A>"),
        runtime: Some(ContainerRuntime::Docker),
        ..Expected::default()
    };
    check("/docker/<A>", docker());
    check("/docker/<A>|/init", docker());
    let pod = || Expected {
        container: Some("<A>"),
        pod: Some("<pod>"),
        ..Expected::default()
    };
    check("/kubepods/pod<pod>/<A>", pod());
    check("/kubepods/burstable/pod<pod>/<A>", pod());
    check("/kubepods/besteffort/pod<pod>/<A>|/x", pod());
    check(
        "/kubepods/besteffort/pod<pod>",
        Expected {
            pod: Some("<pod>"),
            ..Expected::default()
        },
    );
}

#[test]
fn pods_with_the_systemd_driver() {
    for class in ["", "-burstable", "-besteffort"] {
        let slice: &'static str = format!("kubepods{class}-pod<pod_>.slice").leak();
        check(
            &format!("/kubepods.slice/kubepods{class}.slice/{slice}/cri-containerd-<A>.scope"),
            Expected {
                unit: Some("cri-containerd-<A>.scope"),
                slice: Some(slice),
                container: Some("<A>"),
                runtime: Some(ContainerRuntime::Containerd),
                pod: Some("<pod>"),
            },
        );
    }
    check(
        "/kubepods.slice/kubepods-pod72f7f152440c66ac9084e0fc1d8a910c.slice/crio-<A>.scope",
        Expected {
            unit: Some("crio-<A>.scope"),
            slice: Some("kubepods-pod72f7f152440c66ac9084e0fc1d8a910c.slice"),
            container: Some("<A>"),
            runtime: Some(ContainerRuntime::CriO),
            pod: Some("72f7f152440c66ac9084e0fc1d8a910c"),
        },
    );
}

#[test]
fn the_colon_form_below_an_engine_is_a_container_and_no_unit() {
    let container = || Expected {
        slice: Some("system.slice"),
        container: Some("<A>"),
        runtime: Some(ContainerRuntime::Containerd),
        pod: Some("<pod>"),
        unit: None,
    };
    check(
        "/system.slice/containerd.service/kubepods-besteffort-pod<pod_>.slice:cri-containerd:<A>",
        container(),
    );
    check(
        "/kubepods-pod<pod_>.slice:cri-containerd:<A>",
        Expected {
            slice: None,
            ..container()
        },
    );
    check(
        "/system.slice/containerd.service|/something",
        Expected {
            unit: Some("containerd.service"),
            slice: Some("system.slice"),
            ..Expected::default()
        },
    );
}

#[test]
fn monitors_are_units_and_no_containers() {
    for prefix in ["crio-conmon", "libpod-conmon"] {
        let unit: &'static str = format!("{prefix}-<A>.scope").leak();
        check(
            &format!("/machine.slice/{unit}"),
            Expected {
                unit: Some(unit),
                slice: Some("machine.slice"),
                ..Expected::default()
            },
        );
    }
}

#[test]
fn what_a_workload_names_itself_is_not_believed() {
    let user = || Expected {
        unit: Some("user@7.service"),
        slice: Some("user-7.slice"),
        ..Expected::default()
    };
    check(
        "/user.slice/user-7.slice/user@7.service|/user.slice/libpod-<A>.scope",
        user(),
    );
    check(
        "/user.slice/user-7.slice/user@7.service|/docker/<A>",
        user(),
    );
    check("/batch/job-17", Expected::default());
    check("/batch/docker-<A>.scope", Expected::default());
    check("/batch/trusted.slice/trusted.service", Expected::default());
    check("/batch/<A>", Expected::default());
    check("/<A>", Expected::default());
    check("/docker/x/<A>", Expected::default());
}

#[test]
fn names_that_only_resemble_an_id_are_none() {
    let scope = |name: &'static str| {
        check(
            &format!("/a.slice/{name}"),
            Expected {
                unit: Some(name),
                slice: Some("a.slice"),
                ..Expected::default()
            },
        );
    };
    scope("docker-abc.scope");
    scope("docker-<A>0.scope");
    scope("docker-B2A102854B4969B2CE98DC329C86B4FB2B06E4AD2CC8DA9D8A7578C9CD2004A2.scope");
    scope("xdocker-<A>.scope");
    scope("docker-<A>.service");
    check("/docker/<A>x", Expected::default());
    check("/kubepods/pod1234/<A>", Expected::default());
    check("/kubepods/burstable/<pod>/<A>", Expected::default());
    check("/x.slice:unheard:<A>", Expected::default());
    check("/x.slice:docker:<A>:y", Expected::default());
}

#[test]
fn the_root_is_its_own_anchor() {
    check("/", Expected::default());
}

#[track_caller]
fn check_error(path: &str, expected: fn(String) -> CgroupError) {
    let path = expand(path);
    assert_eq!(parse(&path).unwrap_err(), expected(path));
}

#[test]
fn a_path_with_two_containers_is_refused_wherever_they_stand() {
    let many = |path| CgroupError::ManyContainers { path };
    check_error("/docker/<A>/docker/<B>", many);
    check_error(
        "/system.slice/docker-<A>.scope/kubelet.slice/cri-containerd-<B>.scope",
        many,
    );
    check_error("/a.slice/x.service/docker-<A>.scope/libpod-<B>.scope", many);
    check_error(
        "/kubepods-pod<pod_>.slice/kubepods-pod72f7f152440c66ac9084e0fc1d8a910c.slice",
        |path| CgroupError::ManyPods { path },
    );
}

#[test]
fn one_container_named_twice_is_one_container() {
    check(
        "/a.slice/docker-<A>.scope|/docker/<A>",
        Expected {
            unit: Some("docker-<A>.scope"),
            slice: Some("a.slice"),
            container: Some("<A>"),
            runtime: Some(ContainerRuntime::Docker),
            pod: None,
        },
    );
}

#[test]
fn paths_that_are_not_canonical_are_refused() {
    for path in [
        "", "a.slice", "/a/", "//a", "/a//b", "/a/../b", "/./a", "/..",
    ] {
        check_error(path, |path| CgroupError::NotCanonical { path });
    }
    assert_eq!(
        parse(&format!("/{}", "a".repeat(5000))).unwrap_err(),
        CgroupError::TooLong
    );
}

/// Components that an attacker would try, and noise.
fn component() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9.:@_-]{1,12}",
        "[a-z]{1,6}\\.(slice|scope|service)",
        Just(format!("docker-{A}.scope")),
        Just(format!("cri-containerd-{B}.scope")),
        Just(format!("x.slice:crio:{A}")),
        Just(A.to_owned()),
        Just("docker".to_owned()),
        Just("kubepods".to_owned()),
        Just(format!("pod{POD}")),
        Just("user@7.service".to_owned()),
        Just("containerd.service".to_owned()),
    ]
    .prop_filter("no dots", |text| text != "." && text != "..")
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(path in ".{0,200}") {
        let _outcome = parse(&path);
    }

    #[test]
    fn the_anchor_is_at_or_above_the_path(components in prop::collection::vec(component(), 1..7)) {
        let path = format!("/{}", components.join("/"));
        if let Ok(facts) = parse(&path) {
            let below = path.strip_prefix(facts.anchor.as_str());
            prop_assert!(below.is_some_and(|below| below.is_empty() || below.starts_with('/')));
            // Where sessions are bound to must not depend on what is below.
            prop_assert_eq!(parse(&facts.anchor).unwrap().container, facts.container);
        }
    }

    #[test]
    fn nothing_below_a_boundary_changes_what_is_believed(
        below in prop::collection::vec(component(), 0..5),
        boundary in prop_oneof![
            Just("/a.slice/x.service".to_owned()),
            Just("/user.slice/user-7.slice/user@7.service".to_owned()),
            Just(format!("/a.slice/docker-{A}.scope")),
            Just(format!("/docker/{A}")),
        ],
    ) {
        let mut path = boundary.clone();
        for name in &below {
            path = format!("{path}/{name}");
        }
        if let Ok(facts) = parse(&path) {
            prop_assert_eq!(facts, parse(&boundary).unwrap());
        }
    }
}
