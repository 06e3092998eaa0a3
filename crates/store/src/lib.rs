//! bzzz-store.
