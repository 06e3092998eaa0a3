//! Security: what an attacker, or a careless reader of the repository, could use.

mod crypto;
mod injection;
mod paths;
mod secret;
mod settings;
mod sql;
mod web;

use crate::rule::Rule;

pub(super) use sql::{is_sql, is_sql_sink};

pub(super) const TABLES: &[&[Rule]] = &[
    sql::RULES,
    injection::RULES,
    secret::RULES,
    crypto::RULES,
    paths::RULES,
    web::RULES,
    settings::RULES,
];
