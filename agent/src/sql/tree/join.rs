//! Joins: which columns decide, and which become one.

use std::rc::Rc;

use sqlparser::ast::{Join, JoinConstraint, JoinOperator};

use super::Walker;
use super::scope::{Binding, Scope};
use super::taint::Gather;

impl Walker<'_> {
    pub(super) fn join(&mut self, join: &Join, scope: &mut Scope<'_>) {
        let first = scope.bindings.len();
        self.factor(&join.relation, scope);
        match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::CrossJoin(constraint)
            | JoinOperator::Semi(constraint)
            | JoinOperator::LeftSemi(constraint)
            | JoinOperator::RightSemi(constraint)
            | JoinOperator::Anti(constraint)
            | JoinOperator::LeftAnti(constraint)
            | JoinOperator::RightAnti(constraint)
            | JoinOperator::StraightJoin(constraint) => {
                self.constraint(constraint, first, scope);
            }
            JoinOperator::AsOf {
                match_condition,
                constraint,
            } => {
                self.condition(match_condition, scope);
                self.constraint(constraint, first, scope);
            }
            JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => {}
        }
    }

    /// Walks what joins the relations from `first` on to those before.
    fn constraint(&mut self, constraint: &JoinConstraint, first: usize, scope: &mut Scope<'_>) {
        let merged: Vec<Rc<str>> = match constraint {
            JoinConstraint::On(condition) => {
                self.condition(condition, scope);
                return;
            }
            JoinConstraint::None => return,
            JoinConstraint::Using(names) => {
                let last = |name| self.parts(name)?.pop().map(Rc::from);
                names.iter().filter_map(last).collect()
            }
            JoinConstraint::Natural => {
                let (left, right) = scope.bindings.split_at(first.min(scope.bindings.len()));
                let names = |side: &[Binding]| -> Vec<Rc<str>> {
                    let outputs = side.iter().flat_map(|it| &it.shape.outputs);
                    outputs.filter_map(|output| output.name.clone()).collect()
                };
                let right = names(right);
                let mut common = names(left);
                common.retain(|name| right.contains(name));
                // Which columns are compared is not known where some are not.
                for binding in scope.bindings.iter().filter(|it| !it.shape.is_closed()) {
                    let mut row = Gather::default();
                    binding.shape.row(&mut self.pool, &mut row);
                    let row = row.finish();
                    self.touch(&row);
                    self.decide(&row);
                }
                common
            }
        };
        for name in &merged {
            let mut gather = Gather::default();
            scope.column(name, &mut self.pool, &mut gather);
            let taint = gather.finish();
            self.touch(&taint);
            self.decide(&taint);
        }
        let joined = scope.bindings.len().saturating_sub(first);
        match scope.bindings.last_mut() {
            Some(last) if joined == 1 => last.merged = merged,
            Some(_) | None => scope.irregular |= !merged.is_empty(),
        }
    }
}
