//! What labels promise.

use proptest::prelude::*;

use super::*;
use crate::mask::method::{DateRule, Method, NumberRule, Otherwise};

const FILE: &str = r#"
[[label]]
name = "pci.card"
columns = ["SALES.PUBLIC.CARDS.PAN", "*.*.*.card_*number", 'prod.sales."Kunden.2026"."Karte*"']
rank = 3
method = "redact"

[[label]]
name = "pii.email"
columns = ["acme-eu.*.*.*.*EMAIL*"]

[[label]]
name = "all.of-it"
columns = ["HR.*.*.*"]
"#;

fn column(table: &str, column: Option<&str>) -> Column {
    Column {
        table: ObjectName::parse(table).unwrap(),
        column: column.map(str::to_owned),
    }
}

fn parse(text: &str) -> Labels {
    Labels::parse(text).unwrap_or_else(|findings| panic!("{findings:?}"))
}

/// Everything that is wrong, with the line of each.
fn told(text: &str) -> Vec<String> {
    let findings = Labels::parse(text).unwrap_err();
    let findings = findings.iter().map(|it| {
        let before = text.split_at(it.offset).0;
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("{line}:{column}: {}", it.message)
    });
    findings.collect()
}

#[test]
fn a_column_carries_the_labels_of_the_patterns_that_it_fits() {
    let labels = parse(FILE);
    let cases: [(&str, &str, Option<&str>, &[&str]); 16] = [
        ("acme", "sales.public.cards", Some("PAN"), &["pci.card"]),
        // What tools quote in lower case is called the same by people.
        ("acme", "sales.public.cards", Some("pan"), &["pci.card"]),
        ("acme", "sales.other.cards", Some("PAN"), &[]),
        ("acme", "a.b.c", Some("CARD_NUMBER"), &["pci.card"]),
        ("acme", "a.b.c", Some("CARD_HOLDER_NUMBER"), &["pci.card"]),
        ("acme", "a.b.c", Some("Card_Number"), &["pci.card"]),
        ("acme", "a.b.c", Some("CARD_NUMBERS"), &[]),
        ("acme", "a.b.c", Some("CARD_NUMBE"), &[]),
        // Quoted: this name, this case, an asterisk for an asterisk.
        (
            "acme",
            r#"prod.sales."Kunden.2026""#,
            Some("Karte*"),
            &["pci.card"],
        ),
        ("acme", r#"prod.sales."Kunden.2026""#, Some("karte*"), &[]),
        ("acme", r#"prod.sales."Kunden.2026""#, Some("Karte1"), &[]),
        ("acme", "a.b.c", Some("EMAIL"), &[]),
        ("acme-eu", "a.b.c", Some("WORK_EMAIL_2"), &["pii.email"]),
        // Not known: whatever a column of the table could carry.
        ("acme", "a.b.c", None, &["pci.card"]),
        ("acme-eu", "a.b.c", None, &["pci.card", "pii.email"]),
        // The table's database and schema are not known.
        ("acme", "cards", Some("PAN"), &["all.of-it", "pci.card"]),
    ];
    for (account, table, name, expected) in cases {
        let found = labels.of(account, &column(table, name));
        let found: Vec<&str> = found.into_iter().collect();
        assert_eq!(found, expected, "{account} {table} {name:?}");
    }
    let (_, card) = labels.iter().nth(1).unwrap();
    assert_eq!((card.rank, &card.rule.method), (3, &Method::Redact));
}

#[test]
fn an_output_carries_the_labels_of_the_columns_that_it_is_called_like() {
    let labels = parse(FILE);
    let check = |account: &str, name: &str, tables: &[&str], expected: &[&str]| {
        let tables: Vec<ObjectName> = tables
            .iter()
            .map(|table| ObjectName::parse(table).unwrap())
            .collect();
        let found = labels.of_name(account, name, &mut tables.iter());
        let found: Vec<&str> = found.into_iter().collect();
        assert_eq!(found, expected, "{account} {name} {tables:?}");
    };
    check("acme", "PAN", &[], &["pci.card"]);
    check("acme", "pan", &[], &["pci.card"]);
    check(
        "acme",
        "PAN",
        &["a.b.c", "sales.public.cards"],
        &["pci.card"],
    );
    check("acme", "PAN", &["a.b.c"], &[]);
    check("acme", "PAN", &["cards"], &["pci.card"]);
    // A quoted name is as telling in another case.
    check("acme", "KARTE*", &[], &["pci.card"]);
    check("acme", "KARTE1", &[], &[]);
    check("acme", "EMAIL", &[], &[]);
    check("acme-eu", "email", &["x.y.z"], &["pii.email"]);
    // Everything of HR is labelled; that something is called so says nothing.
    check("acme", "ANYTHING", &["hr.public.people"], &[]);
    assert_eq!(
        labels.of("acme", &column("hr.public.people", Some("ANYTHING"))),
        BTreeSet::from(["all.of-it"])
    );
    assert_eq!(
        labels.all(),
        BTreeSet::from(["all.of-it", "pci.card", "pii.email"])
    );
    assert_eq!(
        labels.patterned("acme"),
        BTreeSet::from(["all.of-it", "pci.card"])
    );
}

#[test]
fn detectors_alone_make_a_label_and_label_no_column() {
    let labels = parse("[[label]]\nname = \"a\"\ndetectors = [\"email\"]\n");
    assert!(!labels.is_empty() && !labels.labels_columns());
    assert!(labels.of("acme", &column("a.b.c", None)).is_empty());
    assert_eq!(labels.all(), BTreeSet::from(["a"]));
    let none = parse("");
    assert!(none.is_empty() && !none.labels_columns());
}

fn rule(lines: &str) -> Rule {
    let text = format!("[[label]]\nname = \"a\"\ncolumns = [\"*.*.*.A\"]\n{lines}\n");
    let labels = parse(&text);
    let (_, label) = labels.iter().next().unwrap();
    label.rule.clone()
}

#[test]
fn methods_take_their_parameters() {
    let methods = [
        ("", Method::Redact),
        ("method = \"null\"", Method::Null),
        ("method = \"hash\"", Method::Hash),
        ("method = \"format-preserving\"", Method::FormatPreserving),
        ("method = \"email-domain\"", Method::EmailDomain),
        (
            "method = \"constant\"\nconstant = \"x\"",
            Method::Constant("x".to_owned()),
        ),
        (
            "method = \"partial\"\nkeep_last = 4",
            Method::Partial { first: 0, last: 4 },
        ),
        (
            "method = \"partial\"\nkeep_first = 6\nkeep_last = 4",
            Method::Partial { first: 6, last: 4 },
        ),
        (
            "method = \"date\"\ndate = \"year\"",
            Method::Date(DateRule::Year),
        ),
        (
            "method = \"date\"\ndate = \"month\"",
            Method::Date(DateRule::Month),
        ),
        (
            "method = \"date\"\ndate = \"shift\"\nshift_days = 30",
            Method::Date(DateRule::Shift { days: 30 }),
        ),
        (
            "method = \"number\"\nround = 3",
            Method::Number(NumberRule::Round { digits: 3 }),
        ),
        (
            "method = \"number\"\nbucket = 10",
            Method::Number(NumberRule::Bucket { size: 10 }),
        ),
    ];
    for (lines, method) in methods {
        let rule = rule(lines);
        assert_eq!(rule.method, method, "{lines}");
        assert_eq!((rule.otherwise, rule.retype), (Otherwise::Null, false));
    }
    let text = rule("method = \"hash\"\notherwise = \"redact\"\nretype = true");
    assert_eq!((text.otherwise, text.retype), (Otherwise::Redact, true));
}

#[test]
fn what_a_method_does_not_have_or_needs_is_told() {
    let wrong = |lines: &str| {
        let text = format!("[[label]]\nname = \"a\"\ncolumns = [\"*.*.*.A\"]\n{lines}\n");
        told(&text).join("\n")
    };
    let cases = [
        "method = \"partial\"",
        "method = \"partial\"\nkeep_first = 17",
        "method = \"constant\"",
        "method = \"constant\"\nconstant = \"a\\nb\"",
        "method = \"date\"",
        "method = \"date\"\ndate = \"yaer\"",
        "method = \"date\"\ndate = \"shift\"",
        "method = \"date\"\ndate = \"year\"\nshift_days = 3",
        "method = \"date\"\ndate = \"shift\"\nshift_days = 0",
        "method = \"number\"",
        "method = \"number\"\nround = 3\nbucket = 10",
        "method = \"number\"\nround = \"3\"",
        "method = \"hash\"\nkeep_last = 4\nround = 1",
        "method = \"null\"\notherwise = \"redact\"",
        "method = \"number\"\nround = 3\nretype = true",
        "method = \"hash\"\notherwise = \"nul\"",
        "method = \"hash\"\nretype = \"yes\"",
        "method = \"generalise\"",
        "method = \"partail\"",
        "constant = \"x\"",
    ];
    let cases = cases.map(|lines| format!("{lines}\n=> {}\n", wrong(lines)));
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn of_a_card_number_no_more_is_shown_than_may_be() {
    let card = |of: &str, first: u8, last: u8| {
        Labels::parse(&format!(
            "[[label]]\n{of}\nmethod = \"partial\"\nkeep_first = {first}\nkeep_last = {last}\n"
        ))
    };
    let found = "name = \"x\"\ndetectors = [\"card\"]";
    let named = "name = \"pci.card\"\ncolumns = [\"*.*.*.PAN\"]";
    let other = "name = \"x\"\ncolumns = [\"*.*.*.PAN\"]";
    for of in [found, named] {
        card(of, 8, 4).unwrap();
        for (first, last) in [(9, 0), (6, 5)] {
            let findings = card(of, first, last).unwrap_err();
            assert!(findings[0].message.contains("PCI DSS"), "{findings:?}");
        }
    }
    card(other, 9, 5).unwrap();
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = r#"
packs = ["pcii", "pci", "pci", 3]
strikt = true
strict = "no"

[detection]
confidence = 0
share = 101
sample = 5
shares = 3

[[label]]
nam = "a"
columns = ["A.B.C"]

[[label]]
name = "Bad Name"
columns = "A.B.C.D"
method = "redacted"
rank = "high"

[[label]]
name = "twice"
columns = ["A.B..D", 'A.B.C."D', 7, "A.B.C.D-E"]

[[label]]
name = "twice"
rank = -1
columns = []

[[label]]
name = ""
detectors = ["emial", "email", "email"]

[[label]]
name = "neither"

[[label]]
name = "another"
detectors = ["email"]

[[label]]
name = "pci.card"
extend = true
method = "null"
columns = ["*.*.*.A"]

[[label]]
name = "nobodys"
extend = true
columns = ["*.*.*.A"]

[labels]
"#;
    insta::assert_snapshot!(told(text).join("\n"));
    assert_eq!(told("[[label]]\nname = ").len(), 1);
    assert_eq!(told("label = 3").len(), 1);
    assert_eq!(told("label = [3]").len(), 1);
    assert_eq!(told("detection = 3").len(), 1);
}

#[test]
fn there_is_a_limit_to_everything() {
    let long = format!(
        "[[label]]\nname = \"{}\"\ncolumns = [\"*.*.*.A\"]\n",
        "a".repeat(65)
    );
    assert!(told(&long)[0].contains("longer than 64"));
    let pattern = format!(
        "[[label]]\nname = \"a\"\ncolumns = [\"*.*.*.{}\"]\n",
        "A".repeat(1300)
    );
    assert_eq!(told(&pattern).len(), 1);
    let patterns = vec!["\"*.*.*.A\""; 10_002].join(",\n");
    let patterns = format!("[[label]]\nname = \"a\"\ncolumns = [{patterns}]\n");
    assert!(told(&patterns)[0].starts_with("10003:1: there are more than 10000"));
    let labels: Vec<String> = (0..258)
        .map(|at| format!("[[label]]\nname = \"l{at}\"\ncolumns = [\"*.*.*.A\"]\n"))
        .collect();
    let told = told(&labels.concat());
    assert_eq!(told, ["769:1: there are more than 256 labels"]);
}

#[test]
fn a_pack_gives_its_labels_and_the_file_has_the_last_word() {
    let pci = parse("packs = [\"pci\"]");
    let names: Vec<&str> = pci.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["pci.card", "pci.cvv", "pci.holder"]);
    assert!(pci.iter().all(|(_, label)| label.pack == Some("pci")));
    let card = column("a.b.c", Some("PAN"));
    let because: Vec<Because<'_>> = pci.because("acme", &card).into_iter().collect();
    let expected = Because {
        label: "pci.card",
        pattern: "*.*.*.PAN",
        pack: Some("pci"),
    };
    assert_eq!(because, [expected]);

    let mine = "packs = [\"pci\"]\n[[label]]\nname = \"pci.card\"\ncolumns = [\"*.*.*.KARTE\"]\n";
    let replaced = parse(mine);
    assert!(replaced.of("acme", &card).is_empty());
    let (_, label) = replaced.iter().next().unwrap();
    assert!(label.pack.is_none() && label.detectors.is_empty());

    let extended = parse(&mine.replace("columns", "extend = true\ncolumns"));
    assert_eq!(extended.of("acme", &card), BTreeSet::from(["pci.card"]));
    let karte = column("a.b.c", Some("KARTE"));
    let because: Vec<Because<'_>> = extended.because("acme", &karte).into_iter().collect();
    assert_eq!((because[0].label, because[0].pack), ("pci.card", None));
    let (_, label) = extended.iter().next().unwrap();
    assert_eq!((label.rank, label.pack), (30, Some("pci")));
}

#[test]
fn a_detector_is_the_files_own_before_it_is_a_packs() {
    let own = "packs = [\"pii\"]\n[[label]]\nname = \"mine\"\ndetectors = [\"email\"]\n";
    let labels = parse(own);
    let with: Vec<&str> = labels
        .iter()
        .filter(|(_, label)| label.detectors.iter().any(|it| it.name == "email"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(with, ["mine"]);
}

#[test]
fn the_shipped_packs_are_good_together() {
    let labels = Labels::shipped().unwrap_or_else(|findings| panic!("{findings:?}"));
    assert!(labels.iter().count() > 15);
    let mut seen = BTreeSet::new();
    for (name, label) in labels.iter() {
        for detector in &label.detectors {
            assert!(seen.insert(detector.name), "{} of {name}", detector.name);
        }
    }
    // Whatever can be found is found by default.
    let known: BTreeSet<&str> = crate::mask::detect::all().map(|it| it.name).collect();
    assert_eq!(seen, known);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/labels.toml");
    let file = parse(&std::fs::read_to_string(path).unwrap());
    assert_eq!(file.all(), labels.all());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        drop(Labels::parse(&text));
        drop(Labels::parse(&format!("[[label]]\nname = \"a\"\n{text}")));
    }

    #[test]
    fn no_keys_panic(
        keys in prop::collection::vec(
            ("(packs|strict|name|columns|detectors|rank|method|keep_last|date|shift_days|round|bucket|extend|otherwise|retype|constant)",
             "(true|-1|3|99999999999999999999|0x7f|1.5|\"pci\"|\"date\"|\"partial\"|\"\"|\\[\\]|\\[\"a.b.c.d\"\\]|\\[\"pci\", 1\\]|\\{\\}|2026-01-01)"),
            0..8,
        ),
        top in any::<bool>(),
    ) {
        let keys = keys.into_iter().map(|(key, value)| format!("{key} = {value}\n"));
        let keys: String = keys.collect();
        let head = if top { "" } else { "[[label]]\n" };
        drop(Labels::parse(&format!("{head}{keys}")));
    }

    #[test]
    fn a_pattern_of_a_name_fits_it(parts in prop::collection::vec("\\PC{1,12}", 4)) {
        let quoted = parts.iter().map(|it| format!("\"{}\"", it.replace('"', "\"\"")));
        let quoted: Vec<String> = quoted.collect();
        let text = toml::Value::from(quoted.join(".")).to_string();
        let labels = Labels::parse(&format!("[[label]]\nname = \"a\"\ncolumns = [{text}]\n"));
        let labels = labels.unwrap();
        let table = ObjectName::new(parts[..3].to_vec()).unwrap();
        let at = |column: &str| {
            let column = Some(column.to_owned());
            labels.of("acme", &Column { table: table.clone(), column }).len()
        };
        prop_assert_eq!(at(&parts[3]), 1);
        prop_assert_eq!(at(&format!("{}x", parts[3])), 0);
        prop_assert_eq!(labels.of_name("acme", &parts[3].to_uppercase(), &mut std::iter::once(&table)).len(), 1);
    }
}
