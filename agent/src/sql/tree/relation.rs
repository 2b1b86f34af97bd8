//! Tables and views: what the catalog knows of them.

use std::rc::Rc;
use std::sync::Arc;

use sqlparser::ast::Statement;

use super::scope::{Names, Scope};
use super::shape::{Output, Rest, Shape};
use super::taint::{Gather, Taint};
use super::{Walker, Yield};
use crate::sql::context::{Lookup, Relation, SessionState};
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::name::ObjectName;
use crate::sql::parse::parse_text;

/// Views over views over views: people's are rarely deeper than five.
const VIEWS_OPEN_MAX: usize = 16;

/// View definitions that one statement can make us parse, 0.2 ms each.
const VIEWS_WALKED_MAX: usize = 64;

impl Walker<'_> {
    /// Reads the relations that a name can mean.
    pub(super) fn read(&mut self, names: Vec<ObjectName>) -> (Names, Rc<Shape>) {
        let names = self.existing(names);
        for name in &names {
            self.access(Effect::Read, ObjectKind::Table, name.clone());
        }
        let mut shapes: Vec<_> = names.iter().map(|name| self.relation(name)).collect();
        let shape = match (shapes.len(), shapes.pop()) {
            (1, Some(only)) => only,
            (_, Some(last)) => {
                shapes.push(last);
                Rc::new(Shape::open(Vec::new(), Rest::Either(shapes)))
            }
            (_, None) => Rc::new(Shape::unknown("nothing has this name")),
        };
        (Names::Paths(names), shape)
    }

    /// The columns of a table or view.
    pub(super) fn relation(&mut self, name: &ObjectName) -> Rc<Shape> {
        if let Some(known) = self.relations.get(name) {
            let cycle = || Rc::new(Shape::unknown(format!("the view `{name}` reads itself")));
            return known.clone().unwrap_or_else(cycle);
        }
        self.relations.insert(name.clone(), None);
        let shape = Rc::new(match self.context.catalog.relation(name) {
            Lookup::Known(relation) => self.known(name, &relation),
            Lookup::Absent | Lookup::Unknown => {
                self.missing.insert(name.clone());
                Shape::open(Vec::new(), Rest::Table(self.pool.table(name)))
            }
        });
        self.relations.insert(name.clone(), Some(Rc::clone(&shape)));
        shape
    }

    fn known(&mut self, name: &ObjectName, relation: &Arc<Relation>) -> Shape {
        let table = self.pool.table(name);
        let inner = relation
            .definition
            .as_ref()
            .map(|definition| self.definition(name, definition));
        if relation.columns.is_empty() {
            // Its columns are those of its definition, or it is as good as not seen.
            let own = Rc::new(Shape::open(Vec::new(), Rest::Table(table)));
            let shapes = std::iter::once(own).chain(inner);
            return Shape::open(Vec::new(), Rest::Either(shapes.collect()));
        }
        let mut outputs = Vec::with_capacity(relation.columns.len());
        for (at, column) in relation.columns.iter().enumerate() {
            let column: Rc<str> = column.as_str().into();
            let own = self.pool.column(table, Some(Rc::clone(&column)));
            let taint = match &inner {
                None => Taint::of(own),
                Some(inner) => {
                    let mut gather = Gather::default();
                    gather.add_id(own);
                    if inner.is_closed() && inner.outputs.len() != relation.columns.len() {
                        gather.add_unknown(format!(
                            "the definition of the view `{name}` does not fit its columns"
                        ));
                    }
                    inner.at(at + 1, &mut self.pool, &mut gather);
                    gather.finish()
                }
            };
            let name = Some(column);
            outputs.push(Output { name, taint });
        }
        Shape::closed(outputs)
    }

    /// Walks a view's definition as its owner's statement: names are resolved where the view is.
    fn definition(&mut self, view: &ObjectName, text: &str) -> Rc<Shape> {
        let unknown = |why| Rc::new(Shape::unknown(format!("the view `{view}` {why}")));
        if self.views_open >= VIEWS_OPEN_MAX || self.views_walked >= VIEWS_WALKED_MAX {
            return unknown("is one of too many that are nested");
        }
        let Some(statement) = parse_text(text) else {
            return unknown("has a definition that is not understood");
        };
        self.views_walked += 1;
        self.views_open += 1;
        let (database, schema) = match view.parts() {
            [database, schema, _] => (Some(database.clone()), Some(schema.clone())),
            _ => (None, None),
        };
        let owner = SessionState {
            database,
            schema,
            ..SessionState::default()
        };
        let session = std::mem::replace(&mut self.session, Arc::new(owner));
        let deciders = std::mem::take(&mut self.deciders);
        let forward = std::mem::take(&mut self.forward);
        // The text of a view as `SHOW VIEWS` has it, or its query alone.
        let yields = if let Statement::CreateView(create) = &statement {
            Some(Yield::Rows(self.query(&create.query, &Scope::default())))
        } else {
            self.statement(&statement, &Scope::default())
        };
        self.forward = forward;
        self.deciders = deciders;
        self.session = session;
        self.views_open -= 1;
        match yields {
            Some(Yield::Rows(shape)) => shape,
            Some(Yield::NoData | Yield::Unknown(_)) | None => unknown("is not a query"),
        }
    }
}
