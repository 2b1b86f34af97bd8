//! Which columns of which results are masked, by the facts of real statements.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Plan, Reason, Treatment};
use crate::mask::key::MasterKey;
use crate::mask::labels::Labels;
use crate::mask::masks::Masks;
use crate::mask::outputs::{Origin, Scope};
use crate::snowflake::QueryId;
use crate::snowflake::rowtype::{Field, Type};
use crate::sql::context::{Catalog, Context, Lookup, Relation, Results};
use crate::sql::facts::{Lineage, Output, Sources};
use crate::sql::writes::Writes;
use crate::sql::{Analyst, Facts, ObjectName, SessionState};

mod copies;
mod names;
mod rights;
mod scans;
mod statements;

const LABELS: &str = r#"
[[label]]
name = "ssn"
columns = ["D.S.PEOPLE.SSN"]
rank = 20

[[label]]
name = "email"
columns = ["*.*.*.EMAIL"]
rank = 10

[[label]]
name = "card"
columns = ["D.S.ORDERS.CARD"]
rank = 30

[[label]]
name = "payload"
columns = ["D.S.EVENTS.PAYLOAD"]
rank = 5
"#;

const TABLES: &[(&str, &str)] = &[
    ("D.S.PEOPLE", "ID NAME SSN EMAIL BORN"),
    ("D.S.ORDERS", "ID PERSON_ID TOTAL CARD PLACED"),
    ("D.S.CITIES", "ID CITY POPULATION"),
    ("D.S.EVENTS", "ID KIND PAYLOAD"),
    ("D.S.SALES", "REGION QUARTER AMOUNT"),
    ("D.PUBLIC.REGIONS", "ID CITY"),
];

const VIEWS: &[(&str, &str, &str)] = &[
    ("D.S.SAFE", "ID NAME", "select id, name from people"),
    ("D.S.CODES", "ID CODE", "select id, ssn as code from people"),
    ("D.S.CODES2", "A B", "select id as a, code as b from codes"),
    ("D.S.STALE", "X Y", "select id from people"),
];

/// Results of the session: one that is known, one of a table that is not.
const RESULT: &str = "01b2c3d4-0000-1111-0000-00000000000a";

#[derive(Debug)]
struct Fixed(BTreeMap<String, Arc<Relation>>);

impl Catalog for Fixed {
    fn relation(&self, name: &ObjectName) -> Lookup {
        let name = name.to_string();
        match self.0.get(&name) {
            Some(relation) => Lookup::Known(Arc::clone(relation)),
            None if name == "D.S.REGIONS" => Lookup::Absent,
            None => Lookup::Unknown,
        }
    }
}

#[derive(Debug)]
struct Earlier;

impl Results for Earlier {
    fn lineage(&self, id: &QueryId) -> Option<Arc<Lineage>> {
        let output = |name: &str| Output {
            name: Some(name.to_owned()),
            sources: Sources::Known(
                [crate::sql::facts::Column {
                    table: name_of("D.S.PEOPLE"),
                    column: Some(name.to_owned()),
                }]
                .into(),
            ),
        };
        let outputs = vec![output("SSN"), output("NAME")];
        (id.as_str() == RESULT).then(|| Arc::new(Lineage::Columns(outputs)))
    }

    fn last(&self, offset: i64) -> Option<QueryId> {
        QueryId::parse(RESULT).filter(|_| offset == -1)
    }
}

fn name_of(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}

fn context() -> Context {
    let relation = |columns: &str, definition: Option<&str>| {
        Arc::new(Relation {
            columns: columns.split(' ').map(str::to_owned).collect(),
            definition: definition.map(str::to_owned),
        })
    };
    let tables = TABLES.iter();
    let tables = tables.map(|(name, columns)| ((*name).to_owned(), relation(columns, None)));
    let views = VIEWS.iter().map(|(name, columns, definition)| {
        let relation = relation(columns, Some(definition));
        ((*name).to_owned(), relation)
    });
    Context {
        session: Arc::new(SessionState {
            database: Some("D".to_owned()),
            schema: Some("S".to_owned()),
            ..SessionState::default()
        }),
        catalog: Arc::new(Fixed(tables.chain(views).collect())),
        results: Arc::new(Earlier),
    }
}

fn field(name: &str, kind: Type) -> Field {
    Field {
        name: name.to_owned(),
        kind,
        scale: 0,
        precision: 38,
        nullable: true,
        fields: Vec::new(),
    }
}

/// The columns that Snowflake would announce: those that are foreseen, or two of which nothing is.
fn fields(lineage: &Lineage) -> Vec<Field> {
    match lineage {
        Lineage::Columns(outputs) => outputs
            .iter()
            .map(|output| field(output.name.as_deref().unwrap_or("EXPR"), Type::Text))
            .collect(),
        Lineage::NoData | Lineage::Unknown(_) => {
            vec![field("A", Type::Text), field("B", Type::Fixed)]
        }
    }
}

/// A plan in words: `-` for a column that carries nothing, else what carries what and why.
fn shown(plan: &Plan) -> String {
    let columns = plan.columns.iter().map(|column| {
        let labels: Vec<&str> = column.labels.iter().map(|label| &**label).collect();
        let sign = match &column.reason {
            None => return "-".to_owned(),
            Some(Reason::Lineage) => "",
            Some(Reason::Name) => "~",
            Some(Reason::Unknown(_)) => "?",
        };
        let Treatment::Mask(masking) = &column.treatment else {
            panic!("{column:?}");
        };
        format!("{sign}{}={}", labels.join("+"), masking.label)
    });
    columns.collect::<Vec<_>>().join(", ")
}

struct World {
    labels: Labels,
    writes: Writes,
    masks: Masks,
    analyst: Analyst,
}

impl World {
    fn new(labels: &str) -> Self {
        let labels = Labels::parse(labels).unwrap();
        let masks = Masks::new(&labels, &MasterKey::new(Zeroizing::new([7; 32])));
        let analyst = Analyst::new().unwrap();
        Self {
            labels,
            writes: Writes::new(),
            masks,
            analyst,
        }
    }

    fn facts(&self, text: &str) -> Facts {
        self.analyst.facts_blocking(text, &context()).unwrap()
    }

    fn plan(
        &self,
        origin: Origin<'_>,
        fields: Vec<Field>,
        unmasked: &dyn Fn(&str, Option<&ObjectName>) -> bool,
    ) -> Plan {
        let scope = Scope {
            labels: &self.labels,
            masks: &self.masks,
            account: "acme",
            unmasked,
            written: &|table| self.writes.get(table).cloned().map(Arc::new),
        };
        Plan::of(&scope, origin, fields)
    }

    fn masked(&self, origin: Origin<'_>, fields: Vec<Field>) -> Plan {
        self.plan(origin, fields, &|_, _| false)
    }
}
