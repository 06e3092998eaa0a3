//! The built program as several processes on one machine: meshes, killed nodes, bad input, hostile peers.
//!
//! Everything runs on loopback, on free ports and in folders that go away. Nothing waits for time to pass: a test waits
//! for a condition, with a deadline.

mod address;
mod damage;
mod erase;
mod escalate;
mod follow;
mod forks;
mod hostile;
mod kill;
mod membership;
mod mesh;
mod node;
mod places;
mod requests;
mod resources;
mod signals;
mod stopped;
mod strangers;
#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod support;
mod talk;
mod unread;
mod upkeep;
