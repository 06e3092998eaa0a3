//! Public items: which there are, which went, and which changed.

use std::collections::{BTreeMap, BTreeSet};

use bzzz_core::finding::{Finding, Severity};

use crate::code;
use crate::files::{Changed, File};
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, edit, new, shown};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "architect/public-item-removed",
            role: "architect",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "A public item is removed",
            why: "Whoever uses it no longer builds, or fails at run time where nothing is compiled.",
            fix: "Keep it as deprecated for one release, or raise the major version and say what to use instead.",
            cwe: None,
        },
        check: Check::Change(removed),
        bad: &[
            edit(
                "src/lib.rs",
                "pub fn pay(x: u8) -> u8 {\n    x\n}\n\npub fn other() {}\n",
                "pub fn other() {}\n",
            ),
            edit(
                "pay/core.py",
                "def pay(x):\n    return x\n\ndef other():\n    pass\n",
                "def other():\n    pass\n",
            ),
            edit(
                "src/pay.ts",
                "export function pay(x: number) {\n  return x;\n}\nexport const other = 1;\n",
                "export const other = 1;\n",
            ),
            edit(
                "src/pay.js",
                "export function pay(x) {\n  return x;\n}\nexport const other = 1;\n",
                "export const other = 1;\n",
            ),
        ],
        good: &[
            edit(
                "src/lib.rs",
                "fn pay(x: u8) -> u8 {\n    x\n}\npub(crate) fn q() {}\npub fn other() {}\n",
                "pub fn other() {}\n",
            ),
            edit(
                "pay/core.py",
                "def _pay(x):\n    return x\n\ndef other():\n    pass\n",
                "def other():\n    pass\n",
            ),
            edit(
                "src/pay.ts",
                "export function pay(x: number) {\n  return x;\n}\n",
                "export const pay = (x: number) => x;\n",
            ),
            edit(
                "tests/pay.py",
                "def pay(x):\n    return x\n",
                "def other():\n    pass\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "architect/public-signature-changed",
            role: "architect",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "A public function must be called in another way",
            why: "Every caller outside this change breaks: by a missing argument, or silently by arguments in another order.",
            fix: "Give the new parameter a default, or add a second function and let the old one call it.",
            cwe: None,
        },
        check: Check::Change(signature),
        bad: &[
            edit(
                "src/lib.rs",
                "pub fn pay(x: u8) -> u8 {\n    x\n}\n",
                "pub fn pay(x: u8, y: u8) -> u8 { <<<\n    x + y\n}\n",
            ),
            edit(
                "pay/core.py",
                "def pay(x):\n    return x\n",
                "def pay(x, y): <<<\n    return x + y\n",
            ),
            edit(
                "src/pay.ts",
                "export function pay(x: number) {\n  return x;\n}\n",
                "export function pay(y: string, x: number) { <<<\n  return x;\n}\n",
            ),
            edit(
                "src/pay.js",
                "export function pay(x) {\n  return x;\n}\n",
                "export function pay(x, y) { <<<\n  return x + y;\n}\n",
            ),
        ],
        good: &[
            edit(
                "src/lib.rs",
                "pub fn pay(x: u8) -> u8 {\n    x\n}\n",
                "pub fn pay(amount: u8) -> u8 {\n    amount\n}\n",
            ),
            edit(
                "pay/core.py",
                "def pay(x):\n    return x\n",
                "def pay(x, y=1, *, z=2, **rest):\n    return x + y\n",
            ),
            edit(
                "src/pay.ts",
                "export function pay(x: number) {\n  return x;\n}\n",
                "export function pay(x: number, y?: number, z = 1) {\n  return x;\n}\n",
            ),
            new("src/new.js", "export function pay(x, y) {\n  return x + y;\n}\n"),
        ],
    },
];

/// A public item.
#[derive(Clone, Copy)]
pub(crate) struct Item<'d> {
    pub name: &'d str,
    /// Where it starts, `export` and decorators included.
    pub node: Node<'d>,
    /// The function, type or value itself.
    pub inner: Node<'d>,
}

