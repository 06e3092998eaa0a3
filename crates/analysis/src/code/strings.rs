//! Literals, and strings that are built at run time.

use super::calls::call;
use crate::tree::Node;

/// Most operands of one built string that are looked at.
const MAX_PIECES: usize = 64;

/// Undoes what stands between a value and its use: parentheses, `&`, `await`, `as`, `!`.
pub(crate) fn peel(mut node: Node<'_>) -> Node<'_> {
    const WRAPPERS: &[&str] = &[
        "parenthesized_expression",
        "reference_expression",
        "await",
        "await_expression",
        "as_expression",
        "non_null_expression",
        "try_expression",
        "satisfies_expression",
    ];
    while node.is(WRAPPERS) {
        let Some(inner) = node.field("value").or_else(|| node.children().next()) else {
            break;
        };
        node = inner;
    }
    node
}

/// Whether a node is a string literal without anything put in.
pub(crate) fn is_plain_string(node: Node<'_>) -> bool {
    match node.kind() {
        "string" | "template_string" => !node
            .children()
            .any(|c| c.is(&["interpolation", "template_substitution"])),
        "string_literal" | "raw_string_literal" => true,
        "concatenated_string" => node.children().all(is_plain_string),
        _ => false,
    }
}

/// The text of a plain string literal, quotes and prefix off; escapes stay as written.
pub(crate) fn string_value(node: Node<'_>) -> Option<&str> {
    if !is_plain_string(node) || node.kind() == "concatenated_string" {
        return None;
    }
    let text = node.text();
    let body = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let body = body.trim_start_matches('#');
    for quote in ["\"\"\"", "'''", "\"", "'", "`"] {
        if let Some(rest) = body.strip_prefix(quote) {
            return Some(rest.trim_end_matches('#').strip_suffix(quote).unwrap_or(rest));
        }
    }
    None
}

/// Whether a value is fixed in the source.
pub(crate) fn is_literal(node: Node<'_>) -> bool {
    is_plain_string(node)
        || node.is(&[
            "integer",
            "float",
            "number",
            "true",
            "false",
            "none",
            "null",
            "integer_literal",
            "float_literal",
            "boolean_literal",
            "char_literal",
        ])
        || (node.is(&["list", "tuple", "array", "array_expression"]) && node.children().all(is_literal_flat))
}

fn is_literal_flat(node: Node<'_>) -> bool {
    is_plain_string(node) || node.is(&["integer", "number", "integer_literal"])
}

/// A string that is put together at run time.
pub(crate) struct Built<'d> {
    /// The fixed parts, joined by a blank.
    pub fixed: String,
    /// What is put in.
    pub pieces: Vec<Node<'d>>,
    /// Names that a Rust format string captures.
    pub captured: Vec<String>,
}

/// Reads a node as a string that is built by interpolation, concatenation or formatting.
pub(crate) fn built_string(node: Node<'_>) -> Option<Built<'_>> {
    let mut built = Built {
        fixed: String::new(),
        pieces: Vec::new(),
        captured: Vec::new(),
    };
    let mut has_string = false;
    let mut work = vec![peel(node)];
    let mut seen = 0;
    while let Some(part) = work.pop() {
        seen += 1;
        if seen > MAX_PIECES {
            break;
        }
        let part = peel(part);
        match part.kind() {
            "string" | "template_string" | "string_literal" | "raw_string_literal" => {
                has_string = true;
                string_parts(part, &mut built);
            }
            "concatenated_string" => work.extend(part.children()),
            "binary_operator" | "binary_expression" if operator(part) == "+" => {
                work.extend(part.field("right"));
                work.extend(part.field("left"));
            }
            "binary_operator" if operator(part) == "%" => {
                let (left, right) = (part.field("left")?, part.field("right")?);
                if !left.is(&["string", "concatenated_string"]) {
                    built.pieces.push(part);
                    continue;
                }
                work.push(left);
                match right.kind() {
                    "tuple" => built.pieces.extend(right.children()),
                    "dictionary" => built.pieces.extend(right.children().filter_map(|p| p.field("value"))),
                    _ => built.pieces.push(right),
                }
            }
            "macro_invocation" => match part.field("macro").map(|m| m.text()) {
                Some("format" | "format_args" | "concat") => {
                    has_string |= format_parts(part, &mut built);
                }
                _ => built.pieces.push(part),
            },
            "call" | "call_expression" => match call(part) {
                Some(c)
                    if c.name == "format" && c.receiver.is_some_and(|r| r.is(&["string", "concatenated_string"])) =>
                {
                    work.extend(c.receiver);
                    built.pieces.extend(c.args);
                    built.pieces.extend(c.keywords.into_iter().map(|(_, v)| v));
                }
                Some(c)
                    if c.name_is(&["as_str", "to_string", "to_owned", "into", "strip", "trim"])
                        && c.args.is_empty() =>
                {
                    match c.receiver {
                        Some(receiver) => work.push(receiver),
                        None => built.pieces.push(part),
                    }
                }
                _ => built.pieces.push(part),
            },
            _ => built.pieces.push(part),
        }
    }
    (has_string && (!built.pieces.is_empty() || !built.captured.is_empty())).then_some(built)
}

/// The operator of a binary node.
pub(crate) fn operator(node: Node<'_>) -> &str {
    node.field("operator").map(|o| o.text()).unwrap_or_default()
}

fn string_parts<'d>(string: Node<'d>, built: &mut Built<'d>) {
    if is_plain_string(string) {
        built.fixed.push_str(string_value(string).unwrap_or_default());
        built.fixed.push(' ');
        return;
    }
    for child in string.children() {
        match child.kind() {
            "interpolation" | "template_substitution" => {
                built.pieces.extend(child.children().next());
            }
            "string_content" | "string_fragment" => built.fixed.push_str(child.text()),
            _ => {}
        }
        built.fixed.push(' ');
    }
}

/// A Rust format macro: the format string and the arguments behind it. Tells whether there is a string.
fn format_parts<'d>(invocation: Node<'d>, built: &mut Built<'d>) -> bool {
    let Some(tokens) = invocation.child("token_tree") else {
        return false;
    };
    let mut parts = tokens.children();
    let Some(format) = parts.next().filter(|f| f.is(&["string_literal", "raw_string_literal"])) else {
        return false;
    };
    let text = string_value(format).unwrap_or_default();
    built.fixed.push_str(text);
    built.pieces.extend(parts);
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            rest = after;
            continue;
        }
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_') {
            built.captured.push(name);
        }
    }
    true
}
