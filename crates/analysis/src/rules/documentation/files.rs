//! Documents beside the code: links, and news that users should hear.

use std::collections::BTreeSet;

use bzzz_core::diff::FileStatus;
use bzzz_core::finding::Severity;

use crate::code;
use crate::files::Changed;
use crate::lang;
use crate::rule::{Check, Rule, RuleInfo, Sink, edit, new, shown};
use crate::rules::architect::{public_items, reexported};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "documentation/unannounced-break",
            role: "documentation",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "A public item goes and no document says so",
            why: "Users meet the break when they build, and find neither a reason nor what to use instead.",
            fix: "Write a line in the change log (what went, what to use instead), and look for it in the README.",
            cwe: None,
        },
        check: Check::Change(unannounced),
        bad: &[
            edit(
                "src/lib.rs",
                "/// Pays.\npub fn pay() {}\n\n/// Other.\npub fn other() {}\n",
                "/// Other.\npub fn other() {}\n",
            ),
            edit(
                "pay/core.py",
                "def pay(x):\n    return x\n\ndef other():\n    pass\n",
                "def other():\n    pass\n",
            ),
            edit(
                "src/a.js",
                "export function pay() {}\nexport function other() {}\n",
                "export function other() {}\n",
            ),
        ],
        good: &[
            edit(
                "src/lib.rs",
                "fn pay() {}\n\n/// Other.\npub fn other() {}\n",
                "/// Other.\npub fn other() {}\n",
            ),
            new("CHANGELOG.md", "Removed `pay`.\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "documentation/broken-link",
            role: "documentation",
            severity: Severity::Medium,
            languages: lang::ANY_TEXT,
            title: "A link leads to nothing",
            why: "The reader who needs the page most finds an error.",
            fix: "Point the link to where the text is now, or take it out.",
            cwe: None,
        },
        check: Check::Change(broken_link),
        bad: &[new(
            "docs/a.md",
            "See [the heading](#no-such-heading). <<<\n\n# Title\n",
        )],
        good: &[new(
            "docs/a.md",
            "# The title, 2 `ways`\n\nSee [it](#the-title-2-ways), [there](https://example.org/#x), [b](b.md) and [c](#user-content-x).\n\n<a id=\"user-content-x\"></a>\n\n```\n[x](#code)\n```\n",
        )],
    },
    Rule {
        info: RuleInfo {
            id: "documentation/undocumented-setting",
            role: "documentation",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "A new setting is not described anywhere in the change",
            why: "Whoever installs this cannot know that the variable exists, what it may hold, or that the start fails without it.",
            fix: "Describe it where the other settings are described, with its default.",
            cwe: None,
        },
        check: Check::Change(setting),
        bad: &[
            new("app/config.py", "import os\nURL = os.environ[\"PAYMENT_URL\"] <<<\n"),
            new("src/config.ts", "export const url = process.env.PAYMENT_URL; <<<\n"),
            new("src/config.js", "exports.url = process.env['PAYMENT_URL']; <<<\n"),
            new(
                "src/config.rs",
                "fn url() -> Option<String> {\n    std::env::var(\"PAYMENT_URL\").ok() <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "app/config.py",
                "import os\n# PAYMENT_URL: where the provider answers.\nURL = os.environ[\"PAYMENT_URL\"]\nHOME = os.environ[\"HOME\"]\n",
            ),
            edit(
                "app/config.py",
                "import os\nURL = os.environ[\"PAYMENT_URL\"]\n",
                "import os\nURL = os.environ[\"PAYMENT_URL\"].strip()\n",
            ),
            new("src/config.ts", "export const mode = process.env.NODE_ENV;\n"),
            new(
                "tests/config.rs",
                "fn url() -> Option<String> {\n    std::env::var(\"PAYMENT_URL\").ok()\n}\n",
            ),
        ],
    },
];

/// Most settings of one file that are looked up in the change.
const MAX_SETTINGS: usize = 100;

/// Whether a path is a document for users.
fn is_document(path: &str) -> bool {
    let name = lang::file_name(path).to_ascii_lowercase();
    name.starts_with("changelog")
        || name.starts_with("changes")
        || name.starts_with("history")
        || name.starts_with("news")
        || name.starts_with("readme")
        || name.starts_with("migrat")
        || name.starts_with("upgrad")
        || path.starts_with("docs/")
        || path.contains("/docs/")
        || path.contains("changelog.d/")
        || path.contains(".changeset/")
}

fn unannounced(changed: &Changed<'_>, sink: &mut Sink<'_>) {
    if changed.files.iter().any(|f| is_document(f.path)) {
        return;
    }
    let now: BTreeSet<&str> = changed
        .files
        .iter()
        .flat_map(|f| &f.docs)
        .flat_map(public_items)
        .map(|i| i.name)
        .collect();
    let reexported = reexported(changed);
    // One for the whole change: the remedy is one line in one document.
    for file in changed.files.iter().filter(|f| !f.is_test && !f.is_script) {
        for item in file.old_docs.iter().flat_map(public_items) {
            let line = item.inner.line();
            if item.node.is_real()
                && file.removed.contains_key(&line)
                && !now.contains(item.name)
                && !reexported.contains(item.name)
            {
                sink.removed(file, line, |f| {
                    f.title = format!("`{}` goes and no document says so", shown(item.name))
                });
                return;
            }
        }
    }
}

