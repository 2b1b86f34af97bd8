//! Objects by their place, and columns by their labels.

use super::*;

const CARD: &str = "[[label]]\nname = \"pci.card\"\ncolumns = [\"*.*.*.PAN\"]\n";

fn with_labels(policies: &str) -> PolicySet {
    PolicySet::parse(&[("test.cedar", policies), ("labels.toml", CARD)]).unwrap()
}

fn permit(resource: &str) -> PolicySet {
    parse(&format!(
        "@id(\"only\") permit (principal, action, resource {resource});"
    ))
}

#[test]
fn an_object_is_in_its_schema_its_database_and_its_account() {
    let orders = [(Effect::Read, ObjectKind::Table, "sales.public.orders")];
    let cases = [
        ("== Table::\"SALES.PUBLIC.ORDERS\"", true),
        ("is Table", true),
        ("in Schema::\"SALES.PUBLIC\"", true),
        ("in Database::\"SALES\"", true),
        ("in Account::\"acme\"", true),
        ("is Table in Schema::\"SALES.PUBLIC\"", true),
        ("== Table::\"SALES.PUBLIC.ORDER\"", false),
        ("in Schema::\"SALES.OTHER\"", false),
        ("in Schema::\"OTHER.PUBLIC\"", false),
        ("in Account::\"other\"", false),
    ];
    for (resource, expected) in cases {
        let verdict = ask_about(&permit(resource), &doing(&orders));
        assert_eq!(matches!(verdict, Verdict::Allow(_)), expected, "{resource}");
    }
}

#[test]
fn every_kind_of_object_is_an_entity_of_its_own() {
    use ObjectKind as K;
    let cases = [
        (K::Database, "sales", "Database::\"SALES\""),
        (K::Schema, "sales.public", "Schema::\"SALES.PUBLIC\""),
        (
            K::Table,
            "sales.public.\"Orders 26\"",
            "Table::\"SALES.PUBLIC.\\\"Orders 26\\\"\"",
        ),
        (K::Stage, "sales.public.out", "Stage::\"SALES.PUBLIC.OUT\""),
        (
            K::Function,
            "sales.public.f",
            "Function::\"SALES.PUBLIC.F\"",
        ),
        (
            K::Procedure,
            "sales.public.p",
            "Procedure::\"SALES.PUBLIC.P\"",
        ),
        (
            K::Object,
            "sales.public.task",
            "Object::\"SALES.PUBLIC.TASK\"",
        ),
        (K::Warehouse, "wh", "Warehouse::\"WH\""),
        (K::Integration, "s3", "Integration::\"S3\""),
        (K::Role, "sysadmin", "SnowflakeRole::\"SYSADMIN\""),
        (K::User, "alice", "SnowflakeUser::\"ALICE\""),
    ];
    for effect in Effect::ALL {
        for (kind, object, entity) in cases {
            let policies = parse(&format!(
                "@id(\"p\") permit (principal, action, resource) when {{ resource == {entity} \
                 && resource in Account::\"acme\" }};"
            ));
            check_allowed(
                ask_about(&policies, &doing(&[(effect, kind, object)])),
                &["p"],
            );
            let elsewhere = [(effect, K::Account, "acme")];
            denied(ask_about(&policies, &doing(&elsewhere)));
        }
        if effect == Effect::Ai {
            break;
        }
    }
}

#[test]
fn every_object_must_be_permitted_and_messages_name_those_that_are_not() {
    let facts = doing(&[
        (Effect::Read, ObjectKind::Table, "sales.public.orders"),
        (Effect::Read, ObjectKind::Table, "hr.public.salaries"),
        (Effect::Session, ObjectKind::Warehouse, "big"),
    ]);
    let denial = denied(ask_about(&permit("in Schema::\"SALES.PUBLIC\""), &facts));
    let told = "no policy permits `read` on `HR.PUBLIC.SALARIES`, `session` on `warehouse BIG`;";
    assert!(denial.message.contains(told), "{}", denial.message);
    assert!(!denial.message.contains("ORDERS"), "{}", denial.message);
}

