//! bzzz-node.
