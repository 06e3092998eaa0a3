//! The tables of rules, one for each role. A family of rules is one small file beside its examples.

mod architect;
mod documentation;
mod performance;
mod reviewer;
mod security;

use crate::rule::Rule;

/// All rules, role by role.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        security::TABLES,
        reviewer::TABLES,
        performance::TABLES,
        architect::TABLES,
        documentation::TABLES,
    ]
    .into_iter()
    .flatten()
    .copied()
    .flatten()
}
