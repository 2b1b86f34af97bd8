//! Files that are policies, and files that are not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::policy::{Candidate, LoadError, Problem, Store};

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
fn what_is_wrong_for_every_action_is_told_once() {
    let text = "@id(\"x\")\npermit (principal, action, resource) when { context.nothing };";
    let Err(LoadError::Invalid { problems }) = PolicySet::parse(&[("x.cedar", text)]) else {
        panic!("an unknown attribute was taken");
    };
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert_eq!((problem.line, problem.column), (2, 45), "{problem}");
    assert!(problem.message.contains("other actions"), "{problem}");
}

#[test]
fn the_version_tells_sets_apart_and_not_their_order() {
    let (a, b) = (("a.cedar", READ), ("b.cedar", "// nothing\n"));
    let version = |files: &[(&str, &str)]| PolicySet::parse(files).unwrap().version().to_owned();
    assert_eq!(version(&[a, b]), version(&[b, a]));
    assert_ne!(version(&[a, b]), version(&[a]));
}

fn reload(store: &Store) -> Result<Arc<PolicySet>, LoadError> {
    store.read_again().map(Candidate::put_in_force)
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
    assert!(matches!(reload(&store), Err(LoadError::Invalid { .. })));
    assert_eq!(store.snapshot().version(), before);
    let why = store.rejected().unwrap();
    assert!(why.contains("b.cedar"), "{why}");
    check_allowed(judge(&store.snapshot(), &[Effect::Read]), &["read"]);
    write(
        dir.path(),
        "b.cedar",
        r#"@id("none") forbid (principal, action, resource);"#,
    );
    reload(&store).unwrap();
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

#[test]
fn every_annotation_means_something_where_it_is() {
    let text = r#"
@id("a") @aprovals("2") permit (principal, action, resource);
@id("b") @approvals("0") permit (principal, action, resource) when { context.approved };
@id("c") @wait("soon") @approvers("a,,b") permit (principal, action, resource) when { context.approved };
@id("d") @approvers("a") permit (principal, action == Action::"read", resource);
@id("e") @max_rows("5") @timeout("1m") forbid (principal, action, resource);
@id("f") @kill permit (principal, action, resource);
@id("g") @freeze("yes") permit (principal, action, resource) when { context.approved };
@id("h") @breakglass @approvals("1") permit (principal, action, resource) when { context.approved };
@id("i") @for("1h") permit (principal, action == Action::"read", resource);
@id("j") @for("10s") permit (principal, action == Action::"ask", resource);
@id("k") @max_rows("0") @timeout("9000h") permit (principal, action, resource);
@id("l") @breakglass forbid (principal, action, resource) unless { context.approved };
@id("m") @freeze permit (principal, action == Action::"ask", resource);
"#;
    let Err(LoadError::Invalid { problems }) = PolicySet::parse(&[("a.cedar", text)]) else {
        panic!("loaded");
    };
    let seen: Vec<String> = problems.iter().map(Problem::to_string).collect();
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn a_name_that_no_object_has_is_an_error() {
    let policy =
        |resource: &str| format!("@id(\"p\")\nforbid (principal, action, resource in {resource});");
    let bad = [
        "Schema::\"sales.public\"",
        "Schema::\"SALES\"",
        "Database::\"SALES.PUBLIC\"",
        "Table::\"SALES.PUBLIC.ORDERS 26\"",
        "Warehouse::\"wh\"",
        "Table::\"\"",
    ];
    let told = bad.map(|resource| {
        let Err(LoadError::Invalid { problems }) =
            PolicySet::parse(&[("a.cedar", &policy(resource))])
        else {
            panic!("loaded: {resource}");
        };
        problems
            .iter()
            .map(Problem::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    });
    insta::assert_snapshot!(told.join("\n"));
    for good in [
        "Schema::\"SALES.PUBLIC\"",
        "Database::\"\\\"sales\\\"\"",
        "Account::\"acme\"",
    ] {
        parse(&policy(good));
    }
}

#[test]
fn labels_are_part_of_the_set_and_of_its_version() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.cedar", READ);
    let store = Store::open(dir.path()).unwrap();
    let before = store.snapshot().version().to_owned();
    write(
        dir.path(),
        "labels.toml",
        "[[label]]\nname = \"x\"\ncolums = []\n",
    );
    write(dir.path(), "b.cedar", "permit (");
    let Err(LoadError::Invalid { problems }) = reload(&store) else {
        panic!("loaded");
    };
    let files: BTreeSet<&str> = problems.iter().map(|it| it.file.as_str()).collect();
    assert_eq!(
        files,
        BTreeSet::from(["b.cedar", "labels.toml"]),
        "{problems:?}"
    );
    let labels = problems.iter().find(|it| it.file == "labels.toml").unwrap();
    assert_eq!((labels.line, labels.column), (1, 1), "{labels}");
    assert_eq!(store.snapshot().version(), before);
    fs::remove_file(dir.path().join("b.cedar")).unwrap();
    write(
        dir.path(),
        "labels.toml",
        "[[label]]\nname = \"x\"\ncolumns = [\"A.B.C.D\"]\n",
    );
    let policies = reload(&store).unwrap();
    assert_ne!(policies.version(), before);
    assert_eq!(policies.labels().iter().count(), 1);
    // Labels steer as policies do.
    fs::set_permissions(
        dir.path().join("labels.toml"),
        fs::Permissions::from_mode(0o666),
    )
    .unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Exposed { .. })
    ));
}

