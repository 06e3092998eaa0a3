//! Control flow that does not do what it seems to.

use std::collections::BTreeSet;

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "reviewer/missing-await",
            role: "reviewer",
            severity: Severity::High,
            languages: lang::PYTHON_JS,
            title: "An async function is called without `await`",
            why: "In Python nothing runs at all; in JavaScript the code goes on before it is done and its error is lost.",
            fix: "Await it, or keep the task and handle its error (`void` says that it is meant).",
            cwe: None,
        },
        check: Check::Doc(missing_await),
        bad: &[
            new(
                "a.py",
                "async def save(row):\n    pass\nasync def f(row):\n    save(row) <<<\n    return row\n",
            ),
            new(
                "a.py",
                "class A:\n    async def save(self):\n        pass\n    async def f(self):\n        self.save() <<<\n",
            ),
            new(
                "a.ts",
                "async function save(row: Row) {}\nexport async function f(row: Row) {\n  save(row); <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "async def save(row):\n    pass\ndef log(row):\n    pass\nasync def f(row, other):\n    await save(row)\n    task = asyncio.create_task(save(row))\n    log(row)\n    other.save()\n    await task\n",
            ),
            new(
                "a.ts",
                "async function save(row: Row) {}\nexport async function f(row: Row) {\n  await save(row);\n  void save(row);\n  save(row).catch(report);\n  other.save(row);\n}\nfunction start() {\n  save(first);\n}\nsave(second);\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/off-by-one",
            role: "reviewer",
            severity: Severity::High,
            languages: lang::ALL,
            title: "A loop goes one past the end",
            why: "The last round reads the element behind the end: `undefined`, an exception or a panic.",
            fix: "Stop before the length: `<` instead of `<=`, `range(len(x))`, `0..x.len()`.",
            cwe: Some(193),
        },
        check: Check::Doc(off_by_one),
        bad: &[
            new(
                "a.js",
                "function f(xs) {\n  for (let i = 0; i <= xs.length; i++) { <<<\n    if (is(xs[i])) use(xs[i]);\n  }\n}\n",
            ),
            new(
                "a.py",
                "def f(xs):\n    for i in range(len(xs) + 1): <<<\n        use(xs[i])\n",
            ),
            new(
                "a.rs",
                "fn f(xs: &[u8]) {\n    for i in 0..=xs.len() { <<<\n        use_it(xs[i]);\n    }\n}\n",
            ),
        ],
        good: &[
            new(
                "a.js",
                "function f(xs) {\n  for (let i = 0; i < xs.length; i++) use(xs[i]);\n  for (let n = 1; n <= xs.length; n++) use(xs[n - 1]);\n  for (let i = 0; i <= xs.length; i++) {\n    if (i < xs.length) use(xs[i]);\n  }\n}\n",
            ),
            new(
                "a.py",
                "def f(xs):\n    for i in range(len(xs) + 1):\n        use(xs[:i])\n    for i in range(len(xs)):\n        use(xs[i])\n",
            ),
            new(
                "a.rs",
                "fn f(xs: &[u8]) {\n    for i in 0..=xs.len() {\n        use_it(&xs[..i]);\n    }\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/unreachable-code",
            role: "reviewer",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "Code that never runs",
            why: "What stands behind a `return`, `raise`, `break` or `continue` is dead: either it was meant to run or it misleads the reader.",
            fix: "Move it before the jump, or delete it.",
            cwe: Some(561),
        },
        check: Check::Doc(unreachable),
        bad: &[
            new("a.py", "def f(x):\n    return x\n    log(x) <<<\n"),
            new("a.js", "function f(x) {\n  throw new Error(x);\n  clean(x); <<<\n}\n"),
            new("a.rs", "fn f(x: u8) -> u8 {\n    return x;\n    log(x); <<<\n}\n"),
        ],
        good: &[
            new(
                "a.py",
                "def f(x):\n    if x:\n        return x\n    log(x)\ndef g():\n    return\n    yield\n",
            ),
            new(
                "a.js",
                "function f(x) {\n  return g(x);\n  function g(y) { return y; }\n}\nfunction h(x) {\n  switch (x) {\n    case 1:\n      return 1;\n    default:\n      return 2;\n  }\n}\n",
            ),
            new(
                "a.rs",
                "fn f(x: u8) -> u8 {\n    if x > 1 {\n        return x;\n    }\n    g(x)\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/mutable-default",
            role: "reviewer",
            severity: Severity::Medium,
            languages: lang::PYTHON,
            title: "A default argument is shared between calls",
            why: "The list, dict or set is made once: what one call puts in, the next one finds.",
            fix: "Use `None` as the default and make the value inside.",
            cwe: None,
        },
        check: Check::Doc(mutable_default),
        bad: &[
            new("a.py", "def f(x, seen=[]): <<<\n    seen.append(x)\n    return seen\n"),
            new("a.py", "async def f(x, *, opts: dict = {}): <<<\n    return opts\n"),
        ],
        good: &[new(
            "a.py",
            "def g(hosts: Sequence[str] = [\"*\"]):\n    return hosts\ndef f(x, seen=None, pair=(), name='', n=0):\n    seen = [] if seen is None else seen\n    return seen\n",
        )],
    },
];

fn class_of(node: Node<'_>) -> Option<Node<'_>> {
    node.ancestor(&["class_definition", "class_declaration"])
}

fn missing_await(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    let functions: Vec<Node<'_>> = doc
        .all(&["function_definition", "function_declaration", "method_definition"])
        .collect();
    let names = |asynchronous: bool, in_class: bool| -> BTreeSet<(u32, &str)> {
        functions
            .iter()
            .filter(|f| code::is_async(**f) == asynchronous && class_of(**f).is_some() == in_class)
            .filter_map(|f| Some((class_of(*f).map_or(0, |c| c.id()), f.field("name")?.text())))
            .collect()
    };
    let (free, methods) = (names(true, false), names(true, true));
    // A name that is also a plain function somewhere (an overload, a nested one) says nothing.
    let plain: BTreeSet<&str> = names(false, false)
        .into_iter()
        .chain(names(false, true))
        .map(|(_, n)| n)
        .collect();
    for statement in doc.all(&["expression_statement"]) {
        let mut children = statement.children();
        let (Some(only), None) = (children.next(), children.next()) else {
            continue;
        };
        let Some(call) = code::call(only) else {
            continue;
        };
        let own = call.receiver.is_some_and(|r| matches!(r.text(), "self" | "this"));
        let hit = match call.receiver {
            None => call.path == call.name && free.contains(&(0, call.name)),
            Some(_) => own && class_of(call.node).is_some_and(|c| methods.contains(&(c.id(), call.name))),
        };
        // A plain JavaScript function cannot await; there the call is the usual way to start.
        let can_await = doc.lang == Lang::Python || code::enclosing_function(call.node).is_some_and(code::is_async);
        // A local assignment hides the function.
        let hidden = code::resolve_name(call.node, call.name).is_some();
        if hit && can_await && !hidden && !plain.contains(call.name) {
            // In JavaScript it runs all the same; what is lost is its order and its error.
            let js = doc.lang.is_js();
            sink.node_as(file, statement, |f| {
                if js {
                    f.severity = Severity::Medium;
                }
            });
        }
    }
}

fn off_by_one(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for l in doc.all(&["for_statement", "for_expression"]) {
        let Some((variable, over)) = past_the_end(doc.lang, l) else {
            continue;
        };
        let Some(body) = l.field("body") else {
            continue;
        };
        let indexed = body.descendants().any(|n| {
            let parts = match n.kind() {
                "subscript" => n.field("value").zip(n.field("subscript")),
                "subscript_expression" => n.field("object").zip(n.field("index")),
                "index_expression" => {
                    let mut c = n.children();
                    c.next().zip(c.next())
                }
                _ => None,
            };
            parts.is_some_and(|(what, index)| what.short_text(100) == over && index.text() == variable)
        });
        // A test of the variable itself may skip the last round.
        let compares = |n: Node<'_>| {
            n.is(&["binary_expression", "comparison_operator"])
                && n.children().any(|c| c.kind() == "identifier" && c.text() == variable)
        };
        let guarded = body
            .descendants()
            .filter(|n| n.is(&["if_statement", "if_expression"]))
            .filter_map(|n| n.field("condition"))
            .any(|c| std::iter::once(c).chain(c.descendants()).any(compares));
        if indexed && !guarded {
            sink.node(file, l);
        }
    }
}

/// The loop variable and the thing whose length it passes.
fn past_the_end(lang: Lang, l: Node<'_>) -> Option<(&str, &str)> {
    match lang {
        Lang::Python => {
            let range = code::call(l.field("right")?).filter(|c| c.path == "range")?;
            let end = if range.args.len() == 1 {
                range.args[0]
            } else {
                *range.args.get(1)?
            };
            let sum =
                (end.kind() == "binary_operator" && code::operator(end) == "+" && end.field("right")?.text() == "1")
                    .then(|| end.field("left"))??;
            let len = code::call(sum).filter(|c| c.path == "len")?;
            Some((l.field("left")?.text(), len.args.first()?.short_text(100)))
        }
        Lang::Rust => {
            let range = l.field("value").filter(|v| v.kind() == "range_expression")?;
            range.all_children().find(|c| c.kind() == "..=")?;
            let end = code::call(range.children().last()?).filter(|c| c.name == "len" && c.args.is_empty())?;
            Some((l.field("pattern")?.text(), end.receiver?.short_text(100)))
        }
        _ => {
            let condition = l.field("condition")?;
            let condition = if condition.kind() == "expression_statement" {
                condition.children().next()?
            } else {
                condition
            };
            let length = (code::operator(condition) == "<=").then(|| condition.field("right"))??;
            let of = (length.field("property")?.text() == "length").then(|| length.field("object"))??;
            Some((condition.field("left")?.text(), of.short_text(100)))
        }
    }
}

fn unreachable(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    const JUMPS: &[&str] = &[
        "return_statement",
        "raise_statement",
        "throw_statement",
        "break_statement",
        "continue_statement",
        "return_expression",
        "break_expression",
        "continue_expression",
    ];
    for block in doc.all(&["block", "statement_block"]) {
        let mut jumped: Option<u32> = None;
        for statement in block.children() {
            if let Some(jump) = jumped {
                // In a fragment what looks like one block may be two.
                let indent = |line: u32| file.line(line).map(|l| l.len() - l.trim_start().len());
                let aligned = indent(jump) == indent(statement.line());
                let hoisted = statement.is(&[
                    "function_declaration",
                    "generator_function_declaration",
                    "function_item",
                    "empty_statement",
                    "ERROR",
                    "attribute_item",
                    "use_declaration",
                    "const_item",
                    "struct_item",
                    "var_declaration",
                    "variable_declaration",
                ]);
                let generator = statement.descendants().any(|d| d.kind() == "yield");
                if !hoisted && aligned && !generator && !block.in_error() && !block.has_error() && block.is_real() {
                    sink.node(file, statement);
                }
                break;
            }
            let jumps = statement.is(JUMPS)
                || (statement.kind() == "expression_statement"
                    && statement.children().next().is_some_and(|c| c.is(JUMPS)));
            jumped = jumps.then(|| statement.line());
        }
    }
}

fn mutable_default(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for node in doc.all(&["default_parameter", "typed_default_parameter"]) {
        let Some(value) = node.field("value") else {
            continue;
        };
        // A read-only interface promises that nobody puts anything in.
        let promised = node
            .field("type")
            .is_some_and(|t| code::has_word(t.short_text(200), &["sequence", "iterable", "collection", "mapping"]));
        let made = code::call(value)
            .is_some_and(|c| c.path_is(&["list", "dict", "set", "defaultdict", "collections.defaultdict"]));
        if !promised && (value.is(&["list", "dictionary", "set"]) || made) && node.ancestor(&["lambda"]).is_none() {
            sink.node(file, node);
        }
    }
}
