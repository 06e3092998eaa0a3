//! Secrets that stand in the source.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang;
use crate::rule::{Check, Rule, RuleInfo, Sink, new, shown};
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
            new(
                "k.pem",
                concat!(
                    "-----BEGIN RSA PRIVATE",
                    " KEY----- <<<\nMIIEowIBAAKCAQEAq7Xk2Jw0ZrT5uYb8Vn3LpQ9sDf6Gh1Ce\n"
                ),
            ),
            new(
                "k.py",
                concat!(
                    "KEY = '''-----BEGIN PRIVATE",
                    " KEY----- <<<\nMIIEowIBAAKCAQEAq7Xk2Jw0ZrT5uYb8Vn3LpQ9sDf6Gh1Ce\n'''\n"
                ),
            ),
            new(
                "deploy/.env",
                "AWS_SECRET_ACCESS_KEY=kq7Xk2Jw0ZrT5uYb8Vn/LpQ9sDf6Gh1Ce4Mt7Ra0 <<<\nDB_PASSWORD=hunter2x9 <<<\nexport SMTP_PASSWORD='q8Zr41kk!' <<<\n",
            ),
            new("a.yml", "url: postgres://app:s3cr3tpw@pg.internal:5432/shop <<<\n"),
            new(
                "deploy/prod.yaml",
                "db:\n  user: app\n  password: kX9vQ2mZ7pLw4RtY <<<\n  apiKey: \"q8Zr41kkPw02\" <<<\n",
            ),
            new("conf.json", "{\n  \"password\": \"kX9vQ2mZ7pLw4RtY\" <<<\n}\n"),
            new("conf.toml", "[db]\npassword = \"kX9vQ2mZ7pLw4RtY\" <<<\n"),
            new("a.py", "URL = 'postgres://app:s3cr3tpw@db.prod.internal/shop' <<<\n"),
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
            new(
                "mask.py",
                concat!(
                    "def mask(text):\n    return text.split('-----BEGIN RSA PRIVATE",
                    " KEY-----')[0]\n"
                ),
            ),
            new(
                "tests/mask.rs",
                concat!(
                    "fn t() {\n    let text = \"-----BEGIN PRIVATE",
                    " KEY-----\";\n    assert_eq!(mask(text), theMaskedFormOfThePrivateKeyThatWeWant());\n}\n"
                ),
            ),
            new(
                ".env",
                "DB_PASSWORD=\nDB_PASSWORD_FILE=/run/secrets/db1\nAPI_KEY=${API_KEY1}\nAPI_SECRET=changeme1\nPASSWORD_MIN_LENGTH=12\nDB_HOST=db1.internal\n",
            ),
            new(
                "deploy/prod.yaml",
                "password: ${DB_PASSWORD1}\napiKey: {{ .Values.key1 }}\nsecretName: app-secret-1\nclient_secret: !vault path1234\npasswordHash: kX9vQ2mZ7pLw4RtY\npassword: |\n  secret_key: prod-secret-12\npassword: changeme1\npassword:\n  min: 12\n",
            ),
            new("values.example.yaml", "password: kX9vQ2mZ7pLw4RtY\n"),
            new(
                "locales/de.json",
                "{ \"password\": \"Passwort\", \"passwordHint\": \"8 Zeichen\" }\n",
            ),
            new(".env.example", "DB_PASSWORD=hunter2x9\n"),
            new("README.md", "DB_PASSWORD=hunter2x9\n"),
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
                "AWS_SECRET_ACCESS_KEY = \"kq7Xk2Jw0ZrT5uYb8Vn/LpQ9sDf6Gh1Ce4Mt7Ra0\" <<<\n",
            ),
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
                "const API_KEY_HEADER: &str = \"x-api-key-2\";\nconst PASSWORD: &str = \"<password1>\";\npub const LN_userPassword: &[u8; 13] = b\"userPassword\\0\";\n",
            ),
            new("tests/a.py", "PASSWORD = \"hunter2!x\"\n"),
        ],
    },
];

fn token(file: &File<'_>, sink: &mut Sink<'_>) {
    // Lines of any length: a secret does not hide behind padding.
    for (number, line) in file.all_added_lines() {
        let found = secrets::find(line);
        let real = |f: &&secrets::Found| f.name != secrets::PRIVATE_KEY || has_key_material(file, number, line, f);
        if let Some(first) = found.iter().find(real) {
            sink.lines(file, number, number, |f| {
                f.title = format!("A secret is committed: {}", first.name)
            });
        } else if !file.is_test && !secrets::url_passwords(line).is_empty() {
            sink.lines(file, number, number, |f| {
                f.title = "A secret is committed: password in a URL".to_owned()
            });
        } else if holds_settings(file)
            && let Some((name, value)) =
                secrets::env_value(line).or_else(|| secrets::config_value(line).filter(|_| is_config(file)))
        {
            let is_aws = name.ends_with("SECRET_ACCESS_KEY") && value.len() == AWS_SECRET_BYTES;
            sink.lines(file, number, number, |f| {
                f.title = format!("A secret is committed: value of {}", shown(name));
                if !is_aws {
                    f.severity = Severity::High;
                }
            });
        }
    }
}

/// Length of a secret access key of AWS.
const AWS_SECRET_BYTES: usize = 40;
/// Lines behind a private key's header in which its material may begin: headers of encrypted keys stand between.
const KEY_HEADER_LINES: u32 = 4;

/// Whether a key follows its header: code that looks for keys names the header alone.
fn has_key_material(file: &File<'_>, number: u32, line: &str, found: &secrets::Found) -> bool {
    let rest = line.get(found.range.clone()).unwrap_or_default();
    let below = (number + 1..=number.saturating_add(KEY_HEADER_LINES)).map_while(|n| file.line(n));
    secrets::is_key_material(rest) || below.into_iter().any(secrets::is_key_material)
}

/// Whether lines `NAME=value` of a file are settings in use: not code, prose, tests or a template.
fn holds_settings(file: &File<'_>) -> bool {
    let name = lang::file_name(file.path);
    let template = [
        "example", "sample", "template", "dist", "tmpl", ".md", ".rst", ".txt", ".adoc",
    ];
    file.lang.is_none() && !file.is_test && !template.iter().any(|t| name.contains(t))
}

/// Whether a file is of a format in which programs keep their settings.
fn is_config(file: &File<'_>) -> bool {
    let name = lang::file_name(file.path);
    let lock = name.contains("lock") || name.contains("schema") || name.contains("openapi") || name.contains("swagger");
    !lock
        && [".yml", ".yaml", ".toml", ".json"]
            .iter()
            .any(|end| name.ends_with(end))
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
            && (secrets::looks_like_secret(text) || secrets::is_base64_key(text))
            && !code::in_test_code(node)
            && secrets::find(value.text()).is_empty()
        {
            sink.node(file, node);
        }
    }
}
