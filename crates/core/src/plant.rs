//! Planted bugs: the proof that the simulator can fail.
//!
//! Each is a few lines at the place where the real bug would be, behind the test-only feature `plant`; without the feature
//! every check is the constant `false` and the bug is not in the binary. The simulator's test switches them on one by one
//! and must catch each (see `tests/planted.rs`).

#[cfg(feature = "plant")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

/// Switches one planted bug on for this thread, or all off.
#[cfg(feature = "plant")]
pub fn activate(name: Option<&'static str>) {
    ACTIVE.with(|a| a.set(name));
}

/// Whether a planted bug is on.
#[cfg(feature = "plant")]
pub fn active(name: &str) -> bool {
    ACTIVE.with(|a| a.get() == Some(name))
}

/// Whether a planted bug is on: never, in a build without the feature.
#[cfg(not(feature = "plant"))]
pub const fn active(_: &str) -> bool {
    false
}
