//! Secrets that stand in the source.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang;
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::secrets;
use crate::tree::Doc;

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "security/committed-secret",
            role: "security",
            severity: Severity::Critical,
            languages: lang::ANY_TEXT,
            title: "A secret is committed",
            why: "Everybody who can read the repository, now or later, can use it; history keeps it after it is deleted.",
            fix: "Revoke it now, issue a new one, and read it from the environment or a secret store.",
            cwe: Some(798),
        },
        check: Check::File(token),
        bad: &[
            new("a.env", concat!("AWS_ACCESS_KEY_ID=AKIA", "Q3EGRIXKT5ZPLM7W <<<\n")),
            new(
                "a.py",
                concat!("token = 'ghp", "_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8' <<<\n"),
            ),
            new("k.pem", concat!("-----BEGIN RSA PRIVATE", " KEY----- <<<\nMIIEow\n")),
            new("a.yml", "url: postgres://app:s3cr3tpw@pg.internal:5432/shop <<<\n"),
        ],
        good: &[
            new(
                "a.env",
                "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nGITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
            ),
            new(
                "a.yml",
                "url: postgres://app:${DB_PASSWORD}@pg.internal/shop\nlocal: postgres://app:postgres1@localhost/shop\n",
            ),
            new("pub.pem", "-----BEGIN PUBLIC KEY-----\nMIIBIj\n"),
            new("a.md", "The task-aaaabbbbccccddddeeeeffffgggghhhhiiiijjjj folder\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/hard-coded-password",
            role: "security",
            severity: Severity::High,
            languages: lang::ALL,
            title: "A password or key is written into the code",
            why: "It is the same on every installation, is known to all who read the code, and cannot be changed without a release.",
            fix: "Read it from the environment or a secret store, and change the one that was committed.",
            cwe: Some(798),
        },
        check: Check::Doc(password),
        bad: &[
            new("a.py", "DB_PASSWORD = \"hunter2!x\" <<<\n"),
            new(
                "a.py",
                "def f():\n    return connect(host=\"db\", password=\"hunter2!x\") <<<\n",
            ),
            new("a.ts", "export const config = {\n  apiKey: 'q8Zr41kkPw02', <<<\n};\n"),
            new("a.js", "const clientSecret = 'q8Zr41kkPw02'; <<<\n"),
            new("a.rs", "const SIGNING_KEY: &str = \"q8Zr41kkPw02\"; <<<\n"),
        ],
        good: &[
            new(
                "a.py",
                "import os\nDB_PASSWORD = os.environ[\"DB_PASSWORD\"]\nPASSWORD_FIELD = \"password1\"\npassword = \"\"\nsecret_name = \"prod/db1\"\nSCHEMAS = {\"AWS::SecretsManager::Secret\": \"secret1.json\"}\n",
            ),
            new(
                "a.ts",
                "const labels = { password: 'Enter your password1 here', passwordHint: 'q8Zr41kkPw02' };\nconst apiKey = process.env.API_KEY1 ?? '';\n",
            ),
            new(
                "a.rs",
                "const API_KEY_HEADER: &str = \"x-api-key-2\";\nconst PASSWORD: &str = \"<password1>\";\n",
            ),
            new("tests/a.py", "PASSWORD = \"hunter2!x\"\n"),
        ],
    },
];

fn token(file: &File<'_>, sink: &mut Sink<'_>) {
    for (number, line) in file.added_lines() {
        let found = secrets::find(line);
        if let Some(first) = found.first() {
            sink.lines(file, number, number, |f| {
                f.title = format!("A secret is committed: {}", first.name)
            });
        } else if !file.is_test && !secrets::url_passwords(line).is_empty() {
            sink.lines(file, number, number, |f| {
                f.title = "A secret is committed: password in a URL".to_owned()
            });
        }
    }
}

fn password(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    const HOLDERS: &[&str] = &[
        "assignment",
        "assignment_expression",
        "variable_declarator",
        "pair",
        "keyword_argument",
        "const_item",
        "static_item",
        "let_declaration",
        "field_initializer",
        "default_parameter",
        "typed_default_parameter",
        "public_field_definition",
    ];
    for node in doc.all(HOLDERS) {
        let name = ["left", "name", "key", "pattern", "field"]
            .iter()
            .find_map(|f| node.field(f));
        let value = node.field("right").or(node.field("value"));
        let (Some(name), Some(value)) = (name, value) else {
            continue;
        };
        let Some(text) = code::string_value(code::peel(value)) else {
            continue;
        };
        let name = name.short_text(100).rsplit('.').next().unwrap_or_default();
        if secrets::is_secret_name(name)
            && secrets::looks_like_secret(text)
            && !code::in_test_code(node)
            && secrets::find(value.text()).is_empty()
        {
            sink.node(file, node);
        }
    }
}
