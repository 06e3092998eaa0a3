//! The changed files of a repository as a whole, before and after: one `git cat-file` reads them all by their ids, so no
//! path is ever given to git again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use bzzz_core::change::ChangeSet;

use super::git::{Git, MAX_DIFF_BYTES, MAX_WORDS};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result, fail_because};

/// Larger files are reviewed by their hunks alone.
pub const MAX_FILE_BYTES: u64 = 2 << 20;
/// All whole files together; with the largest diff they stay below what one change set may have.
pub const MAX_FILES_BYTES: u64 = 15 << 20;
/// Changed files that are read as a whole.
pub const MAX_FILES: usize = 5_000;

impl Git<'_> {
    /// Reads the blobs of the changed files through one `git cat-file`.
    pub(super) fn whole_files(
        &self,
        base: &str,
        head: &str,
        set: &mut ChangeSet,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let args = [
            "diff",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-ext-diff",
            "--find-renames",
            "--no-relative",
            base,
            head,
            "--",
        ];
        let raw = match self.run(&args, MAX_DIFF_BYTES)? {
            Ok(raw) => raw,
            Err(words) => {
                return Err(fail_because(
                    Exit::Usage,
                    "could not list the changed files",
                    words,
                    None,
                ));
            }
        };
        let mut entries = raw_entries(&raw);
        if entries.len() > MAX_FILES {
            warnings.push(format!(
                "{} files changed; only the first {MAX_FILES} are read as a whole",
                entries.len()
            ));
            entries.truncate(MAX_FILES);
        }
        let wanted: Vec<String> = entries
            .iter()
            .flat_map(|entry| [&entry.before, &entry.after])
            .flatten()
            .cloned()
            .collect();
        let blobs = self.blobs(wanted)?;
        let mut left_out = 0;
        for entry in entries {
            let text = |id: &Option<String>| id.as_ref().map(|id| blobs.get(id).cloned().flatten());
            match (text(&entry.before), text(&entry.after)) {
                (Some(None), _) | (_, Some(None)) => left_out += 1,
                (before, after) => {
                    set.old_files
                        .extend(before.flatten().map(|text| (entry.old_path, text)));
                    set.files.extend(after.flatten().map(|text| (entry.path, text)));
                }
            }
        }
        if left_out > 0 {
            warnings.push(format!(
                "{left_out} changed files are binary or too large; they are read by their hunks alone"
            ));
        }
        Ok(())
    }

    /// Blob id to text; none for one that is binary, too large, or beyond the sum.
    fn blobs(&self, wanted: Vec<String>) -> Result<BTreeMap<String, Option<String>>> {
        let attempt = "could not read the changed files from git";
        let mut child = self.spawn(
            self.command(&["cat-file", "--batch"])
                .stdin(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Ok(BTreeMap::new());
        };
        // Written from a thread of its own: git answers while it reads, and both pipes are finite.
        let writer = std::thread::spawn(move || {
            for id in wanted {
                if writeln!(stdin, "{id}").is_err() {
                    break;
                }
            }
        });
        let mut reader = BufReader::new(stdout);
        let mut found = BTreeMap::new();
        let mut sum = 0;
        let mut header = String::new();
        while reader
            .by_ref()
            .take(MAX_WORDS)
            .read_line(&mut header)
            .explain(Exit::Local, attempt, None)?
            > 0
        {
            let mut parts = header.split_whitespace();
            let id = parts.next().unwrap_or_default().to_owned();
            let size = parts.nth(1).and_then(|size| size.parse::<u64>().ok());
            if let Some(size) = size {
                let text = blob(&mut reader, size, &mut sum).explain(Exit::Local, attempt, None)?;
                found.insert(id, text);
            }
            header.clear();
        }
        let _ = writer.join();
        child.wait().explain(Exit::Local, attempt, None)?;
        Ok(found)
    }
}

fn blob(reader: &mut impl BufRead, size: u64, sum: &mut u64) -> std::io::Result<Option<String>> {
    // The line break after the content is git's.
    let mut content = reader.take(size + 1);
    if size > MAX_FILE_BYTES || *sum + size > MAX_FILES_BYTES {
        std::io::copy(&mut content, &mut std::io::sink())?;
        return Ok(None);
    }
    *sum += size;
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    bytes.pop();
    if bytes.contains(&0) {
        return Ok(None);
    }
    Ok(String::from_utf8(bytes).ok())
}

/// One line of `git diff --raw`.
struct RawEntry {
    before: Option<String>,
    after: Option<String>,
    old_path: String,
    path: String,
}

fn raw_entries(raw: &[u8]) -> Vec<RawEntry> {
    /// Modes of regular files; links and submodules hold no source.
    const FILES: [&str; 3] = ["100644", "100755", "000000"];
    let mut parts = raw
        .split(|byte| *byte == 0)
        .map(|part| String::from_utf8_lossy(part).into_owned());
    let mut out = Vec::new();
    while let Some(header) = parts.next() {
        let Some(header) = header.strip_prefix(':') else {
            break;
        };
        let fields: Vec<&str> = header.split(' ').collect();
        let [old_mode, new_mode, before, after, status] = fields.as_slice() else {
            break;
        };
        let Some(old_path) = parts.next() else { break };
        let mut path = old_path.clone();
        if status.starts_with('R') || status.starts_with('C') {
            let Some(new) = parts.next() else { break };
            path = new;
        }
        if !FILES.contains(old_mode) || !FILES.contains(new_mode) {
            continue;
        }
        let id = |id: &str| (!id.bytes().all(|byte| byte == b'0')).then(|| id.to_owned());
        out.push(RawEntry {
            before: id(before),
            after: id(after),
            old_path,
            path,
        });
    }
    out
}