/// The public items of a text: in Rust `pub` items and methods, in Python top-level names without an underscore, in
/// JavaScript what is exported by name.
pub(crate) fn public_items(doc: &Doc) -> Vec<Item<'_>> {
    match doc.lang {
        Lang::Rust => doc
            .all(&[
                "function_item",
                "struct_item",
                "enum_item",
                "trait_item",
                "const_item",
                "static_item",
                "type_item",
            ])
            .filter(|n| n.child("visibility_modifier").is_some_and(|v| v.text() == "pub") && !code::in_test_code(*n))
            .filter(|n| !n.ancestors().any(|a| a.is(&["function_item", "block"])))
            .filter(|n| is_reachable(*n))
            .filter_map(|n| {
                Some(Item {
                    name: n.field("name")?.text(),
                    node: n,
                    inner: n,
                })
            })
            .collect(),
        Lang::Python => doc
            .all(&["function_definition", "class_definition"])
            .filter(|_| !doc.shifted)
            .filter_map(|inner| {
                let node = inner
                    .parent()
                    .filter(|p| p.kind() == "decorated_definition")
                    .unwrap_or(inner);
                let name = inner.field("name")?.text();
                (!name.starts_with('_') && node.parent().is_some_and(|p| p.kind() == "module")).then_some(Item {
                    name,
                    node,
                    inner,
                })
            })
            .collect(),
        _ => doc
            .all(&["export_statement"])
            .flat_map(|node| {
                let declared = node.field("declaration");
                let direct = declared.and_then(|d| {
                    Some(Item {
                        name: d.field("name")?.text(),
                        node,
                        inner: d,
                    })
                });
                let values = declared
                    .into_iter()
                    .flat_map(|d| d.children())
                    .filter(|c| c.kind() == "variable_declarator")
                    .filter_map(move |c| {
                        let name = c.field("name").filter(|n| n.kind() == "identifier")?;
                        let value = c.field("value").filter(|v| v.is(code::FUNCTIONS));
                        Some(Item {
                            name: name.text(),
                            node,
                            inner: value.unwrap_or(c),
                        })
                    });
                direct.into_iter().chain(values).collect::<Vec<_>>()
            })
            .collect(),
    }
}

/// Whether the modules and types around a Rust item, as far as this file tells, are public too.
fn is_reachable(item: Node<'_>) -> bool {
    let is_pub = |n: Node<'_>| n.child("visibility_modifier").is_some_and(|v| v.text() == "pub");
    item.ancestors().all(|outer| match outer.kind() {
        "mod_item" => is_pub(outer),
        "impl_item" => {
            let of = outer
                .field("type")
                .map(|t| t.short_text(200).split('<').next().unwrap_or_default())
                .unwrap_or_default();
            let mut types = item.doc.all(&["struct_item", "enum_item", "union_item"]);
            types
                .find(|t| t.field("name").is_some_and(|n| n.text() == of))
                .is_none_or(is_pub)
        }
        _ => true,
    })
}

/// Whether others can build on a file: not tests, scripts or binaries.
pub(crate) fn is_library(file: &File<'_>) -> bool {
    !file.is_test && !file.is_script
}

/// Words of the added lines that import or export: an item that is named there stays public, wherever it moved.
pub(crate) fn reexported<'a>(changed: &Changed<'a>) -> BTreeSet<&'a str> {
    const STARTS: &[&str] = &["pub use", "export", "from ", "import ", "module.exports", "__all__"];
    let lines = changed
        .files
        .iter()
        .flat_map(|f| f.added_lines())
        .map(|(_, l)| l.trim_start());
    lines
        .filter(|l| STARTS.iter().any(|s| l.starts_with(s)))
        .flat_map(|l| l.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .collect()
}

/// What the change shows of the roots of Rust libraries: who may use a `pub` item is decided there.
struct Libraries<'a> {
    /// Modules that a library's root makes public, by the folder of its sources.
    public: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Libraries<'a> {
    fn of(changed: &Changed<'a>) -> Libraries<'a> {
        let mut public: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut add = |path: &'a str, lines: &mut dyn Iterator<Item = &'a str>| {
            let Some(folder) = path.strip_suffix("lib.rs").filter(|f| f.ends_with("src/")) else {
                return;
            };
            let names = lines.filter_map(|l| l.trim().strip_prefix("pub mod ")?.split([';', ' ', '{']).next());
            public.entry(folder).or_default().extend(names);
        };
        for file in &changed.files {
            add(file.path, &mut file.known_lines());
        }
        for (path, text) in changed.whole_files {
            add(path, &mut text.lines());
        }
        Libraries { public }
    }

    /// Whether a file's public items are, as far as the change shows, those of a library.
    fn shows(&self, path: &str) -> bool {
        self.public.iter().any(|(folder, modules)| {
            let inside = path.strip_prefix(folder);
            inside.is_some_and(|rest| {
                let top = rest.split('/').next().unwrap_or_default();
                rest == "lib.rs" || modules.contains(top.strip_suffix(".rs").unwrap_or(top))
            })
        })
    }

    /// An item that may be private to its program, or to a private module, is worth a look, not more.
    fn weigh(&self, file: &File<'_>, finding: &mut Finding) {
        if file.lang == Some(Lang::Rust) && !self.shows(file.path) {
            finding.severity = Severity::Low;
            finding.why = "If it is used elsewhere, that breaks. The change does not show whether this file belongs to the public part of a library.".to_owned();
        }
    }
}

