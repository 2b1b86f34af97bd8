//! What was found about one statement, before it becomes a part of the facts of its text.

use std::collections::BTreeSet;

use super::cursor::Piece;
use super::facts::{Access, Column, Effect, Lineage, ObjectKind, SessionChange};
use super::functions;
use super::name::ObjectName;
use super::opaque::{self, Obscurity};
use super::tree::Found;
use super::writes::{self, Writes};
use super::written::Place;

/// What is known of one statement.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) kind: String,
    pub(super) accesses: BTreeSet<Access>,
    pub(super) functions: BTreeSet<String>,
    pub(super) columns: BTreeSet<Column>,
    pub(super) predicates: BTreeSet<Column>,
    pub(super) lineage: Lineage,
    pub(super) missing: BTreeSet<ObjectName>,
    pub(super) writes: Writes,
    pub(super) changes: Vec<SessionChange>,
    pub(super) obscurity: Option<Obscurity>,
}

impl Finding {
    /// A statement that has done nothing so far, and returns no data.
    pub(super) fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            accesses: BTreeSet::new(),
            functions: BTreeSet::new(),
            columns: BTreeSet::new(),
            predicates: BTreeSet::new(),
            lineage: Lineage::NoData,
            missing: BTreeSet::new(),
            writes: Writes::new(),
            changes: Vec::new(),
            obscurity: None,
        }
    }

    /// A statement that is not understood.
    pub(super) fn opaque(piece: Piece<'_>, obscurity: Obscurity) -> Self {
        let mut finding = Self::new(opaque::kind(piece.tokens));
        finding.obscure(obscurity);
        finding
    }

    /// Makes a part of the statement one that is not understood.
    pub(super) fn obscure(&mut self, obscurity: Obscurity) {
        self.account(Effect::Opaque);
        self.lineage = Lineage::Unknown(obscurity.to_string());
        self.changes.push(SessionChange::Unknown);
        self.obscurity.get_or_insert(obscurity);
    }

    pub(super) fn account(&mut self, effect: Effect) {
        self.accesses.insert(Access::on_account(effect));
    }

    pub(super) fn add(&mut self, effect: Effect, kind: ObjectKind, name: ObjectName) {
        self.accesses.insert(Access::new(effect, kind, name));
    }

    /// Adds an effect on where files are.
    pub(super) fn place(&mut self, effect: Effect, place: Place) {
        match place {
            Place::Stage(name) => self.add(effect, ObjectKind::Stage, name),
            Place::Nameless => self.account(effect),
        }
    }

    /// Adds a call of a function that Snowflake has.
    pub(super) fn built_in(&mut self, name: &ObjectName) {
        if let Some(effect) = functions::effect(name.parts()) {
            self.account(effect);
        }
        self.functions.insert(name.to_string());
    }

    pub(super) fn does(&self, effect: Effect) -> bool {
        self.accesses.iter().any(|access| access.effect == effect)
    }

    /// Takes over what a statement inside this one does; kind and result stay this one's.
    pub(super) fn absorb(&mut self, inner: Self) {
        self.accesses.extend(inner.accesses);
        self.functions.extend(inner.functions);
        self.columns.extend(inner.columns);
        self.predicates.extend(inner.predicates);
        self.missing.extend(inner.missing);
        writes::absorb(&mut self.writes, inner.writes);
        self.changes.extend(inner.changes);
        if self.obscurity.is_none() {
            self.obscurity = inner.obscurity;
        }
    }

    /// Takes over what a tree says.
    pub(super) fn absorb_tree(&mut self, found: Found) {
        self.accesses.extend(found.accesses);
        self.functions.extend(found.functions);
        self.columns.extend(found.columns);
        self.predicates.extend(found.predicates);
        self.missing.extend(found.missing);
        writes::absorb(&mut self.writes, found.writes);
        self.lineage = found.lineage;
        if self.does(Effect::Opaque) {
            self.changes.push(SessionChange::Unknown);
            self.obscurity.get_or_insert(Obscurity::Part);
        }
    }
}
