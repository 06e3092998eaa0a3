//! What rules ask about code, the same over all languages: calls, strings that are built, assignments, functions, loops.

use std::collections::BTreeMap;

use crate::lang::Lang;
use crate::tree::{Doc, Node};

/// Longest callee that is looked at as text, bytes.
const MAX_CALLEE_BYTES: u32 = 160;
/// Most operands of one built string that are looked at.
const MAX_PIECES: usize = 64;
/// Most parameters of one function that are looked at.
const MAX_PARAMETERS: usize = 256;
/// How often a name is followed to its assignment.
const MAX_HOPS: u32 = 4;

/// A call in any language.
#[derive(Clone)]
pub(crate) struct Call<'d> {
    pub node: Node<'d>,
    /// The callee without white space, for example `self.db.execute`; empty when it is too long.
    pub path: String,
    /// Its last segment.
    pub name: &'d str,
    /// What the method is called on, for methods.
    pub receiver: Option<Node<'d>>,
    /// Positional arguments.
    pub args: Vec<Node<'d>>,
    /// Keyword arguments.
    pub keywords: Vec<(&'d str, Node<'d>)>,
}

impl<'d> Call<'d> {
    pub(crate) fn keyword(&self, name: &str) -> Option<Node<'d>> {
        self.keywords.iter().find(|(k, _)| *k == name).map(|(_, v)| *v)
    }

    pub(crate) fn path_is(&self, paths: &[&str]) -> bool {
        paths.contains(&self.path.as_str())
    }

    pub(crate) fn name_is(&self, names: &[&str]) -> bool {
        names.contains(&self.name)
    }
}

/// Kinds that [`call`] understands.
pub(crate) const CALLS: &[&str] = &["call", "call_expression", "new_expression"];

/// Reads a node as a call.
pub(crate) fn call(node: Node<'_>) -> Option<Call<'_>> {
    if !node.is(CALLS) {
        return None;
    }
    let mut callee = node.field("function").or_else(|| node.field("constructor"))?;
    if callee.kind() == "generic_function" {
        callee = callee.field("function")?;
    }
    let (receiver, last) = match callee.kind() {
        "attribute" => (callee.field("object"), callee.field("attribute")?),
        "member_expression" => (callee.field("object"), callee.field("property")?),
        "field_expression" => (callee.field("value"), callee.field("field")?),
        "scoped_identifier" => (None, callee.field("name")?),
        _ => (None, callee),
    };
    let path = callee
        .short_text(MAX_CALLEE_BYTES)
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let mut args = Vec::new();
    let mut keywords = Vec::new();
    if let Some(list) = node.field("arguments") {
        for arg in list.children() {
            match arg.kind() {
                "keyword_argument" => {
                    if let (Some(name), Some(value)) = (arg.field("name"), arg.field("value")) {
                        keywords.push((name.text(), value));
                    }
                }
                _ => args.push(arg),
            }
        }
    }
    Some(Call {
        node,
        path,
        name: last.short_text(MAX_CALLEE_BYTES),
        receiver,
        args,
        keywords,
    })
}

/// All calls of a text.
pub(crate) fn calls(doc: &Doc) -> impl Iterator<Item = Call<'_>> {
    doc.all(CALLS).filter_map(call)
}

/// All Rust macro calls with their names.
pub(crate) fn macros(doc: &Doc) -> impl Iterator<Item = (&str, Node<'_>)> {
    doc.all(&["macro_invocation"])
        .filter_map(|n| Some((n.field("macro")?.short_text(80), n)))
}

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

/// An assignment: where, and what.
#[derive(Clone, Copy)]
pub(crate) struct Assigned {
    at: u32,
    value: u32,
}

/// Assignments by the id of the function that they stand in (0: top level) and name, in the order of the text.
pub(crate) type Assignments = BTreeMap<u32, BTreeMap<String, Vec<Assigned>>>;

fn assignments(doc: &Doc) -> &Assignments {
    doc.assignments.get_or_init(|| {
        let mut map = Assignments::new();
        let kinds = [
            "assignment",
            "variable_declarator",
            "let_declaration",
            "assignment_expression",
            "const_item",
            "static_item",
        ];
        for node in doc.all(&kinds) {
            let name = node
                .field("left")
                .or_else(|| node.field("name"))
                .or_else(|| node.field("pattern"));
            let value = node.field("right").or_else(|| node.field("value"));
            if let (Some(name), Some(value)) = (name, value)
                && name.kind() == "identifier"
            {
                let scope = enclosing_function(node).map_or(0, |f| f.id());
                let names = map.entry(scope).or_default();
                names.entry(name.text().to_owned()).or_default().push(Assigned {
                    at: node.id(),
                    value: value.id(),
                });
            }
        }
        map.values_mut()
            .flat_map(|names| names.values_mut())
            .for_each(|list| list.sort_by_key(|a| a.at));
        map
    })
}

