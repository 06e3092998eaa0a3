//! Calls to databases and other services.

use bzzz_core::finding::Severity;

use crate::code::{self, Call};
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::rules::security::{is_sql, is_sql_sink};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "performance/query-in-loop",
            role: "performance",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "One query for each element of a loop",
            why: "Every round waits for the database: a hundred elements cost a hundred round trips where one would do.",
            fix: "Ask once for all (`WHERE id = ANY($1)`, `IN`, a join, a batch) before the loop.",
            cwe: Some(1073),
        },
        check: Check::Doc(query_in_loop),
        bad: &[
            new(
                "a.py",
                "def f(cur, ids):\n    for id in ids:\n        cur.execute(\"SELECT name FROM users WHERE id = %s\", (id,)) <<<\n        yield cur.fetchone()\n",
            ),
            new(
                "a.py",
                "def f(orders):\n    for order in orders:\n        user = User.objects.get(id=order.user_id) <<<\n        show(user)\n",
            ),
            new(
                "a.ts",
                "async function f(db: Db, ids: string[]) {\n  for (const id of ids) {\n    const row = await db.query('SELECT name FROM users WHERE id = $1', [id]); <<<\n    show(row);\n  }\n}\n",
            ),
            new(
                "a.rs",
                "async fn f(pool: &Pool, ids: &[i64]) -> R {\n    for id in ids {\n        let row = sqlx::query(\"SELECT name FROM users WHERE id = $1\").bind(id).fetch_one(pool).await?; <<<\n        show(row);\n    }\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def f(cur, ids):\n    cur.execute(\"SELECT name FROM users WHERE id = ANY(%s)\", (ids,))\n    for row in cur.execute(\"SELECT id FROM t\"):\n        show(row)\n    for attempt in range(3):\n        cur.execute(\"SELECT 1 FROM t\")\n",
            ),
            new(
                "a.ts",
                "async function f(db: Db, ids: string[]) {\n  const rows = await db.query('SELECT name FROM users WHERE id = ANY($1)', [ids]);\n  for (const row of rows) show(cache.get(row.id));\n}\n",
            ),
            new(
                "a.rs",
                "fn f(ids: &[u8], map: &Map) {\n    for id in ids {\n        map.get(id);\n    }\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "performance/request-in-loop",
            role: "performance",
            severity: Severity::Medium,
            languages: lang::PYTHON_JS,
            title: "One network request after the other in a loop",
            why: "Each round waits for the whole round trip of the one before: the time grows with the number of elements.",
            fix: "Use a batch call of the service, or send them together with a bounded number in flight.",
            cwe: None,
        },
        check: Check::Doc(request_in_loop),
        bad: &[
            new(
                "a.py",
                "import requests\ndef f(urls):\n    for url in urls:\n        yield requests.get(url, timeout=5) <<<\n",
            ),
            new(
                "a.js",
                "async function f(urls) {\n  for (const url of urls) {\n    const answer = await fetch(url); <<<\n    use(answer);\n  }\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "import requests\ndef f(url):\n    for attempt in range(3):\n        answer = requests.get(url, timeout=5)\n        if answer.ok:\n            return answer\n    for row in requests.get(url, timeout=5).json():\n        use(row)\n    while True:\n        requests.get(url, timeout=60)\n",
            ),
            new(
                "a.js",
                "async function f(urls) {\n  return Promise.all(urls.map((url) => fetch(url)));\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "performance/missing-timeout",
            role: "performance",
            severity: Severity::Medium,
            languages: lang::PYTHON,
            title: "A request may wait for ever",
            why: "Without a timeout one silent server holds this worker for good; enough of them and the service stands still.",
            fix: "Pass `timeout=` (seconds) and handle the exception.",
            cwe: Some(400),
        },
        check: Check::Doc(timeout),
        bad: &[
            new(
                "a.py",
                "import requests\ndef f(url, body):\n    return requests.post(url, json=body) <<<\n",
            ),
            new(
                "a.py",
                "from urllib import request\ndef f(url):\n    return urllib.request.urlopen(url).read() <<<\n",
            ),
        ],
        good: &[new(
            "a.py",
            "import requests\ndef f(url, opts, cache):\n    requests.get(url, timeout=5)\n    requests.get(url, **opts)\n    cache.get(url)\n    urllib.request.urlopen(url, None, 5)\n",
        )],
    },
    Rule {
        info: RuleInfo {
            id: "performance/select-star",
            role: "performance",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "A query takes all columns",
            why: "Columns that nobody reads are fetched and sent too, an index alone can never answer it, and a new column changes the result.",
            fix: "Name the columns that are used.",
            cwe: None,
        },
        check: Check::Doc(select_star),
        bad: &[
            new("a.py", "def f(cur):\n    cur.execute(\"SELECT * FROM orders\") <<<\n"),
            new("a.js", "const f = (db) => db.query('select * from orders'); <<<\n"),
            new(
                "a.rs",
                "fn f(c: &Connection) -> R {\n    c.prepare(\"SELECT * FROM orders\") <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def f(cur):\n    cur.execute(\"SELECT id, total FROM orders\")\n    cur.execute(\"SELECT count(*) FROM orders\")\n    cur.execute(\"SELECT EXISTS (SELECT * FROM orders)\")\n",
            ),
            new(
                "a.rs",
                "fn f(c: &Connection) -> R {\n    c.prepare(\"SELECT count(*) FROM orders\")\n}\n",
            ),
        ],
    },
];

