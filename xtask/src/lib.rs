//! What the project does to itself: `cargo xtask test` runs every check there is, `cargo xtask fuzz` and `cargo xtask
//! tidy` run one of them.
//!
//! The checks are [`steps`], run in order by [`runner`]; the rules that a compiler does not hold are in [`tidy`]. Nothing
//! is skipped in silence: a step that lacks something says `MISSING` and, where `CI=true`, fails.

pub mod args;
pub mod repository;
pub mod runner;
pub mod shell;
pub mod steps;
pub mod tidy;
