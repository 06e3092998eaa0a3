//! The files that a project has, and the commands that its README shows: a newcomer types them first, so they must be right.

use super::Problem;
use crate::args;
use crate::repository::SourceFile;

/// Files without which a newcomer, a contributor or a lawyer is lost.
const REQUIRED: &[&str] = &[
    ".ci/run",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates/core/clippy.toml",
    "fuzz/Cargo.lock",
];

/// Which of [`REQUIRED`] are not there.
pub fn required(files: &[SourceFile]) -> Vec<Problem> {
    let lacking = REQUIRED
        .iter()
        .filter(|path| !files.iter().any(|file| file.path == **path));
    lacking
        .map(|path| Problem::new(path, 0, "there is no such file, and the project needs it"))
        .collect()
}

/// Commands in the README's code blocks: `cargo xtask X` exists, `cargo run … -- X` is a command of the binary, and files
/// of `examples/` that they name are there.
pub fn commands(files: &[SourceFile]) -> Vec<Problem> {
    let Some(readme) = files.iter().find(|file| file.path == "README.md") else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for (line, command) in fenced(&readme.text) {
        let words: Vec<&str> = command
            .trim_start_matches("$ ")
            .split_whitespace()
            .take_while(|word| *word != "#")
            .collect();
        let what = match words.as_slice() {
            ["cargo", "xtask", rest @ ..] => xtask(rest),
            ["cargo", "run", rest @ ..] => subcommand(files, rest.iter().skip_while(|word| **word != "--").nth(1)),
            ["bzzz", rest @ ..] => subcommand(files, rest.first()),
            _ => None,
        };
        problems.extend(what.map(|what| Problem::new("README.md", line, what)));
        let gone = words
            .iter()
            .filter(|word| word.starts_with("examples/") && !files.iter().any(|file| file.path == **word));
        problems.extend(gone.map(|path| Problem::new("README.md", line, format!("there is no {path}"))));
    }
    problems
}

fn xtask(words: &[&str]) -> Option<String> {
    let owned: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    args::parse(&owned)
        .err()
        .map(|error| format!("no such command: {error}"))
}

/// One command of the binary is one file, `crates/bzzz/src/cli/NAME.rs`, or a folder of that name.
fn subcommand(files: &[SourceFile], name: Option<&&str>) -> Option<String> {
    let name = name.filter(|name| !name.starts_with('-'))?;
    let place = format!("crates/bzzz/src/cli/{}", name.replace('-', "_"));
    let (file, folder) = (format!("{place}.rs"), format!("{place}/"));
    let found = files
        .iter()
        .any(|other| other.path == file || other.path.starts_with(&folder));
    (!found).then(|| format!("no such command: `bzzz {name}` (there is no {file})"))
}

/// Lines of fenced code, numbered from 1.
fn fenced(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            found.push((index + 1, line.trim()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines;

    #[test]
    fn wrong_commands_are_found() {
        let check = |command: &str, expected: &[usize]| {
            let files = [
                SourceFile::new(
                    "README.md",
                    &format!("text\n```sh\n{command}\n```\ncargo xtask no-code\n"),
                ),
                SourceFile::new("crates/bzzz/src/cli/review.rs", ""),
                SourceFile::new("examples/a.diff", ""),
            ];
            assert_eq!(lines(commands(&files)), expected, "{command}");
        };
        check("cargo xtask test", &[]);
        check("$ cargo run --release -- review examples/a.diff   # a comment", &[]);
        check("bzzz review examples/a.diff", &[]);
        check("cargo run --release", &[]);
        check("cargo xtask tests", &[3]);
        check("cargo xtask test --fast", &[3]);
        check("cargo run --release -- revue examples/a.diff", &[3]);
        check("cargo run -- review examples/gone.diff", &[3]);
        check("bzzz revue", &[3]);
    }

    #[test]
    fn lacking_files_are_named() {
        assert_eq!(required(&[]).len(), REQUIRED.len());
        let files: Vec<SourceFile> = REQUIRED.iter().map(|path| SourceFile::new(path, "")).collect();
        assert_eq!(required(&files), []);
    }
}
