//! Both forms of the file, what it says of names, and everything that can be wrong with it.

use super::{CatalogError, CatalogFile};
use crate::sql::context::{Catalog as _, Lookup};
use crate::sql::name::ObjectName;

fn look(catalog: &CatalogFile, name: &str) -> Lookup {
    catalog.relation(&ObjectName::parse(name).unwrap())
}

#[track_caller]
fn check(text: &str) {
    let catalog = CatalogFile::parse(text).unwrap();
    let Lookup::Known(table) = look(&catalog, "d.s.t") else {
        panic!("no table in {text}");
    };
    assert_eq!(table.columns, ["ID", "mixed Case"]);
    assert_eq!(table.definition, None);
    let Lookup::Known(view) = look(&catalog, "d.s.v") else {
        panic!("no view in {text}");
    };
    assert_eq!(view.definition.as_deref(), Some("select id from t"));
    assert_eq!(look(&catalog, "d.s.other"), Lookup::Absent);
    assert_eq!(look(&catalog, "d.s.\"t\""), Lookup::Absent);
    assert_eq!(look(&catalog, "elsewhere.s.t"), Lookup::Unknown);
    assert_eq!(look(&catalog, "d.information_schema.t"), Lookup::Unknown);
    assert_eq!(look(&catalog, "s.t"), Lookup::Unknown);
}

#[test]
fn both_forms_say_the_same() {
    check(
        r#"{"tables": {"D.S.T": ["ID", "\"mixed Case\""]},
            "views": {"d.s.v": {"columns": ["ID"], "sql": "select id from t"}}}"#,
    );
    check(
        r#"{"tables": [{"name": "d.s.T", "columns": [{"name": "id", "type": "NUMBER"}, "mixed Case"]}],
            "views": [{"name": "D.S.V", "definition": "select id from t", "columns": null}]}"#,
    );
    check(
        r#"{"tables": {"D.S.T": {"columns": ["ID", "mixed Case"]}},
            "views": {"D.S.V": "select id from t"}}"#,
    );
}

#[test]
fn an_empty_catalog_knows_nothing() {
    let catalog = CatalogFile::parse("{}").unwrap();
    assert!(catalog.is_empty());
    assert_eq!(look(&catalog, "d.s.t"), Lookup::Unknown);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = r#"{
        "tables": {"T": ["A"], "D.S.T": ["A", "a", 7], "d.s.t": ["B"], "D.S.U": {"colums": []}},
        "tables": [{"columns": []}, 4, {"name": "D.S.W", "columns": "A", "sql": "select 1"}],
        "views": {"D.S.V": {"columns": []}, "D.S.X": {"sql": "select 1", "definition": "select 2"}},
        "databases": {}
    }"#;
    let Err(CatalogError::Invalid { problems }) = CatalogFile::parse(text) else {
        panic!("taken for a catalog");
    };
    insta::assert_snapshot!(problems.join("\n"));
    assert!(matches!(
        CatalogFile::parse("{"),
        Err(CatalogError::Syntax { .. })
    ));
    let deep = CatalogFile::parse(&"[".repeat(100_000));
    assert!(matches!(deep, Err(CatalogError::Syntax { .. })));
    let list = CatalogFile::parse("[]");
    assert!(matches!(list, Err(CatalogError::Invalid { .. })));
}
