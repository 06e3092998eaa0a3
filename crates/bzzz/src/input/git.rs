//! A change from a repository, by the `git` program: the diff from the merge base to the head, and the changed files as a
//! whole before and after.
//!
//! The repository may be a stranger's. Its configuration must not run programs through us, so external diff drivers, text
//! converters, hooks and the file-system monitor are off, and a revision can never be taken for an option.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::change::{self, Change, MAX_DIFF_BYTES};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result, fail_because};
use crate::client::wire::WholeFile;
use crate::term::clean;

/// Larger files are reviewed by their hunks alone.
pub const MAX_FILE_BYTES: u64 = 2 << 20;
/// All whole files together.
pub const MAX_FILES_BYTES: u64 = 64 << 20;
/// Changed files that are read as a whole.
pub const MAX_FILES: usize = 5_000;
/// Most of git's own words that are kept for an error.
const MAX_WORDS: u64 = 4 << 10;
/// Tried in turn when no base is given.
const BASES: [&str; 5] = ["origin/HEAD", "origin/main", "origin/master", "main", "master"];

/// Reads `base...head` in the repository at `repo`.
pub fn from_repository(repo: &Path, base: Option<&str>, head: Option<&str>) -> Result<Change> {
    let git = Git { repo };
    git.check_repository()?;
    let head_name = head.unwrap_or("HEAD");
    let head = git.commit(head_name)?;
    let (base_name, base) = match base {
        Some(name) => (name.to_owned(), git.commit(name)?),
        None => git.default_base(&head)?,
    };
    let merge_base = git.merge_base(&base, &head, &base_name, head_name)?;
    let title = clean::line(&format!("{base_name}...{head_name}"));
    let diff = git.diff(&merge_base, &head, &title)?;
    let mut warnings = Vec::new();
    let files = git.whole_files(&merge_base, &head, &mut warnings)?;
    Ok(Change {
        title,
        diff,
        files,
        warnings,
    })
}

struct Git<'a> {
    repo: &'a Path,
}

