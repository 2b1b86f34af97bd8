//! What is known of the columns of a relation: a table, a view, a query, a table function.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::taint::{Gather, Pool, Taint};

/// Relations with more columns than this are of unknown shape. Snowflake's own limit is below it;
/// only a query that joins itself again and again, `*` by `*`, gets there.
pub(super) const COLUMNS_MAX: usize = 10_000;

/// Relations of alternatives of alternatives: past this many they stand for everything. Without a
/// bound, a query that names the one before it twice, and so on, would double them each time.
const ALTERNATIVES_MAX: usize = 64;

/// One column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    /// Folded; `None` for an expression that Snowflake names by its text.
    pub(super) name: Option<Rc<str>>,
    pub(super) taint: Taint,
}

/// The columns of a relation.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) outputs: Vec<Output>,
    pub(super) rest: Rest,
    /// How many alternatives are in `rest`, at any depth.
    alternatives: usize,
    /// The outputs of each name, for relations that are wide and asked often.
    index: OnceCell<HashMap<Rc<str>, Vec<usize>>>,
}

/// What a relation has besides its known columns. Unless it is nothing, their positions are not
/// known either.
#[derive(Clone, Debug, Default)]
pub(super) enum Rest {
    #[default]
    Nothing,
    /// The columns of a table that nobody has seen: any name may be one.
    Table(u32),
    /// Any name may be a column, and comes from this.
    Any(Taint),
    /// The columns of any of these.
    Either(Vec<Rc<Shape>>),
}

/// What came of looking for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hit {
    No,
    /// There may be such a column; outer scopes may have it, too.
    Perhaps,
    Certain,
}

impl Shape {
    pub(super) fn closed(outputs: Vec<Output>) -> Self {
        let too_many = outputs.len() > COLUMNS_MAX;
        let shape = Self {
            outputs,
            ..Self::default()
        };
        if too_many { shape.collapsed() } else { shape }
    }

    pub(super) fn open(outputs: Vec<Output>, mut rest: Rest) -> Self {
        let too_many = outputs.len() > COLUMNS_MAX;
        let mut alternatives = 1;
        if let Rest::Either(shapes) = &mut rest {
            shapes.dedup_by(|one, other| Rc::ptr_eq(one, other));
            alternatives += shapes.iter().map(|it| it.alternatives + 1).sum::<usize>();
        }
        if alternatives > ALTERNATIVES_MAX {
            rest = Rest::Any(Taint::everything(
                "there are more relations than are followed",
            ));
            alternatives = 1;
        }
        let shape = Self {
            outputs,
            rest,
            alternatives,
            ..Self::default()
        };
        if too_many { shape.collapsed() } else { shape }
    }

    pub(super) fn unknown(reason: impl Into<Rc<str>>) -> Self {
        Self::any(Taint::unknown(reason))
    }

    pub(super) fn any(taint: Taint) -> Self {
        Self::open(Vec::new(), Rest::Any(taint))
    }

    /// True if number and order of the columns are known.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    fn collapsed(&self) -> Self {
        let mut all = Gather::default();
        for output in &self.outputs {
            all.add(&output.taint);
        }
        all.add_unknown("there are more columns than are followed");
        let known = Rc::new(Self::any(all.finish()));
        let rest = Rc::new(Self::open(Vec::new(), self.rest.clone()));
        Self::open(Vec::new(), Rest::Either(vec![known, rest]))
    }

    /// Adds what a column of this name comes from.
    pub(super) fn find(&self, name: &Rc<str>, pool: &mut Pool, gather: &mut Gather) -> Hit {
        let mut hit = Hit::No;
        let index = self.index();
        for at in index.get(name).into_iter().flatten() {
            if let Some(output) = self.outputs.get(*at) {
                gather.add(&output.taint);
                hit = Hit::Certain;
            }
        }
        if hit == Hit::No {
            // `"MAX(SSN)"` names an expression by its text.
            for output in self.outputs.iter().filter(|output| output.name.is_none()) {
                gather.add(&output.taint);
                hit = Hit::Perhaps;
            }
        }
        match &self.rest {
            Rest::Nothing => hit,
            Rest::Table(table) => {
                gather.add_id(pool.column(*table, Some(Rc::clone(name))));
                hit.max(Hit::Perhaps)
            }
            Rest::Any(taint) => {
                gather.add(taint);
                hit.max(Hit::Perhaps)
            }
            Rest::Either(shapes) => {
                for shape in shapes {
                    let found = shape.find(name, pool, gather).min(Hit::Perhaps);
                    hit = hit.max(found);
                }
                hit
            }
        }
    }

    /// Adds what the column at this position, counted from 1, comes from.
    pub(super) fn at(&self, position: usize, pool: &mut Pool, gather: &mut Gather) {
        let output = position.checked_sub(1).and_then(|at| self.outputs.get(at));
        match (self.is_closed(), output) {
            (true, Some(output)) => gather.add(&output.taint),
            (true, None) => gather.add_unknown("there is no column at this position"),
            (false, _) => self.row(pool, gather),
        }
    }

    /// Adds what any column comes from.
    pub(super) fn row(&self, pool: &mut Pool, gather: &mut Gather) {
        for output in &self.outputs {
            gather.add(&output.taint);
        }
        match &self.rest {
            Rest::Nothing => {}
            Rest::Table(table) => {
                gather.add_id(pool.column(*table, None));
            }
            Rest::Any(taint) => gather.add(taint),
            Rest::Either(shapes) => {
                for shape in shapes {
                    shape.row(pool, gather);
                }
            }
        }
    }

    /// Why the columns are not known; `None` if they are.
    pub(super) fn obscurity(&self, pool: &Pool) -> Option<Rc<str>> {
        let some = || Rc::from("not every column is known");
        match &self.rest {
            Rest::Nothing => None,
            Rest::Table(table) => Some(pool.name(*table).map_or_else(some, |it| unseen(it).into())),
            Rest::Any(taint) => Some(taint.unknown.clone().unwrap_or_else(some)),
            Rest::Either(shapes) => {
                let reason = shapes.iter().find_map(|shape| shape.obscurity(pool));
                Some(reason.unwrap_or_else(some))
            }
        }
    }

    /// The columns by other names; those that are left over keep theirs.
    pub(super) fn renamed(&self, names: &[Rc<str>], pool: &mut Pool) -> Self {
        if self.is_closed() {
            let mut outputs = self.outputs.clone();
            for (output, name) in outputs.iter_mut().zip(names) {
                output.name = Some(Rc::clone(name));
            }
            return Self::closed(outputs);
        }
        let mut row = Gather::default();
        self.row(pool, &mut row);
        let taint = row.finish();
        let outputs = names.iter().map(|name| Output {
            name: Some(Rc::clone(name)),
            taint: taint.clone(),
        });
        Self::open(outputs.collect(), Rest::Any(taint.clone()))
    }

    fn index(&self) -> &HashMap<Rc<str>, Vec<usize>> {
        self.index.get_or_init(|| {
            let mut index: HashMap<Rc<str>, Vec<usize>> = HashMap::new();
            for (at, output) in self.outputs.iter().enumerate() {
                if let Some(name) = &output.name {
                    index.entry(Rc::clone(name)).or_default().push(at);
                }
            }
            index
        })
    }
}

fn unseen(table: &crate::sql::name::ObjectName) -> String {
    format!("the columns of `{table}` are not known")
}
