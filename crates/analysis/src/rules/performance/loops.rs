//! Work that is repeated in a loop.

use std::collections::BTreeMap;

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "performance/string-concat-in-loop",
            role: "performance",
            severity: Severity::Low,
            languages: lang::PYTHON,
            title: "A string grows in a loop",
            why: "Each `+=` may copy the whole string so far: the time grows with the square of the length.",
            fix: "Gather the parts in a list and `''.join` them once.",
            cwe: None,
        },
        check: Check::Doc(concat),
        bad: &[new(
            "a.py",
            "def f(rows):\n    out = ''\n    for row in rows:\n        out += row.name <<<\n    return out\n",
        )],
        good: &[new(
            "a.py",
            "def f(rows):\n    total = 0\n    parts = []\n    out = ''\n    out += 'x'\n    for row in rows:\n        total += row.n\n        parts.append(row.name)\n        line = ''\n        line += row.name\n    return ''.join(parts)\n",
        )],
    },
    Rule {
        info: RuleInfo {
            id: "performance/regex-in-loop",
            role: "performance",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "The same pattern is compiled in every round",
            why: "Compiling a pattern costs far more than matching it once.",
            fix: "Compile it once before the loop, or keep it in a static.",
            cwe: None,
        },
        check: Check::Doc(regex),
        bad: &[
            new(
                "a.rs",
                "fn f(lines: &[String]) {\n    for line in lines {\n        let re = Regex::new(r\"^\\d+$\").unwrap(); <<<\n        re.is_match(line);\n    }\n}\n",
            ),
            new(
                "a.py",
                "import re\ndef f(lines):\n    for line in lines:\n        pattern = re.compile(r'^\\d+$') <<<\n        pattern.match(line)\n",
            ),
            new(
                "a.js",
                "function f(lines) {\n  for (const line of lines) {\n    if (new RegExp('^[0-9]+$').test(line)) use(line); <<<\n  }\n}\n",
            ),
        ],
        good: &[
            new(
                "a.rs",
                "fn f(names: &[String]) {\n    let re = Regex::new(\"x\").unwrap();\n    for name in names {\n        Regex::new(name);\n    }\n}\n",
            ),
            new(
                "a.py",
                "import re\nWORD = re.compile('x')\ndef f(names):\n    return [re.compile(name) for name in names]\n",
            ),
            new(
                "a.js",
                "function f(names) {\n  for (const name of names) use(new RegExp(name));\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "performance/list-search-in-loop",
            role: "performance",
            severity: Severity::Low,
            languages: lang::PYTHON_JS,
            title: "A list is searched in every round",
            why: "Each search walks the list from its start: with n elements in both the time grows with n squared.",
            fix: "Keep a set beside it, or use a set instead.",
            cwe: None,
        },
        check: Check::Doc(list_search),
        bad: &[
            new(
                "a.py",
                "def f(rows):\n    seen = []\n    for row in rows:\n        if row.id in seen: <<<\n            continue\n        seen.append(row.id)\n",
            ),
            new(
                "a.js",
                "function f(rows) {\n  const seen = [];\n  for (const row of rows) {\n    if (seen.includes(row.id)) continue; <<<\n    seen.push(row.id);\n  }\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def f(rows):\n    seen = set()\n    kinds = ['a', 'b']\n    for row in rows:\n        if row.id in seen or row.kind in kinds or row.kind in ['a', 'b']:\n            continue\n        seen.add(row.id)\n",
            ),
            new(
                "a.js",
                "function f(rows) {\n  const seen = new Set();\n  const kinds = ['a', 'b'];\n  for (const row of rows) {\n    if (seen.has(row.id) || kinds.includes(row.kind)) continue;\n  }\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "performance/needless-copy",
            role: "performance",
            severity: Severity::Low,
            languages: lang::RUST,
            title: "A copy is made only to be looked at",
            why: "The whole collection is allocated and copied, and dropped again at once.",
            fix: "Borrow: `x.iter()`, `x.len()`, or go on with the iterator instead of collecting it.",
            cwe: None,
        },
        check: Check::Doc(copy),
        bad: &[
            new("a.rs", "fn f(xs: &Vec<u8>) -> usize {\n    xs.clone().len() <<<\n}\n"),
            new(
                "a.rs",
                "fn f(xs: &[u8]) {\n    for x in xs.to_vec().iter() { <<<\n        use_it(x);\n    }\n    let n = xs.iter().collect::<Vec<_>>().len(); <<<\n}\n",
            ),
        ],
        good: &[new(
            "a.rs",
            "fn f(xs: &Vec<u8>, it: &It) {\n    let ys = xs.clone();\n    for x in it.clone() {\n        use_it(x);\n    }\n    let n = xs.iter().count();\n    xs.clone().sort();\n    let all = xs.iter().collect::<Vec<_>>();\n    it.clone().peekable();\n}\n",
        )],
    },
];

fn concat(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for node in doc.all(&["augmented_assignment"]) {
        let (Some(name), Some(outer)) = (node.field("left"), code::enclosing_loop(node)) else {
            continue;
        };
        if code::operator(node) != "+=" || name.kind() != "identifier" {
            continue;
        }
        // The string must have been started outside the loop, or it does not grow over the rounds.
        let started = code::resolve(name);
        if started.is_some_and(|v| code::is_plain_string(v) && !outer.contains(v)) && !file.is_test {
            sink.node(file, node);
        }
    }
}

fn regex(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for call in code::calls(doc) {
        let compiles = match doc.lang {
            Lang::Rust => call.path_is(&["Regex::new", "regex::Regex::new"]),
            Lang::Python => call.path == "re.compile",
            _ => call.path == "RegExp",
        };
        if compiles
            && code::enclosing_loop(call.node).is_some()
            && call.args.first().is_some_and(|a| code::is_plain_string(*a))
            && !file.is_test
            && !code::in_test_code(call.node)
        {
            sink.node(file, call.node);
        }
    }
}

fn list_search(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    // Asked once for each list and loop: a loop of thousands of lines stays linear.
    let mut known: BTreeMap<(u32, String), bool> = BTreeMap::new();
    let mut check = |node: Node<'_>, list: Node<'_>| {
        let Some(outer) = code::enclosing_loop(node) else {
            return;
        };
        let Some(value) = code::resolve(list).filter(|v| !outer.contains(*v)) else {
            return;
        };
        if !value.is(&["list", "array"]) || value.children().next().is_some() {
            return;
        }
        // Only a list that grows in this very loop surely grows with the input.
        let grows = *known.entry((outer.id(), list.text().to_owned())).or_insert_with(|| {
            let mut calls = outer.descendants().filter_map(code::call);
            calls.any(|c| c.name_is(&["append", "push"]) && c.receiver.is_some_and(|r| r.text() == list.text()))
        });
        if grows {
            sink.node(file, node);
        }
    };
    for node in doc.all(&["comparison_operator"]) {
        let sides: Vec<Node<'_>> = node.children().collect();
        if let [_, list] = sides.as_slice()
            && node.all_children().any(|c| matches!(c.kind(), "in" | "not in"))
        {
            check(node, *list);
        }
    }
    for call in code::calls(doc).filter(|c| c.name_is(&["includes", "indexOf"])) {
        if let Some(list) = call.receiver {
            check(call.node, list);
        }
    }
}

fn copy(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for call in code::calls(doc).filter(|c| c.args.is_empty()) {
        let Some(inner) = call.receiver.and_then(code::call).filter(|c| c.args.is_empty()) else {
            continue;
        };
        let looks = call.name_is(&["len", "is_empty", "iter"]);
        let collects =
            inner.name == "collect" && inner.node.short_text(4000).trim_end_matches("()").ends_with("Vec<_>>");
        let copies = inner.name == "to_vec"
            || (inner.name == "clone" && call.name_is(&["len", "is_empty"]))
            || (collects && call.name_is(&["len", "is_empty"]));
        if looks && copies && !code::in_test_code(call.node) && !file.is_test {
            sink.node(file, call.node);
        }
    }
}