impl Git<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(self.repo)
            .args([
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "core.quotePath=true",
                "--no-pager",
            ])
            .args(args)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn spawn(&self, command: &mut Command) -> Result<Child> {
        command.spawn().map_err(|error| {
            let hint = if error.kind() == std::io::ErrorKind::NotFound {
                "install git, or give a diff file instead of --repo"
            } else {
                "check that git can be started"
            };
            fail_because(Exit::Usage, "could not run git", error.to_string(), Some(hint))
        })
    }

    /// Runs git and gives its output, at most `limit` bytes and one; git's words when it fails.
    fn run(&self, args: &[&str], limit: u64) -> Result<std::result::Result<Vec<u8>, String>> {
        let mut child = self.spawn(&mut self.command(args))?;
        let words = child
            .stderr
            .take()
            .map(|stderr| std::thread::spawn(move || words(stderr)));
        let mut out = Vec::new();
        let stdout = child.stdout.take();
        if let Some(stdout) = stdout {
            stdout.take(limit + 1).read_to_end(&mut out).explain(
                Exit::Local,
                "could not read what git printed",
                None,
            )?;
        }
        if out.len() as u64 > limit {
            let _ = child.kill();
        }
        let status = child.wait().explain(Exit::Local, "could not wait for git", None)?;
        let words = words.and_then(|words| words.join().ok()).unwrap_or_default();
        let cut = out.len() as u64 > limit;
        Ok(if status.success() || cut { Ok(out) } else { Err(words) })
    }

    fn check_repository(&self) -> Result<()> {
        let place = clean::line(&self.repo.display().to_string());
        let attempt = format!("could not use {place} as a repository");
        if !self.repo.is_dir() {
            return Err(fail_because(
                Exit::Usage,
                attempt,
                "there is no such folder",
                Some("check --repo PATH"),
            ));
        }
        match self.run(&["rev-parse", "--git-dir"], MAX_WORDS)? {
            Ok(_) => Ok(()),
            Err(words) => Err(fail_because(
                Exit::Usage,
                attempt,
                words,
                Some("give the folder of a git repository with --repo PATH, or a diff file"),
            )),
        }
    }

    /// The commit of a revision, in full.
    fn commit(&self, name: &str) -> Result<String> {
        let attempt = format!("could not find the revision {:?}", clean::line(name));
        let hint =
            Some("`git log --oneline --all` lists revisions; a shallow clone may lack it (`git fetch --unshallow`)");
        if name.is_empty() || name.starts_with('-') {
            return Err(fail_because(
                Exit::Usage,
                attempt,
                "that is no name of a revision",
                hint,
            ));
        }
        match self.run(
            &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")],
            MAX_WORDS,
        )? {
            Ok(out) => Ok(String::from_utf8_lossy(&out).trim().to_owned()),
            Err(words) => {
                let because = if words.is_empty() {
                    "the repository has no such commit".to_owned()
                } else {
                    words
                };
                Err(fail_because(Exit::Usage, attempt, because, hint))
            }
        }
    }

    fn default_base(&self, head: &str) -> Result<(String, String)> {
        for name in BASES {
            if let Ok(base) = self.commit(name)
                && base != head
            {
                return Ok((name.to_owned(), base));
            }
        }
        let parent = "HEAD~1";
        match self.commit(&format!("{head}~1")) {
            Ok(base) => Ok((parent.to_owned(), base)),
            Err(_) => Err(fail_because(
                Exit::Usage,
                "could not tell what to compare with",
                format!(
                    "none of {} names another commit, and the head has no parent",
                    BASES.join(", ")
                ),
                Some("name it with --base REV"),
            )),
        }
    }

    fn merge_base(&self, base: &str, head: &str, base_name: &str, head_name: &str) -> Result<String> {
        match self.run(&["merge-base", base, head], MAX_WORDS)? {
            Ok(out) => Ok(String::from_utf8_lossy(&out).trim().to_owned()),
            Err(_) => Err(fail_because(
                Exit::Usage,
                clean::line(&format!("could not compare {base_name} with {head_name}")),
                "they have no common ancestor here",
                Some("in a shallow clone, fetch more history with `git fetch --unshallow`"),
            )),
        }
    }

    fn diff(&self, base: &str, head: &str, title: &str) -> Result<String> {
        let args = [
            "diff",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--find-renames",
            "--no-relative",
            "--submodule=short",
            "-U3",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            base,
            head,
            "--",
        ];
        match self.run(&args, MAX_DIFF_BYTES)? {
            Ok(out) if out.len() as u64 > MAX_DIFF_BYTES => Err(change::too_large(title, None)),
            Ok(out) => change::check(title, out),
            Err(words) => Err(fail_because(
                Exit::Usage,
                format!("could not compare {title}"),
                words,
                None,
            )),
        }
    }

    /// Reads the blobs of the changed files through one `git cat-file`.
    fn whole_files(&self, base: &str, head: &str, warnings: &mut Vec<String>) -> Result<Vec<WholeFile>> {
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
        let mut files = Vec::new();
        for entry in entries {
            let text = |id: &Option<String>| id.as_ref().map(|id| blobs.get(id).cloned().flatten());
            match (text(&entry.before), text(&entry.after)) {
                (Some(None), _) | (_, Some(None)) => left_out += 1,
                (before, after) => files.push(WholeFile {
                    path: entry.path,
                    before: before.flatten(),
                    after: after.flatten(),
                }),
            }
        }
        if left_out > 0 {
            warnings.push(format!(
                "{left_out} changed files are binary or too large; they are read by their hunks alone"
            ));
        }
        Ok(files)
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
        let Some(mut path) = parts.next() else { break };
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
            path,
        });
    }
    out
}

/// The first line of what git said, without its `fatal:`.
fn words(stderr: impl Read) -> String {
    let mut bytes = Vec::new();
    let mut stderr = stderr;
    let _ = stderr.by_ref().take(MAX_WORDS).read_to_end(&mut bytes);
    // Read to the end, or git would wait for us.
    let _ = std::io::copy(&mut stderr, &mut std::io::sink());
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    clean::line(line.trim_start_matches("fatal: ").trim_start_matches("error: "))
}