/// The value last assigned to a name before `name` is used, in the same function or at top level.
pub(crate) fn resolve(name: Node<'_>) -> Option<Node<'_>> {
    if name.kind() != "identifier" {
        return None;
    }
    let found = resolve_name(name, name.text())?;
    (!found.contains(name)).then_some(found)
}

/// Likewise for a name that is only text, as in a format string; `user` is where it is used.
pub(crate) fn resolve_name<'d>(user: Node<'d>, name: &str) -> Option<Node<'d>> {
    let all = assignments(user.doc);
    let scope = enclosing_function(user).map_or(0, |f| f.id());
    let pick = |scope: u32| {
        let list = all.get(&scope)?.get(name)?;
        let before = list.partition_point(|a| a.at < user.id());
        list.get(before.checked_sub(1)?)
    };
    let found = pick(scope).or_else(|| if shadowed(user, name) { None } else { pick(0) })?;
    Some(user.doc.node(found.value))
}

/// Whether a parameter of the enclosing function has this name.
fn shadowed(user: Node<'_>, name: &str) -> bool {
    enclosing_function(user).is_some_and(|f| parameters(f).iter().any(|p| p.name == name))
}

/// Follows names to what they were assigned.
pub(crate) fn follow(node: Node<'_>) -> Node<'_> {
    let mut node = peel(node);
    for _ in 0..MAX_HOPS {
        match resolve(node) {
            Some(value) => node = peel(value),
            None => break,
        }
    }
    node
}

/// Kinds of functions.
pub(crate) const FUNCTIONS: &[&str] = &[
    "function_definition",
    "function_item",
    "function_declaration",
    "generator_function_declaration",
    "method_definition",
    "arrow_function",
    "function_expression",
    "generator_function",
    "lambda",
    "closure_expression",
];

/// Functions that have a body of their own name; closures are part of what surrounds them.
pub(crate) const NAMED_FUNCTIONS: &[&str] = &[
    "function_definition",
    "function_item",
    "function_declaration",
    "generator_function_declaration",
    "method_definition",
];

/// The function around a node. Closures in Rust count as part of their function.
pub(crate) fn enclosing_function(node: Node<'_>) -> Option<Node<'_>> {
    node.ancestors()
        .find(|n| n.is(FUNCTIONS) && !n.is(&["closure_expression", "lambda"]))
}

/// Whether a function is declared `async`.
pub(crate) fn is_async(function: Node<'_>) -> bool {
    function
        .all_children()
        .take_while(|c| c.field_name() != "body")
        .any(|c| {
            c.kind() == "async"
                || (c.kind() == "function_modifiers" && c.text().split_whitespace().any(|w| w == "async"))
        })
}

/// A parameter.
pub(crate) struct Parameter<'d> {
    pub name: &'d str,
    pub node: Node<'d>,
    /// Whether a caller may leave it out.
    pub optional: bool,
    /// Whether it can only be given by name, or gathers the rest.
    pub keyword_only: bool,
    /// Whether it gathers all that is given beyond the others.
    pub gathers: bool,
}

/// The parameters of a function without `self`, `cls` and `this`.
pub(crate) fn parameters(function: Node<'_>) -> Vec<Parameter<'_>> {
    const SPLATS: &[&str] = &["list_splat_pattern", "dictionary_splat_pattern", "rest_pattern"];
    let Some(list) = function.field("parameters") else {
        let single = function.field("parameter");
        return single
            .map(|p| Parameter {
                name: p.text(),
                node: p,
                optional: false,
                keyword_only: false,
                gathers: false,
            })
            .into_iter()
            .collect();
    };
    let mut out = Vec::new();
    let mut keyword_only = false;
    for node in list.children().take(MAX_PARAMETERS) {
        let (name, optional) = match node.kind() {
            "identifier" => (Some(node), false),
            "typed_parameter" => (node.children().next(), false),
            "default_parameter" | "typed_default_parameter" => (node.field("name"), true),
            "keyword_separator" => {
                keyword_only = true;
                continue;
            }
            "parameter" | "required_parameter" => (node.field("pattern"), node.field("value").is_some()),
            "optional_parameter" => (node.field("pattern"), true),
            "assignment_pattern" => (node.field("left"), true),
            "self_parameter" | "attribute_item" | "positional_separator" => continue,
            _ => (Some(node), false),
        };
        let Some(name) = name else { continue };
        let gathers = name.is(SPLATS);
        keyword_only |= gathers && function.doc.lang == Lang::Python;
        let text = name.short_text(200).trim_start_matches(['*', '&', '.']);
        if matches!(text, "self" | "cls" | "this") {
            continue;
        }
        out.push(Parameter {
            name: text,
            node,
            optional: optional || gathers,
            keyword_only,
            gathers,
        });
    }
    out
}

/// Kinds of loops.
pub(crate) const LOOPS: &[&str] = &[
    "for_statement",
    "while_statement",
    "for_in_statement",
    "do_statement",
    "for_expression",
    "while_expression",
    "loop_expression",
];

/// The innermost loop whose body runs `node` in every round, within the same function.
pub(crate) fn enclosing_loop(node: Node<'_>) -> Option<Node<'_>> {
    let mut inner = node;
    for outer in node.ancestors() {
        if outer.is(FUNCTIONS) {
            return None;
        }
        if outer.is(LOOPS) && (inner.field_name() == "body" || outer.kind() == "while_statement") {
            return Some(outer);
        }
        inner = outer;
    }
    None
}

/// Whether a Rust node is in test code: under `#[test]`, `#[cfg(test)]` or the like.
pub(crate) fn in_test_code(node: Node<'_>) -> bool {
    if node.doc.lang != Lang::Rust {
        return false;
    }
    std::iter::once(node)
        .chain(node.ancestors())
        .filter(|n| n.is(&["function_item", "mod_item", "impl_item"]))
        .any(|item| {
            attributes(item).any(|a| {
                let text: String = a.short_text(200).chars().filter(|c| !c.is_whitespace()).collect();
                text.contains("cfg(test)")
                    || text.contains("test]")
                    || text.contains("::test(")
                    || text.contains("cfg(any(test")
            })
        })
}

/// The attributes above a Rust item.
pub(crate) fn attributes(item: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    std::iter::successors(item.previous(), Node::previous)
        .take_while(|n| n.is(&["attribute_item", "line_comment", "block_comment"]))
        .filter(|n| n.kind() == "attribute_item")
}

/// The words of a name, lower case: `apiKey`, `API_KEY` and `api-key` all give `api`, `key`.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut fresh = true;
    let mut was_lower = false;
    for c in name.chars().take(200) {
        if !c.is_alphanumeric() {
            fresh = true;
            was_lower = false;
            continue;
        }
        if fresh || (c.is_uppercase() && was_lower) {
            out.push(String::new());
            fresh = false;
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        if let Some(word) = out.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    out
}

/// Whether a name holds one of these words.
pub(crate) fn has_word(name: &str, wanted: &[&str]) -> bool {
    words(name).iter().any(|w| wanted.contains(&w.as_str()))
}

/// Whether a name is written as a constant.
pub(crate) fn is_constant_name(name: &str) -> bool {
    name.chars().any(|c| c.is_ascii_uppercase()) && !name.chars().any(|c| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(lang: Lang, text: &str) -> Doc {
        Doc::parse(lang, text.to_owned(), 1, false, true).ok().unwrap()
    }

    #[test]
    fn built_strings() {
        let pieces = |lang, text: &str| {
            let doc = doc(lang, text);
            let call = calls(&doc).next().unwrap();
            let found = built_string(call.args[0]);
            found.map(|b| {
                (
                    b.pieces.iter().map(|p| p.text().to_owned()).collect::<Vec<_>>(),
                    b.captured,
                )
            })
        };
        let some = |p: &[&str], c: &[&str]| {
            Some((
                p.iter().map(|s| s.to_string()).collect::<Vec<_>>(),
                c.iter().map(|s| s.to_string()).collect::<Vec<_>>(),
            ))
        };
        assert_eq!(pieces(Lang::Python, "f(f'a {x} b')"), some(&["x"], &[]));
        assert_eq!(pieces(Lang::Python, "f('a' + x + 'b')"), some(&["x"], &[]));
        assert_eq!(pieces(Lang::Python, "f('a %s' % (x, y))"), some(&["x", "y"], &[]));
        assert_eq!(pieces(Lang::Python, "f('a {}'.format(x))"), some(&["x"], &[]));
        assert_eq!(pieces(Lang::Python, "f('a')"), None);
        assert_eq!(pieces(Lang::Python, "f(a + b)"), None);
        assert_eq!(pieces(Lang::JavaScript, "f(`a ${x}`)"), some(&["x"], &[]));
        assert_eq!(pieces(Lang::JavaScript, "f('a' + x)"), some(&["x"], &[]));
        assert_eq!(
            pieces(Lang::Rust, "fn g() { f(&format!(\"a {x} {{y}}\", )); }"),
            some(&[], &["x"])
        );
        assert_eq!(
            pieces(Lang::Rust, "fn g() { f(format!(\"a {}\", x)); }"),
            some(&["x"], &[])
        );
    }

    #[test]
    fn names_are_followed() {
        let doc = doc(
            Lang::Python,
            "A = 'x'\ndef f(b):\n    q = A\n    q = q2\n    g(q, A, b)\n",
        );
        let call = calls(&doc).next().unwrap();
        let got: Vec<_> = call.args.iter().map(|a| follow(*a).text()).collect();
        assert_eq!(got, ["q2", "'x'", "b"]);
    }

    #[test]
    fn words_of_names() {
        assert_eq!(words("apiKey_V2"), ["api", "key", "v2"]);
        assert_eq!(words("API_KEY"), ["api", "key"]);
    }
}
