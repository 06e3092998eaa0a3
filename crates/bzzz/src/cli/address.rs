//! Addresses on the command line: a wrong one is refused here, with the column where it is wrong.

use bzzz_core::address::Address;

use super::exit::Exit;
use super::failure::{Result, fail_because};
use crate::term::clean;

/// Reads an address.
pub fn parse(text: &str) -> Result<Address> {
    Address::parse(text).map_err(|error| {
        fail_because(
            Exit::Usage,
            format!("could not read the address {}", clean::line(text)),
            format!("column {}: {}", error.column, error.what),
            Some(&error.expected),
        )
    })
}
