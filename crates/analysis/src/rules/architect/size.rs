//! Functions that have grown beyond what one reads at a glance, and code that was copied.

use std::collections::{BTreeMap, BTreeSet};

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::{Changed, File};
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new, shown};
use crate::tree::{Doc, Node};

/// Most independent paths through a function (McCabe) before it is called complex.
const MAX_COMPLEXITY: usize = 15;
/// Most lines of a function.
const MAX_FUNCTION_LINES: u32 = 80;
/// Most parameters that must be told apart by position.
const MAX_PARAMETERS: usize = 6;
/// Shortest run of lines that counts as copied.
const MIN_COPIED_LINES: usize = 8;

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "architect/complex-function",
            role: "architect",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "A function has too many paths",
            why: "More than 15 independent paths through one function are neither read nor tested completely.",
            fix: "Split it along its cases, turn nested conditions into early returns, or put the cases into a table.",
            cwe: Some(1121),
        },
        check: Check::File(complexity),
        bad: &[
            new(
                "a.py",
                "def f(a, b):\n    if a == 1:\n        return 1\n    if a == 2:\n        return 1\n    if a == 3:\n        return 1\n    if a == 4:\n        return 1\n    if a == 5 and b:\n        return 1\n    if a == 6 or b:\n        return 1\n    if a == 7 and b:\n        return 1\n    if a == 8 or b:\n        return 1\n    for x in a:\n        while x:\n            if x and b:\n                return 2\n    return 0\n",
            ),
            new(
                "a.js",
                "function f(a, b) {\n  if (a === 1 && b) return 1;\n  if (a === 2 && b) return 1;\n  if (a === 3 && b) return 1;\n  if (a === 4 || b) return 1;\n  if (a === 5 || b) return 1;\n  if (a === 6 || b) return 1;\n  if (a === 7 && b) return 1;\n  return a ? b : 0;\n}\n",
            ),
            new(
                "a.rs",
                "fn f(a: u8, b: bool) -> u8 {\n    if a == 1 && b { return 1; }\n    if a == 2 && b { return 1; }\n    if a == 3 && b { return 1; }\n    if a == 4 || b { return 1; }\n    if a == 5 || b { return 1; }\n    if a == 6 || b { return 1; }\n    if a == 7 && b { return 1; }\n    for _ in 0..a { while b {} }\n    0\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def f(a, b):\n    if a == 1 and b:\n        return 1\n    return TABLE.get(a, 0)\n",
            ),
            new(
                "a.rs",
                "fn name(kind: Kind) -> &'static str {\n    match kind {\n        Kind::A => \"a\",\n        Kind::B => \"b\",\n        Kind::C => \"c\",\n        Kind::D => \"d\",\n        Kind::E => \"e\",\n        Kind::F => \"f\",\n        Kind::G => \"g\",\n        Kind::H => \"h\",\n        Kind::I => \"i\",\n        Kind::J => \"j\",\n        Kind::K => \"k\",\n        Kind::L => \"l\",\n        Kind::M => \"m\",\n        Kind::N => \"n\",\n        Kind::O => \"o\",\n        Kind::P => \"p\",\n        Kind::Q => \"q\",\n    }\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "architect/too-many-parameters",
            role: "architect",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "A function takes too many parameters",
            why: "With more than 6 arguments by position, callers mix them up, and the next one is always added at the end.",
            fix: "Group what belongs together in a struct or object, or make them keyword-only.",
            cwe: Some(1064),
        },
        check: Check::Doc(parameters),
        bad: &[
            new("a.py", "def f(a, b, c, d, e, g, h): <<<\n    pass\n"),
            new(
                "a.ts",
                "export function f(a: A, b: B, c: C, d: D, e: E, g: G, h: H) {} <<<\n",
            ),
            new("a.js", "function f(a, b, c, d, e, g, h) {} <<<\n"),
            new("a.rs", "fn f(a: A, b: B, c: C, d: D, e: E, g: G, h: H) {} <<<\n"),
        ],
        good: &[
            new(
                "a.py",
                "class A:\n    def f(self, a, b, c, *, d=1, e=2, g=3, h=4):\n        pass\n",
            ),
            new("a.rs", "fn f(&self, a: A, b: B, c: C, d: D, e: E, g: G) {}\n"),
            new("a.js", "function f({ a, b, c, d, e, g, h }) {}\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "architect/long-function",
            role: "architect",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "A function has grown beyond 80 lines",
            why: "It no longer fits on a screen: whoever changes one end does not see the other.",
            fix: "Take a step with a name of its own out of it.",
            cwe: Some(1080),
        },
        check: Check::File(length),
        bad: &[new("a.py", LONG_PY), new("a.js", LONG_JS), new("a.rs", LONG_RS)],
        good: &[new("a.py", "def f():\n    a()\n    b()\n")],
    },
    Rule {
        info: RuleInfo {
            id: "architect/duplicated-block",
            role: "architect",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "The same lines are added twice",
            why: "The next correction is made in one of the two places and forgotten in the other.",
            fix: "Make a function of them and call it from both places.",
            cwe: Some(1041),
        },
        check: Check::Change(duplicates),
        bad: &[
            new(
                "a.py",
                "def f(x):\n    a = one(x)\n    b = two(a)\n    c = three(b)\n    d = four(c)\n    e = five(d)\n    g = six(e)\n    h = seven(g)\n    return h\n\ndef k(x):\n    a = one(x)\n    b = two(a)\n    c = three(b)\n    d = four(c)\n    e = five(d)\n    g = six(e)\n    h = seven(g)\n    return h\n",
            ),
            new(
                "a.js",
                "function f(x) {\n  const a = one(x);\n  const b = two(a);\n  const c = three(b);\n  const d = four(c);\n  const e = five(d);\n  const g = six(e);\n  const h = seven(g);\n  return h + 1;\n}\nfunction k(x) {\n  const a = one(x);\n  const b = two(a);\n  const c = three(b);\n  const d = four(c);\n  const e = five(d);\n  const g = six(e);\n  const h = seven(g);\n  return h + 1;\n}\n",
            ),
            new(
                "a.rs",
                "fn f(x: u8) -> u8 {\n    let a = one(x);\n    let b = two(a);\n    let c = three(b);\n    let d = four(c);\n    let e = five(d);\n    let g = six(e);\n    let h = seven(g);\n    finish(h)\n}\nfn k(x: u8) -> u8 {\n    let a = one(x);\n    let b = two(a);\n    let c = three(b);\n    let d = four(c);\n    let e = five(d);\n    let g = six(e);\n    let h = seven(g);\n    finish(h)\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "import a\nimport b\nimport c\n\ndef f(x):\n    a = one(x)\n    b = two(a)\n    return b\n\ndef g(x):\n    a = one(x)\n    b = two(a)\n    return b\n",
            ),
            new(
                "a.js",
                "const x = {\n  a: [\n    [\n    ],\n  ],\n};\nconst y = {\n  a: [\n    [\n    ],\n  ],\n};\n",
            ),
        ],
    },
];

