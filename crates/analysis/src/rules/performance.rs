//! Performance: work that grows faster than its input, and threads that wait where they must not.

mod blocking;
mod calls;
mod loops;

use crate::rule::Rule;

pub(super) const TABLES: &[&[Rule]] = &[calls::RULES, loops::RULES, blocking::RULES];
