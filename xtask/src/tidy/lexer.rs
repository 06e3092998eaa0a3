//! Just enough of Rust's lexical grammar to tell code, comments and literals apart, so that a check for a word in code does
//! not stumble over the same word in a string.

/// A Rust file, split. Each of the texts has the file's length in lines: what is not of its kind is blanked.
pub struct Split {
    /// Code without comments and without what is inside literals.
    pub code: String,
    /// Comments only.
    pub comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

/// Splits a file. Broken input ends in some mode or other, never in a panic.
pub fn split(text: &str) -> Split {
    let chars: Vec<char> = text.chars().collect();
    let mut split = Split {
        code: String::new(),
        comments: String::new(),
    };
    let mut mode = Mode::Code;
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let (next, taken, kind) = step(mode, rest, at.checked_sub(1).map(|before| chars[before]));
        for &c in &rest[..taken] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            split.code.push(if kind == Mode::Code { c } else { blank });
            let comment = matches!(kind, Mode::LineComment | Mode::BlockComment { .. });
            split.comments.push(if comment { c } else { blank });
        }
        mode = next;
        at += taken;
    }
    split
}

/// From a mode and what follows: the next mode, how many characters that takes (at least one), and what they are.
fn step(mode: Mode, rest: &[char], before: Option<char>) -> (Mode, usize, Mode) {
    let starts = |text: &str| text.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c));
    match mode {
        Mode::Code if starts("//") => (Mode::LineComment, 2, Mode::LineComment),
        Mode::Code if starts("/*") => {
            let mode = Mode::BlockComment { depth: 1 };
            (mode, 2, mode)
        }
        Mode::Code if starts("\"") => (Mode::Text, 1, Mode::Text),
        Mode::Code if starts("r") && !before.is_some_and(|c| c.is_alphanumeric() && c != 'b' && c != 'c') => {
            let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
            if rest.get(1 + hashes) == Some(&'"') {
                (Mode::RawText { hashes }, hashes + 2, Mode::Text)
            } else {
                (Mode::Code, 1, Mode::Code)
            }
        }
        Mode::Code if starts("'") => (Mode::Code, character(rest), Mode::Text),
        Mode::Code => (Mode::Code, 1, Mode::Code),
        Mode::LineComment if starts("\n") => (Mode::Code, 1, Mode::Code),
        Mode::LineComment => (mode, 1, mode),
        Mode::BlockComment { depth } if starts("/*") => (Mode::BlockComment { depth: depth + 1 }, 2, mode),
        Mode::BlockComment { depth: 1 } if starts("*/") => (Mode::Code, 2, mode),
        Mode::BlockComment { depth } if starts("*/") => (Mode::BlockComment { depth: depth - 1 }, 2, mode),
        Mode::BlockComment { .. } => (mode, 1, mode),
        Mode::Text if starts("\\") => (mode, rest.len().min(2), mode),
        Mode::Text if starts("\"") => (Mode::Code, 1, mode),
        Mode::Text => (mode, 1, mode),
        Mode::RawText { hashes } => {
            let closes = starts("\"") && rest[1..].iter().take_while(|&&c| c == '#').count() >= hashes;
            if closes {
                (Mode::Code, hashes + 1, Mode::Text)
            } else {
                (mode, 1, Mode::Text)
            }
        }
    }
}

/// Length of a character literal that begins here; 1 for the tick of a lifetime.
fn character(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', ..] => {
            let close = rest.iter().skip(3).position(|&c| c == '\'');
            close.map_or(1, |close| close + 4)
        }
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        split(text).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn literals_and_comments_are_no_code() {
        assert_eq!(code("a \"b\" c"), "a c");
        assert_eq!(code(r#"a "b\"c" d"#), "a d");
        assert_eq!(code("a r#\"b\"c\"# d"), "a d");
        assert_eq!(code("a br\"b\\\" d"), "a b d");
        assert_eq!(code("a // b\nc"), "a c");
        assert_eq!(code("a /* b /* c */ d */ e"), "a e");
        assert_eq!(code("f('\"') g('\\'') h"), "f( ) g( ) h");
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f< a>(x: & a str) {}");
        assert_eq!(code("for r in var\"\""), "for r in var");
    }

    #[test]
    fn comments_are_kept_where_they_stand() {
        let split = split("let a = 1; // why\n/* more\n */ \"// no\"");
        let lines: Vec<&str> = split.comments.lines().map(str::trim).collect();
        assert_eq!(lines, ["// why", "/* more", "*/"]);
    }

    #[test]
    fn broken_input_ends() {
        for broken in ["\"abc", "r#\"abc", "/* abc", "'", "'\\", "\"\\", "r", "r#"] {
            let _ = split(broken);
        }
    }
}
