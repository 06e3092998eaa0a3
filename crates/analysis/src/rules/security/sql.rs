//! SQL text that is put together from values.

use bzzz_core::finding::Severity;

use crate::code::{self, Call};
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[Rule {
    info: RuleInfo {
        id: "security/sql-injection",
        role: "security",
        severity: Severity::Critical,
        languages: lang::ALL,
        title: "SQL is put together from values",
        why: "A value that is put into the text of a statement is read as SQL: whoever controls it can read, change or delete \
              any row that this connection may touch.",
        fix: "Keep the statement fixed and pass values as bound parameters; choose table and column names from a fixed list.",
        cwe: Some(89),
    },
    check: Check::Doc(check),
    bad: &[
        new(
            "a.py",
            "def f(cur, name):\n    cur.execute(f\"SELECT * FROM users WHERE name = '{name}'\") <<<\n",
        ),
        new(
            "a.py",
            "def f(cur, name):\n    q = \"SELECT id FROM users WHERE name = '%s'\" % name\n    cur.execute(q) <<<\n",
        ),
        new(
            "a.py",
            "def f(cur, name):\n    cur.execute(\"DELETE FROM users WHERE name = '\" + name + \"'\") <<<\n",
        ),
        new(
            "a.py",
            "def f(cur, name):\n    cur.execute( <<<\n        \"UPDATE users SET name = '{}'\".format(name))\n",
        ),
        new(
            "a.js",
            "async function f(db, id) {\n  return db.query(`SELECT * FROM t WHERE id = ${id}`); <<<\n}\n",
        ),
        new(
            "a.ts",
            "function f(db: Db, id: string) {\n  return db.query('SELECT * FROM t WHERE id = ' + id); <<<\n}\n",
        ),
        new(
            "a.tsx",
            "const f = (db: Db, id: string) => db.execute(`DELETE FROM t WHERE id = '${id}'`); <<<\n",
        ),
        new(
            "a.rs",
            "async fn f(pool: &Pool, name: &str) -> R {\n    sqlx::query(&format!(\"SELECT id FROM t WHERE name = '{name}'\")).fetch_one(pool).await <<<\n}\n",
        ),
        new(
            "a.rs",
            "fn f(c: &Connection, name: &str) -> R {\n    let sql = format!(\"DELETE FROM t WHERE name = '{}'\", name);\n    c.execute(&sql, []) <<<\n}\n",
        ),
        new(
            "a.py",
            "def f(cur, name):\n    cur.execute(\"SELECT id FROM t WHERE name = '{}'\".format(name.replace(\"'\", \"''\"))) <<<\n",
        ),
        new(
            "a.py",
            "def f(cur, name):\n    q = 'SELECT id FROM t'\n    q += f\" WHERE name = '{name}'\"\n    cur.execute(q) <<<\n",
        ),
        new(
            "a.py",
            "def f(cur, columns):\n    cur.execute('SELECT {} FROM t'.format(','.join(c.strip() for c in columns))) <<<\n",
        ),
        new(
            "a.py",
            "def f(cur, tables):\n    for table in tables:\n        cur.execute(f\"DELETE FROM {table}\") <<<\n",
        ),
        new(
            "a.py",
            "def f(cur, name):\n    for t in ('a', 'b'):\n        t = name\n        cur.execute(f\"DELETE FROM {t}\") <<<\n",
        ),
    ],
    good: &[
        new(
            "a.py",
            "def f(cur, name):\n    cur.execute(\"SELECT * FROM users WHERE name = %s\", (name,))\n",
        ),
        new(
            "a.py",
            "TABLE = 'users'\ndef f(cur, ids):\n    marks = ','.join('?' * len(ids))\n    cur.execute(f\"SELECT * FROM {TABLE} WHERE id IN ({marks})\", ids)\n",
        ),
        new(
            "a.py",
            "def f(cur):\n    for table in ('a', 'b'):\n        cur.execute(f\"DELETE FROM {table}\")\n",
        ),
        new(
            "a.py",
            "def f(cur, name, columns):\n    quoted = name.replace('\"', '\"\"')\n    listed = ','.join('\"{}\"'.format(c.replace('\"', '\"\"')) for c in columns)\n    q = 'SELECT {} FROM \"{}\"'.format(listed, quoted)\n    cur.execute(q)\n",
        ),
        new(
            "a.ts",
            "function f(db: Db) {\n  for (const t of ['a', 'b']) db.exec(`DELETE FROM ${t}`);\n}\n",
        ),
        new(
            "a.rs",
            "fn f(c: &Connection) -> R {\n    for table in [\"a\", \"b\"] {\n        c.execute(&format!(\"DELETE FROM {table}\"), [])?;\n    }\n}\n",
        ),
        new(
            "a.py",
            "def f(cur, ids):\n    q = 'SELECT id FROM t'\n    if ids:\n        q += ' WHERE id IN (' + ','.join('?' * len(ids)) + ')'\n    q += ' ORDER BY id'\n    cur.execute(q, ids)\n",
        ),
        new(
            "a.py",
            "def f(cur, table, n):\n    cur.execute(f\"DELETE FROM {connection.ops.quote_name(table)}\")\n    cur.execute(f\"SELECT * FROM t LIMIT {int(n)}\")\n",
        ),
        new(
            "a.py",
            "def f(log, name):\n    log.execute(f\"Select {name} in the list\")\n",
        ),
        new(
            "a.js",
            "const f = (db, id) => db.query('SELECT * FROM t WHERE id = $1', [id]);\nconst g = (sql, id) => sql`SELECT * FROM t WHERE id = ${id}`;\n",
        ),
        new(
            "a.ts",
            "const COLS = 'a, b';\nconst f = (db: Db) => db.query(`SELECT ${COLS} FROM t`);\n",
        ),
        new(
            "a.rs",
            "const TABLE: &str = \"t\";\nasync fn f(pool: &Pool, name: &str) -> R {\n    sqlx::query(&format!(\"SELECT id FROM {TABLE} WHERE name = $1\")).bind(name).fetch_one(pool).await\n}\n",
        ),
    ],
}];

