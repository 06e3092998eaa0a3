//! Nothing in the repository knows the machine on which it was written: no home folders, no registries of somebody's own.

use super::Problem;
use crate::repository::SourceFile;

/// Beginnings of home folders. Written in two halves, or this file would break its own rule.
const HOMES: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Use", "rs/"),
    concat!("C:\\Use", "rs\\"),
];

/// Names that stand for anybody in documentation and examples.
const ANYBODY: &[&str] = &["user", "you", "me", "USER", "ada", "alice", "bob", "bzzz", "runner"];

/// The only place from which crates come: how every lock file names it.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Settings that send a package client elsewhere. Also in two halves.
const REDIRECTIONS: &[&str] = &[
    concat!("replace-", "with"),
    concat!("[regis", "tries"),
    concat!("index-", "url"),
    concat!("find-", "links"),
    concat!("trusted-", "host"),
    concat!("GOPRO", "XY="),
    concat!("CARGO_REGIS", "TRIES_"),
    concat!("/arti", "factory/"),
    concat!("/ne", "xus/repository"),
];

/// Absolute paths into somebody's home.
pub fn homes(file: &SourceFile) -> Vec<Problem> {
    let in_somebodys = |line: &str| {
        HOMES.iter().any(|home| {
            line.match_indices(home).any(|(at, _)| {
                let continued =
                    line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}'));
                let rest = &line[at + home.len()..];
                let owner: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
                    .collect();
                !continued && !owner.is_empty() && !ANYBODY.contains(&owner.as_str())
            })
        })
    };
    on_lines(
        file,
        in_somebodys,
        "a path into a home folder: make it relative, or take it from the environment",
    )
}

/// Package sources other than the public ones.
pub fn registries(file: &SourceFile) -> Vec<Problem> {
    let redirected = |line: &str| {
        let lock = file.path.ends_with("Cargo.lock") && line.starts_with("source = ") && !line.contains(CRATES_IO);
        let npm = file.path.ends_with("package-lock.json") && line.contains("\"resolved\"");
        lock || npm || REDIRECTIONS.iter().any(|setting| line.contains(setting))
    };
    on_lines(
        file,
        redirected,
        "a package registry of one's own: the project builds from the public ones",
    )
}

fn on_lines(file: &SourceFile, bad: impl Fn(&str) -> bool, what: &str) -> Vec<Problem> {
    let lines = file.text.lines().enumerate().filter(|(_, line)| bad(line));
    lines
        .map(|(index, _)| Problem::new(&file.path, index + 1, what))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines;

    #[test]
    fn home_folders_are_found() {
        let check = |text: &str, expected: &[usize]| {
            assert_eq!(lines(homes(&SourceFile::new("a.md", text))), expected, "{text}");
        };
        check(concat!("ok\ncp x /ho", "me/jdoe/y"), &[2]);
        check(concat!("\"/ro", "ot/project\""), &[1]);
        check(concat!("C:\\Use", "rs\\jdoe"), &[1]);
        check(concat!("/ho", "me/user/.bzzz and /ho", "me/ alone"), &[]);
        check(concat!("https://example.org/ho", "me/page"), &[]);
    }

    #[test]
    fn foreign_registries_are_found() {
        let check = |path: &str, text: &str, expected: &[usize]| {
            assert_eq!(
                lines(registries(&SourceFile::new(path, text))),
                expected,
                "{path}: {text}"
            );
        };
        check(
            "Cargo.lock",
            &format!("source = \"{CRATES_IO}\"\nsource = \"sparse+https://example.org/\"\n"),
            &[2],
        );
        check(
            "x/package-lock.json",
            "\"integrity\": \"sha512-a\"\n\"resolved\": \"https://example.org/a\"\n",
            &[2],
        );
        check(
            ".cargo/config.toml",
            concat!("[source.crates-io]\nreplace-", "with = \"x\"\n"),
            &[2],
        );
        check(
            "requirements.txt",
            concat!("--extra-index-", "url https://example.org\n"),
            &[1],
        );
        check("docs/a.md", "Packages come from crates.io and PyPI.\n", &[]);
    }
}
