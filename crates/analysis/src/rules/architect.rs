//! Architecture: what makes the next change harder, or breaks those who build on this code.

mod api;
mod coupling;
mod manifests;
mod size;

use crate::rule::Rule;

pub(super) use api::{public_items, reexported};

pub(super) const TABLES: &[&[Rule]] = &[api::RULES, size::RULES, coupling::RULES, manifests::RULES];
