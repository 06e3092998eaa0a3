//! The rules of the house that a compiler does not hold.
//!
//! Each check is a pure function from files to problems, beside a test that shows how it fails. [`check`] runs all of them
//! over the repository; `cargo test -p xtask` and `cargo xtask test` both do.

mod layers;
mod lexer;
mod markdown;
mod places;
mod readme;
mod sources;
mod workspace;

use std::fmt;
use std::path::Path;

use crate::repository::{self, SourceFile};

/// Folders of data: what lies in them is input for tests, and may look as bad as it likes.
const DATA_FOLDERS: &[&str] = &["fixtures", "data", "seeds", "snapshots", "testdata"];

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, below the root.
    pub path: String,
    /// Its line, 1-based; 0 where the file as a whole is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

impl Problem {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Problem {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

/// What all checks found.
#[derive(Debug, Default)]
pub struct Report {
    /// Broken rules: any of them is a failure.
    pub problems: Vec<Problem>,
    /// What is worth a thought, and no failure.
    pub advice: Vec<Problem>,
    /// Number of files looked at.
    pub files: usize,
}

/// Runs every check over the repository at `root`. An error where it cannot be read.
pub fn check(root: &Path) -> Result<Report, String> {
    let files = repository::files(root)?;
    Ok(check_files(&files))
}

fn check_files(files: &[SourceFile]) -> Report {
    let mut report = Report {
        files: files.len(),
        ..Report::default()
    };
    let problems = &mut report.problems;
    problems.extend(layers::arrows(files));
    problems.extend(workspace::pins(files));
    problems.extend(workspace::members(files));
    problems.extend(readme::required(files));
    problems.extend(readme::commands(files));
    problems.extend(markdown::links(files));
    for file in files.iter().filter(|file| !is_data(&file.path)) {
        problems.extend(places::homes(file));
        problems.extend(places::registries(file));
        if file.extension() == "rs" {
            problems.extend(sources::leftovers(file));
            problems.extend(sources::banners(file));
            problems.extend(sources::opening(file));
            problems.extend(sources::too_long(file));
            report.advice.extend(sources::long(file));
        }
    }
    report.problems.sort();
    report
}

fn is_data(path: &str) -> bool {
    path.split('/').any(|folder| DATA_FOLDERS.contains(&folder))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for advice in &self.advice {
            writeln!(f, "    advice: {advice}")?;
        }
        for problem in &self.problems {
            writeln!(f, "    {problem}")?;
        }
        write!(f, "    {} files, {} problem(s)", self.files, self.problems.len())
    }
}

/// For the tests of the checks: the lines that are blamed.
#[cfg(test)]
fn lines(problems: impl IntoIterator<Item = Problem>) -> Vec<usize> {
    problems.into_iter().map(|problem| problem.line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_wired_in() {
        let bad = [
            SourceFile::new(
                "crates/net/Cargo.toml",
                "[dependencies]\nbzzz-store.workspace = true\nserde = \"1\"\n",
            ),
            SourceFile::new(
                "Cargo.toml",
                "[workspace]\ndefault-members = []\n[workspace.dependencies]\n",
            ),
            SourceFile::new("README.md", "[gone](gone.md)\n```\ncargo xtask dance\n```\n"),
            SourceFile::new(
                "crates/net/src/lib.rs",
                &format!("// =======\nfn f() {{ {}!() }}\n{}", "todo", "x\n".repeat(1000)),
            ),
            SourceFile::new(
                "deploy/a.conf",
                concat!("/ho", "me/someone/x\nextra-index-", "url = x\n"),
            ),
        ];
        let shown = check_files(&bad).to_string();
        for part in [
            "must not depend on bzzz-store",
            "version",
            "default-members",
            "CONTRIBUTING.md",
            "no such command",
            "gone.md",
            "todo",
            "banner",
            "module documentation",
            "1002 lines",
            "home folder",
            "registry",
        ] {
            assert!(shown.contains(part), "{part} is not in:\n{shown}");
        }
    }

    #[test]
    fn data_may_be_bad() {
        let file = SourceFile::new("crates/analysis/tests/fixtures/a.rs", "fn f() { todo!() }");
        assert!(!check_files(&[file]).to_string().contains("fixtures"));
    }
}