fn removed(changed: &Changed<'_>, sink: &mut Sink<'_>) {
    let now: BTreeSet<&str> = changed
        .files
        .iter()
        .flat_map(|f| &f.docs)
        .flat_map(public_items)
        .map(|i| i.name)
        .collect();
    let reexported = reexported(changed);
    let libraries = Libraries::of(changed);
    for file in changed.files.iter().filter(|f| is_library(f)) {
        for item in file.old_docs.iter().flat_map(public_items) {
            let line = item.inner.line();
            let method = item
                .node
                .ancestors()
                .any(|a| a.kind() == "impl_item" && a.field("trait").is_some());
            if !method
                && item.node.is_real()
                && file.removed.contains_key(&line)
                && !now.contains(item.name)
                && !reexported.contains(item.name)
            {
                sink.removed(file, line, |f| {
                    // Only Rust says for sure what is meant for others.
                    if item.node.doc.lang != Lang::Rust {
                        f.severity = Severity::Low;
                    }
                    f.title = format!("Public `{}` is removed", shown(item.name));
                    libraries.weigh(file, f);
                });
            }
        }
    }
}

fn signature(changed: &Changed<'_>, sink: &mut Sink<'_>) {
    let libraries = Libraries::of(changed);
    for file in changed.files.iter().filter(|f| is_library(f)) {
        let mut old: BTreeMap<&str, Vec<Item<'_>>> = BTreeMap::new();
        for item in file.old_docs.iter().flat_map(public_items) {
            old.entry(item.name).or_default().push(item);
        }
        let mut new: BTreeMap<&str, Vec<Item<'_>>> = BTreeMap::new();
        for item in file.docs.iter().flat_map(public_items) {
            new.entry(item.name).or_default().push(item);
        }
        for (name, now) in new {
            // Overloads and methods of the same name on several types cannot be matched with certainty.
            let (Some([before]), [now]) = (old.get(name).map(Vec::as_slice), now.as_slice()) else {
                continue;
            };
            let functions = before.inner.is(code::FUNCTIONS) && now.inner.is(code::FUNCTIONS);
            if !functions || !now.inner.is_real() || !before.inner.is_real() || !breaks(before.inner, now.inner) {
                continue;
            }
            let body = now.inner.field("body").map_or(now.inner.line(), |b| b.line());
            if file.touches(now.inner.line(), body) {
                sink.lines(file, now.inner.line(), now.inner.line(), |f| {
                    f.title = format!("Public `{}` must be called in another way", shown(name));
                    libraries.weigh(file, f);
                });
            }
        }
    }
}

/// Whether a call that fitted before no longer fits: fewer parameters, a new one without default, or (where arguments
/// are matched by position and type) other types.
fn breaks(before: Node<'_>, now: Node<'_>) -> bool {
    let (old, new) = (code::parameters(before), code::parameters(now));
    let gathers = new.iter().any(|p| p.gathers);
    if new.len() < old.len() && !gathers {
        return true;
    }
    if new.iter().skip(old.len()).any(|p| !p.optional) {
        return true;
    }
    let kind = |n: Node<'_>| n.field("type").map(|t| t.text().split_whitespace().collect::<String>());
    let typed = before.doc.lang != Lang::Python;
    old.iter().zip(&new).any(|(a, b)| {
        let swapped = a.name != b.name && new.iter().any(|p| p.name == a.name) && old.len() <= new.len();
        let retyped = typed
            && kind(a.node).is_some()
            && kind(b.node).is_some()
            && kind(a.node) != kind(b.node)
            && a.name != b.name;
        swapped || retyped || (a.optional && !b.optional)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bzzz_core::change::ChangeSet;

    const ROOT: &str =
        "--- a/a/src/lib.rs\n+++ b/a/src/lib.rs\n@@ -1,2 +1,3 @@\n pub mod pay;\n mod inner;\n+mod more;\n";
    const MAIN: &str =
        "--- a/a/src/main.rs\n+++ b/a/src/main.rs\n@@ -1,2 +1,3 @@\n mod pay;\n mod inner;\n+mod more;\n";

    #[test]
    fn only_what_a_library_shows_is_medium() {
        for (path, root, severity) in [
            ("a/src/lib.rs", "", Severity::Medium),
            ("a/src/pay.rs", ROOT, Severity::Medium),
            ("a/src/pay/deep.rs", ROOT, Severity::Medium),
            ("a/src/inner.rs", ROOT, Severity::Low),
            ("a/src/pay.rs", MAIN, Severity::Low),
            ("a/src/pay.rs", "", Severity::Low),
            ("b/src/pay.rs", ROOT, Severity::Low),
        ] {
            let removed = "pub fn gone() {}";
            let (old, new) = ("pub fn pay(x: u8) {}", "pub fn pay(x: u8, y: u8) {}");
            let diff = format!("{root}--- a/{path}\n+++ b/{path}\n@@ -1,2 +1 @@\n-{removed}\n-{old}\n+{new}\n");
            let found = crate::analyse("architect", &ChangeSet::from_diff("x", diff.as_bytes())).findings;
            let got: Vec<_> = found.iter().filter(|f| f.rule.contains("/public-")).collect();
            assert_eq!(got.len(), 2, "{path} {found:#?}");
            for finding in got {
                assert_eq!(finding.severity, severity, "{path} {root}");
                assert_eq!(
                    finding.why.contains("If it is used elsewhere"),
                    severity == Severity::Low
                );
            }
        }
    }
}
