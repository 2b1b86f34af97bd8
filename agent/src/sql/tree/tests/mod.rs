//! Where outputs come from, and which objects are touched.

mod accesses;
mod lineage;
mod wrapped;

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlparser::ast::Statement;
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Tokenizer;

use super::{Found, walk};
use crate::snowflake::QueryId;
use crate::sql::context::{Catalog, Context, Lookup, Relation, Results, SessionState};
use crate::sql::facts::{Column, Lineage, Output, Sources};
use crate::sql::name::ObjectName;

/// Columns whose values must not reach an output unseen.
const SECRET: [&str; 4] = ["SSN", "EMAIL", "CARD", "PAYLOAD"];

const TABLES: &[(&str, &str)] = &[
    ("D.S.PEOPLE", "ID NAME SSN EMAIL BORN"),
    ("D.S.ORDERS", "ID PERSON_ID TOTAL CARD PLACED"),
    ("D.S.CITIES", "ID CITY POPULATION"),
    ("D.S.EVENTS", "ID PERSON_ID KIND PAYLOAD"),
    ("D.S.SALES", "REGION QUARTER AMOUNT"),
    ("D.PUBLIC.REGIONS", "ID CITY"),
    ("D.S.TREE", "ID PARENT NAME SSN"),
];

const VIEWS: &[(&str, &str, &str)] = &[
    (
        "D.S.SHOWN",
        "A B",
        "create or replace view shown (a, b) as select id, ssn from people",
    ),
    ("D.S.SAFE", "ID NAME", "select id, name from people"),
    ("D.S.CODES", "ID CODE", "select id, ssn as code from people"),
    (
        "D.S.CODES2",
        "ID CODE",
        "with c as (select * from codes) select * from c",
    ),
    (
        "D.S.CODES3",
        "A B",
        "select id as a, code as b from s.codes2",
    ),
    (
        "D.S.FILTERED",
        "ID",
        "select id from people where ssn like '1%'",
    ),
    ("D.S.LOOP1", "X", "select x from loop2"),
    ("D.S.LOOP2", "X", "select x from loop1"),
    ("D.S.BROKEN", "X", "select $a$ , ssn, $a$ from people"),
    ("D.S.STALE", "X Y", "select id from people"),
    ("D.S.ELSEWHERE", "X", "select x from other.schema.unseen"),
    ("D.S.CALLED", "X", "select secret_function(id) from people"),
];

/// A result that the session knows: its first column holds a secret.
const RESULT: &str = "01b2c3d4-0000-1111-0000-00000000000a";

#[derive(Debug)]
struct Fixed(BTreeMap<String, Arc<Relation>>);

impl Catalog for Fixed {
    fn relation(&self, name: &ObjectName) -> Lookup {
        let name = name.to_string();
        match self.0.get(&name) {
            Some(relation) => Lookup::Known(Arc::clone(relation)),
            None if name.starts_with("D.S.") && name.ends_with("REGIONS") => Lookup::Absent,
            None => Lookup::Unknown,
        }
    }
}

#[derive(Debug)]
struct Earlier;

impl Results for Earlier {
    fn lineage(&self, id: &QueryId) -> Option<Arc<Lineage>> {
        let output = |name: &str, column: &str| Output {
            name: Some(name.to_owned()),
            sources: Sources::Known([self::column(column)].into()),
        };
        (id.as_str() == RESULT).then(|| {
            Arc::new(Lineage::Columns(vec![
                output("CODE", "SSN"),
                output("NAME", "NAME"),
            ]))
        })
    }

    fn last(&self, offset: i64) -> Option<QueryId> {
        QueryId::parse(RESULT).filter(|_| offset == -1)
    }
}

fn column(name: &str) -> Column {
    Column {
        table: ObjectName::parse("D.S.PEOPLE").unwrap(),
        column: Some(name.to_owned()),
    }
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
            variables: [
                ("NAME".to_owned(), Some("d.s.people".to_owned())),
                ("READ".to_owned(), None),
            ]
            .into(),
            ..SessionState::default()
        }),
        catalog: Arc::new(Fixed(tables.chain(views).collect())),
        results: Arc::new(Earlier),
    }
}

/// Parses as the driver does: strings keep their escapes.
fn try_parse(text: &str) -> Result<Vec<Statement>, ParserError> {
    let dialect = SnowflakeDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .with_unescape(false)
        .tokenize_with_location()?;
    Parser::new(&dialect)
        .with_tokens_with_locations(tokens)
        .parse_statements()
}

#[track_caller]
fn parse(text: &str) -> Vec<Statement> {
    try_parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn found_in(text: &str, context: &Context) -> Found {
    let statements = parse(text);
    let [statement] = statements.as_slice() else {
        panic!("{text}: {} statements", statements.len());
    };
    walk(statement, context).unwrap_or_else(|| panic!("{text} is not walked"))
}

#[track_caller]
fn found(text: &str) -> Found {
    found_in(text, &context())
}

/// The names of columns without the database and schema of the session.
fn short(columns: impl IntoIterator<Item = Column>) -> String {
    let columns = columns.into_iter().map(|column| {
        let table = column.table.to_string().replace("D.S.", "");
        format!("{table}.{}", column.column.as_deref().unwrap_or("*"))
    });
    columns.collect::<Vec<_>>().join(", ")
}
