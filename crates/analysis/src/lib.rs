//! bzzz-analysis.