const PYTHON_SINKS: &[&str] = &[
    "execute",
    "executemany",
    "executescript",
    "raw",
    "read_sql",
    "read_sql_query",
    "text",
    "fetch",
    "fetchrow",
    "fetchval",
];
const JS_SINKS: &[&str] = &[
    "query",
    "execute",
    "raw",
    "$queryRawUnsafe",
    "$executeRawUnsafe",
    "run",
    "all",
    "get",
    "exec",
    "prepare",
    "any",
    "one",
    "none",
];
const RUST_SINKS: &[&str] = &[
    "query",
    "query_as",
    "query_scalar",
    "query_row",
    "query_one",
    "query_opt",
    "query_map",
    "execute",
    "execute_batch",
    "batch_execute",
    "prepare",
    "sql_query",
    "raw_sql",
    "simple_query",
];

/// Whether a call hands SQL to a database, by its name.
pub(crate) fn is_sql_sink(lang: Lang, call: &Call<'_>) -> bool {
    call.name_is(match lang {
        Lang::Python => PYTHON_SINKS,
        Lang::Rust => RUST_SINKS,
        _ => JS_SINKS,
    })
}

/// Whether a text is an SQL statement: a verb and the word that must follow it somewhere.
pub(crate) fn is_sql(text: &str) -> bool {
    let head: String = text
        .trim_start()
        .chars()
        .take(400)
        .collect::<String>()
        .to_ascii_uppercase();
    let has = |word: &str| head.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == word);
    let verb = head
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    match verb {
        "SELECT" | "DELETE" => has("FROM"),
        "INSERT" | "REPLACE" | "MERGE" => has("INTO"),
        "UPDATE" => has("SET"),
        "DROP" | "ALTER" | "TRUNCATE" | "CREATE" => {
            has("TABLE") || has("DATABASE") || has("INDEX") || has("USER") || has("VIEW")
        }
        "WITH" => has("AS") && has("SELECT"),
        _ => false,
    }
}

fn check(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc) {
        let Some(statement) = call.args.first().copied() else {
            continue;
        };
        if !is_sql_sink(doc.lang, &call) || code::in_test_code(call.node) {
            continue;
        }
        let value = code::follow(statement);
        let built = code::built_string(value);
        let text = match &built {
            Some(built) => &built.fixed,
            None => code::string_value(value).unwrap_or_default(),
        };
        if !is_sql(text) {
            continue;
        }
        let dangerous = built.is_some_and(|b| holds_values(&b, call.node)) || {
            let name = code::peel(statement);
            name.kind() == "identifier"
                && code::additions(name)
                    .into_iter()
                    .any(|a| code::built_string(a).is_some_and(|b| holds_values(&b, a)))
        };
        if !dangerous {
            continue;
        }
        if file.adds(
            call.node.line(),
            call.node.end_line().min(call.node.line().saturating_add(7)),
        ) {
            sink.node(file, call.node);
        } else {
            sink.node(file, value);
        }
    }
}

