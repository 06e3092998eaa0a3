//! A change from a file or from standard input. The size is looked at before anything is read, and a stream is read no
//! further than the limit.

use std::io::Read;
use std::path::Path;

use bzzz_core::change::ChangeSet;
use bzzz_core::diff::MAX_DIFF_BYTES;

use super::change::{self, Change};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result};
use crate::term::clean;

/// Reads the diff at `path`.
pub fn from_file(path: &Path) -> Result<Change> {
    let title = clean::line(&path.to_string_lossy());
    let file = std::fs::File::open(path).map_err(|error| change::unreadable(&title, &error))?;
    let meta = file.metadata().map_err(|error| change::unreadable(&title, &error))?;
    if meta.is_dir() {
        return Err(change::folder(&title));
    }
    if meta.len() > MAX_DIFF_BYTES as u64 {
        return Err(change::too_large(&title, Some(meta.len())));
    }
    // A pipe or a device says nothing about its size; those are cut off like standard input.
    from_reader(file, title)
}

/// Reads the diff from standard input.
pub fn from_stdin() -> Result<Change> {
    from_reader(std::io::stdin().lock(), "standard input".to_owned())
}

/// Reads a diff that is called `title`.
pub fn from_reader(reader: impl Read, title: String) -> Result<Change> {
    let mut bytes = Vec::new();
    reader.take(MAX_DIFF_BYTES as u64 + 1).read_to_end(&mut bytes).explain(
        Exit::Local,
        format!("could not read {title}"),
        None,
    )?;
    if bytes.len() > MAX_DIFF_BYTES {
        return Err(change::too_large(&title, None));
    }
    let diff = change::check(&title, bytes)?;
    let set = ChangeSet {
        title,
        diff,
        ..ChangeSet::default()
    };
    Ok(Change {
        set,
        warnings: Vec::new(),
    })
}