#[test]
fn subdirectories_are_not_in_force_and_labels_alone_are_no_policies() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "labels.toml", "");
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Empty { .. })
    ));
    write(dir.path(), "a.cedar", READ);
    fs::create_dir(dir.path().join("old.cedar")).unwrap();
    write(&dir.path().join("old.cedar"), "b.cedar", "permit (");
    assert_eq!(PolicySet::load(dir.path()).unwrap().len(), 1);
}

#[test]
fn an_unchecked_set_is_read_whoever_may_change_it() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.cedar", READ);
    fs::set_permissions(
        dir.path().join("a.cedar"),
        fs::Permissions::from_mode(0o666),
    )
    .unwrap();
    symlink(dir.path().join("a.cedar"), dir.path().join("link")).unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Exposed { .. })
    ));
    let policies = PolicySet::read_unchecked(dir.path()).unwrap();
    let [rule] = policies.rules() else {
        panic!("{:?}", policies.rules());
    };
    assert_eq!(
        (rule.id.as_str(), rule.permits, rule.file.as_str()),
        ("read", true, "a.cedar")
    );
    assert_eq!(rule.text, READ);
}

#[test]
fn a_policy_that_is_too_deep_is_refused_and_one_that_is_deep_is_judged() {
    let policy = |body: &str| {
        format!(
            "@id(\"deep\") permit (principal, action == Action::\"read\", resource) when {{ {body} }};"
        )
    };
    let bodies = |depth: usize| {
        [
            format!("1{} == 2", " + 1".repeat(depth)),
            format!("{}true{}", "(".repeat(depth), ")".repeat(depth)),
            format!("{}1{} == []", "[".repeat(depth), "]".repeat(depth)),
            format!("{}true", "context.approved || ".repeat(depth / 3)),
            format!("principal{}", ".user".repeat(depth)),
            format!("{}true", "if true then false else ".repeat(depth)),
            format!("{}true", "!".repeat(depth)),
        ]
    };
    for body in bodies(20_000) {
        let Err(LoadError::Invalid { problems }) =
            PolicySet::parse(&[("a.cedar", &policy(&body)), ("b.cedar", "permit (")])
        else {
            panic!("loaded");
        };
        let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(problems.len(), 2, "{told:?}");
        assert!(told[0].contains("more than 1000 operators"), "{told:?}");
        let (place, column) = (
            (problems[0].file.as_str(), problems[0].line),
            problems[0].column,
        );
        assert_eq!(place, ("a.cedar", 1));
        assert!((70..30_000).contains(&column), "{column}");
    }
    // Whatever comes of it, nothing overflows here, on a thread like that of a request.
    for body in bodies(900) {
        if let Ok(policies) = PolicySet::parse(&[("a.cedar", &policy(&body))]) {
            drop(judge(&policies, &[Effect::Read]));
        }
    }
    // Nor is a set, however wide.
    let wide: Vec<String> = (0..20_000).map(|at| format!("\"K{at}\"")).collect();
    let body = format!("context.kinds.containsAny([{}])", wide.join(", "));
    drop(judge(&parse(&policy(&body)), &[Effect::Read]));
    // Neither strings nor comments nor many policies are deep.
    let text = format!(
        "// {}\n@message(\"{}\\\"++\") {READ}",
        "+".repeat(2000),
        "+".repeat(2000)
    );
    let wide: String = (0..300)
        .map(|at| text.replace("\"read\")", &format!("\"read{at}\")")))
        .collect();
    assert_eq!(
        parse(&wide.replace("Action::\"read0\"", "Action::\"read\"")).len(),
        300
    );
}
