//! Resources that stay open.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang;
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::Doc;

pub(super) const RULES: &[Rule] = &[Rule {
    info: RuleInfo {
        id: "reviewer/file-left-open",
        role: "reviewer",
        severity: Severity::Medium,
        languages: lang::PYTHON,
        title: "A file is opened and not closed",
        why: "When an error comes in between, or at the latest under load, the process runs out of file handles, and what was \
              written may not reach the disk.",
        fix: "Open it in a `with` statement.",
        cwe: Some(772),
    },
    check: Check::Doc(left_open),
    bad: &[
        new(
            "a.py",
            "import json\ndef f(path):\n    return json.load(open(path)) <<<\n",
        ),
        new(
            "a.py",
            "def f(path):\n    handle = open(path) <<<\n    return handle.read()\n",
        ),
    ],
    good: &[new(
        "a.py",
        "def f(path, self, stack):\n    with open(path) as handle:\n        handle.read()\n    self.log = open(path)\n    other = open(path)\n    try:\n        other.read()\n    finally:\n        other.close()\n    third = stack.enter_context(open(path))\n    fourth = open(path)\n    with fourth:\n        pass\n    return open(path)\n",
    )],
}];

/// Most calls of `open` in one text that are followed.
const MAX_OPENS: usize = 200;

fn left_open(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc)
        .filter(|c| c.path_is(&["open", "io.open", "gzip.open"]))
        .take(MAX_OPENS)
    {
        let Some(parent) = call.node.parent() else {
            continue;
        };
        let reported = match parent.kind() {
            // `open(path).read()`
            "attribute" => parent
                .field("attribute")
                .is_some_and(|a| matches!(a.text(), "read" | "readlines" | "write" | "readline")),
            "argument_list" => parent.parent().and_then(code::call).is_some_and(|c| {
                c.path_is(&[
                    "json.load",
                    "json.dump",
                    "yaml.safe_load",
                    "yaml.load",
                    "csv.reader",
                    "csv.writer",
                    "csv.DictReader",
                    "pickle.load",
                    "list",
                    "sorted",
                    "toml.load",
                    "tomllib.load",
                ])
            }),
            "assignment" => {
                let (Some(name), Some(function)) = (parent.field("left"), code::enclosing_function(call.node)) else {
                    continue;
                };
                // Any other use than reading and writing through it may hand it on to whoever closes it.
                name.kind() == "identifier"
                    && function.is_real()
                    && function
                        .descendants()
                        .filter(|n| n.kind() == "identifier" && n.text() == name.text() && *n != name)
                        .all(|n| {
                            n.parent()
                                .filter(|p| p.kind() == "attribute")
                                .and_then(|p| p.field("attribute"))
                                .is_some_and(|a| {
                                    matches!(
                                        a.text(),
                                        "read" | "readlines" | "write" | "readline" | "writelines" | "flush" | "seek"
                                    )
                                })
                        })
            }
            _ => false,
        };
        if reported {
            sink.node(file, call.node);
        }
    }
}
