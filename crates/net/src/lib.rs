//! bzzz-net.
