//! Lines of JSON from a running node, as they come.
//!
//! A node that has nothing to say for a while sends empty lines. One that sends not even those is taken for gone: its
//! machine may have lost its power, and then no connection ever ends by itself.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::cli::exit::Exit;
use crate::cli::failure::fail_because;

/// Longest line, bytes: the report of a very large review stays below it.
pub const MAX_LINE_BYTES: u64 = 256 << 20;
/// After this time without a sign of life a node is taken for gone; some five times the time between two.
pub const SILENCE: Duration = Duration::from_secs(16);
/// Lines that wait to be shown.
const LINES: usize = 64;

/// Why there is no further line.
#[derive(Debug)]
pub enum Lost {
    /// The node went away in mid-answer.
    Gone(anyhow::Error),
    /// What came is not what was asked for.
    Strange(anyhow::Error),
}

/// Reads one value a line.
#[derive(Debug)]
pub struct Lines {
    lines: Receiver<std::io::Result<Vec<u8>>>,
    silence: Duration,
    attempt: &'static str,
}

impl Lines {
    /// Lines of `stream`; `attempt` is for errors.
    pub fn new(stream: impl Read + Send + 'static, attempt: &'static str) -> Self {
        let (sender, lines) = sync_channel(LINES);
        // It ends with the stream, or with the next line after nobody wants one.
        std::thread::spawn(move || {
            let mut inner = BufReader::new(stream);
            loop {
                let mut line = Vec::new();
                let read = inner.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
                let last = !matches!(read, Ok(1..));
                if sender.send(read.map(|_| line)).is_err() || last {
                    return;
                }
            }
        });
        Self {
            lines,
            silence: SILENCE,
            attempt,
        }
    }

    /// The next value; none at the end. Empty lines keep a connection alive and are skipped.
    pub fn next_value<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Lost> {
        loop {
            let line = match self.lines.recv_timeout(self.silence) {
                Ok(Ok(line)) => line,
                Ok(Err(error)) => return Err(self.gone(error.to_string())),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = self.silence.as_secs();
                    return Err(self.gone(format!("the node has not said anything for {seconds} s")));
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            };
            if line.is_empty() {
                return Ok(None);
            }
            let whole = line.last() == Some(&b'\n');
            if !whole && line.len() as u64 == MAX_LINE_BYTES {
                return Err(self.strange("the node sent a line without an end".to_owned()));
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return match serde_json::from_slice(&line) {
                Ok(value) => Ok(Some(value)),
                Err(error) if !whole && error.classify() == Category::Eof => {
                    Err(self.gone("the connection ended in the middle of a line".to_owned()))
                }
                Err(error) => Err(self.strange(error.to_string())),
            };
        }
    }

    fn gone(&self, why: String) -> Lost {
        let hint = Some("the node went away in mid-answer: look at its log, then ask again");
        Lost::Gone(fail_because(Exit::Node, self.attempt, why, hint))
    }

    fn strange(&self, why: String) -> Lost {
        let hint = Some("the node speaks another version: update the older one of the two");
        Lost::Strange(fail_because(Exit::Node, self.attempt, why, hint))
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
        let read = |text: &'static str| Lines::new(text.as_bytes(), "could not read").next_value::<serde_json::Value>();
        assert!(matches!(read("{\"a\":"), Err(Lost::Gone(_))));
        assert!(matches!(read("{\"a\":\n"), Err(Lost::Strange(_))));
        assert!(matches!(read("<html>"), Err(Lost::Strange(_))));
    }

    /// A stream that neither says anything nor ends.
    struct Mute(std::sync::mpsc::Receiver<()>);

    impl Read for Mute {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(0)
        }
    }

    #[test]
    fn a_node_without_a_sign_of_life_is_gone() {
        let (_keep, wait) = std::sync::mpsc::channel();
        let mut lines = Lines::new(Mute(wait), "could not read");
        lines.silence = Duration::from_millis(20);
        assert!(matches!(lines.next_value::<u8>(), Err(Lost::Gone(_))));
    }
}
