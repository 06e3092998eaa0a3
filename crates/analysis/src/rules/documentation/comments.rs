//! Documentation in the code: missing, empty, or out of step with what it describes.

use std::collections::BTreeSet;

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, edit, new, shown};
use crate::rules::architect::public_items;
use crate::tree::{COMMENTS, Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "documentation/missing-doc",
            role: "documentation",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "A new public item has no documentation",
            why: "Callers must read the code to learn what it does, what it expects and how it fails.",
            fix: "Say in a sentence or two what it does, its units and its errors.",
            cwe: Some(1053),
        },
        check: Check::File(missing),
        bad: &[
            new(
                "src/lib.rs",
                "/// Pays.\npub fn pay() {}\n\n#[derive(Debug)]\npub struct Order { <<<\n    total: u64,\n}\n",
            ),
            new(
                "pay/core.py",
                "def pay(order): <<<\n    total = order.total\n    return charge(total)\n",
            ),
            new(
                "src/pay.ts",
                "export function pay(order: Order) { <<<\n  return charge(order.total);\n}\n",
            ),
            new(
                "src/pay.js",
                "export function pay(order) { <<<\n  return charge(order.total);\n}\n",
            ),
        ],
        good: &[
            new(
                "src/lib.rs",
                "/// Pays.\n#[must_use]\npub fn pay() {}\nfn inner() {}\npub(crate) fn shared() {}\nstruct Hidden;\nimpl Hidden {\n    pub fn new() {}\n}\nmod inner {\n    pub fn f() {}\n}\nimpl Display for Order {\n    fn fmt(&self) {}\n}\n#[cfg(test)]\nmod tests {\n    pub fn helper() {}\n}\n",
            ),
            new(
                "pay/core.py",
                "def pay(order):\n    \"\"\"Charge the total.\"\"\"\n    return charge(order.total)\n\ndef _inner():\n    pass\n\nclass A:\n    \"\"\"A.\"\"\"\n",
            ),
            new(
                "src/pay.ts",
                "/** Charges the total. */\nexport function pay(order: Order) {\n  return charge(order.total);\n}\nfunction inner() {}\n",
            ),
            edit(
                "pay/core.py",
                "def pay(order):\n    return charge(order.total)\n",
                "def pay(order):\n    return charge(order.sum)\n",
            ),
            new("tests/test_pay.py", "def test_pay():\n    pass\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "documentation/parameter-mismatch",
            role: "documentation",
            severity: Severity::Medium,
            languages: lang::PYTHON_JS,
            title: "The documentation names a parameter that is not there",
            why: "Callers pass what the text tells them and get an error, or worse, none.",
            fix: "Bring the text in step with the signature.",
            cwe: Some(1116),
        },
        check: Check::Doc(mismatch),
        bad: &[
            edit(
                "a.py",
                "def pay(order, currency):\n    \"\"\"Charge.\n\n    Args:\n        order: the order.\n        currency: the currency.\n    \"\"\"\n    return 1\n",
                "def pay(order, unit): <<<\n    \"\"\"Charge.\n\n    Args:\n        order: the order.\n        currency: the currency.\n    \"\"\"\n    return 1\n",
            ),
            new(
                "a.py",
                "def pay(order): <<<\n    \"\"\"Charge.\n\n    :param amount: what to charge.\n    \"\"\"\n    return order\n",
            ),
            new(
                "a.ts",
                "/**\n * Charges.\n * @param amount what to charge\n */\nexport function pay(order: Order) { <<<\n  return order;\n}\n",
            ),
            new(
                "a.js",
                "/**\n * Charges.\n * @param {Order} order what to charge\n * @param {string} unit the currency\n */\nfunction pay(order) { <<<\n  return order;\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def pay(order, unit='EUR', *rest, **more):\n    \"\"\"Charge.\n\n    Args:\n        order (Order): the order. Note: it must be open.\n        unit: the currency,\n            in capitals: EUR.\n        *rest: what else.\n        **more: options.\n\n    Returns:\n        amount: what was charged.\n    \"\"\"\n    return 1\n\ndef f(**kwargs):\n    \"\"\"F.\n\n    :param anything: passed on.\n    \"\"\"\n",
            ),
            new(
                "a.js",
                "/**\n * Charges.\n * @param {Order} order what to charge\n * @param {string} [unit] the currency\n * @param {object} opts\n * @param {boolean} opts.dry do nothing\n */\nfunction pay(order, unit, { dry }) {\n  return order;\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "documentation/empty-doc",
            role: "documentation",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "The documentation says nothing",
            why: "A placeholder silences the tools that ask for documentation and tells the reader nothing.",
            fix: "Say what it does, or leave it out.",
            cwe: None,
        },
        check: Check::Doc(empty),
        bad: &[
            new("a.py", "def pay(order):\n    \"\"\"TODO\"\"\" <<<\n    return order\n"),
            new("a.rs", "/// ... <<<\npub fn pay() {}\n"),
            new("a.ts", "/** TODO */ <<<\nexport function pay() {}\n"),
            new("a.js", "/** Description. */ <<<\nexport function pay() {}\n"),
        ],
        good: &[
            new(
                "a.py",
                "def pay(order):\n    \"\"\"Charge the order's total.\"\"\"\n    return order\nx = ''\n",
            ),
            new(
                "a.rs",
                "/// Charges the order.\n///\n/// TODO items are skipped.\npub fn pay() {}\n//\n",
            ),
            new("a.ts", "/** Charges the order. */\nexport function pay() {}\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "documentation/unsafe-without-contract",
            role: "documentation",
            severity: Severity::Medium,
            languages: lang::RUST,
            title: "An unsafe function does not say what its caller must keep",
            why: "The compiler no longer checks it, so the text is the only contract: without one nobody can call it rightly.",
            fix: "Add a `# Safety` section that lists every condition.",
            cwe: Some(1116),
        },
        check: Check::Doc(safety),
        bad: &[new(
            "src/a.rs",
            "/// Reads a byte.\npub unsafe fn read(p: *const u8) -> u8 { <<<\n    *p\n}\n",
        )],
        good: &[new(
            "src/a.rs",
            "/// Reads a byte.\n///\n/// # Safety\n/// `p` must be readable.\npub unsafe fn read(p: *const u8) -> u8 {\n    *p\n}\nunsafe fn inner() {}\npub fn plain() {}\n",
        )],
    },
];

/// Comments directly above a node, the nearest first; attributes and decorators stand between.
fn comments_above<'d>(node: Node<'d>) -> impl Iterator<Item = Node<'d>> {
    std::iter::successors(node.previous(), Node::previous)
        .take_while(|n| n.is(COMMENTS) || n.is(&["attribute_item", "decorator"]))
        .filter(|n| n.is(COMMENTS))
}