/// Links of one Markdown text outside code: line, target.
fn links<'t>(lines: impl Iterator<Item = (u32, &'t str)>) -> Vec<(u32, &'t str)> {
    let mut out = Vec::new();
    let mut fenced = false;
    for (number, line) in lines {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            // Inside back quotes it is code.
            let quoted = line[..at].matches('`').count() % 2 == 1;
            let rest = &line[at + 2..];
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            if !quoted && end > 0 {
                out.push((number, &rest[..end]));
            }
        }
    }
    out
}

fn broken_link(changed: &Changed<'_>, sink: &mut Sink<'_>) {
    let gone: BTreeSet<&str> = changed
        .files
        .iter()
        .filter(|f| matches!(f.diff.status, FileStatus::Deleted | FileStatus::Renamed))
        .filter_map(|f| f.diff.old_path.as_deref())
        .filter(|old| !changed.files.iter().any(|f| f.diff.new_path.as_deref() == Some(*old)))
        .collect();
    for file in changed
        .files
        .iter()
        .filter(|f| f.path.ends_with(".md") && f.diff.new_path.is_some())
    {
        let whole = changed.whole_files.get(file.path).map(String::as_str);
        for (number, target) in links(file.added_lines()) {
            let leads_nowhere = match target.strip_prefix('#') {
                Some(anchor) => whole.is_some_and(|text| file.line(number).is_some() && !has_anchor(text, anchor)),
                None => resolve(file.path, target).is_some_and(|path| gone.contains(path.as_str())),
            };
            if leads_nowhere {
                sink.lines(file, number, number, |f| {
                    f.title = format!("The link to `{}` leads to nothing", shown(target))
                });
            }
        }
    }
}

fn resolve(from: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?']).next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let mut parts: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        from.split('/').collect()
    };
    parts.pop();
    for part in target.split('/') {
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

/// Whether a Markdown text has a heading or an explicit anchor of that name.
fn has_anchor(text: &str, anchor: &str) -> bool {
    let plain = |s: &str| -> String {
        s.trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    let wanted = anchor.to_lowercase();
    let numbered = wanted
        .rsplit_once('-')
        .filter(|(_, n)| n.chars().all(|c| c.is_ascii_digit()))
        .map(|(base, _)| base.to_owned());
    text.contains(&format!("id=\"{anchor}\""))
        || text.contains(&format!("name=\"{anchor}\""))
        || text.contains(&format!("{{#{anchor}}}"))
        || text.lines().zip(text.lines().skip(1).chain([""])).any(|(line, next)| {
            let underlined = next.len() >= 3 && (next.chars().all(|c| c == '=') || next.chars().all(|c| c == '-'));
            let heading = line
                .strip_prefix('#')
                .map(|l| l.trim_start_matches('#'))
                .or(underlined.then_some(line));
            heading.is_some_and(|h| plain(h) == wanted || numbered.as_ref().is_some_and(|n| plain(h) == *n))
        })
}

fn setting(changed: &Changed<'_>, sink: &mut Sink<'_>) {
    const KNOWN: &[&str] = &[
        "HOME", "PATH", "USER", "PWD", "TMPDIR", "LANG", "SHELL", "TERM", "NODE_ENV", "CI", "PORT", "HOSTNAME",
        "RUST_LOG", "NO_COLOR", "DEBUG", "TZ",
    ];
    for file in changed.files.iter().filter(|f| !f.is_test && !f.is_script) {
        for (name, line) in file.docs.iter().flat_map(settings).take(MAX_SETTINGS) {
            let known = KNOWN.contains(&name.as_str())
                || name.starts_with('_')
                || name.starts_with("CARGO_")
                || name.starts_with("npm_")
                || name.starts_with("GITHUB_");
            let was = file.removed.values().any(|l| l.contains(&name));
            // Anywhere else in the change, or in what is known of the documents: a comment, a sample file, a README.
            let told = changed
                .files
                .iter()
                .flat_map(|f| f.added_lines().map(move |(n, l)| (f.path, n, l)))
                .any(|(path, n, l)| {
                    l.contains(&name)
                        && (path != file.path || n != line)
                        && (l.trim_start().starts_with(['#', '/', '*']) || path != file.path)
                })
                || changed
                    .whole_files
                    .iter()
                    .any(|(path, text)| is_document(path) && text.contains(&name));
            if !known && !was && !told && file.adds(line, line) {
                sink.lines(file, line, line, |f| {
                    f.title = format!("The new setting `{}` is not described in the change", shown(&name))
                });
            }
        }
    }
}

/// Environment variables that a text reads, with the line.
fn settings(doc: &crate::tree::Doc) -> Vec<(String, u32)> {
    let mut out = Vec::new();
    for call in code::calls(doc) {
        let reads = call.path_is(&[
            "os.getenv",
            "os.environ.get",
            "env::var",
            "std::env::var",
            "env::var_os",
            "std::env::var_os",
        ]);
        if let Some(name) = call.args.first().and_then(|a| code::string_value(*a)).filter(|_| reads) {
            out.push((name.to_owned(), call.node.line()));
        }
    }
    for node in doc.all(&["subscript", "subscript_expression", "member_expression"]) {
        let object = node
            .field("value")
            .or(node.field("object"))
            .map(|o| o.short_text(40))
            .unwrap_or_default();
        if object == "os.environ" || object == "process.env" {
            let key = node
                .field("subscript")
                .or(node.field("index"))
                .and_then(code::string_value);
            let name = key.or_else(|| node.field("property").map(|p| p.text()));
            let assigned = node.parent().is_some_and(|p| p.field("left") == Some(node));
            if let Some(name) = name.filter(|_| !assigned) {
                out.push((name.to_owned(), node.line()));
            }
        }
    }
    out.retain(|(name, _)| code::is_constant_name(name));
    out
}
