//! Values that are fixed in the source, however many hands they go through: literals, collections and strings made of
//! them, names that were assigned them, and the variables of loops over them.
//!
//! What always holds: a value counts as fixed only when every way that this module can see to it is fixed; a name that
//! is bound anew inside its loop, or a collection that is changed, is not.

use super::calls::call;
use super::functions::FUNCTIONS;
use super::names::{is_assigned_between, is_constant_name, possible_values};
use super::strings::{built_string, is_literal, operator, peel};
use crate::tree::Node;

/// How deep values are followed: through names, loops and what strings are made of.
const MAX_DEPTH: u32 = 5;
/// Most parts of a collection, and most nodes of a loop, that are looked at.
const MAX_PARTS: usize = 2_000;

/// Whether a value is made of literals alone.
pub(crate) fn is_fixed(node: Node<'_>) -> bool {
    fixed(node, 0)
}

fn fixed(node: Node<'_>, depth: u32) -> bool {
    let node = peel(node);
    if depth > MAX_DEPTH {
        return false;
    }
    if is_literal(node) {
        return true;
    }
    match node.kind() {
        "identifier" => is_fixed_name_at(node, node.text(), depth + 1),
        "list" | "tuple" | "set" | "array" | "array_expression" | "tuple_expression" | "dictionary" | "object"
        | "pair" => node.children().take(MAX_PARTS + 1).enumerate().all(|(at, part)| {
            let key = part.is(&["property_identifier"]) && part.field_name() == "key";
            at < MAX_PARTS && (key || fixed(part, depth + 1))
        }),
        "binary_operator" | "binary_expression" if operator(node) == "+" => ["left", "right"]
            .iter()
            .all(|side| node.field(side).is_some_and(|part| fixed(part, depth + 1))),
        "conditional_expression" => {
            let parts: Vec<Node<'_>> = node.children().collect();
            // `a if condition else b`: the condition does not become the value.
            matches!(parts.as_slice(), [a, _, b] if fixed(*a, depth + 1) && fixed(*b, depth + 1))
        }
        "ternary_expression" => ["consequence", "alternative"]
            .iter()
            .all(|side| node.field(side).is_some_and(|part| fixed(part, depth + 1))),
        _ => built_string(node).is_some_and(|built| {
            built.pieces.iter().all(|piece| fixed(*piece, depth + 1))
                && built
                    .captured
                    .iter()
                    .all(|name| is_fixed_name_at(node, name, depth + 1))
        }),
    }
}

/// Likewise for a name that is only text, as in a format string; `user` is where it is used.
pub(crate) fn is_fixed_name(user: Node<'_>, name: &str) -> bool {
    is_fixed_name_at(user, name, 0)
}

