//! `*` and `t.*`, with `ILIKE`, `EXCLUDE`, `REPLACE` and `RENAME`.

use std::rc::Rc;

use sqlparser::ast::{
    ExcludeSelectItem, ObjectName as AstName, RenameSelectItem, SelectItemQualifiedWildcardKind,
    WildcardAdditionalOptions,
};

use super::Walker;
use super::scope::{Binding, Scope};
use super::select::List;
use super::shape::{Output, Shape};
use super::taint::Gather;

impl Walker<'_> {
    /// Adds the columns of every relation in scope.
    pub(super) fn star(
        &mut self,
        options: &WildcardAdditionalOptions,
        scope: &Scope<'_>,
        list: &mut List,
    ) {
        let mut row = List::default();
        if scope.irregular {
            for binding in &scope.bindings {
                let shape = Shape::open(binding.shape.outputs.clone(), binding.shape.rest.clone());
                row.rest.push(Rc::new(shape));
            }
            let reason = "the order of the columns of a nested join is not followed";
            row.rest.push(Rc::new(Shape::unknown(reason)));
        } else {
            for binding in &scope.bindings {
                join_row(&mut row, binding);
            }
        }
        if scope.bindings.is_empty() {
            let reason = "there is no relation whose columns `*` could name";
            row.rest.push(Rc::new(Shape::unknown(reason)));
        }
        self.add_star(row, options, scope, list);
    }

    /// Adds the columns of the relations that a qualifier names.
    pub(super) fn qualified_star(
        &mut self,
        kind: &SelectItemQualifiedWildcardKind,
        options: &WildcardAdditionalOptions,
        scope: &Scope<'_>,
        list: &mut List,
    ) {
        let mut row = List::default();
        match kind {
            SelectItemQualifiedWildcardKind::ObjectName(name) => {
                self.qualified_row(name, scope, &mut row);
            }
            SelectItemQualifiedWildcardKind::Expr(expr) => {
                let mut gather = Gather::default();
                self.expr(expr, scope, &mut gather);
                gather.add_unknown("the fields of an expression are not known");
                row.rest.push(Rc::new(Shape::any(gather.finish())));
            }
        }
        self.add_star(row, options, scope, list);
    }

    fn qualified_row(&mut self, name: &AstName, scope: &Scope<'_>, row: &mut List) {
        let qualifier = self.parts(name).unwrap_or_default();
        let qualifier: Vec<Rc<str>> = qualifier.into_iter().map(Rc::from).collect();
        let mut at = Some(scope);
        while let Some(scope) = at {
            for binding in scope.qualified(&qualifier) {
                append(row, &binding.shape);
            }
            if !row.outputs.is_empty() || !row.rest.is_empty() {
                return;
            }
            at = scope.outer;
        }
        let reason = format!("`{name}` names no relation in scope");
        row.rest.push(Rc::new(Shape::unknown(reason)));
    }

    fn add_star(
        &mut self,
        mut row: List,
        options: &WildcardAdditionalOptions,
        scope: &Scope<'_>,
        list: &mut List,
    ) {
        let WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        if let Some(ilike) = opt_ilike {
            only(&mut row, &ilike.pattern);
        }
        let mut excluded = self.excluded(opt_exclude.as_ref());
        let nameless = row.outputs.iter().any(|output| output.name.is_none());
        if nameless && (opt_ilike.is_some() || opt_exclude.is_some() || opt_except.is_some()) {
            let reason = "a column without a known name may be left out of `*`";
            row.rest.push(Rc::new(Shape::unknown(reason)));
        }
        let excepted = opt_except.iter().flat_map(|except| {
            let more = except.additional_elements.iter();
            std::iter::once(&except.first_element).chain(more)
        });
        excluded.extend(excepted.map(|ident| self.fold(ident)));
        let is_excluded = |output: &Output| {
            let name = output.name.as_ref();
            name.is_some_and(|name| excluded.contains(name))
        };
        row.outputs.retain(|output| !is_excluded(output));
        for element in opt_replace.iter().flat_map(|replace| &replace.items) {
            let taint = self.value(&element.expr, scope);
            let name = self.fold(&element.column_name);
            let mut found = false;
            for output in &mut row.outputs {
                if output.name.as_ref() == Some(&name) {
                    output.taint = taint.clone();
                    found = true;
                }
            }
            if !found {
                row.push(Some(name), taint);
            }
        }
        let renames = match opt_rename {
            Some(RenameSelectItem::Single(rename)) => std::slice::from_ref(rename),
            Some(RenameSelectItem::Multiple(renames)) => renames.as_slice(),
            None => &[],
        };
        let renames = renames
            .iter()
            .map(|it| (self.fold(&it.ident), self.fold(&it.alias)));
        self.rename(&mut row, &renames.collect::<Vec<_>>());
        if opt_alias.is_some() {
            let reason = "an alias of `*` is not followed";
            row.rest.push(Rc::new(Shape::unknown(reason)));
        }
        let mut gather = Gather::default();
        row.row(&mut self.pool, &mut gather);
        self.touch(&gather.finish());
        list.outputs.append(&mut row.outputs);
        list.rest.append(&mut row.rest);
    }

    fn rename(&mut self, row: &mut List, renames: &[(Rc<str>, Rc<str>)]) {
        let mut added = Vec::new();
        for (from, to) in renames {
            for shape in &row.rest {
                let mut gather = Gather::default();
                shape.find(from, &mut self.pool, &mut gather);
                added.push((to, gather.finish()));
            }
        }
        for output in &mut row.outputs {
            let new = renames
                .iter()
                .find(|(from, _)| output.name.as_ref() == Some(from));
            if let Some((_, to)) = new {
                output.name = Some(Rc::clone(to));
            }
        }
        for (to, taint) in added {
            row.push(Some(Rc::clone(to)), taint);
        }
    }

    fn excluded(&self, exclude: Option<&ExcludeSelectItem>) -> Vec<Rc<str>> {
        let names = match exclude {
            Some(ExcludeSelectItem::Single(name)) => std::slice::from_ref(name),
            Some(ExcludeSelectItem::Multiple(names)) => names.as_slice(),
            None => &[],
        };
        let last = |name: &AstName| self.parts(name)?.pop().map(Rc::from);
        names.iter().filter_map(last).collect()
    }
}

