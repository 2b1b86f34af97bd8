//! `COPY INTO`: what loads rows from files and unloads them to files.

use std::rc::Rc;

use sqlparser::ast::helpers::stmt_data_loading::StageLoadSelectItemKind;
use sqlparser::ast::{CopyIntoSnowflakeKind, Ident, ObjectName as AstName, SelectItem, Statement};

use super::names::Named;
use super::scope::{Names, Scope};
use super::shape::Shape;
use super::{Walker, Yield};
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::name::ObjectName;

impl Walker<'_> {
    /// `COPY INTO`, both ways.
    pub(super) fn copy(&mut self, statement: &Statement, outer: &Scope<'_>) -> Yield {
        let Statement::CopyIntoSnowflake {
            kind,
            into,
            into_columns,
            from_obj,
            from_obj_alias,
            stage_params,
            from_transformations,
            from_query,
            files: _,
            pattern: _,
            file_format: _,
            copy_options: _,
            validation_mode: _,
            partition,
        } = statement
        else {
            return Yield::NoData;
        };
        let mut scope = outer.inner();
        let effect = match kind {
            CopyIntoSnowflakeKind::Table => {
                self.loads(into, into_columns.as_deref().unwrap_or_default(), outer);
                if let Some(from) = from_obj {
                    self.loaded(from);
                    let items = from_transformations.as_deref().unwrap_or_default();
                    self.transformations(items, from_obj_alias.as_ref(), &mut scope);
                }
                Effect::Import
            }
            CopyIntoSnowflakeKind::Location => {
                let named = as_stage(self.named(into));
                self.access_named(Effect::Export, ObjectKind::Stage, &named);
                if let Some(from) = from_obj {
                    let named = self.named(from);
                    let (names, shape) = self.readable(&named, outer);
                    self.bind(None, names, shape, &mut scope);
                    self.touch_columns(&[], &scope);
                }
                Effect::Export
            }
        };
        if let Some(query) = from_query {
            let shape = self.query(query, outer);
            self.bind(None, Names::Nothing, shape, &mut scope);
        }
        if let Some(partition) = partition {
            self.condition(partition, &scope);
        }
        if let Some(name) = &stage_params.storage_integration {
            match self.spelt(name).and_then(ObjectName::new) {
                Some(name) => self.access(effect, ObjectKind::Integration, name),
                None => self.access_account(Effect::Opaque),
            }
        }
        Yield::NoData
    }

    /// The table that files are loaded into.
    fn loads(&mut self, into: &AstName, columns: &[Ident], outer: &Scope<'_>) {
        let mut target = outer.inner();
        let named = self.changed(into, &mut target);
        self.access_named(Effect::Import, ObjectKind::Table, &named);
        let columns: Vec<_> = columns.iter().map(|column| self.fold(column)).collect();
        self.touch_columns(&columns, &target);
    }

    /// Where the files are.
    fn loaded(&mut self, from: &AstName) {
        let named = as_stage(self.named(from));
        let effect = match &named {
            Named::Location => Effect::Import,
            Named::Objects(_)
            | Named::Stage(_)
            | Named::OwnStage
            | Named::Cte(_)
            | Named::Dynamic => Effect::Read,
        };
        self.access_named(effect, ObjectKind::Stage, &named);
    }

    fn transformations(
        &mut self,
        items: &[StageLoadSelectItemKind],
        alias: Option<&Ident>,
        scope: &mut Scope<'_>,
    ) {
        let names = alias.map_or(Names::Nothing, |alias| Names::Alias(self.fold(alias)));
        let files = Rc::new(Shape::unknown("what the files hold is not known"));
        self.bind(None, names, files, scope);
        for item in items {
            match item {
                StageLoadSelectItemKind::SelectItem(
                    SelectItem::UnnamedExpr(expr)
                    | SelectItem::ExprWithAlias { expr, .. }
                    | SelectItem::ExprWithAliases { expr, .. },
                ) => {
                    self.value(expr, scope);
                }
                StageLoadSelectItemKind::SelectItem(
                    SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_),
                )
                | StageLoadSelectItemKind::StageLoadSelectItem(_) => {}
            }
        }
    }
}

/// Where a stage stands, a name without `@` is one that nobody can tell.
fn as_stage(named: Named) -> Named {
    match named {
        Named::Objects(_) | Named::Cte(_) | Named::Dynamic => Named::Dynamic,
        stage @ (Named::Stage(_) | Named::OwnStage | Named::Location) => stage,
    }
}
