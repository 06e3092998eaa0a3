//! Documentation: what a caller or a reader would look for and not find, or find wrong.

mod comments;
mod files;

use crate::rule::Rule;

pub(super) const TABLES: &[&[Rule]] = &[comments::RULES, files::RULES];