#[test]
fn a_name_that_is_not_whole_is_denied_and_the_message_says_how_to_write_it() {
    let policies = permit("");
    for (kind, object) in [
        (ObjectKind::Table, "orders"),
        (ObjectKind::Table, "public.orders"),
        (ObjectKind::Schema, "public"),
        (ObjectKind::Warehouse, "a.b"),
    ] {
        let denial = denied(ask_about(
            &policies,
            &doing(&[(Effect::Read, kind, object)]),
        ));
        assert!(
            denial.message.contains("it cannot be told which"),
            "{}",
            denial.message
        );
    }
    let denial = denied(ask_about(
        &policies,
        &doing(&[(Effect::Read, ObjectKind::Table, "orders")]),
    ));
    let told = "`ORDERS` is, to judge `read` on it: write `DATABASE.SCHEMA.NAME`, or run USE";
    assert!(denial.message.contains(told), "{}", denial.message);
}

#[test]
fn an_effect_without_an_access_is_about_the_account() {
    let mut facts = doing(&[(Effect::Read, ObjectKind::Table, "sales.public.orders")]);
    facts.effects.insert(Effect::Export);
    let denial = denied(ask_about(&permit("in Schema::\"SALES.PUBLIC\""), &facts));
    assert!(denial.message.contains("`export`"), "{}", denial.message);
}

const NO_CARDS: &str = r#"
    @id("all") permit (principal, action, resource);
    @id("no-cards") forbid (principal, action == Action::"read", resource)
    when { context.labels.contains("pci.card") };
"#;

#[test]
fn a_read_carries_the_labels_of_its_own_columns() {
    let policies = with_labels(NO_CARDS);
    let both = doing(&[
        (Effect::Read, ObjectKind::Table, "a.b.cards"),
        (Effect::Read, ObjectKind::Table, "a.b.names"),
    ]);
    let touching = |table: &str, name: Option<&str>| Facts {
        columns: BTreeSet::from([column(table, name)]),
        ..both.clone()
    };
    let cases = [
        (
            touching("a.b.cards", Some("PAN")),
            Some("`read` on `A.B.CARDS` is"),
        ),
        (touching("a.b.cards", Some("NAME")), None),
        // Every column, or nobody knows which.
        (
            touching("a.b.names", None),
            Some("`read` on `A.B.NAMES` is"),
        ),
        // Behind a view, of a table that no access names: any of them could show it.
        (
            touching("a.b.hidden", Some("PAN")),
            Some("`read` on `A.B.CARDS`, `read` on `A.B.NAMES` is"),
        ),
    ];
    for (facts, expected) in cases {
        match (ask_about(&policies, &facts), expected) {
            (Verdict::Allow(_), None) => {}
            (verdict, expected) => {
                let message = denied(verdict).message;
                assert!(message.contains(expected.unwrap()), "{message}");
            }
        }
    }
}

#[test]
fn what_is_written_carries_the_labels_of_everything_that_is_read() {
    let policies = with_labels(
        r#"@id("all") permit (principal, action, resource);
           @id("stay") forbid (principal, action in [Action::"write", Action::"egress"], resource)
           when { context.labels.contains("pci.card") };"#,
    );
    let facts = Facts {
        columns: BTreeSet::from([column("a.b.cards", Some("PAN"))]),
        ..doing(&[
            (Effect::Read, ObjectKind::Table, "a.b.cards"),
            (Effect::Insert, ObjectKind::Table, "a.b.copy"),
            (Effect::Export, ObjectKind::Stage, "a.b.out"),
        ])
    };
    let denial = denied(ask_about(&policies, &facts));
    let told = "`export` on `stage A.B.OUT`, `insert` on `A.B.COPY` is forbidden";
    assert!(denial.message.contains(told), "{}", denial.message);
}

#[test]
fn filter_is_asked_for_tables_whose_labelled_columns_decide() {
    let policies = with_labels(
        r#"@id("read") permit (principal, action == Action::"read", resource);
           @id("filter") permit (principal, action == Action::"filter", resource == Table::"A.B.OPEN")
           when { context.labels == ["pci.card"] && resource.labels.contains("pci.card") };"#,
    );
    let filtered = |table: &str, name: &str| Facts {
        predicates: BTreeSet::from([column(table, Some(name))]),
        ..doing(&[(Effect::Read, ObjectKind::Table, table)])
    };
    check_allowed(ask_about(&policies, &filtered("a.b.t", "NAME")), &["read"]);
    check_allowed(
        ask_about(&policies, &filtered("a.b.open", "PAN")),
        &["filter", "read"],
    );
    let denial = denied(ask_about(&policies, &filtered("a.b.t", "PAN")));
    let told = "no policy permits `filter` on `A.B.T` by columns labelled `pci.card`";
    assert!(denial.message.contains(told), "{}", denial.message);
    // Which table it is cannot be told.
    denied(ask_about(&policies, &filtered("open", "PAN")));
}
