//! The pure core of bzzz: no input or output, no clock, no randomness.
//!
//! Inputs and `now` go in, effects come out. See `ARCHITECTURE.md` for the map and the invariants.

pub mod address;
pub mod finding;
pub mod report;
