//! Errors that are thrown away, or that end the program.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{COMMENTS, Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "reviewer/swallowed-error",
            role: "reviewer",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "An error is thrown away",
            why: "The failure leaves no trace: the caller goes on as if it had worked, and nobody can find out later why it did not.",
            fix: "Handle the error, pass it on, or log it; where it truly does not matter, catch only that one and say why.",
            cwe: Some(390),
        },
        check: Check::Doc(swallowed),
        bad: &[
            new(
                "a.py",
                "def f():\n    try:\n        save()\n    except Exception: <<<\n        pass\n",
            ),
            new(
                "a.py",
                "def f():\n    try:\n        save()\n    except: <<<\n        return None\n",
            ),
            new(
                "a.js",
                "function f() {\n  try {\n    save();\n  } catch (e) {} <<<\n}\n",
            ),
            new(
                "a.rs",
                "fn f(p: &Path) {\n    let _ = std::fs::write(p, b\"x\"); <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def f():\n    try:\n        save()\n    except FileNotFoundError:\n        pass\n    except Exception:\n        log.exception('save')\n        raise\n    try:\n        a()\n    except:\n        clean()\n        raise\n    try:\n        b()\n    except Exception:  # best effort: the cache may be cold\n        pass\n",
            ),
            new(
                "a.js",
                "function f() {\n  try {\n    save();\n  } catch (e) {\n    // the cache may be cold\n  }\n  try { a(); } catch (e) { log(e); }\n}\n",
            ),
            new(
                "a.rs",
                "fn f(p: &Path, tx: Sender) {\n    let _ = tx.send(1);\n    let _ = writeln!(out, \"x\");\n    let _guard = lock();\n    // Best effort: it may be gone already.\n    let _ = std::fs::remove_file(p);\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/panic-on-input",
            role: "reviewer",
            severity: Severity::Medium,
            languages: lang::RUST,
            title: "Library code panics when input or the system fails",
            why: "What is parsed, read or received can be wrong at any time; a panic takes the whole task or process down with it.",
            fix: "Return the error with `?`, or fall back to a stated default.",
            cwe: Some(248),
        },
        check: Check::Doc(panics),
        bad: &[
            new(
                "src/a.rs",
                "pub fn port(text: &str) -> u16 {\n    text.parse().unwrap() <<<\n}\n",
            ),
            new(
                "src/a.rs",
                "pub fn read(p: &Path) -> Config {\n    let text = std::fs::read_to_string(p).expect(\"config\"); <<<\n    toml::from_str(&text).unwrap() <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "src/a.rs",
                "pub fn port(text: &str) -> Option<u16> {\n    let home: IpAddr = \"127.0.0.1\".parse().unwrap();\n    let state = lock.lock().unwrap();\n    HeaderValue::from_str(&text.len().to_string()).unwrap();\n    text.parse().ok()\n}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {\n        \"1\".to_string().parse::<u8>().unwrap();\n    }\n}\n",
            ),
            new("src/main.rs", "fn main() {\n    std::env::args().nth(1).unwrap();\n}\n"),
            new("tests/a.rs", "fn f(t: &str) -> u16 {\n    t.parse().unwrap()\n}\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/assert-as-check",
            role: "reviewer",
            severity: Severity::Low,
            languages: lang::PYTHON,
            title: "Input is checked with `assert`",
            why: "`python -O` drops every assert: the check is gone exactly where it runs in production.",
            fix: "Raise `ValueError` or `TypeError` with a message that names the argument.",
            cwe: Some(617),
        },
        check: Check::Doc(asserts),
        bad: &[new(
            "a.py",
            "def pay(amount, user):\n    assert amount > 0, 'amount' <<<\n    assert user.is_admin <<<\n    return amount\n",
        )],
        good: &[
            new(
                "a.py",
                "def pay(amount, user):\n    if amount <= 0:\n        raise ValueError('amount')\n    total = compute()\n    assert total >= 0\n    assert user is not None\n    assert isinstance(amount, int)\n    return total\n",
            ),
            new("tests/test_a.py", "def check(amount):\n    assert amount > 0\n"),
        ],
    },
];

fn has_comment(node: Node<'_>) -> bool {
    node.descendants().any(|d| d.is(COMMENTS))
}

/// Whether the line or the line before says something: a reason was given.
fn is_explained(file: &File<'_>, line: u32, marks: &[&str]) -> bool {
    let here = file.line(line).is_some_and(|l| marks.iter().any(|m| l.contains(m)));
    here || file
        .line(line.saturating_sub(1))
        .is_some_and(|l| marks.iter().any(|m| l.trim_start().starts_with(m)))
}

