//! Wrapping by display width.
//!
//! What somebody may want to copy is never broken: ids, addresses, paths, and commands between backticks stand on one line, also
//! where that is wider than the screen. A terminal then breaks the line where it ends, and gives it back whole.
//!
//! A column is what a terminal draws, not a byte or a `char`: East Asian characters take two, combining marks none.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Display width in columns.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Widest text between backticks that is kept together; what is longer is prose.
const MAX_SPAN: usize = 200;

/// Wraps `text` into lines of at most `columns`, on white space; see the module for what may be longer.
///
/// Line breaks in `text` stay; runs of spaces within a line become one. Never empty: an empty text gives one empty line.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    wrap_after(text, columns, 0)
}

/// Like [`wrap`], where `taken` columns of the first line are in use already (a label stands there).
pub fn wrap_after(text: &str, columns: usize, taken: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines: Vec<String> = Vec::new();
    // With less room than this for the first word, the text starts on the next line.
    let mut room = columns.saturating_sub(taken);
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for word in units(paragraph) {
            let wide = width(word);
            if used > 0 && used + 1 + wide <= room {
                line.push(' ');
                line.push_str(word);
                used += 1 + wide;
                continue;
            }
            if used > 0 || (wide > room && room < columns) {
                lines.push(std::mem::take(&mut line));
                room = columns;
            }
            let mut pieces = match is_handle(word) {
                true => vec![word.to_owned()],
                false => cut(word, room),
            };
            line = pieces.pop().unwrap_or_default();
            used = width(&line);
            if !pieces.is_empty() {
                room = columns;
            }
            lines.extend(pieces);
        }
        lines.push(line);
        room = columns;
    }
    lines
}

/// The words of a line; a span between backticks is one word.
fn units(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let mut end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if let Some(open) = rest[..end].find('`')
            && let Some(length) = rest[open + 1..].find('`')
            && length <= MAX_SPAN
            && open + 1 + length >= end
        {
            let close = open + 1 + length + 1;
            end = close + rest[close..].find(char::is_whitespace).unwrap_or(rest.len() - close);
        }
        out.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    out
}

/// Whether a word may be something to copy: all but prose in a script that has no spaces.
fn is_handle(word: &str) -> bool {
    word.is_ascii() || word.contains(['/', '`'])
}

/// Cuts `text` into pieces of at most `columns` without looking for white space: for code, where spaces matter.
pub fn cut(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns {
            pieces.push(std::mem::take(&mut piece));
            used = 0;
        }
        piece.push(c);
        used += wide;
    }
    pieces.push(piece);
    pieces
}

/// `text` in at most `columns`, with `…` at the end when something was left out.
pub fn truncate(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns - 1 {
            break;
        }
        out.push(c);
        used += wide;
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_on_spaces() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("a\n\nb", 7), ["a", "", "b"]);
        assert_eq!(wrap("", 7), [""]);
    }

    #[test]
    fn leaves_room_for_a_label() {
        assert_eq!(wrap_after("one two", 7, 4), ["one", "two"]);
        assert_eq!(wrap_after("three two", 7, 4), ["", "three", "two"]);
    }

    #[test]
    fn cuts_prose_without_spaces_and_counts_wide_characters() {
        assert_eq!(wrap("日本語テキスト", 6), ["日本語", "テキス", "ト"]);
        for columns in 4..20 {
            for line in wrap("日本 abc déf ghijklmnopqrstuvwé • x", columns) {
                assert!(width(&line) <= columns, "{line:?} is wider than {columns}");
            }
        }
    }

    #[test]
    fn what_is_copied_is_never_broken() {
        assert_eq!(wrap("x abcdefgh y", 4), ["x", "abcdefgh", "y"]);
        assert_eq!(wrap("at données/é.py now", 6), ["at", "données/é.py", "now"]);
        assert_eq!(
            wrap("so (`bzzz up --data d`), or not", 12),
            ["so", "(`bzzz up --data d`),", "or not"]
        );
        assert_eq!(wrap("a ` b ` c` d e", 4), ["a", "` b `", "c` d", "e"]);
    }

    #[test]
    fn truncates_with_an_ellipsis() {
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("日本語", 4), "日…");
        assert_eq!(truncate("abc", 0), "");
    }
}
