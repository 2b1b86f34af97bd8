//! Real processes: ours, a child, and ones that are gone or were replaced.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use super::*;

/// A child that waits for its standard input to end.
struct Waiting(Child);

impl Waiting {
    fn start(program: &Path) -> Self {
        let child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// What the kernel would have remembered of it.
    fn caller(&self) -> Caller {
        caller(self.0.id())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        self.0.wait().unwrap();
    }
}

fn caller(tgid: u32) -> Caller {
    let process = Process::open(tgid).unwrap();
    let mount = process.mount(&process.program().unwrap()).unwrap();
    Caller {
        tgid,
        // The kernel's time is finer than ours.
        start_time_ns: Some(process.stat().unwrap().start * TICK_NS + 1_234_567),
        exe_inode: Some(mount.inode),
        exe_device: Some(mount.device),
        ..Caller::default()
    }
}

fn cat() -> PathBuf {
    std::fs::canonicalize("/bin/cat").unwrap()
}

#[test]
fn a_process_that_is_the_one_is_described() {
    let child = Waiting::start(&cat());
    let facts = read(&child.caller(), &Digests::default()).unwrap();
    assert_eq!(facts.exe.path, cat());
    assert!(facts.exe.is_host_path);
    let sum = Command::new("sha256sum")
        .arg(cat())
        .output()
        .unwrap()
        .stdout;
    assert_eq!(facts.exe.sha256.unwrap().as_bytes(), &sum[..64]);
    assert_eq!(facts.ancestors[0].pid, std::process::id());
    assert_eq!(facts.ancestors[0].exe, std::env::current_exe().ok());
    assert!(facts.ancestors.len() <= ANCESTORS_MAX);
}

#[test]
fn a_process_that_started_at_another_time_is_another_one() {
    let child = Waiting::start(&cat());
    let mut caller = child.caller();
    caller.start_time_ns = caller.start_time_ns.map(|time| time - TICK_NS);
    let error = read(&caller, &Digests::default()).unwrap_err();
    assert!(matches!(error, ProcessError::Reused { .. }), "{error}");
}

#[test]
fn a_process_without_a_start_time_is_not_proven() {
    let child = Waiting::start(&cat());
    let caller = Caller {
        start_time_ns: None,
        ..child.caller()
    };
    let error = read(&caller, &Digests::default()).unwrap_err();
    assert!(matches!(error, ProcessError::NoStartTime { .. }), "{error}");
}

#[test]
fn a_program_that_the_kernel_did_not_see_is_not_believed() {
    let child = Waiting::start(&cat());
    for caller in [
        Caller {
            exe_inode: Some(1),
            ..child.caller()
        },
        // The same inode number on another file system.
        Caller {
            exe_device: Some(1),
            ..child.caller()
        },
    ] {
        let error = read(&caller, &Digests::default()).unwrap_err();
        assert!(
            matches!(error, ProcessError::ProgramReplaced { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_process_that_is_gone_is_told() {
    let child = Waiting::start(&cat());
    let caller = child.caller();
    drop(child);
    let error = read(&caller, &Digests::default()).unwrap_err();
    assert!(
        matches!(
            error,
            ProcessError::Gone { .. } | ProcessError::Reused { .. }
        ),
        "{error}"
    );
}

#[test]
fn an_open_process_stays_itself_after_its_end() {
    let child = Waiting::start(&cat());
    let process = Process::open(child.0.id()).unwrap();
    process.stat().unwrap();
    drop(child);
    process.stat().unwrap_err();
    process.program().unwrap_err();
}

#[test]
fn a_program_that_was_removed_has_a_digest_but_no_host_path() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("cat");
    std::fs::copy(cat(), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let child = Waiting::start(&program);
    let caller = child.caller();
    let before = read(&caller, &Digests::default()).unwrap();
    assert!(before.exe.is_host_path);
    // Another file takes the name: what runs is still the old one.
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "something else").unwrap();
    let after = read(&caller, &Digests::default()).unwrap();
    assert!(!after.exe.is_host_path);
    assert_eq!(after.exe.sha256, before.exe.sha256);
}

#[test]
fn a_path_in_a_mount_namespace_of_its_own_is_no_host_path() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    // The process puts a program of its own where ours would find `/bin/sh`-like names.
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs none {dir} && cp {cat} {dir}/trusted && exec {dir}/trusted",
        dir = dir.path().display(),
        cat = cat().display(),
    );
    std::fs::copy("/bin/true", dir.path().join("trusted")).unwrap();
    let mut child = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // `cat` answers once it runs.
    let mut echoed = [0];
    io::Write::write_all(child.stdin.as_mut().unwrap(), b"x").unwrap();
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut echoed)
        .unwrap();
    let child = Waiting(child);
    let facts = read(&child.caller(), &Digests::default()).unwrap();
    assert_eq!(facts.exe.path, dir.path().join("trusted"));
    assert!(!facts.exe.is_host_path);
}

#[track_caller]
fn check_stat(text: &[u8], expected: Option<(u32, u64)>) {
    let expected = expected.map(|(parent, start)| Stat { parent, start });
    assert_eq!(parse_stat(text), expected);
}

#[test]
fn the_name_of_a_process_cannot_move_the_fields_after_it() {
    let tail = b"S 17 3 3 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11";
    let line = |name: &[u8]| [b"42 (".as_slice(), name, b") ", tail].concat();
    check_stat(&line(b"cat"), Some((17, 987_654)));
    check_stat(&line(b"a) S 1 2 3 (b"), Some((17, 987_654)));
    check_stat(
        &line(b") R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 ("),
        Some((17, 987_654)),
    );
    check_stat(&line(b"\xff\xfe"), Some((17, 987_654)));
    check_stat(b"42 (cat) S 17", None);
    check_stat(b"", None);
}
