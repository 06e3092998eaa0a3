//! Functions, their parameters, and what surrounds a node: functions, loops, test code.

use crate::lang::Lang;
use crate::tree::Node;

/// Most parameters of one function that are looked at.
const MAX_PARAMETERS: usize = 256;

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
