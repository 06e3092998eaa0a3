//! Asking before what cannot be taken back.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::exit::Exit;
use super::failure::{Result, fail};
use crate::term::clean;

/// Whether somebody at the terminal says yes to what `question` puts together. What cannot be read is no; where nobody can be asked, that is
/// an error with `hint`.
pub fn confirmed(attempt: &str, hint: &str, question: impl FnOnce() -> Result<String>) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        let what = format!("{attempt}: nobody is there to confirm it");
        return Err(fail(Exit::Usage, what, Some(hint)));
    }
    let question = question()?;
    let mut err = std::io::stderr();
    let asked = write!(err, "{} [y/N] ", clean::line(&question));
    if asked.and_then(|()| err.flush()).is_err() {
        return Ok(false);
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    Ok(read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes"))
}