/// Whether something that may be foreign is put into a string; `user` is where it is used.
fn holds_values(built: &code::Built<'_>, user: Node<'_>) -> bool {
    let name_is_fixed = |name: &String| {
        code::is_constant_name(name)
            || code::is_fixed_name(user, name)
            || code::resolve_name(user, name).is_some_and(|v| is_fixed(v, 1))
    };
    built.pieces.iter().any(|p| !is_fixed(*p, 0)) || !built.captured.iter().all(name_is_fixed)
}

/// Whether a value cannot carry foreign text: a literal, a constant, a number, or placeholders.
fn is_fixed(node: Node<'_>, depth: u32) -> bool {
    let node = code::peel(node);
    if depth > 4 {
        return false;
    }
    if code::is_literal(node) {
        return true;
    }
    match node.kind() {
        "identifier" => {
            code::is_constant_name(node.text())
                || code::is_fixed(node)
                || loops_over_constant(node)
                || code::resolve(node).is_some_and(|v| is_fixed(v, depth + 1))
        }
        "attribute" | "member_expression" | "scoped_identifier" | "field_expression" => {
            let last = node
                .field("attribute")
                .or(node.field("property"))
                .or(node.field("name"))
                .or(node.field("field"));
            last.is_some_and(|l| code::is_constant_name(l.text()) || l.text() == "length")
        }
        "call" | "call_expression" => code::call(node).is_some_and(|c| {
            const SAFE: &[&str] = &[
                "int",
                "float",
                "len",
                "Number",
                "parseInt",
                "parseFloat",
                "escapeId",
                "quote_ident",
                "quote_identifier",
                "Identifier",
                "quoteIdentifier",
            ];
            let placeholders = |n: Node<'_>| ["?", "%s", "$"].iter().any(|mark| n.short_text(300).contains(mark));
            c.name_is(SAFE)
                || (c.name == "join" && c.receiver.into_iter().chain(c.args.iter().copied()).any(placeholders))
                || (c.name == "join" && c.args.iter().any(|a| is_fixed(code::follow(*a), depth + 1)))
                || quotes_identifier(&c)
                || (code::has_word(c.name, &["quote"]) && code::has_word(c.name, &["name", "ident", "identifier"]))
                || (c.name == "format" && is_made_of_fixed(node, depth))
                || (c.name == "repeat" && c.receiver.is_some_and(placeholders))
        }),
        "conditional_expression" => node
            .children()
            .filter(|c| !c.is(&["comparison_operator", "boolean_operator", "not_operator", "identifier"]))
            .all(|c| is_fixed(c, depth + 1)),
        "ternary_expression" => ["consequence", "alternative"]
            .iter()
            .filter_map(|f| node.field(f))
            .all(|c| is_fixed(c, depth + 1)),
        _ => is_made_of_fixed(node, depth),
    }
}

/// `name.replace('"', '""')`: the quote of identifiers is doubled. Doubled quotes of values are no protection: some
/// databases take a backslash before them.
fn quotes_identifier(call: &Call<'_>) -> bool {
    let text = |at: usize| {
        call.args
            .get(at)
            .and_then(|a| code::string_value(*a))
            .unwrap_or_default()
    };
    matches!(call.name, "replace" | "replaceAll") && matches!((text(0), text(1)), ("\"", "\"\"") | ("`", "``"))
}

/// Whether a string is built of what is fixed.
fn is_made_of_fixed(node: Node<'_>, depth: u32) -> bool {
    code::built_string(node).is_some_and(|b| b.captured.is_empty() && b.pieces.iter().all(|p| is_fixed(*p, depth + 1)))
}

/// Whether a name is the variable of a loop over what is named as a constant.
fn loops_over_constant(name: Node<'_>) -> bool {
    code::goes_over(name).is_some_and(|over| code::is_constant_name(code::follow(over).short_text(100)))
}
