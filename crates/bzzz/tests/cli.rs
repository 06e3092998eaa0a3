//! The built program, run as a person or a script runs it.

#[path = "cli/config.rs"]
mod config;
#[path = "cli/diffs.rs"]
mod diffs;
#[path = "cli/flags.rs"]
mod flags;
#[path = "cli/git.rs"]
mod git;
#[path = "cli/local.rs"]
mod local;
#[path = "cli/node.rs"]
mod node;
#[path = "cli/offline.rs"]
mod offline;
#[path = "cli/pipes.rs"]
mod pipes;
#[path = "cli/review.rs"]
mod review;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/talk.rs"]
mod talk;
#[path = "cli/verify.rs"]
mod verify;
