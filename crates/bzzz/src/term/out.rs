//! Standard output that may go away.
//!
//! `bzzz review x.diff | head` closes the pipe early. That is no failure: what is left is dropped and the exit status is
//! the one of the work. Every other failure to write (a full disk behind a redirect) is an error with its cause.

use std::io::{ErrorKind, Write};

use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result};

/// Buffered standard output.
#[derive(Debug)]
pub struct Out {
    inner: std::io::BufWriter<std::io::Stdout>,
    closed: bool,
}

impl Default for Out {
    fn default() -> Self {
        Self {
            inner: std::io::BufWriter::new(std::io::stdout()),
            closed: false,
        }
    }
}

impl Out {
    /// Writes `text` as it is.
    pub fn text(&mut self, text: &str) -> Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes `text` and a line break.
    pub fn line(&mut self, text: &str) -> Result<()> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes `value` as indented JSON.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<()> {
        let text =
            serde_json::to_string_pretty(value).explain(Exit::Local, "could not write the answer as JSON", None)?;
        self.line(&super::clean::json(&text))
    }

    /// Writes `value` as one line of JSON.
    pub fn json_line(&mut self, value: &impl serde::Serialize) -> Result<()> {
        let text = serde_json::to_string(value).explain(Exit::Local, "could not write the answer as JSON", None)?;
        self.line(&super::clean::json(&text))
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let done = self.inner.write_all(bytes);
        self.settle(done)
    }

    /// Hands everything to the system; what was written before is then visible to the reader.
    pub fn flush(&mut self) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let done = self.inner.flush();
        self.settle(done)
    }

    fn settle(&mut self, done: std::io::Result<()>) -> Result<()> {
        match done {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            done => done.explain(
                Exit::Local,
                "could not write to standard output",
                Some("check where the output is redirected to, and the space left there"),
            ),
        }
    }
}

/// Writes one line to standard error; nothing can be done when that fails, so nothing is.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
