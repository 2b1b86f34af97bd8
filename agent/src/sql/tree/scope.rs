//! Which names a piece of SQL can see.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use sqlparser::ast::Expr;

use super::shape::{Hit, Shape};
use super::taint::{Gather, Pool, Taint};
use crate::sql::name::ObjectName;

/// The common table expressions that are in scope, innermost first.
pub(super) type Ctes = Option<Rc<Cte>>;

/// One of them, and those that were there before it.
#[derive(Debug)]
pub(super) struct Cte {
    pub(super) name: Rc<str>,
    pub(super) shape: Rc<Shape>,
    pub(super) outer: Ctes,
    /// Something referred to it.
    pub(super) used: Cell<bool>,
    /// It refers to itself without having been declared recursive: its name may mean a table.
    pub(super) doubtful: bool,
}

/// Finds a common table expression by name.
pub(super) fn cte<'a>(ctes: &'a Ctes, name: &str) -> Option<&'a Rc<Cte>> {
    let mut at = ctes.as_ref();
    while let Some(cte) = at {
        if &*cte.name == name {
            cte.used.set(true);
            return Some(cte);
        }
        at = cte.outer.as_ref();
    }
    None
}

/// A relation in a `FROM`.
#[derive(Debug)]
pub(super) struct Binding {
    /// The names that columns can be qualified with.
    pub(super) names: Names,
    pub(super) shape: Rc<Shape>,
    /// The columns that a `USING` or `NATURAL` merged when this relation was joined.
    pub(super) merged: Vec<Rc<str>>,
}

/// How a relation can be named by its columns.
#[derive(Debug)]
pub(super) enum Names {
    Nothing,
    Alias(Rc<str>),
    /// The table's own name; several, if it is not known which is meant.
    Paths(Vec<ObjectName>),
}

/// What an expression can see.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub(super) outer: Option<&'a Self>,
    pub(super) ctes: Ctes,
    pub(super) bindings: Vec<Binding>,
    /// The aliases of the select list that this scope belongs to.
    pub(super) aliases: Option<&'a Aliases<'a>>,
    /// Parameters of a lambda, and what they stand for.
    pub(super) parameters: Vec<(Rc<str>, Taint)>,
    /// Names without a table that a hierarchical query has.
    pub(super) hierarchical: bool,
    /// A nested join merged columns: `*` has an order that is not modelled.
    pub(super) irregular: bool,
}

/// The aliases of a select list. Snowflake lets expressions refer to them: taints are found once,
/// in order; a reference to a later one is followed when it is met.
#[derive(Debug)]
pub(super) struct Aliases<'a> {
    pub(super) items: Vec<Alias<'a>>,
    /// The items of each name.
    index: OnceCell<HashMap<Rc<str>, Vec<usize>>>,
}

/// One item of a select list that has an alias.
#[derive(Debug)]
pub(super) struct Alias<'a> {
    pub(super) name: Rc<str>,
    pub(super) expr: &'a Expr,
    /// `None` until the select list was walked as far as here.
    pub(super) taint: RefCell<Option<Taint>>,
    /// It is being walked: a reference to itself adds nothing.
    pub(super) busy: Cell<bool>,
}

impl<'a> Aliases<'a> {
    pub(super) fn new(items: Vec<Alias<'a>>) -> Self {
        let index = OnceCell::new();
        Self { items, index }
    }

    /// The items of this name.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = &Alias<'a>> {
        let index = self.index.get_or_init(|| {
            let mut index: HashMap<Rc<str>, Vec<usize>> = HashMap::new();
            for (at, item) in self.items.iter().enumerate() {
                index.entry(Rc::clone(&item.name)).or_default().push(at);
            }
            index
        });
        let places = index.get(name).into_iter().flatten();
        places.filter_map(|at| self.items.get(*at))
    }
}

impl<'a> Scope<'a> {
    /// The scope of something that stands inside this one.
    pub(super) fn inner(&'a self) -> Self {
        Self {
            outer: Some(self),
            ctes: self.ctes.clone(),
            ..Self::default()
        }
    }

    /// Adds what an unqualified column of the relations of this scope comes from.
    pub(super) fn column(&self, name: &Rc<str>, pool: &mut Pool, gather: &mut Gather) -> Hit {
        let mut hit = Hit::No;
        for binding in &self.bindings {
            hit = hit.max(binding.shape.find(name, pool, gather));
        }
        hit
    }

    /// The relations of this scope that a qualifier names.
    pub(super) fn qualified(&self, qualifier: &[Rc<str>]) -> impl Iterator<Item = &Binding> {
        let bindings = self.bindings.iter();
        bindings.filter(move |binding| binding.names.fit(qualifier))
    }
}

impl Names {
    fn fit(&self, qualifier: &[Rc<str>]) -> bool {
        match self {
            Self::Nothing => false,
            Self::Alias(alias) => matches!(qualifier, [only] if only == alias),
            Self::Paths(paths) => paths.iter().any(|path| {
                let parts = path.parts();
                let pairs = parts.iter().rev().zip(qualifier.iter().rev());
                // A path that is shorter than the qualifier was not resolved: it may be the one.
                pairs.into_iter().all(|(part, word)| **part == **word)
                    && (parts.len() >= qualifier.len() || parts.len() < 3)
            }),
        }
    }
}
