//! bzzz.
fn main() {}
