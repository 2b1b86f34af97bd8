//! Which columns a name in an expression can mean.

use std::rc::Rc;

use sqlparser::ast::{Ident, Value};

use super::Walker;
use super::scope::Scope;
use super::select::position_of;
use super::shape::Hit;
use super::taint::Gather;
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::name::ObjectName;

/// References to later aliases that are followed into each other.
const FORWARD_MAX: usize = 8;

impl Walker<'_> {
    pub(super) fn literal_value(&mut self, value: &Value, scope: &Scope<'_>, gather: &mut Gather) {
        let Value::Placeholder(name) = value else {
            return;
        };
        if let Some(position) = position_of(name) {
            self.positional(position, scope, gather);
        } else if let Some(variable) = name.strip_prefix('$') {
            self.variable(&variable.to_uppercase(), gather);
        }
        // `?` and `:1` are the client's own values; `:name` is a variable of a block.
        let bound = name.strip_prefix(':');
        if bound.is_some_and(|name| !name.chars().all(|c| c.is_ascii_digit())) {
            gather.add_unknown(format!("the value of `{name}` is not known"));
        }
    }

    /// A variable can hold what an earlier statement read.
    pub(super) fn variable(&self, name: &str, gather: &mut Gather) {
        let known = self.session.variables.get(name);
        if !known.is_some_and(Option::is_some) {
            gather.add_unknown(format!("the value of the variable `${name}` is not known"));
        }
    }

    fn positional(&mut self, position: usize, scope: &Scope<'_>, gather: &mut Gather) {
        let mut local = Gather::default();
        let mut at = Some(scope);
        while let Some(scope) = at {
            if let [only] = scope.bindings.as_slice() {
                only.shape.at(position, &mut self.pool, &mut local);
                break;
            }
            // Whether it counts in each relation or across them is not documented.
            for binding in &scope.bindings {
                binding.shape.row(&mut self.pool, &mut local);
            }
            if !scope.bindings.is_empty() {
                break;
            }
            at = scope.outer;
        }
        if at.is_none() {
            local.add_unknown(format!(
                "there is no relation that `${position}` is a column of"
            ));
        }
        self.settle(local, gather);
    }

    pub(super) fn identifier(&mut self, ident: &Ident, scope: &Scope<'_>, gather: &mut Gather) {
        let name = self.fold(ident);
        self.name(&name, scope, gather);
    }

    /// Adds everything that an unqualified name can mean.
    pub(super) fn name(&mut self, name: &Rc<str>, scope: &Scope<'_>, gather: &mut Gather) {
        let mut local = Gather::default();
        let mut best = Hit::No;
        let mut at = Some(scope);
        while let Some(scope) = at {
            for (parameter, taint) in &scope.parameters {
                if parameter == name {
                    local.add(taint);
                    best = best.max(Hit::Perhaps);
                }
            }
            let mut hit = scope.column(name, &mut self.pool, &mut local);
            if self.alias(name, scope, hit, &mut local) {
                hit = Hit::Certain;
            }
            if hit == Hit::No && scope.hierarchical && is_hierarchical(name) {
                hit = Hit::Certain;
            }
            best = best.max(hit);
            if best == Hit::Certain {
                break;
            }
            at = scope.outer;
        }
        if best == Hit::No {
            self.no_column(name, scope, &mut local);
        }
        self.settle(local, gather);
    }

    /// Adds what the aliases of this name stand for; false if there are none.
    fn alias(&mut self, name: &Rc<str>, scope: &Scope<'_>, hit: Hit, gather: &mut Gather) -> bool {
        let mut found = false;
        for item in scope.aliases.iter().flat_map(|aliases| aliases.of(name)) {
            if let Some(taint) = &*item.taint.borrow() {
                gather.add(taint);
                found = true;
                continue;
            }
            // A later alias, which counts only where there is no such column.
            if hit == Hit::Certain || item.busy.get() {
                continue;
            }
            found = true;
            if self.forward >= FORWARD_MAX || self.is_exhausted() {
                gather.add_unknown("the aliases refer to each other in too many steps");
                continue;
            }
            self.forward += 1;
            item.busy.set(true);
            self.expr(item.expr, scope, gather);
            item.busy.set(false);
            self.forward -= 1;
        }
        found
    }

    fn no_column(&mut self, name: &Rc<str>, scope: &Scope<'_>, gather: &mut Gather) {
        if name.starts_with("METADATA$") {
            // Of a file or of a stream's change, not of a table.
            return;
        }
        let mut at = Some(scope);
        let mut found = false;
        while let Some(scope) = at {
            for binding in scope.qualified(std::slice::from_ref(name)) {
                binding.shape.row(&mut self.pool, gather);
                found = true;
            }
            at = scope.outer;
        }
        if !found {
            gather.add_unknown(format!(
                "no relation in scope is known to have a column `{name}`"
            ));
        }
    }

    pub(super) fn compound(&mut self, idents: &[Ident], scope: &Scope<'_>, gather: &mut Gather) {
        let names: Vec<Rc<str>> = idents.iter().map(|ident| self.fold(ident)).collect();
        self.path_of_names(&names, scope, gather);
    }

    /// Adds what `a.b.c` can mean: the innermost scope that has a relation of a fitting name
    /// decides, and what follows the column are fields of it.
    pub(super) fn path_of_names(
        &mut self,
        names: &[Rc<str>],
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let mut local = Gather::default();
        let mut at = Some(scope);
        let mut found = false;
        while let Some(scope) = at {
            for (parameter, taint) in &scope.parameters {
                if names.first() == Some(parameter) {
                    local.add(taint);
                }
            }
            for length in 1..names.len().min(4) {
                let Some((qualifier, rest)) = names.split_at_checked(length) else {
                    continue;
                };
                let Some(column) = rest.first() else { continue };
                for binding in scope.qualified(qualifier) {
                    found = true;
                    if let Some(position) = position_of(column) {
                        binding.shape.at(position, &mut self.pool, &mut local);
                        continue;
                    }
                    let hit = binding.shape.find(column, &mut self.pool, &mut local);
                    if hit == Hit::No && !column.starts_with("METADATA$") {
                        local
                            .add_unknown(format!("there is no column `{column}` where it is read"));
                    }
                }
            }
            if found {
                break;
            }
            at = scope.outer;
        }
        let last = names.last().map(|last| &**last);
        if !found && matches!(last, Some("NEXTVAL" | "CURRVAL")) {
            self.sequence(names);
        } else if !found && let Some(first) = names.first() {
            // Fields of a column or of a lambda's parameter.
            self.name(first, scope, &mut local);
        }
        self.settle(local, gather);
    }

    fn sequence(&mut self, names: &[Rc<str>]) {
        let parts = names.split_last().map(|(_, parts)| parts);
        let parts = parts.unwrap_or_default().iter();
        let name = ObjectName::new(parts.map(|part| part.to_string()).collect());
        if let Some(name) = name {
            let name = name.resolve(ObjectKind::Object.depth(), &self.session);
            self.access(Effect::Read, ObjectKind::Object, name);
        }
    }

    /// Adds every column of the relations that are meant by `*` or `t.*`.
    pub(super) fn whole_row(
        &mut self,
        qualifier: Option<&[Rc<str>]>,
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let mut local = Gather::default();
        let mut at = Some(scope);
        let mut found = false;
        while let Some(scope) = at {
            match qualifier {
                Some(qualifier) => {
                    for binding in scope.qualified(qualifier) {
                        binding.shape.row(&mut self.pool, &mut local);
                        found = true;
                    }
                }
                None => {
                    for binding in &scope.bindings {
                        binding.shape.row(&mut self.pool, &mut local);
                        found = true;
                    }
                }
            }
            if found {
                break;
            }
            at = scope.outer;
        }
        if !found {
            local.add_unknown("`*` names no relation in scope");
        }
        self.settle(local, gather);
    }

    /// Notes what a name was found to touch, and adds it.
    fn settle(&mut self, local: Gather, gather: &mut Gather) {
        let taint = local.finish();
        self.touch(&taint);
        gather.add(&taint);
    }
}

/// The columns that only a hierarchical query has.
fn is_hierarchical(name: &str) -> bool {
    matches!(name, "LEVEL" | "CONNECT_BY_ISLEAF" | "CONNECT_BY_ISCYCLE")
}