/// A loop over data, not over attempts.
fn data_loop(node: Node<'_>) -> Option<Node<'_>> {
    let l = code::enclosing_loop(node)?;
    if !l.is(&["for_statement", "for_in_statement", "for_expression"]) {
        return None;
    }
    let variable = l
        .field("left")
        .or(l.field("pattern"))
        .or(l.field("initializer"))
        .map(|v| v.short_text(100))
        .unwrap_or_default();
    let over = l
        .field("right")
        .or(l.field("value"))
        .map(|v| v.short_text(200))
        .unwrap_or_default();
    let tries = |t: &str| {
        code::has_word(
            t,
            &[
                "attempt", "attempts", "retry", "retries", "try", "tries", "backoff", "delay", "poll",
            ],
        )
    };
    let literal = l
        .field("right")
        .or(l.field("value"))
        .is_some_and(|v| code::is_literal(code::follow(v)));
    let fixed_range = over
        .strip_prefix("range(")
        .is_some_and(|r| r.trim_end_matches(')').chars().all(|c| c.is_ascii_digit()));
    let chunks = code::has_word(
        over,
        &["chunk", "chunks", "batch", "batches", "batched", "chunked", "pages"],
    );
    (!tries(variable) && !tries(over) && !literal && !fixed_range && !chunks && variable != "_").then_some(l)
}

fn query_in_loop(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc) {
        if is_query(doc.lang, &call) && data_loop(call.node).is_some() && !code::in_test_code(call.node) {
            sink.node(file, call.node);
        }
    }
}

/// Whether a call surely asks a database: an SQL text goes in, or the object says so.
fn is_query(lang: Lang, call: &Call<'_>) -> bool {
    let sql = || {
        let first = call.args.first().map(|a| code::follow(*a));
        first.is_some_and(|a| {
            let text = code::string_value(a)
                .map(str::to_owned)
                .or_else(|| code::built_string(a).map(|b| b.fixed));
            text.is_some_and(|t| {
                is_sql(&t)
                    && t.trim_start()
                        .get(..6)
                        .is_some_and(|v| v.eq_ignore_ascii_case("select"))
            })
        })
    };
    let orm = match lang {
        Lang::Python => {
            call.path.ends_with(".objects.get")
                || call.path.ends_with(".objects.filter")
                || call.path.ends_with("session.query")
        }
        Lang::Rust => false,
        _ => call.name_is(&["findOne", "findUnique", "findFirst", "findByPk", "findById"]),
    };
    orm || (is_sql_sink(lang, call) && sql())
}

fn is_request(lang: Lang, call: &Call<'_>) -> bool {
    const VERBS: &[&str] = &["get", "post", "put", "patch", "delete", "head", "request"];
    match lang {
        Lang::Python => {
            matches!(call.path.rsplit_once('.'), Some(("requests" | "httpx", _))) && call.name_is(VERBS)
                || call.path.ends_with("request.urlopen")
        }
        _ => {
            call.path_is(&["fetch", "window.fetch", "axios"])
                || (call.path.starts_with("axios.") && call.name_is(VERBS))
        }
    }
}

fn request_in_loop(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test || file.is_script {
        return;
    }
    for call in code::calls(doc).filter(|c| is_request(doc.lang, c)) {
        // Without `await` JavaScript only starts it.
        let waits = doc.lang == Lang::Python || call.node.ancestors().take(4).any(|a| a.kind() == "await_expression");
        if waits && data_loop(call.node).is_some() {
            sink.node(file, call.node);
        }
    }
}

fn timeout(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc) {
        let requests = matches!(
            call.path.rsplit_once('.'),
            Some((
                "requests",
                "get" | "post" | "put" | "patch" | "delete" | "head" | "request"
            ))
        );
        let urlopen = call.path_is(&["urllib.request.urlopen", "urlopen", "request.urlopen"]) && call.args.len() < 3;
        let splat = call.args.iter().any(|a| a.kind() == "dictionary_splat");
        if (requests || urlopen) && call.keyword("timeout").is_none() && !splat {
            sink.node(file, call.node);
        }
    }
}

fn select_star(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc).filter(|c| is_sql_sink(doc.lang, c)) {
        let Some(statement) = call.args.first().map(|a| code::follow(*a)) else {
            continue;
        };
        let text = code::string_value(statement)
            .map(str::to_owned)
            .or_else(|| code::built_string(statement).map(|b| b.fixed));
        let head: Vec<String> = text
            .unwrap_or_default()
            .split_whitespace()
            .take(3)
            .map(str::to_ascii_lowercase)
            .collect();
        if head == ["select", "*", "from"] && !code::in_test_code(call.node) {
            sink.node(file, call.node);
        }
    }
}
