//! When a result, or the rest of one, is withheld.

use zeroize::Zeroizing;

use super::*;
use crate::mask::key::MasterKey;
use crate::snowflake::rowtype;

const LABELS: &str = r#"
[[label]]
name = "card"
columns = ["*.*.*.CARD"]
"#;

fn planned(policies: &PolicySet, is_shown: bool) -> Planned {
    let key = MasterKey::new(Zeroizing::new([7; 32]));
    let masks = Arc::new(Masks::new(policies.labels(), &key));
    let unmasked = |_: &str, _: Option<&ObjectName>| is_shown;
    let scope = Scope {
        labels: policies.labels(),
        masks: &masks,
        account: "acme",
        unmasked: &unmasked,
        written: &|_| None,
    };
    let fields = rowtype::parse(br#"[{"name":"ID","type":"text"}]"#).unwrap();
    let plan = Plan::of(&scope, Origin::FORGOTTEN, fields);
    Planned {
        wording: Wording::default(),
        strict: Wording::default(),
        plan: Arc::new(plan),
        is_parent: false,
        has_rows: true,
        shown_by: BTreeSet::new(),
        masks,
    }
}

fn policies(labels: &str) -> PolicySet {
    let policy = "@id(\"all\") permit (principal, action, resource);";
    PolicySet::parse(&[("a.cedar", policy), ("labels.toml", labels)]).unwrap()
}

#[test]
fn strict_labels_refuse_what_nobody_knows_the_origin_of() {
    let lax = policies(LABELS);
    check_strict(&lax, &planned(&lax, false).plan).unwrap();
    let strict = policies(&format!("strict = true\n{LABELS}"));
    let refusal = check_strict(&strict, &planned(&strict, false).plan).unwrap_err();
    assert!(matches!(refusal.reason(), Reason::OriginUnknown));
    assert_eq!(
        refusal.public_message(),
        "Snowfence: column 1 (`ID`) of the result may hold `card`, because its origin is not known (the \
         statement is no longer known), so nothing of the result is passed on; name the columns of \
         tables themselves in place of `*`, functions, procedures and earlier results, or leave the \
         column out"
    );
    // Who may see the label has nothing to fear.
    check_strict(&strict, &planned(&strict, true).plan).unwrap();
}

#[test]
fn the_rest_of_a_result_is_withheld_when_a_right_begins_or_ends_meanwhile() {
    let policies = policies(LABELS);
    let (hidden, shown) = (planned(&policies, false), planned(&policies, true));
    hidden.goes_on(&hidden.digest()).unwrap();
    shown.goes_on(&shown.digest()).unwrap();
    for (now, before) in [(&hidden, &shown), (&shown, &hidden)] {
        let refusal = now.goes_on(&before.digest()).unwrap_err();
        assert!(matches!(refusal.reason(), Reason::RightLost));
        assert!(refusal.public_message().contains("run the statement again"));
    }
    let shape = hidden.shape(Format::Arrow);
    assert_eq!(shape.digest, hidden.digest());
}
