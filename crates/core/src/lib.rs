//! The pure core of bzzz: no input or output, no clock, no randomness.
//!
//! Inputs and `now` go in, effects come out. See `ARCHITECTURE.md` for the map and the invariants.

pub mod address;
pub mod blob;
pub mod body;
pub mod certificate;
pub mod change;
pub mod codec;
pub mod crypto;
pub mod diff;
pub mod event;
pub mod feed;
pub mod finding;
pub mod hlc;
pub mod ledger;
pub mod node;
pub mod plant;
pub mod projection;
pub mod reading;
pub mod report;
pub mod report_build;
pub mod report_people;
pub mod roster;
#[cfg(feature = "sim")]
pub mod sim;
pub mod state;
pub mod wire;
