//! What ties parts together that should not know each other, and what was put off.

use std::collections::{BTreeMap, BTreeSet};

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::{Changed, File};
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new, shown};
use crate::tree::{COMMENTS, Doc};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "architect/wildcard-import",
            role: "architect",
            severity: Severity::Low,
            languages: lang::PYTHON_RUST,
            title: "Everything is imported from a module",
            why: "Where a name comes from can no longer be read, and a new name over there can hide one here.",
            fix: "Import the names that are used, or the module.",
            cwe: None,
        },
        check: Check::Doc(wildcard),
        bad: &[
            new("a.py", "from shop.models import * <<<\n"),
            new("src/a.rs", "use crate::models::*; <<<\n"),
        ],
        good: &[
            new("a.py", "from shop.models import Order, Payment\nimport shop.models\n"),
            new("pkg/__init__.py", "from .models import *\n"),
            new(
                "src/a.rs",
                "use std::io::prelude::*;\nuse crate::models::{Order, Payment};\nuse crate::models::Kind::*;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "architect/global-mutable-state",
            role: "architect",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "Global state is changed",
            why: "Any two callers share it without knowing: tests depend on their order, threads and requests on each other.",
            fix: "Pass it as an argument or keep it in an object with one owner.",
            cwe: Some(1108),
        },
        check: Check::Doc(global),
        bad: &[
            new("a.py", "COUNT = 0\ndef f():\n    global COUNT <<<\n    COUNT += 1\n"),
            new("src/a.rs", "static mut COUNT: u32 = 0; <<<\n"),
            new("a.js", "function f(user) {\n  globalThis.currentUser = user; <<<\n}\n"),
        ],
        good: &[
            new("a.py", "COUNT = 0\ndef f(count):\n    return count + COUNT\n"),
            new(
                "src/a.rs",
                "static COUNT: AtomicU32 = AtomicU32::new(0);\nfn f() {\n    let mut count = 0;\n    count += 1;\n}\n",
            ),
            new(
                "a.js",
                "function f(user) {\n  const url = globalThis.location;\n  window.location.href = '/';\n  return url;\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "architect/todo-without-issue",
            role: "architect",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "Work is put off without an issue",
            why: "A note in the code that nobody tracks stays for years, and whoever reads it cannot know whether it still holds.",
            fix: "Do it now, or open an issue and name it in the comment.",
            cwe: Some(546),
        },
        check: Check::Doc(todo),
        bad: &[
            new("a.py", "# TODO: handle refunds <<<\nx = 1\n"),
            new("src/a.rs", "fn f() {\n    // FIXME this is slow <<<\n}\n"),
            new("a.js", "/* HACK: works around the cache */ <<<\n"),
        ],
        good: &[
            new(
                "a.py",
                "# TODO(#123): handle refunds\n# See PAY-42. TODO: and the rest of it PAY-42\nTODO = 'todo'\n# the todo list of the user\n",
            ),
            new(
                "src/a.rs",
                "// TODO https://example.org/issues/7: slow\nfn todos() {}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "architect/import-cycle",
            role: "architect",
            severity: Severity::Medium,
            languages: lang::PYTHON_JS,
            title: "Modules import each other in a circle",
            why: "None of them can be understood, tested or loaded without the others; depending on who comes first a name is not there yet.",
            fix: "Move what they share into a module of its own that imports none of them.",
            cwe: Some(1047),
        },
        check: Check::Change(cycle),
        bad: &[
            new("a.py", "from .a import self_made <<<\n"),
            new("src/a.ts", "import { b } from './a'; <<<\n"),
            new("src/a.js", "import { b } from './a.js'; <<<\n"),
        ],
        good: &[
            new("a.py", "from . import b\nfrom .c import d\nimport a.b\n"),
            new(
                "src/a.ts",
                "import { b } from './b';\nimport type { A } from './a';\nimport a from 'a';\n",
            ),
        ],
    },
];

fn wildcard(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test || lang::file_name(file.path) == "__init__.py" {
        return;
    }
    for node in doc.all(&["wildcard_import"]) {
        sink.node(file, node.parent().unwrap_or(node));
    }
    for node in doc.all(&["use_wildcard"]) {
        let path = node.short_text(200).trim_end_matches("::*");
        let last = path.rsplit("::").next().unwrap_or_default();
        let variants = last.chars().next().is_some_and(char::is_uppercase);
        // `pub use` is a façade: there it is the point.
        let shown = node
            .ancestors()
            .any(|a| a.kind() == "use_declaration" && a.child("visibility_modifier").is_some());
        if !variants && last != "super" && !last.ends_with("prelude") && !shown && !code::in_test_code(node) {
            sink.node(file, node);
        }
    }
}

fn global(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for node in doc.all(&["global_statement"]) {
        sink.node(file, node);
    }
    for node in doc.all(&["static_item"]) {
        if node.child("mutable_specifier").is_some() {
            sink.node_as(file, node, |f| f.severity = Severity::High);
        }
    }
    for node in doc.all(&["assignment_expression"]) {
        let target = node
            .field("left")
            .filter(|l| l.kind() == "member_expression" && doc.lang.is_js());
        let object = target
            .and_then(|t| t.field("object"))
            .map(|o| o.text())
            .unwrap_or_default();
        let name = target
            .and_then(|t| t.field("property"))
            .map(|p| p.text())
            .unwrap_or_default();
        let api =
            name.starts_with("on") || matches!(name, "location" | "name" | "scrollX" | "scrollY" | "fetch" | "crypto");
        if (object == "globalThis" || object == "window" || object == "global")
            && !api
            && code::enclosing_function(node).is_some()
        {
            sink.node(file, node);
        }
    }
}

fn todo(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for comment in doc.all(COMMENTS) {
        let text = comment.short_text(4000);
        let mut words = text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|w| !w.is_empty());
        // The mark opens the comment; in the middle of prose it is only a word.
        let marked = words
            .next()
            .is_some_and(|w| matches!(w, "TODO" | "FIXME" | "XXX" | "HACK"));
        let number = |mark: char| {
            text.split(mark)
                .skip(1)
                .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let ticket = text.split_whitespace().any(|w| {
            let w = w.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            w.split_once('-').is_some_and(|(a, b)| {
                a.len() > 1
                    && a.chars().all(|c| c.is_ascii_uppercase())
                    && !b.is_empty()
                    && b.chars().all(|c| c.is_ascii_digit())
            })
        });
        if marked && !number('#') && !ticket && !text.contains("://") {
            sink.node(file, comment);
        }
    }
}

/// Most added imports of one change that are followed.
const MAX_FOLLOWED_IMPORTS: usize = 1000;

/// The import graph of the files of the change; a circle is reported at the first added import that closes it.
fn cycle(changed: &Changed<'_>, sink: &mut Sink<'_>) {
    let paths: BTreeSet<&str> = changed
        .files
        .iter()
        .filter(|f| f.diff.new_path.is_some())
        .map(|f| f.path)
        .collect();
    let mut edges: BTreeMap<&str, Vec<(&str, u32, &File<'_>)>> = BTreeMap::new();
    for file in &changed.files {
        for doc in &file.docs {
            for (target, line) in imports(doc, file.path, &paths) {
                edges.entry(file.path).or_default().push((target, line, file));
            }
        }
    }
    let mut told: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
    let added = edges
        .iter()
        .flat_map(|(from, out)| out.iter().map(move |edge| (*from, edge)));
    for (from, (to, line, file)) in added
        .filter(|(_, (_, line, file))| file.adds(*line, *line))
        .take(MAX_FOLLOWED_IMPORTS)
    {
        let Some(circle) = path_between(&edges, to, from) else {
            continue;
        };
        if told.insert(circle.iter().copied().collect()) {
            let way = circle.iter().take(6).map(|p| shown(p)).collect::<Vec<_>>().join(" -> ");
            sink.lines(file, *line, *line, |f| {
                f.why = format!("{} -> {way}. {}", shown(from), f.why)
            });
        }
    }
}

/// A way from one file to another along imports, breadth first.
fn path_between<'p>(
    edges: &BTreeMap<&'p str, Vec<(&'p str, u32, &File<'_>)>>,
    start: &'p str,
    end: &str,
) -> Option<Vec<&'p str>> {
    let mut came: BTreeMap<&str, Option<&'p str>> = BTreeMap::from([(start, None)]);
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        if at == end {
            let mut way = vec![at];
            let mut step = at;
            while let Some(Some(before)) = came.get(step) {
                way.push(before);
                step = before;
            }
            way.reverse();
            return Some(way);
        }
        for (next, _, _) in edges.get(at).into_iter().flatten() {
            if !came.contains_key(next) {
                came.insert(next, Some(at));
                queue.push_back(next);
            }
        }
    }
    None
}

