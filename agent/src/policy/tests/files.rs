//! Files that are policies, and files that are not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::policy::{LoadError, Problem, Store};

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let files = [
        (
            "b.cedar",
            "@id(\"b\")\npermit (principal, action == Action::\"red\", resource);",
        ),
        (
            "a.cedar",
            "@id(\"b\") permit (principal, action, resource);\npermit (principal, action, resource);",
        ),
        (
            "c.cedar",
            "@id(\"c\")\npermit (principal, action resource);",
        ),
        (
            "d.cedar",
            "@id(\"d\") permit (principal, action, resource)\n  when { principal.nome == \"x\" };",
        ),
    ];
    let Err(LoadError::Invalid { problems }) = PolicySet::parse(&files) else {
        panic!("invalid policies were loaded");
    };
    let seen: Vec<String> = problems.iter().map(Problem::to_string).collect();
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn the_version_tells_sets_apart_and_not_their_order() {
    let (a, b) = (("a.cedar", READ), ("b.cedar", "// nothing\n"));
    let version = |files: &[(&str, &str)]| PolicySet::parse(files).unwrap().version().to_owned();
    assert_eq!(version(&[a, b]), version(&[b, a]));
    assert_ne!(version(&[a, b]), version(&[a]));
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn a_bad_reload_keeps_what_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.cedar", READ);
    let store = Store::open(dir.path()).unwrap();
    let before = store.snapshot().version().to_owned();
    write(dir.path(), "b.cedar", "permit (");
    assert!(matches!(store.reload(), Err(LoadError::Invalid { .. })));
    assert_eq!(store.snapshot().version(), before);
    let why = store.rejected().unwrap();
    assert!(why.contains("b.cedar"), "{why}");
    check_allowed(judge(&store.snapshot(), &[Effect::Read]), &["read"]);
    write(
        dir.path(),
        "b.cedar",
        r#"@id("none") forbid (principal, action, resource);"#,
    );
    store.reload().unwrap();
    assert_eq!(store.rejected(), None);
    check_denied(
        judge(&store.snapshot(), &[Effect::Read]),
        &["none"],
        "forbidden",
    );
}

#[test]
fn files_that_others_can_change_are_not_policies() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Empty { .. })
    ));
    write(dir.path(), "a.cedar", READ);
    let policies = PolicySet::load(dir.path()).unwrap();
    assert_eq!(policies.len(), 1);
    fs::set_permissions(
        dir.path().join("a.cedar"),
        fs::Permissions::from_mode(0o664),
    )
    .unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Exposed { .. })
    ));
    fs::rename(dir.path().join("a.cedar"), dir.path().join("a")).unwrap();
    fs::set_permissions(dir.path().join("a"), fs::Permissions::from_mode(0o644)).unwrap();
    symlink(dir.path().join("a"), dir.path().join("b.cedar")).unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Read { .. })
    ));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Exposed { .. })
    ));
}