/// 84 lines, for an example.
macro_rules! long {
    ($head:literal, $line:literal, $tail:literal) => {
        concat!($head, long!(@4 $line), long!(@4 $line), long!(@4 $line), long!(@4 $line), long!(@4 $line), long!(@4 $line), long!(@4 $line), $tail)
    };
    (@4 $line:literal) => {
        concat!($line, $line, $line, $line, $line, $line, $line, $line, $line, $line, $line, $line)
    };
}
const LONG_PY: &str = long!("def f():\n", "    step()\n", "");
const LONG_JS: &str = long!("function f() {\n", "  step();\n", "}\n");
const LONG_RS: &str = long!("fn f() {\n", "    step();\n", "}\n");

/// Independent paths: one, and one more for each place where the way forks. A `match` counts once: its arms are seen at
/// a glance. Functions inside count for themselves.
fn paths_through(function: Node<'_>) -> usize {
    const FORKS: &[&str] = &[
        "if_statement",
        "elif_clause",
        "for_statement",
        "while_statement",
        "except_clause",
        "conditional_expression",
        "case_clause",
        "if_clause",
        "for_in_statement",
        "do_statement",
        "catch_clause",
        "ternary_expression",
        "if_expression",
        "for_expression",
        "while_expression",
        "loop_expression",
        "match_expression",
        "switch_statement",
        "boolean_operator",
    ];
    let inner: Vec<Node<'_>> = function.descendants().filter(|d| d.is(code::NAMED_FUNCTIONS)).collect();
    let nested = |n: Node<'_>| inner.iter().any(|f| f.contains(n));
    1 + function
        .descendants()
        .filter(|n| n.is(FORKS) || (n.kind() == "binary_expression" && matches!(code::operator(*n), "&&" | "||")))
        .filter(|n| !nested(*n))
        .count()
}

fn functions(doc: &Doc) -> impl Iterator<Item = (&str, Node<'_>)> {
    doc.all(code::NAMED_FUNCTIONS)
        .filter(|f| f.is_real() && !code::in_test_code(*f))
        .filter_map(|f| Some((f.field("name")?.short_text(100), f)))
}

/// Reports functions whose measure the change brings over a limit: they are touched, and were below it or not there.
fn crossed(
    file: &File<'_>,
    sink: &mut Sink<'_>,
    limit: usize,
    measure: fn(Node<'_>) -> usize,
    say: impl Fn(&str, usize) -> String,
) {
    if file.is_test {
        return;
    }
    // With fragments alone the size of a function is not known.
    let old_known = file.diff.old_path.is_none() || file.old_docs.first().is_some_and(|d| d.whole);
    if !file.is_whole() || !old_known {
        return;
    }
    let mut before: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, function) in file.old_docs.iter().flat_map(functions) {
        let worst = before.entry(name).or_default();
        *worst = measure(function).max(*worst);
    }
    for (name, function) in file.docs.iter().flat_map(functions) {
        let now = measure(function);
        if now > limit
            && before.get(name).is_none_or(|old| *old <= limit)
            && file.touches(function.line(), function.end_line())
        {
            sink.lines(file, function.line(), function.line(), |f| {
                f.title = say(&shown(name), now)
            });
        }
    }
}

