//! Web pages and who may read them.

use bzzz_core::finding::Severity;

use super::paths::from_request;
use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "security/xss",
            role: "security",
            severity: Severity::High,
            languages: lang::PYTHON_JS,
            title: "A value is put into a page as markup",
            why: "Markup in the value is run by the browser of whoever looks at the page, with that person's session.",
            fix: "Set text (`textContent`, a normal template expression) or clean the markup with a sanitizer first.",
            cwe: Some(79),
        },
        check: Check::Doc(xss),
        bad: &[
            new(
                "a.js",
                "function show(el, name) {\n  el.innerHTML = '<b>' + name + '</b>'; <<<\n}\n",
            ),
            new(
                "a.tsx",
                "export const Note = ({ text }: P) => <p dangerouslySetInnerHTML={{ __html: text }} />; <<<\n",
            ),
            new(
                "a.ts",
                "export function show(el: HTMLElement, text: string) {\n  el.insertAdjacentHTML('beforeend', text); <<<\n}\n",
            ),
            new(
                "a.js",
                "app.get('/', (req, res) => {\n  const name = req.query.name;\n  res.send(`<h1>Hello ${name}</h1>`); <<<\n});\n",
            ),
            new(
                "a.py",
                "from markupsafe import Markup\ndef f(name):\n    return Markup(f'<b>{name}</b>') <<<\n",
            ),
        ],
        good: &[
            new(
                "a.js",
                "function show(el, name) {\n  el.innerHTML = '';\n  el.textContent = name;\n  el.innerHTML = DOMPurify.sanitize(name);\n  const clean = escapeHtml(name);\n  el.innerHTML = `<b>${clean}</b>`;\n  el.innerHTML = '<b>' + '</b>';\n  for (const t of ['a', 'b']) el.innerHTML += `<i>${t}</i>`;\n}\n",
            ),
            new(
                "a.js",
                "app.get('/', (req, res) => {\n  res.send('<h1>' + escapeHtml(req.query.name) + '</h1>');\n  res.send(`id ${req.params.id}`);\n  res.send('<h1>' + TITLE + '</h1>');\n});\n",
            ),
            new(
                "a.tsx",
                "export const Note = ({ text }: P) => <p dangerouslySetInnerHTML={{ __html: sanitize(text) }} />;\n",
            ),
            new(
                "a.py",
                "from markupsafe import Markup, escape\nRULE = Markup('<hr>')\ndef f(name):\n    return Markup('<b>%s</b>') % name\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/permissive-cors",
            role: "security",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "Any web site may call this",
            why: "With `*` (or an echoed origin) every page that a user visits can read the answers of this service.",
            fix: "List the origins that may call, and allow credentials only for those.",
            cwe: Some(942),
        },
        check: Check::Doc(cors),
        bad: &[
            new(
                "a.py",
                "app.add_middleware(CORSMiddleware, allow_origins=[\"*\"], allow_credentials=True) <<<\n",
            ),
            new("a.js", "res.setHeader('Access-Control-Allow-Origin', '*'); <<<\n"),
            new("a.ts", "app.use(cors({ origin: true, credentials: true })); <<<\n"),
            new(
                "a.rs",
                "fn app() -> Router {\n    Router::new().layer(CorsLayer::permissive()) <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "app.add_middleware(CORSMiddleware, allow_origins=[\"https://example.org\"])\nparse(patterns=[\"*\"])\n",
            ),
            new(
                "a.js",
                "res.setHeader('Access-Control-Allow-Origin', 'https://example.org');\napp.use(cors({ origin: ALLOWED }));\nres.setHeader('Accept', '*');\n",
            ),
            new(
                "a.rs",
                "fn app() -> Router {\n    Router::new().layer(CorsLayer::new().allow_origin(ORIGINS))\n}\n",
            ),
        ],
    },
];

fn xss(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    if doc.lang == Lang::Python {
        for call in code::calls(doc).filter(|c| c.name_is(&["Markup", "mark_safe"])) {
            if call.args.first().is_some_and(|a| {
                code::built_string(code::follow(*a)).is_some_and(|b| b.pieces.iter().any(|p| !is_clean(*p, 0)))
            }) {
                sink.node(file, call.node);
            }
        }
        return;
    }
    for call in code::calls(doc).filter(|c| c.name_is(&["send", "write", "end"])) {
        // Only what is seen to come from the request, into what is seen to be markup.
        let answers = call.receiver.is_some_and(|r| {
            matches!(r.short_text(60), "res" | "response" | "reply") || r.short_text(60).starts_with("res.status(")
        });
        let reflects = call
            .args
            .first()
            .and_then(|a| code::built_string(code::follow(*a)))
            .is_some_and(|b| b.fixed.contains('<') && b.pieces.iter().any(|p| from_request(doc.lang, *p, 0)));
        if answers && reflects {
            sink.node(file, call.node);
        }
    }
    for node in doc.all(&["assignment_expression", "augmented_assignment_expression"]) {
        let sets = node
            .field("left")
            .and_then(|l| l.field("property"))
            .is_some_and(|p| matches!(p.text(), "innerHTML" | "outerHTML"));
        if sets && node.field("right").is_some_and(|r| !is_clean(r, 0)) {
            sink.node(file, node);
        }
    }
    for call in code::calls(doc) {
        let value = match call.path.as_str() {
            "document.write" | "document.writeln" => call.args.first(),
            _ if call.name == "insertAdjacentHTML" => call.args.get(1),
            _ => None,
        };
        if value.is_some_and(|v| !is_clean(*v, 0)) {
            sink.node(file, call.node);
        }
    }
    for pair in doc
        .all(&["pair"])
        .filter(|p| p.field("key").is_some_and(|k| k.text() == "__html"))
    {
        if pair.field("value").is_some_and(|v| !is_clean(v, 0)) {
            sink.node(file, pair);
        }
    }
}

/// Whether a value is fixed, or went through something that cleans or escapes.
fn is_clean(node: Node<'_>, depth: u32) -> bool {
    let node = code::follow(node);
    if depth > 4 || code::is_fixed(node) || code::is_constant_name(node.short_text(80)) {
        return depth <= 4;
    }
    if let Some(call) = code::call(node) {
        const CLEANERS: &[&str] = &[
            "sanitize",
            "escape",
            "purify",
            "encode",
            "stringify",
            "clean",
            "render",
            "translate",
            "t",
            "int",
            "number",
        ];
        return code::has_word(call.name, CLEANERS) || code::has_word(&call.path, CLEANERS);
    }
    code::built_string(node).is_some_and(|b| b.pieces.iter().all(|p| is_clean(*p, depth + 1)))
}

fn cors(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    let is_star = |n: Node<'_>| code::string_value(code::peel(n)) == Some("*");
    for call in code::calls(doc) {
        let hit = match doc.lang {
            Lang::Rust => call.path_is(&[
                "CorsLayer::permissive",
                "CorsLayer::very_permissive",
                "Cors::permissive",
            ]),
            Lang::Python => {
                call.keyword("allow_origins").is_some_and(|v| v.children().any(is_star))
                    || (call.name == "CORS"
                        && call
                            .keyword("origins")
                            .is_some_and(|v| is_star(v) || v.children().any(is_star))
                        && call.keyword("supports_credentials").is_some_and(|v| v.text() == "True"))
            }
            _ => {
                let header = call.name_is(&["setHeader", "header", "set", "append"])
                    && call
                        .args
                        .first()
                        .and_then(|a| code::string_value(*a))
                        .is_some_and(|s| s.eq_ignore_ascii_case("access-control-allow-origin"))
                    && call.args.get(1).is_some_and(|v| is_star(*v));
                let options = call.name == "cors"
                    && call.args.first().is_some_and(|o| {
                        let value = |key: &str| {
                            o.children()
                                .find(|p| p.field("key").is_some_and(|k| k.text() == key))
                                .and_then(|p| p.field("value"))
                        };
                        let open = value("origin").is_some_and(|v| v.text() == "true" || is_star(v));
                        open && value("credentials").is_some_and(|v| v.text() == "true")
                    });
                header || options
            }
        };
        if hit {
            sink.node(file, call.node);
        }
    }
}