/// Adds the columns of a relation that is joined to those of the ones before it. Columns that the
/// join merged come first, and once.
fn join_row(row: &mut List, binding: &Binding) {
    if binding.merged.is_empty() {
        append(row, &binding.shape);
        return;
    }
    let is_merged = |output: &Output| {
        let name = output.name.as_ref();
        name.is_some_and(|name| binding.merged.contains(name))
    };
    let mut outputs = Vec::new();
    for name in &binding.merged {
        let sides = row.outputs.iter().chain(&binding.shape.outputs);
        let mut gather = Gather::default();
        for output in sides.filter(|output| output.name.as_ref() == Some(name)) {
            gather.add(&output.taint);
        }
        outputs.push(Output {
            name: Some(Rc::clone(name)),
            taint: gather.finish(),
        });
    }
    let left = row.outputs.drain(..).filter(|output| !is_merged(output));
    outputs.extend(left);
    let right = binding.shape.outputs.iter();
    outputs.extend(right.filter(|output| !is_merged(output)).cloned());
    row.outputs = outputs;
    add_rest(row, &binding.shape);
}

fn append(row: &mut List, shape: &Rc<Shape>) {
    row.outputs.extend(shape.outputs.iter().cloned());
    add_rest(row, shape);
}

fn add_rest(row: &mut List, shape: &Rc<Shape>) {
    if !shape.is_closed() {
        row.rest.push(Rc::clone(shape));
    }
}

/// Leaves the columns that `* ILIKE` chooses.
fn only(row: &mut List, pattern: &str) {
    let Some(pattern) = Pattern::parse(pattern) else {
        let reason = "the pattern of `ILIKE` has an escape";
        row.rest.push(Rc::new(Shape::unknown(reason)));
        return;
    };
    row.outputs.retain(|output| {
        let name = output.name.as_deref();
        name.is_none_or(|name| pattern.fits(name))
    });
}

/// A pattern of `LIKE`, whose letters stand for both cases.
struct Pattern(Vec<char>);

impl Pattern {
    /// Reads a pattern; `None` if it has an escape, whose meaning depends on how it was quoted.
    fn parse(text: &str) -> Option<Self> {
        let plain = !text.contains(['\\', '\'']);
        plain.then(|| Self(text.to_uppercase().chars().collect()))
    }

    fn fits(&self, name: &str) -> bool {
        let name: Vec<char> = name.to_uppercase().chars().collect();
        let (mut at, mut from) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while from < name.len() {
            match self.0.get(at) {
                Some('%') => {
                    retry = Some((at, from));
                    at += 1;
                    continue;
                }
                Some('_') => {
                    at += 1;
                    from += 1;
                    continue;
                }
                Some(c) if name.get(from) == Some(c) => {
                    at += 1;
                    from += 1;
                    continue;
                }
                Some(_) | None => {}
            }
            let Some((percent, start)) = retry else {
                return false;
            };
            retry = Some((percent, start + 1));
            at = percent + 1;
            from = start + 1;
        }
        self.0.iter().skip(at).all(|c| *c == '%')
    }
}
