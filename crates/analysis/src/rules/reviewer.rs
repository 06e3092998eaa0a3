//! Review: mistakes in logic and habits that hide mistakes.

mod compare;
mod errors;
mod flow;
mod leftovers;
mod resources;

use crate::rule::Rule;

pub(super) const TABLES: &[&[Rule]] = &[
    errors::RULES,
    flow::RULES,
    compare::RULES,
    resources::RULES,
    leftovers::RULES,
];
