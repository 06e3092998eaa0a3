//! Comparisons that ask something else than they seem to.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang;
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "reviewer/none-comparison",
            role: "reviewer",
            severity: Severity::Low,
            languages: lang::PYTHON,
            title: "`None` is compared with `==`",
            why: "`==` asks the object, which may say anything (an array answers for each element); `is` asks whether it is `None`.",
            fix: "Write `is None` or `is not None`.",
            cwe: None,
        },
        check: Check::Doc(none_comparison),
        bad: &[new("a.py", "def f(x):\n    if x == None: <<<\n        return 1\n")],
        good: &[new(
            "a.py",
            "def f(x, q):\n    if x is None:\n        return 1\n    q.filter(Row.deleted_at == None)\n    return x == 'None'\n",
        )],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/is-literal",
            role: "reviewer",
            severity: Severity::Medium,
            languages: lang::PYTHON,
            title: "A literal is compared with `is`",
            why: "`is` asks for the same object: whether equal strings or numbers are one object depends on the interpreter.",
            fix: "Write `==` or `!=`.",
            cwe: Some(597),
        },
        check: Check::Doc(is_literal),
        bad: &[
            new("a.py", "def f(x):\n    return x is 'paid' <<<\n"),
            new("a.py", "def f(x):\n    return x is not 0 <<<\n"),
        ],
        good: &[new(
            "a.py",
            "def f(x):\n    return x is None or x is True or x == 'paid' or x is MISSING\n",
        )],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/loose-equality",
            role: "reviewer",
            severity: Severity::Low,
            languages: lang::JS_LIKE,
            title: "`==` converts before it compares",
            why: "`'' == 0` and `'1' == 1` hold: a value of another type than expected passes the check.",
            fix: "Write `===` or `!==`.",
            cwe: None,
        },
        check: Check::Doc(loose),
        bad: &[
            new("a.js", "const f = (x) => x == 1; <<<\n"),
            new("a.ts", "if (kind != other) stop(); <<<\n"),
        ],
        good: &[new(
            "a.js",
            "const f = (x) => x === 1 || x == null || x != undefined || typeof x == 'string';\n",
        )],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/self-comparison",
            role: "reviewer",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "Both sides of the operator are the same",
            why: "The result is always the same: one of the two was meant to be something else.",
            fix: "Compare with the value that was meant; for NaN use `math.isnan`, `Number.isNaN` or `is_nan`.",
            cwe: Some(571),
        },
        check: Check::Doc(same),
        bad: &[
            new("a.py", "def f(a, b):\n    return a.total == a.total <<<\n"),
            new("a.js", "if (order.id === order.id) ship(); <<<\n"),
            new(
                "a.rs",
                "fn f(a: &A, b: &A) -> bool {\n    a.id == a.id && b.ok <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def f(a, b):\n    return a.total == b.total and next(a) == next(a)\n",
            ),
            new("a.js", "if (x !== x) skip();\nif (order.id === other.id) ship();\n"),
            new(
                "a.rs",
                "fn f(a: &A, b: &A) -> bool {\n    a.next() == a.next() && a.id == b.id\n}\n",
            ),
        ],
    },
];

fn sides<'d>(node: Node<'d>) -> Option<(Node<'d>, &'d str, Node<'d>)> {
    let mut operands = node.children();
    let (left, right) = (operands.next()?, operands.next()?);
    if operands.next().is_some() {
        return None;
    }
    let between = node.doc.text.get(left.end() as usize..right.start() as usize)?;
    Some((left, between.trim(), right))
}

fn none_comparison(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for node in doc.all(&["comparison_operator"]) {
        let Some((left, operator, right)) = sides(node) else {
            continue;
        };
        // Query builders overload `==` on their columns; there it is meant.
        let query = node.ancestors().take(6).any(|a| {
            code::call(a).is_some_and(|c| {
                c.name_is(&[
                    "filter",
                    "where",
                    "having",
                    "and_",
                    "or_",
                    "filter_by",
                    "select",
                    "join",
                    "on",
                    "outerjoin",
                ])
            })
        });
        if matches!(operator, "==" | "!=") && (left.kind() == "none" || right.kind() == "none") && !query {
            sink.node(file, node);
        }
    }
}

fn is_literal(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for node in doc.all(&["comparison_operator"]) {
        let Some((left, operator, right)) = sides(node) else {
            continue;
        };
        let literal = |n: Node<'_>| {
            n.is(&[
                "string",
                "integer",
                "float",
                "concatenated_string",
                "list",
                "dictionary",
                "tuple",
            ])
        };
        if operator.split_whitespace().next() == Some("is") && (literal(left) || literal(right)) {
            sink.node(file, node);
        }
    }
}

fn loose(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for node in doc.all(&["binary_expression"]) {
        let operands = [node.field("left"), node.field("right")];
        let fine = operands.iter().flatten().any(|n| {
            n.is(&["null", "undefined"])
                || n.text() == "undefined"
                || (n.kind() == "unary_expression" && n.text().starts_with("typeof"))
        });
        if matches!(code::operator(node), "==" | "!=") && !fine && !node.has_error() {
            sink.node(file, node);
        }
    }
}

fn same(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for node in doc.all(&["comparison_operator", "binary_expression", "boolean_operator"]) {
        let Some((left, operator, right)) = sides(node) else {
            continue;
        };
        let pure = !left.is(&["identifier"]) || !matches!(operator, "!=" | "!==" | "==" | "===");
        let calls = left.descendants().chain([left]).any(|n| {
            n.is(code::CALLS) || n.is(&["await", "await_expression", "macro_invocation", "update_expression"])
        });
        let lost = node.has_error() || node.parent().is_some_and(|p| p.has_error());
        let asks = !lost
            && matches!(
                operator,
                "==" | "!=" | "===" | "!==" | "<" | ">" | "<=" | ">=" | "&&" | "||" | "and" | "or"
            );
        let text = left.short_text(200);
        if asks
            && pure
            && !calls
            && !text.is_empty()
            && text == right.short_text(200)
            && !code::is_literal(left)
            && !file.is_test
            && !code::in_test_code(node)
        {
            sink.node(file, node);
        }
    }
}
