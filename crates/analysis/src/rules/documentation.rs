//! Tables.
use crate::rule::Rule;
pub(super) const TABLES: &[&[Rule]] = &[];