fn swallowed(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for handler in doc.all(&["except_clause"]) {
        let caught: Vec<Node<'_>> = handler.children().filter(|c| c.kind() != "block").collect();
        let Some(body) = handler.child("block") else {
            continue;
        };
        let broad = caught.iter().all(|c| {
            let name = c.short_text(80).split(" as ").next().unwrap_or_default().trim();
            matches!(name, "Exception" | "BaseException")
        });
        let idle = body.children().all(|s| {
            s.is(&["pass_statement", "continue_statement"])
                || matches!(s.short_text(12), "..." | "return" | "return None")
        });
        if broad && idle && !has_comment(handler) && !handler.has_error() && !is_explained(file, handler.line(), &["#"])
        {
            sink.node(file, handler);
        }
    }
    for handler in doc.all(&["catch_clause"]) {
        let empty = handler.field("body").is_some_and(|b| b.children().next().is_none());
        if empty && !has_comment(handler) && !handler.has_error() {
            sink.node(file, handler);
        }
    }
    for node in doc.all(&["let_declaration"]) {
        const FALLIBLE: &[&str] = &[
            "write",
            "write_all",
            "flush",
            "sync_all",
            "sync_data",
            "remove_file",
            "remove_dir_all",
            "create_dir",
            "create_dir_all",
            "rename",
            "copy",
            "save",
            "commit",
            "set_permissions",
            "persist",
            "execute",
        ];
        let ignored = node.field("pattern").is_some_and(|p| p.text() == "_");
        let fails = node
            .field("value")
            .and_then(|v| code::call(code::peel(v)))
            .is_some_and(|c| c.name_is(FALLIBLE));
        if ignored && fails && !code::in_test_code(node) && !is_explained(file, node.line(), &["//"]) {
            sink.node(file, node);
        }
    }
}

fn panics(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    const INPUT: &[&str] = &[
        "parse",
        "from_str",
        "from_slice",
        "from_reader",
        "from_utf8",
        "from_bytes",
        "from_value",
        "read_to_string",
        "read_to_end",
        "read_line",
        "read",
        "open",
        "connect",
        "bind",
        "decode",
        "deserialize",
        "var",
        "nth",
        "recv",
        "json",
        "send",
        "create",
        "metadata",
        "execute",
        "query_row",
    ];
    if file.is_test || file.is_script {
        return;
    }
    for call in code::calls(doc).filter(|c| c.name_is(&["unwrap", "expect"])) {
        let Some(inner) = call.receiver.and_then(|r| code::call(code::peel(r))) else {
            continue;
        };
        let fixed = inner.receiver.is_some_and(|r| code::is_literal(code::follow(r)))
            || (inner.receiver.is_none()
                && inner.args.iter().all(|a| code::is_literal(code::follow(*a)))
                && !inner.args.is_empty()
                && inner.name != "var");
        // What this code has just formatted itself is no input.
        let own = inner.args.first().copied().or(inner.receiver).is_some_and(|a| {
            let a = code::follow(a);
            let made = code::call(a).is_some_and(|c| c.name_is(&["to_string", "format"]));
            made || a.field("macro").is_some_and(|m| m.text() == "format")
        });
        if inner.name_is(INPUT) && !fixed && !own && !code::in_test_code(call.node) {
            // The line of the method: a chain may start far above.
            sink.node(
                file,
                call.node
                    .field("function")
                    .and_then(|f| f.field("field"))
                    .unwrap_or(call.node),
            );
        }
    }
}

fn asserts(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test || doc.lang != Lang::Python {
        return;
    }
    for node in doc.all(&["assert_statement"]) {
        let (Some(condition), Some(function)) = (node.children().next(), code::enclosing_function(node)) else {
            continue;
        };
        let text = condition.short_text(400);
        let narrows = text.contains("isinstance")
            || text.contains("is not None")
            || text.contains("callable(")
            || text.contains("issubclass")
            || code::call(condition)
                .is_some_and(|c| c.name.trim_start_matches('_').starts_with("is_") || c.name.starts_with("has_"));
        let parameters = code::parameters(function);
        let mut names = std::iter::once(condition)
            .chain(condition.descendants())
            .filter(|n| n.kind() == "identifier");
        let about_parameter =
            names.any(|n| parameters.iter().any(|p| p.name == n.text()) && code::resolve(n).is_none());
        if !narrows && about_parameter {
            sink.node(file, node);
        }
    }
}