fn complexity(file: &File<'_>, sink: &mut Sink<'_>) {
    crossed(file, sink, MAX_COMPLEXITY, paths_through, |name, n| {
        format!("`{name}` has {n} paths through it")
    });
}

fn length(file: &File<'_>, sink: &mut Sink<'_>) {
    let lines = |f: Node<'_>| (f.end_line() - f.line() + 1) as usize;
    crossed(file, sink, MAX_FUNCTION_LINES as usize, lines, |name, n| {
        format!("`{name}` has {n} lines")
    });
}

fn parameters(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for (name, function) in functions(doc) {
        let positional = code::parameters(function)
            .iter()
            .filter(|p| !(p.keyword_only || p.optional && doc.lang == Lang::Python))
            .count();
        // Python's framework code injects by name; a decorated function is called by its framework.
        let injected =
            doc.lang == Lang::Python && function.parent().is_some_and(|p| p.kind() == "decorated_definition");
        if positional > MAX_PARAMETERS
            && !injected
            && function
                .field("parameters")
                .is_some_and(|p| file.adds(p.line(), p.end_line()))
        {
            sink.node_as(file, function, |f| {
                f.title = format!("`{}` takes {positional} parameters", shown(name))
            });
        }
    }
}

/// Runs of equal added lines, found by the hash map of their first lines; each line is looked at once per run.
fn duplicates(changed: &Changed<'_>, sink: &mut Sink<'_>) {
    let mut runs: Vec<(&File<'_>, Vec<(u32, &str)>)> = Vec::new();
    for file in changed.files.iter().filter(|f| !f.is_test && f.lang.is_some()) {
        let mut run: Vec<(u32, &str)> = Vec::new();
        // Test code inside a Rust file repeats itself on purpose, and prose is not code.
        let left_out: BTreeSet<u32> = file
            .docs
            .iter()
            .flat_map(|d| d.all(&["mod_item", "comment", "line_comment", "block_comment", "string"]))
            .filter(|n| match n.kind() {
                "mod_item" => code::in_test_code(*n),
                "string" => n.parent().is_some_and(|p| p.kind() == "expression_statement"),
                _ => true,
            })
            .flat_map(|n| n.line()..=n.end_line())
            .collect();
        let mut last = 0;
        for (number, line) in file.added_lines() {
            if number != last + 1 && !run.is_empty() {
                runs.push((file, std::mem::take(&mut run)));
            }
            last = number;
            if counts(line) && !left_out.contains(&number) {
                run.push((number, line.trim()));
            }
        }
        runs.push((file, run));
    }
    let mut first: BTreeMap<Vec<&str>, (usize, usize)> = BTreeMap::new();
    for (index, (file, run)) in runs.iter().enumerate() {
        let mut at = 0;
        while at + MIN_COPIED_LINES <= run.len() {
            let window: Vec<&str> = run[at..at + MIN_COPIED_LINES].iter().map(|(_, l)| *l).collect();
            let Some((other, start)) = first.get(&window).copied() else {
                first.insert(window, (index, at));
                at += 1;
                continue;
            };
            if other == index && start + MIN_COPIED_LINES > at {
                at += 1;
                continue;
            }
            let (there, original) = (&runs[other].1, runs[other].0);
            let length = run[at..]
                .iter()
                .zip(&there[start..])
                .take_while(|(a, b)| a.1 == b.1)
                .count();
            let (begin, end) = (run[at].0, run[at + length - 1].0);
            let from = there[start].0;
            sink.lines(file, begin, end, |f| {
                f.title = format!("{length} lines are the same as at {}:{from}", shown(original.path))
            });
            at += length;
        }
    }
}

/// Whether a line says something of its own: not a brace, an import, a comment or a literal in a table.
fn counts(line: &str) -> bool {
    let line = line.trim();
    let import = [
        "import ", "from ", "use ", "#", "//", "*", "/*", "export {", "\"", "'", "@",
    ]
    .iter()
    .any(|p| line.starts_with(p));
    // Lists of parameters, arguments and values are alike where the things are alike.
    let listed = !line.contains('(')
        && (line.ends_with(',') || (line.ends_with(';') && line.contains(": ") && !line.contains('=')));
    let signature = ["def ", "async def ", "fn ", "pub ", "function ", "export "]
        .iter()
        .any(|p| line.starts_with(p));
    !import && !listed && !signature && line.chars().filter(|c| c.is_alphanumeric()).count() >= 4
}
