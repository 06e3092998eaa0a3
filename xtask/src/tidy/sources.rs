//! Rust files: nothing is left over, a module says first what it is, and a file stays readable in one sitting.

use super::Problem;
use super::lexer::split;
use crate::repository::SourceFile;

/// From here on it is worth a thought whether a file holds two concepts.
pub const LINES_ADVISED: usize = 400;
/// More is refused.
pub const LINES_MAX: usize = 900;
/// A file up to here may go without module documentation: a list of `mod`s explains itself.
pub const LINES_WITHOUT_DOCUMENTATION: usize = 20;

/// What must not stay in code, with what to do instead.
const IN_CODE: &[(&str, &str)] = &[
    ("todo!", "finish it"),
    (
        "unimplemented!",
        "finish it, or return an error that says what is not supported",
    ),
    ("dbg!", "remove it, or log"),
    ("#[ignore", "mend the test, or remove it"),
];

/// How a comment that should have been an issue begins.
const COMMENT_OPENINGS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// Left-over macros, ignored tests, and notes to oneself.
pub fn leftovers(file: &SourceFile) -> Vec<Problem> {
    let split = split(&file.text);
    let mut problems = Vec::new();
    for (index, line) in split.code.lines().enumerate() {
        for (word, instead) in IN_CODE {
            if holds_word(line, word) {
                problems.push(Problem::new(
                    &file.path,
                    index + 1,
                    format!("`{word}` is left over: {instead}"),
                ));
            }
        }
    }
    for (index, line) in split.comments.lines().enumerate() {
        if let Some(opening) = COMMENT_OPENINGS
            .iter()
            .find(|opening| comment_text(line).starts_with(**opening))
        {
            let what = format!("a `{opening}` comment: do it, or open an issue");
            problems.push(Problem::new(&file.path, index + 1, what));
        }
    }
    problems
}

/// Whether `line` holds `word`, not as the end of a longer word.
fn holds_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(is_part))
}

fn comment_text(line: &str) -> &str {
    line.trim_start().trim_start_matches(['/', '*', '!']).trim_start()
}

/// Comments that are rulers: a file that needs them is two files.
pub fn banners(file: &SourceFile) -> Vec<Problem> {
    let is_ruler = |line: &str| {
        let line = line.trim();
        let text = line.trim_start_matches('/').trim();
        let drawn =
            |text: &str| text.len() >= 5 && ["=", "-", "*", "~", "+"].iter().any(|c| text.starts_with(&c.repeat(5)));
        drawn(text) || (line.starts_with('/') && line.len() >= 6 && line.chars().all(|c| c == '/'))
    };
    let comments = split(&file.text).comments;
    let lines = comments.lines().enumerate().filter(|(_, line)| is_ruler(line));
    lines
        .map(|(index, _)| {
            Problem::new(
                &file.path,
                index + 1,
                "a banner comment: a file of its own serves better",
            )
        })
        .collect()
}

/// The first line is module documentation.
pub fn opening(file: &SourceFile) -> Option<Problem> {
    let documented = file.text.starts_with("//!");
    let small = file.text.lines().count() <= LINES_WITHOUT_DOCUMENTATION;
    (!documented && !small).then(|| {
        Problem::new(
            &file.path,
            1,
            "the first line is no module documentation (`//!`): say what it is, why so, what holds",
        )
    })
}

/// Files beyond [`LINES_MAX`].
pub fn too_long(file: &SourceFile) -> Option<Problem> {
    let lines = file.text.lines().count();
    (lines > LINES_MAX).then(|| {
        Problem::new(
            &file.path,
            0,
            format!("{lines} lines are more than {LINES_MAX}: split it by concept"),
        )
    })
}

/// Files beyond [`LINES_ADVISED`].
pub fn long(file: &SourceFile) -> Option<Problem> {
    let lines = file.text.lines().count();
    let long = lines > LINES_ADVISED && lines <= LINES_MAX;
    long.then(|| Problem::new(&file.path, 0, format!("{lines} lines: is it one concept?")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines;

    fn file(text: &str) -> SourceFile {
        SourceFile::new("crates/x/src/a.rs", text)
    }

    #[test]
    fn leftovers_are_found_in_code_and_comments_only() {
        let check = |text: &str, expected: &[usize]| assert_eq!(lines(leftovers(&file(text))), expected, "{text}");
        check("fn f() {\n    todo!()\n}", &[2]);
        check("fn f() { unimplemented!(\"x\") }", &[1]);
        check("let x = dbg!(y);", &[1]);
        check("#[test]\n#[ignore]\nfn f() {}", &[2]);
        check("#[ignore = \"slow\"]", &[1]);
        check("// FIXME: later", &[1]);
        check("/// TODO describe", &[1]);
        check("let s = \"todo!() // FIXME\";", &[]);
        check("// finds `todo!` and FIXME in code", &[]);
        check("my_todo!()", &[]);
        check("let ignored = #[allow(x)] 1;", &[]);
    }

    #[test]
    fn banners_are_found() {
        let check = |text: &str, expected: &[usize]| assert_eq!(lines(banners(&file(text))), expected, "{text}");
        check("a();\n// ----------\n// part two", &[2]);
        check("// ===== part two =====", &[1]);
        check("//////////////", &[1]);
        check("/*************\n */", &[1]);
        check("// a -- b, and x --> y", &[]);
        check("let s = \"-----\";", &[]);
        check("/// | --- | --- |", &[]);
    }

    #[test]
    fn a_file_opens_with_what_it_is() {
        assert!(opening(&file(&"use x;\n".repeat(30))).is_some());
        assert!(opening(&file(&format!("//! What.\n{}", "use x;\n".repeat(30)))).is_none());
        assert!(opening(&file("mod a;\nmod b;\n")).is_none());
    }

    #[test]
    fn long_files_are_told_and_too_long_ones_refused() {
        let of = |lines: usize| file(&"x\n".repeat(lines));
        assert!(long(&of(LINES_ADVISED)).is_none() && long(&of(LINES_ADVISED + 1)).is_some());
        assert!(too_long(&of(LINES_MAX)).is_none() && too_long(&of(LINES_MAX + 1)).is_some());
    }
}