fn docstring(definition: Node<'_>) -> Option<Node<'_>> {
    let first = definition.field("body")?.children().next()?;
    if first.kind() == "string" {
        return Some(first);
    }
    (first.kind() == "expression_statement")
        .then(|| first.children().next())
        .flatten()
        .filter(|s| s.kind() == "string")
}

fn is_documented(lang: Lang, node: Node<'_>, inner: Node<'_>) -> bool {
    match lang {
        Lang::Python => docstring(inner).is_some(),
        Lang::Rust => {
            comments_above(node).any(|c| c.text().starts_with("///") || c.text().starts_with("/**"))
                || code::attributes(node).any(|a| a.short_text(400).contains("doc"))
        }
        _ => comments_above(node).any(|c| c.text().starts_with("/**") || c.text().starts_with("//")),
    }
}

fn missing(file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test || file.is_script {
        return;
    }
    let before: BTreeSet<&str> = file.old_docs.iter().flat_map(public_items).map(|i| i.name).collect();
    for doc in &file.docs {
        for item in public_items(doc) {
            let line = item.inner.line();
            let small = doc.lang == Lang::Python && item.inner.end_line() - line < 2;
            let told = doc.lang == Lang::Rust
                && item
                    .node
                    .ancestors()
                    .any(|a| a.kind() == "impl_item" && a.field("trait").is_some());
            let value = doc.lang.is_js()
                && !item.inner.is(code::FUNCTIONS)
                && !item.inner.is(&[
                    "class_declaration",
                    "abstract_class_declaration",
                    "interface_declaration",
                ]);
            // In a fragment the comment above may be out of sight.
            let sighted = doc.whole || doc.lang == Lang::Python || item.node.previous().is_some();
            if !before.contains(item.name)
                && !small
                && !told
                && !value
                && sighted
                && item.node.is_real()
                && !item.node.in_error()
                && file.adds(line, line)
                && !is_documented(doc.lang, item.node, item.inner)
            {
                sink.lines(file, line, line, |f| {
                    f.title = format!("New public `{}` has no documentation", shown(item.name))
                });
            }
        }
    }
}

fn mismatch(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for function in doc.all(&["function_definition", "function_declaration", "method_definition"]) {
        let text = if doc.lang == Lang::Python {
            docstring(function).map(|d| (d, d.short_text(20_000)))
        } else {
            let node = function
                .parent()
                .filter(|p| p.kind() == "export_statement")
                .unwrap_or(function);
            comments_above(node)
                .next()
                .filter(|c| c.text().starts_with("/**"))
                .map(|c| (c, c.short_text(20_000)))
        };
        let Some((place, text)) = text else { continue };
        let parameters = code::parameters(function);
        let gathers = parameters.iter().any(|p| p.gathers);
        let unnamed = parameters.iter().any(|p| p.name.starts_with(['{', '[']));
        let known = |name: &str| parameters.iter().any(|p| p.name == name) || matches!(name, "self" | "cls" | "this");
        let named = if doc.lang == Lang::Python {
            python_parameters(text)
        } else {
            jsdoc_parameters(text)
        };
        let wrong = named.into_iter().find(|n| !known(n));
        let Some(wrong) = wrong.filter(|_| !gathers && !unnamed && !function.has_error()) else {
            continue;
        };
        let signature_end = function.field("parameters").map_or(function.line(), |p| p.end_line());
        let touched = file.touches(function.line(), signature_end) || file.touches(place.line(), place.end_line());
        if touched && function.is_real() {
            sink.lines(file, function.line(), function.line(), |f| {
                f.title = format!("The documentation names `{}`, which is no parameter", shown(wrong))
            });
        }
    }
}

/// Parameters that a docstring names: `:param x:` of Sphinx and the `Args:` section of Google's style.
fn python_parameters(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut section: Option<(usize, Option<usize>)> = None;
    for line in text.lines() {
        let body = line.trim();
        let indent = line.len() - line.trim_start().len();
        if let Some(rest) = body.strip_prefix(":param ") {
            if let Some((head, _)) = rest.split_once(':') {
                out.extend(
                    head.split_whitespace()
                        .last()
                        .map(|n| n.trim_start_matches(['*', '\\'])),
                );
            }
            continue;
        }
        if matches!(body, "Args:" | "Arguments:" | "Parameters:") {
            section = Some((indent, None));
            continue;
        }
        let Some((outer, entry)) = section else {
            continue;
        };
        if body.is_empty() {
            continue;
        }
        if indent <= outer {
            section = None;
            continue;
        }
        let level = entry.unwrap_or(indent);
        section = Some((outer, Some(level)));
        if indent == level
            && let Some((head, _)) = body.split_once(':')
        {
            let name = head
                .split(['(', ' '])
                .next()
                .unwrap_or_default()
                .trim_start_matches(['*', '\\']);
            let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if plain {
                out.push(name);
            }
        }
    }
    out
}

/// Parameters that a JSDoc comment names; properties (`opts.dry`) belong to theirs.
fn jsdoc_parameters(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for rest in text.split("@param").skip(1) {
        let mut rest = rest.trim_start();
        if rest.starts_with('{') {
            let Some(end) = rest.find('}') else { continue };
            rest = rest[end + 1..].trim_start();
        }
        let name = rest
            .trim_start_matches('[')
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$' || c == '.'))
            .next()
            .unwrap_or_default();
        if !name.is_empty() && !name.contains('.') {
            out.push(name);
        }
    }
    out
}

fn empty(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    let says_nothing = |text: &str| {
        let text = text.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
        matches!(
            text.as_str(),
            "" | "todo"
                | "fixme"
                | "tbd"
                | "description"
                | "docstring"
                | "documentation"
                | "add documentation"
                | "todo document"
                | "missing docs"
        )
    };
    for definition in doc.all(&["function_definition", "class_definition"]) {
        if let Some(text) = docstring(definition)
            && code::string_value(text).is_some_and(says_nothing)
        {
            sink.node(file, text);
        }
    }
    for comment in doc
        .all(COMMENTS)
        .filter(|c| doc.lang != Lang::Python && c.short_text(400).len() >= 3)
    {
        let text = comment.text();
        let block = text.starts_with("/**") && text.ends_with("*/") && text.len() > 5;
        // One line of several that are only together a text.
        let neighbour = |n: Option<Node<'_>>| n.is_some_and(|n| n.is(COMMENTS) && n.text().starts_with("///"));
        let line = text.starts_with("///")
            && !text.starts_with("////")
            && !neighbour(comment.previous())
            && !neighbour(comment.next());
        if (block || line) && says_nothing(text) && comment.next().is_some() {
            sink.node(file, comment);
        }
    }
}

fn safety(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for item in public_items(doc)
        .into_iter()
        .filter(|i| i.inner.kind() == "function_item")
    {
        let is_unsafe = item
            .inner
            .child("function_modifiers")
            .is_some_and(|m| m.text().split_whitespace().any(|w| w == "unsafe"));
        let told = comments_above(item.node).any(|c| c.text().contains("# Safety"));
        let sighted = doc.whole || item.node.previous().is_some_and(|p| !p.is(COMMENTS));
        if is_unsafe && !told && sighted && !file.is_test {
            sink.node(file, item.inner);
        }
    }
}