/// What the loop that binds a name goes over.
pub(crate) fn goes_over(name: Node<'_>) -> Option<Node<'_>> {
    binder(name, name.text())?.over
}

fn is_fixed_name_at(user: Node<'_>, name: &str, depth: u32) -> bool {
    let bound = binder(user, name);
    if let Some(over) = bound.as_ref().and_then(|b| b.over) {
        return fixed_rounds(over, depth + 1);
    }
    is_chosen_from_fixed(user, name)
        || possible_values(user, name).is_some_and(|values| {
            values.len() <= MAX_VALUES && values.iter().all(|v| !v.contains(user) && fixed(*v, depth + 1))
        })
}

/// Whether `user` runs only where a name is one of a fixed list: `if name in ('a', 'b')` around it, or
/// `if name not in ALLOWED: raise` before it.
fn is_chosen_from_fixed(user: Node<'_>, name: &str) -> bool {
    let mut inner = user;
    for outer in user.ancestors() {
        if outer.is(FUNCTIONS) && !outer.is(CLOSURES) {
            return false;
        }
        let inside = outer.is(&["if_statement", "elif_clause"]) && inner.field_name() == "consequence";
        if inside && outer.field("condition").is_some_and(|c| tells(c, name, true)) {
            return !is_assigned_between(outer, user, name);
        }
        if outer.is(&["block", "statement_block", "module", "program"]) {
            let guard = std::iter::successors(inner.previous(), Node::previous)
                .take(MAX_STATEMENTS)
                .find(|s| {
                    s.kind() == "if_statement"
                        && s.field("alternative").is_none()
                        && s.field("condition").is_some_and(|c| tells(c, name, false))
                        && s.field("consequence").is_some_and(leaves)
                });
            if let Some(guard) = guard {
                return !is_assigned_between(guard, user, name);
            }
        }
        inner = outer;
    }
    false
}

/// Most statements before a use among which a check is looked for.
const MAX_STATEMENTS: usize = 64;
/// Most values of one name that are looked at.
const MAX_VALUES: usize = 32;

/// Whether a condition tells that a name is (or, where not `within`, that it is not) in a fixed list.
fn tells(condition: Node<'_>, name: &str, within: bool) -> bool {
    let condition = peel(condition);
    let is_name = |n: Node<'_>| n.kind() == "identifier" && n.text() == name;
    let listed = |n: Node<'_>| {
        let list = peel(n);
        let constant = list.kind() == "identifier" && is_constant_name(list.short_text(80));
        let collection = list.is(&["list", "tuple", "set", "array", "dictionary", "identifier"]);
        constant || (collection && fixed(list, 1) && !(list.kind() == "identifier" && is_changed(list)))
    };
    match condition.kind() {
        "comparison_operator" => {
            let sides: Vec<Node<'_>> = condition.children().collect();
            let sign = if within { "in" } else { "not in" };
            let has_sign = condition.all_children().any(|c| c.kind() == sign);
            matches!(sides.as_slice(), [left, right] if has_sign && is_name(*left) && listed(*right))
        }
        "call_expression" if within => call(condition).is_some_and(|c| {
            c.name_is(&["includes", "has"])
                && c.args.len() == 1
                && c.args.iter().all(|a| is_name(*a))
                && c.receiver.is_some_and(listed)
        }),
        "unary_expression" if !within => {
            operator(condition) == "!" && condition.field("argument").is_some_and(|a| tells(a, name, true))
        }
        "boolean_operator" | "binary_expression" => {
            let sign = operator(condition);
            let both = if within { ["and", "&&"] } else { ["or", "||"] };
            both.contains(&sign)
                && ["left", "right"]
                    .iter()
                    .any(|side| condition.field(side).is_some_and(|c| tells(c, name, within)))
        }
        _ => false,
    }
}

/// Whether a branch ends by leaving what surrounds it.
fn leaves(branch: Node<'_>) -> bool {
    const EXITS: &[&str] = &[
        "raise_statement",
        "return_statement",
        "continue_statement",
        "break_statement",
        "throw_statement",
    ];
    branch.is(EXITS) || branch.children().last().is_some_and(|last| last.is(EXITS))
}

/// Whether all that a loop goes over is fixed.
fn fixed_rounds(over: Node<'_>, depth: u32) -> bool {
    const WRAPPERS: &[&str] = &["enumerate", "sorted", "reversed", "list", "tuple", "set", "zip"];
    const VIEWS: &[&str] = &[
        "iter",
        "into_iter",
        "items",
        "keys",
        "values",
        "entries",
        "copied",
        "cloned",
    ];
    let over = peel(over);
    if depth > MAX_DEPTH {
        return false;
    }
    if let Some(c) = call(over) {
        return match c.receiver {
            None if c.name_is(WRAPPERS) => {
                !c.args.is_empty() && c.keywords.is_empty() && c.args.iter().all(|a| fixed_rounds(*a, depth + 1))
            }
            Some(r) if c.name_is(VIEWS) && c.args.is_empty() => fixed_rounds(r, depth + 1),
            Some(r) if c.path == "Object.entries" || c.path == "Object.keys" || c.path == "Object.values" => {
                r.text() == "Object" && c.args.len() == 1 && fixed_rounds(c.args[0], depth + 1)
            }
            _ => false,
        };
    }
    if over.kind() == "identifier" && is_changed(over) {
        return false;
    }
    fixed(over, depth)
}

