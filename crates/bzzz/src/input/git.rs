//! A change from a repository, by the `git` program: the diff from the merge base to the head, and the changed files as a
//! whole before and after.
//!
//! The repository may be a stranger's. Its configuration must not run programs through us, so external diff drivers, text
//! converters, hooks and the file-system monitor are off, and a revision can never be taken for an option.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bzzz_core::change::ChangeSet;
use bzzz_core::diff::MAX_DIFF_BYTES as MAX_DIFF;

use super::change::{self, Change};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result, fail_because};
use crate::report::words::shell_word;
use crate::term::clean;

/// The parser's limit as a length of a stream.
pub(super) const MAX_DIFF_BYTES: u64 = MAX_DIFF as u64;
/// Most of git's own words that are kept for an error.
pub(super) const MAX_WORDS: u64 = 4 << 10;
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
    let mut warnings = Vec::new();
    let mut set = ChangeSet {
        diff: git.diff(&merge_base, &head, &title, &mut warnings)?,
        title,
        base: Some(merge_base.clone()),
        head: Some(head.clone()),
        ..ChangeSet::default()
    };
    git.whole_files(&merge_base, &head, &mut set, &mut warnings)?;
    Ok(Change { set, warnings })
}

/// The diff between two commits as a review of them reads it, and nothing beside it: what a certificate's digest is over.
pub fn diff_between(repo: &Path, base: &str, head: &str) -> Result<String> {
    let git = Git { repo };
    git.check_repository()?;
    let (base, head) = (git.commit(base)?, git.commit(head)?);
    git.diff(&base, &head, &format!("{base}..{head}"), &mut Vec::new())
}

/// The full id of a revision.
pub fn commit_of(repo: &Path, name: &str) -> Result<String> {
    let git = Git { repo };
    git.check_repository()?;
    git.commit(name)
}

pub(super) struct Git<'a> {
    repo: &'a Path,
}

impl Git<'_> {
    pub(super) fn command(&self, args: &[&str]) -> Command {
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
            // A partial clone would fetch what it lacks, by a program that the repository's own settings name.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(super) fn spawn(&self, command: &mut Command) -> Result<Child> {
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
    pub(super) fn run(&self, args: &[&str], limit: u64) -> Result<std::result::Result<Vec<u8>, String>> {
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

    fn diff(&self, base: &str, head: &str, title: &str, warnings: &mut Vec<String>) -> Result<String> {
        let args = [
            // A person's settings, and how many objects the repository has, must not change the bytes: a certificate names their digest.
            "-c",
            "diff.suppressBlankEmpty=false",
            "-c",
            "core.attributesFile=/dev/null",
            "diff",
            "--full-index",
            "--diff-algorithm=myers",
            "--indent-heuristic",
            "--inter-hunk-context=0",
            "-O/dev/null",
            "-l1000",
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
            // Edits that are not committed are the usual cause. They are not looked for: to compare the working tree, git would run the
            // repository's own filters.
            Ok(out) if out.is_empty() => Err(fail_because(
                Exit::Usage,
                format!("could not review {title}"),
                "it is empty: only commits are compared, and no file differs between these two",
                Some(&format!(
                    "review edits that are not committed with `git -C {} diff HEAD | bzzz review -`, or name other revisions with --base and --head",
                    clean::line(&shell_word(&self.repo.to_string_lossy()))
                )),
            )),
            Ok(out) => {
                change::well_formed(title, &out)?;
                // One file in another encoding must not keep the others from being reviewed.
                Ok(String::from_utf8(out).unwrap_or_else(|error| {
                    warnings.push("some text is not UTF-8; those bytes are replaced".to_owned());
                    String::from_utf8_lossy(error.as_bytes()).into_owned()
                }))
            }
            Err(words) => Err(fail_because(
                Exit::Usage,
                format!("could not compare {title}"),
                words,
                None,
            )),
        }
    }
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
