//! Switches that turn a protection off.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "security/tls-verification-off",
            role: "security",
            severity: Severity::High,
            languages: lang::ALL,
            title: "TLS certificates are not checked",
            why: "Anybody between the two ends can pose as the other one, and read and change everything.",
            fix: "Leave verification on; for a private authority give its certificate to the client.",
            cwe: Some(295),
        },
        check: Check::Doc(tls),
        bad: &[
            new(
                "a.py",
                "import requests\ndef f(url):\n    return requests.get(url, timeout=5, verify=False) <<<\n",
            ),
            new("a.py", "ctx.check_hostname = False <<<\n"),
            new(
                "a.py",
                "class Context(ssl.SSLContext):\n    def __init__(self):\n        self.check_hostname = False <<<\n",
            ),
            new(
                "a.js",
                "const agent = new https.Agent({ rejectUnauthorized: false }); <<<\n",
            ),
            new("a.ts", "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; <<<\n"),
            new(
                "a.rs",
                "fn f() -> R {\n    Client::builder().danger_accept_invalid_certs(true).build() <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "import requests\ndef f(url):\n    return requests.get(url, timeout=5, verify='/etc/ca.pem')\ndef g(image):\n    return image.save(verify=False)\nclass SSLContext:\n    def __init__(self):\n        self.check_hostname = False\n",
            ),
            new(
                "a.js",
                "const agent = new https.Agent({ rejectUnauthorized: true, ca });\n",
            ),
            new(
                "a.rs",
                "fn f() -> R {\n    Client::builder().danger_accept_invalid_certs(false).build()\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/debug-enabled",
            role: "security",
            severity: Severity::Medium,
            languages: lang::PYTHON,
            title: "Debug mode is on",
            why: "The debugger of a web framework shows source and settings to any visitor, and Flask's runs code for them.",
            fix: "Read the switch from the environment and let it be off by default.",
            cwe: Some(489),
        },
        check: Check::Doc(debug),
        bad: &[
            new("a.py", "app.run(host='0.0.0.0', debug=True) <<<\n"),
            new("shop/settings.py", "DEBUG = True <<<\n"),
        ],
        good: &[
            new(
                "a.py",
                "app.run(debug=os.environ.get('DEBUG') == '1')\nlogger.run(level=1)\nDEBUG = True\nif __name__ == '__main__':\n    app.run(debug=False)\n",
            ),
            new("shop/settings_dev.py", "DEBUG = True\n"),
        ],
    },
];

fn tls(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc) {
        let hit = match doc.lang {
            Lang::Python => {
                let http = [
                    "requests.",
                    "httpx.",
                    "session.",
                    "self.session.",
                    "client.",
                    "self.client.",
                ]
                .iter()
                .any(|p| call.path.starts_with(p));
                (http && call.keyword("verify").is_some_and(|v| v.text() == "False"))
                    || call.path == "ssl._create_unverified_context"
            }
            Lang::Rust => {
                call.name_is(&["danger_accept_invalid_certs", "danger_accept_invalid_hostnames"])
                    && call.args.first().is_some_and(|a| a.text() == "true")
                    || call.name == "set_verify"
                        && call
                            .args
                            .first()
                            .is_some_and(|a| a.text().ends_with("SslVerifyMode::NONE"))
            }
            _ => false,
        };
        if hit && !code::in_test_code(call.node) {
            sink.node(file, call.node);
        }
    }
    for node in doc.all(&["assignment", "assignment_expression", "pair"]) {
        let name = node
            .field("left")
            .or(node.field("key"))
            .map(|n| n.short_text(100))
            .unwrap_or_default();
        let value = node
            .field("right")
            .or(node.field("value"))
            .map(|v| v.short_text(100))
            .unwrap_or_default();
        let hit = match doc.lang {
            Lang::Python if is_own_default(node, name) => false,
            Lang::Python => {
                (name.ends_with(".check_hostname") && value == "False")
                    || (name.ends_with(".verify_mode") && value == "ssl.CERT_NONE")
                    || (name.ends_with("ssl._create_default_https_context") && value.contains("unverified"))
                    || ((name == "session.verify" || name == "self.session.verify") && value == "False")
            }
            _ => {
                (name.trim_matches(['"', '\'']) == "rejectUnauthorized" && value == "false")
                    || (name.contains("NODE_TLS_REJECT_UNAUTHORIZED") && value.trim_matches(['"', '\'']) == "0")
            }
        };
        if hit {
            sink.node(file, node);
        }
    }
}

/// Whether a class that is itself a TLS context gives its own field the value that Python's class starts with.
fn is_own_default(assignment: Node<'_>, name: &str) -> bool {
    let is_named = |n: Node<'_>, test: fn(&str) -> bool| n.field("name").is_some_and(|n| test(n.short_text(100)));
    name.starts_with("self.")
        && code::enclosing_function(assignment).is_some_and(|f| is_named(f, |n| n == "__init__"))
        && assignment.ancestor(&["class_definition"]).is_some_and(|c| {
            is_named(c, |n| n.ends_with("SSLContext"))
                && c.field("superclasses").is_none_or(|s| s.short_text(100) == "(object)")
        })
}

fn debug(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc).filter(|c| c.path_is(&["app.run", "application.run"])) {
        if call.keyword("debug").is_some_and(|v| v.text() == "True") {
            sink.node(file, call.node);
        }
    }
    let name = lang::file_name(file.path);
    if matches!(name, "settings.py" | "production.py" | "prod.py") {
        for node in doc.all(&["assignment"]) {
            let is = |field: &str, text: &str| node.field(field).is_some_and(|n| n.text() == text);
            if is("left", "DEBUG") && is("right", "True") {
                sink.node(file, node);
            }
        }
    }
}