/// Whether what a name holds is changed in place anywhere in the text.
fn is_changed(name: Node<'_>) -> bool {
    const CHANGES: &[&str] = &[
        "append",
        "appendleft",
        "add",
        "extend",
        "insert",
        "update",
        "setdefault",
        "push",
        "unshift",
        "splice",
        "fill",
        "set",
        "push_str",
    ];
    let text = name.text();
    let seen = name.doc.all(&["identifier"]).filter(|n| n.text() == text);
    seen.take(MAX_PARTS).any(|n| {
        let Some(parent) = n.parent() else { return false };
        let last = parent
            .field("attribute")
            .or(parent.field("property"))
            .or(parent.field("field"));
        let changes = n.field_name() == "object" || n.field_name() == "value";
        (changes && last.is_some_and(|l| CHANGES.contains(&l.text())))
            || (parent.is(&["subscript", "subscript_expression"]) && is_bound(parent))
            || (parent.is(AUGMENTED) && n.field_name() == "left")
    })
}

/// A loop or closure that binds a name.
pub(super) struct Binder<'d> {
    pub scope: Node<'d>,
    /// What it goes over; nothing where the name is bound anew inside, or is what a caller gives.
    over: Option<Node<'d>>,
}

/// The innermost loop or closure around `user` that binds a name.
pub(super) fn binder<'d>(user: Node<'d>, name: &str) -> Option<Binder<'d>> {
    const COMPREHENSIONS: &[&str] = &[
        "list_comprehension",
        "set_comprehension",
        "dictionary_comprehension",
        "generator_expression",
    ];
    let mut inner = user;
    for scope in user.ancestors() {
        let header = if scope.is(&["for_statement", "for_in_statement", "for_expression"]) {
            (inner.field_name() == "body").then_some(scope)
        } else if scope.is(COMPREHENSIONS) {
            scope
                .children()
                .find(|c| c.kind() == "for_in_clause" && *c != inner && variable(*c).is_some_and(|v| names(v, name)))
        } else {
            None
        };
        if let Some(header) = header
            && let Some(variable) = variable(header)
            && names(variable, name)
        {
            let over = header.field("right").or(header.field("value"));
            let over = over.filter(|_| !is_bound_within(scope, variable, name));
            return Some(Binder { scope, over });
        }
        if scope.is(FUNCTIONS) && binds_parameter(scope, name) {
            // `['a', 'b'].forEach((x) => …)` is a loop as well.
            let over = callback_over(scope, name);
            return scope.is(CLOSURES).then_some(Binder { scope, over });
        }
        inner = scope;
    }
    None
}

const CLOSURES: &[&str] = &["arrow_function", "function_expression", "lambda", "closure_expression"];
const AUGMENTED: &[&str] = &[
    "augmented_assignment",
    "augmented_assignment_expression",
    "compound_assignment_expr",
];

fn variable(header: Node<'_>) -> Option<Node<'_>> {
    header.field("left").or(header.field("pattern"))
}

/// Whether a pattern binds a name.
fn names(pattern: Node<'_>, name: &str) -> bool {
    std::iter::once(pattern)
        .chain(pattern.descendants())
        .take(64)
        .any(|n| n.is(IDENTIFIERS) && n.text() == name)
}

const IDENTIFIERS: &[&str] = &["identifier", "shorthand_property_identifier_pattern"];

fn binds_parameter(function: Node<'_>, name: &str) -> bool {
    function
        .field("parameters")
        .or(function.field("parameter"))
        .is_some_and(|p| names(p, name))
}

/// The literal collection whose elements are a callback's only parameter.
fn callback_over<'d>(function: Node<'d>, name: &str) -> Option<Node<'d>> {
    let list = function.parent().filter(|p| p.kind() == "arguments")?;
    let outer = call(list.parent()?)?;
    let each = outer.name_is(&["forEach", "map", "flatMap", "filter", "some", "every", "find"]);
    let parameters = function.field("parameters").or(function.field("parameter"))?;
    (each && outer.args.first() == Some(&function) && !is_bound_within(function, parameters, name))
        .then_some(outer.receiver)
        .flatten()
}