/// Relative imports that lead to files of the change, with their lines. Imports inside functions and of types alone are
/// left out: they are the usual way to break a circle.
fn imports<'p>(doc: &Doc, path: &str, paths: &BTreeSet<&'p str>) -> Vec<(&'p str, u32)> {
    let folder = path.rsplit_once('/').map_or("", |(f, _)| f);
    let mut out = Vec::new();
    let kinds = ["import_statement", "import_from_statement", "export_statement"];
    for node in doc.all(&kinds) {
        let top = node.parent().is_some_and(|p| p.is(&["module", "program"]));
        if !top || !node.is_real() {
            continue;
        }
        let target = if doc.lang == Lang::Python {
            let Some(module) = node.field("module_name").map(|m| m.short_text(200)) else {
                continue;
            };
            let dots = module.len() - module.trim_start_matches('.').len();
            let rest = module.trim_start_matches('.').replace('.', "/");
            if dots == 0 || rest.is_empty() {
                continue;
            }
            Some(up(folder, dots - 1) + &rest)
        } else {
            let Some(source) = node.field("source").and_then(code::string_value) else {
                continue;
            };
            let types =
                node.short_text(400).starts_with("import type") || node.short_text(400).starts_with("export type");
            // A module of types leaves nothing to load.
            if types || !source.starts_with('.') || source.trim_end_matches(".js").ends_with("types") {
                continue;
            }
            join(folder, source)
        };
        let Some(target) = target else { continue };
        let stem = target.strip_suffix(".js").unwrap_or(&target);
        let candidates = [
            "",
            ".py",
            "/__init__.py",
            ".ts",
            ".tsx",
            ".js",
            ".jsx",
            "/index.ts",
            "/index.js",
        ];
        if let Some(found) = candidates
            .iter()
            .flat_map(|c| [format!("{target}{c}"), format!("{stem}{c}")])
            .find_map(|c| paths.get(c.as_str()))
        {
            out.push((*found, node.line()));
        }
    }
    out
}

/// The folder so many levels up, with a slash where it is not the root.
fn up(folder: &str, levels: usize) -> String {
    let parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    parts[..parts.len().saturating_sub(levels)]
        .iter()
        .map(|p| format!("{p}/"))
        .collect()
}

fn join(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
