//! Makes text from outside safe to show.
//!
//! Quotes, titles and messages come from changes, models and other nodes. Printed as they are they could move the cursor,
//! recolour the screen, set the window title, or (with bidirectional overrides, "Trojan Source", CVE-2021-42574) show a
//! line in another order than a compiler reads it. So nothing active reaches a reader: each such character is replaced by
//! a visible one. It is shown rather than dropped, because a reviewer must see that it is there.

/// What to do with line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Keep `\n`; `\r\n` becomes `\n`.
    Keep,
    /// Turn every break into one space.
    Join,
}

/// Columns of a tab stop, as in most terminals' listings of code.
const TAB: &str = "    ";

/// Replaces everything active in `text` by something visible.
pub fn clean(text: &str, lines: Lines) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' if lines == Lines::Keep => out.push('\n'),
            '\n' | '\u{2028}' | '\u{2029}' if lines == Lines::Join => out.push(' '),
            '\t' => out.push_str(TAB),
            c => push_visible(&mut out, c),
        }
    }
    out
}

/// One line, everything active replaced.
pub fn line(text: &str) -> String {
    clean(text, Lines::Join)
}

/// Several lines, everything active replaced.
pub fn block(text: &str) -> String {
    clean(text, Lines::Keep)
}

fn push_visible(out: &mut String, c: char) {
    match c {
        // The control pictures of Unicode stand in the order of the controls that they depict.
        '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
        '\u{7f}' => out.push('\u{2421}'),
        c if is_hidden(c) => {
            out.push('\u{27e8}');
            out.push_str(&format!("U+{:04X}", c as u32));
            out.push('\u{27e9}');
        }
        c => out.push(c),
    }
}

/// Whether `c` is invisible and changes how its neighbours are shown: C1 controls, bidirectional marks and overrides,
/// zero-width characters that hide text, line separators, tag characters.
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Writes the characters of a JSON text that a terminal or a viewer would obey as `\u` escapes.
///
/// In valid JSON they can stand within strings only, so the value does not change.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\u{7f}' || is_hidden(c) {
            let mut units = [0_u16; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_visible() {
        assert_eq!(line("a\u{1b}[31mred\u{7}\u{7f}"), "a␛[31mred␇␡");
        assert_eq!(line("a\u{202e}b\u{9b}c"), "a⟨U+202E⟩b⟨U+009B⟩c");
    }

    #[test]
    fn breaks_follow_the_choice() {
        assert_eq!(line("a\r\nb\nc\u{2028}d"), "a b c d");
        assert_eq!(block("a\r\nb\rc\td"), "a\nb␍c    d");
        assert_eq!(block("a\u{2028}b"), "a⟨U+2028⟩b");
    }

    #[test]
    fn ordinary_text_stays() {
        let text = "naïve 日本語 👩‍👩‍👧 •••";
        assert_eq!(block(text), text);
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({"q": "a\u{202e}b\u{7f}\u{9b}\u{e0041}"});
        let text = json(&value.to_string());
        assert!(text.is_ascii());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }
}
