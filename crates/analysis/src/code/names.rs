//! Names: what they were assigned, and which words they are made of.

use std::collections::BTreeMap;

use super::constants::binder;
use super::functions::{LOOPS, enclosing_function, parameters};
use super::strings::peel;
use crate::lang::Lang;
use crate::tree::{Doc, Node};

/// How often a name is followed to its assignment.
const MAX_HOPS: u32 = 4;

/// An assignment: where, and what.
#[derive(Clone, Copy)]
pub(crate) struct Assigned {
    at: u32,
    value: u32,
    /// Whether it adds to what the name held before.
    adds: bool,
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
            "augmented_assignment",
            "augmented_assignment_expression",
            "compound_assignment_expr",
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
                    adds: node.is(&kinds[6..]),
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
        list.get(..before)?.iter().rev().find(|a| !a.adds)
    };
    let found = pick(scope).or_else(|| if shadowed(user, name) { None } else { pick(0) })?;
    // A loop or closure between the two gives the name another value.
    let rebound = binder(user, name).is_some_and(|b| found.at < b.scope.id());
    (!rebound).then(|| user.doc.node(found.value))
}

/// All values that a name may have where `user` uses it; nothing where that cannot be told.
pub(super) fn possible_values<'d>(user: Node<'d>, name: &str) -> Option<Vec<Node<'d>>> {
    let all = assignments(user.doc);
    let function = enclosing_function(user);
    let list = |scope: u32| all.get(&scope).and_then(|names| names.get(name));
    let value = |a: &Assigned| user.doc.node(a.value);
    let Some(own) = list(function.map_or(0, |f| f.id())) else {
        let top = list(0).filter(|_| !shadowed(user, name))?;
        return Some(top.iter().map(value).collect());
    };
    let begin = binder(user, name).map_or(0, |b| b.scope.id());
    let (before, after) = own.split_at(own.partition_point(|a| a.at < user.id()));
    let mut values = Vec::new();
    let mut settled = false;
    // `x = f(x)` uses what the name held before it.
    let holds_user = |a: &Assigned| user.doc.node(a.at).contains(user);
    for a in before.iter().rev().take_while(|a| a.at > begin) {
        if holds_user(a) {
            continue;
        }
        values.push(value(a));
        if !a.adds && always_runs_before(user.doc.node(a.at), user) {
            settled = true;
            break;
        }
    }
    // In Python a name that is assigned in a function has no value from outside of it.
    let local = user.doc.lang == Lang::Python && begin == 0 && !shadowed(user, name) && !values.is_empty();
    if !settled && !local {
        return None;
    }
    let loops = user
        .ancestors()
        .take_while(|n| Some(*n) != function)
        .filter(|n| n.is(LOOPS));
    if let Some(outermost) = loops.last() {
        let later = before.iter().filter(|a| holds_user(a)).chain(after);
        values.extend(later.map(value).filter(|v| outermost.contains(*v)));
    }
    Some(values)
}

/// What was added to a name (`name += …`) before it is used, in the same function.
pub(crate) fn additions(name: Node<'_>) -> Vec<Node<'_>> {
    let scope = enclosing_function(name).map_or(0, |f| f.id());
    let list = assignments(name.doc)
        .get(&scope)
        .and_then(|names| names.get(name.text()));
    let before = list.into_iter().flatten().filter(|a| a.adds && a.at < name.id());
    before.map(|a| name.doc.node(a.value)).collect()
}

/// Whether a statement runs whenever what stands behind it, at `user`, does.
fn always_runs_before(statement: Node<'_>, user: Node<'_>) -> bool {
    const BRANCHES: &[&str] = &[
        "block",
        "module",
        "program",
        "statement_block",
        "source_file",
        "class_body",
        "if_statement",
        "else_clause",
        "elif_clause",
        "switch_case",
        "switch_default",
        "case_clause",
        "match_arm",
        "binary_expression",
        "boolean_operator",
        "ternary_expression",
        "for_statement",
        "for_in_statement",
        "while_statement",
    ];
    statement
        .ancestor(BRANCHES)
        .is_some_and(|branch| branch.contains(user) && !branch.is(&["binary_expression", "boolean_operator"]))
}

/// Whether a name is assigned between two places.
pub(super) fn is_assigned_between(from: Node<'_>, user: Node<'_>, name: &str) -> bool {
    assignments(user.doc)
        .values()
        .filter_map(|names| names.get(name))
        .flatten()
        .any(|a| from.id() < a.at && a.at < user.id() && !user.doc.node(a.at).contains(user))
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