/// Whether a name is bound anew below `scope`, elsewhere than in `but`.
fn is_bound_within(scope: Node<'_>, but: Node<'_>, name: &str) -> bool {
    let mut seen = 0;
    scope
        .descendants()
        .filter(|n| n.is(IDENTIFIERS) && !but.contains(*n) && n.text() == name)
        .any(|n| {
            seen += 1;
            seen > MAX_PARTS || is_bound(n)
        })
}

/// Whether a node is the target of an assignment, a loop, a parameter or another pattern.
fn is_bound(node: Node<'_>) -> bool {
    const PATTERNS: &[&str] = &[
        "pattern_list",
        "tuple_pattern",
        "list_pattern",
        "list_splat_pattern",
        "array_pattern",
        "object_pattern",
        "pair_pattern",
        "rest_pattern",
        "mut_pattern",
        "ref_pattern",
        "reference_pattern",
        "tuple_struct_pattern",
        "struct_pattern",
        "field_pattern",
        "captured_pattern",
        "assignment_pattern",
        "parenthesized_expression",
    ];
    const BY_LEFT: &[&str] = &[
        "assignment",
        "assignment_expression",
        "for_statement",
        "for_in_statement",
        "for_in_clause",
    ];
    let mut inner = node;
    for outer in node.ancestors().take(16) {
        let field = inner.field_name();
        if outer.is(BY_LEFT) || outer.is(AUGMENTED) {
            return field == "left";
        }
        match outer.kind() {
            "named_expression" | "variable_declarator" => return field == "name",
            "let_declaration" | "let_condition" | "for_expression" | "match_arm" | "parameter" => {
                return field == "pattern";
            }
            "as_pattern_target"
            | "update_expression"
            | "delete_statement"
            | "global_statement"
            | "nonlocal_statement"
            | "parameters"
            | "formal_parameters"
            | "lambda_parameters"
            | "closure_parameters"
            | "required_parameter"
            | "optional_parameter"
            | "default_parameter"
            | "typed_parameter"
            | "typed_default_parameter" => return true,
            "arrow_function" => return field == "parameter",
            kind if PATTERNS.contains(&kind) => inner = outer,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::calls;
    use crate::lang::Lang;
    use crate::tree::Doc;

    /// Whether the argument of the call of `run` is fixed.
    fn check(lang: Lang, text: &str, expected: bool) {
        let doc = Doc::parse(lang, text.to_owned(), 1, false, true).ok().unwrap();
        let call = calls(&doc).find(|c| c.name == "run").unwrap();
        assert_eq!(is_fixed(call.args[0]), expected, "{text}");
    }

    #[test]
    fn loops_over_literals_are_fixed() {
        for text in [
            "for c in ('a', 'b'):\n    run(c)\n",
            "for c in ['a', 'b']:\n    run(f'{c} -v')\n",
            "for c in {'a', 'b'}:\n    run('x ' + c)\n",
            "C = ('a', 'b')\ndef f():\n    for c in C:\n        run(c)\n",
            "c = x\nfor c in ('a', 'b'):\n    run(c)\n",
            "for n, c in enumerate(['a', 'b']):\n    run(c)\n",
            "for n, c in (('a', 'b'), ('c', 'd')):\n    run(c)\n",
            "for n, c in {'a': 'b'}.items():\n    run(c)\n",
            "x = [run(c) for c in ('a', 'b')]\n",
            "c = 'a'\nif x:\n    c = 'b'\nelse:\n    c += 'd'\nrun(c)\n",
            "def f(x):\n    try:\n        c = 'a'\n    except E:\n        c = 'b'\n    run(c)\n",
            "def f(c):\n    if c in ('a', 'b'):\n        run(c)\n",
            "def f(c):\n    if y:\n        pass\n    elif c in ('a', 'b'):\n        c = run(c)\n",
            "def f(c):\n    if c not in ALLOWED:\n        raise E()\n    run(f'{c} -v')\n",
            "run('a' if x else 'b')\n",
        ] {
            check(Lang::Python, text, true);
        }
        for text in [
            "for (const c of ['a', 'b']) run(`x ${c}`);",
            "const C = ['a', 'b'];\nfunction f() { for (const c of C) { run(c); } }",
            "['a', 'b'].forEach((c) => run(c));",
            "function f(c) { if (!['a', 'b'].includes(c)) { throw new E(); } run(c); }",
            "for (const [k, c] of Object.entries({ a: 'b' })) run(c);",
        ] {
            check(Lang::TypeScript, text, true);
        }
        for text in [
            "fn f() { for c in [\"a\", \"b\"] { run(c); } }",
            "fn f() { for c in [\"a\", \"b\"].iter() { run(&format!(\"{c} -v\")); } }",
            "const C: [&str; 2] = [\"a\", \"b\"];\nfn f() { for c in &C { run(c); } }",
        ] {
            check(Lang::Rust, text, true);
        }
    }

    #[test]
    fn what_may_be_foreign_is_not_fixed() {
        for text in [
            "for c in ('a', x):\n    run(c)\n",
            "for c in xs:\n    run(c)\n",
            "c = 'a'\nfor c in xs:\n    run(c)\n",
            "for c in ('a', 'b'):\n    c = c + x\n    run(c)\n",
            "for c in ('a', 'b'):\n    c += x\n    run(c)\n",
            "for c in ('a', 'b'):\n    while y:\n        run(c)\n        c = x\n",
            "for c in ('a', 'b'):\n    with x as c:\n        run(c)\n",
            "for c in ('a', 'b'):\n    for c in xs:\n        run(c)\n",
            "for c in ('a', 'b'):\n    def f(c):\n        run(c)\n",
            "for c in ('a', 'b'):\n    f = lambda c: run(c)\n",
            "for cc in ('a', 'b'):\n    run(c)\n",
            "C = ['a']\nC.append(x)\nfor c in C:\n    run(c)\n",
            "C = ['a']\nC[0] = x\nfor c in C:\n    run(c)\n",
            "C = ['a']\nC += x\nfor c in C:\n    run(c)\n",
            "for c in map(f, ('a', 'b')):\n    run(c)\n",
            "def f(c):\n    run(c)\n",
            "def f(x):\n    c = x\n    if y:\n        c = 'a'\n    run(c)\n",
            "def f(c):\n    if y:\n        c = 'a'\n    run(c)\n",
            "def f(x):\n    c = 'a'\n    c += x\n    run(c)\n",
            "def f(x):\n    c = 'a'\n    while y:\n        run(c)\n        c = x\n",
            "def f(c):\n    if c in ('a', x):\n        run(c)\n",
            "def f(c):\n    if c not in ('a', 'b'):\n        run(c)\n",
            "def f(c):\n    if c in ('a', 'b'):\n        pass\n    run(c)\n",
            "def f(c, x):\n    if c in ('a', 'b'):\n        c = x\n        run(c)\n",
            "def f(c):\n    if c not in ('a', 'b'):\n        log(c)\n    run(c)\n",
            "def f(x):\n    c = 'a'\n    while y:\n        c = run(c)\n",
            "def f(c):\n    if c in ('a', 'b') or y:\n        run(c)\n",
            "def f(c):\n    if c not in ('a', 'b') and y:\n        return\n    run(c)\n",
            "x = [run(c) for c in xs]\n",
            "run('a' if x else y)\n",
        ] {
            check(Lang::Python, text, false);
        }
        for text in [
            "for (const c of ['a', x]) run(c);",
            "for (let c of ['a', 'b']) { c += x; run(c); }",
            "xs.forEach((c) => run(c));",
            "function f(x) { let c = x; if (y) c = 'a'; run(c); }",
            "function f(c) { if (['a', 'b'].includes(c)) { throw new E(); } run(c); }",
            "const c = 'a';\nxs.forEach((c) => run(c));",
            "const C = ['a'];\nC.push(x);\nfor (const c of C) run(c);",
        ] {
            check(Lang::TypeScript, text, false);
        }
        for text in [
            "fn f(x: &str) { for c in [\"a\", x] { run(c); } }",
            "fn f(x: &str) { for c in [\"a\", \"b\"] { let c = format!(\"{c}{x}\"); run(&c); } }",
            "fn f(xs: &[&str]) { for c in xs { run(&format!(\"{c} -v\")); } }",
        ] {
            check(Lang::Rust, text, false);
        }
    }
}
