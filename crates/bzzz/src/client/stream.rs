//! Lines of JSON from a running node, as they come.

use std::io::{BufRead, BufReader, Read};

use serde::de::DeserializeOwned;

use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result, fail};

/// Longest line, bytes: the report of a very large review stays below it.
pub const MAX_LINE_BYTES: u64 = 256 << 20;

/// Reads one value a line.
pub struct Lines<R> {
    inner: BufReader<R>,
    attempt: &'static str,
}

impl<R: Read> Lines<R> {
    /// Lines of `stream`; `attempt` is for errors.
    pub fn new(stream: R, attempt: &'static str) -> Self {
        Self {
            inner: BufReader::new(stream),
            attempt,
        }
    }

    /// The next value; none at the end. Empty lines keep a connection alive and are skipped.
    pub fn next_value<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let gone = Some("the node went away in mid-answer: look at its log, then ask again");
        loop {
            let mut line = Vec::new();
            let read = self
                .inner
                .by_ref()
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut line)
                .explain(Exit::Node, self.attempt, gone)?;
            if read == 0 {
                return Ok(None);
            }
            if line.last() != Some(&b'\n') && read as u64 == MAX_LINE_BYTES {
                return Err(fail(
                    Exit::Node,
                    format!("{}: the node sent a line without an end", self.attempt),
                    None,
                ));
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return serde_json::from_slice(&line).map(Some).explain(
                Exit::Node,
                self.attempt,
                Some("the node speaks another version: update the older one of the two"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_are_skipped_and_cut_lines_are_errors() {
        let mut lines = Lines::new("\n1\r\n\n2".as_bytes(), "could not read");
        assert_eq!(lines.next_value::<u8>().expect("a line"), Some(1));
        assert_eq!(lines.next_value::<u8>().expect("a line"), Some(2));
        assert_eq!(lines.next_value::<u8>().expect("the end"), None);
        assert!(
            Lines::new("{\"a\":".as_bytes(), "could not read")
                .next_value::<serde_json::Value>()
                .is_err()
        );
    }
}
