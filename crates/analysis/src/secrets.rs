//! Known forms of secrets, and masking.
//!
//! Every quote passes [`mask`] before it becomes part of a finding, whatever the rule, so that a report, a log or a
//! peer never receives a secret that stood beside the fault.

use std::ops::Range;

use bzzz_core::finding::MASK;

/// A form of token: its prefix, how many characters must follow, which ones, and what it is called.
struct Form {
    prefix: &'static str,
    /// Shortest and longest number of characters behind the prefix.
    len: (usize, usize),
    allowed: fn(u8) -> bool,
    name: &'static str,
}

fn alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

fn upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

const FORMS: &[Form] = &[
    Form {
        prefix: "ghp_",
        len: (36, 60),
        allowed: alnum,
        name: "GitHub personal access token",
    },
    Form {
        prefix: "gho_",
        len: (36, 60),
        allowed: alnum,
        name: "GitHub OAuth token",
    },
    Form {
        prefix: "ghu_",
        len: (36, 60),
        allowed: alnum,
        name: "GitHub user token",
    },
    Form {
        prefix: "ghs_",
        len: (36, 60),
        allowed: alnum,
        name: "GitHub server token",
    },
    Form {
        prefix: "ghr_",
        len: (36, 80),
        allowed: alnum,
        name: "GitHub refresh token",
    },
    Form {
        prefix: "github_pat_",
        len: (50, 100),
        allowed: token,
        name: "GitHub fine-grained token",
    },
    Form {
        prefix: "glpat-",
        len: (20, 64),
        allowed: token,
        name: "GitLab personal access token",
    },
    Form {
        prefix: "AKIA",
        len: (16, 16),
        allowed: upper,
        name: "AWS access key id",
    },
    Form {
        prefix: "ASIA",
        len: (16, 16),
        allowed: upper,
        name: "AWS temporary access key id",
    },
    Form {
        prefix: "sk-ant-",
        len: (40, 200),
        allowed: token,
        name: "Anthropic API key",
    },
    Form {
        prefix: "sk-proj-",
        len: (40, 200),
        allowed: token,
        name: "OpenAI API key",
    },
    Form {
        prefix: "sk-",
        len: (40, 60),
        allowed: alnum,
        name: "OpenAI-style API key",
    },
    Form {
        prefix: "sk_live_",
        len: (20, 120),
        allowed: alnum,
        name: "Stripe live secret key",
    },
    Form {
        prefix: "rk_live_",
        len: (20, 120),
        allowed: alnum,
        name: "Stripe live restricted key",
    },
    Form {
        prefix: "xoxb-",
        len: (20, 120),
        allowed: token,
        name: "Slack bot token",
    },
    Form {
        prefix: "xoxp-",
        len: (20, 120),
        allowed: token,
        name: "Slack user token",
    },
    Form {
        prefix: "AIza",
        len: (35, 35),
        allowed: token,
        name: "Google API key",
    },
    Form {
        prefix: "npm_",
        len: (36, 36),
        allowed: alnum,
        name: "npm access token",
    },
    Form {
        prefix: "pypi-AgEI",
        len: (50, 300),
        allowed: token,
        name: "PyPI upload token",
    },
    Form {
        prefix: "SG.",
        len: (60, 80),
        allowed: |b| token(b) || b == b'.',
        name: "SendGrid API key",
    },
];

/// What a private key is called; it counts where [`is_key_material`] follows.
pub(crate) const PRIVATE_KEY: &str = "private key";
/// Shortest run of base64 that is taken for a key, characters: a line of a key file has 64 (RFC 7468).
const KEY_RUN: usize = 32;

/// Whether a text holds a run of base64 that may be a key: long, and with all kinds of characters.
pub(crate) fn is_key_material(text: &str) -> bool {
    let foreign = |c: char| !(c.is_ascii_alphanumeric() || c == '+' || c == '/' || c == '=');
    text.split(foreign).any(|run| {
        let has = |kind: fn(&u8) -> bool| run.bytes().any(|b| kind(&b));
        run.len() >= KEY_RUN
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_digit)
            && is_varied(run.as_bytes())
            && !is_sample(run)
    })
}

/// A secret in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub name: &'static str,
    /// The bytes to mask: all behind the prefix, which tells the reader which secret it is.
    pub range: Range<usize>,
}

/// Secrets of a known form in one line. Documented sample values and runs without variety are left out.
pub(crate) fn find(line: &str) -> Vec<Found> {
    let bytes = line.as_bytes();
    let mut found: Vec<Found> = Vec::new();
    for form in FORMS {
        for (at, _) in line.match_indices(form.prefix) {
            if at > 0 && token(bytes[at - 1]) {
                continue;
            }
            let start = at + form.prefix.len();
            let len = bytes[start..]
                .iter()
                .take(form.len.1 + 1)
                .take_while(|b| (form.allowed)(**b))
                .count();
            let range = start..start + len;
            let fits = len >= form.len.0 && len <= form.len.1;
            if fits
                && is_varied(&bytes[range.clone()])
                && !is_sample(&line[range.clone()])
                && !found.iter().any(|f| overlap(&f.range, &range))
            {
                found.push(Found { name: form.name, range });
            }
        }
    }
    if let Some(begin) = line.find("-----BEGIN ") {
        let rest = &line[begin + 11..];
        if let Some(end) = rest.find("PRIVATE KEY").filter(|end| *end <= 20) {
            let start = begin + 11 + end + "PRIVATE KEY".len();
            let start = start + line[start..].bytes().take_while(|b| *b == b'-').count();
            let sample = is_sample(&line[start..]) || line[start..].contains("...");
            if !sample {
                found.push(Found {
                    name: PRIVATE_KEY,
                    range: start..line.len(),
                });
            }
        }
    }
    found.sort_by_key(|f| f.range.start);
    found
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

fn is_varied(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    bytes.iter().for_each(|b| seen[usize::from(*b)] = true);
    seen.iter().filter(|s| **s).count() >= 8
}

fn is_sample(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    ["EXAMPLE", "XXXX", "YOUR", "PLACEHOLDER", "REDACTED", "1234567890ABCDEF"]
        .iter()
        .any(|s| upper.contains(s))
}

/// Words in a name that promise a secret value.
const SECRET_NAMES: &[&str] = &["password", "passwd", "pwd", "secret", "passphrase", "apikey"];
/// Pairs of words that do.
const SECRET_PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("access", "key"),
    ("secret", "key"),
    ("private", "key"),
    ("auth", "token"),
    ("access", "token"),
    ("api", "token"),
    ("client", "secret"),
    ("signing", "key"),
    ("encryption", "key"),
];
/// Last words that say that the value only speaks about a secret.
const ABOUT: &[&str] = &[
    "field",
    "name",
    "url",
    "uri",
    "path",
    "file",
    "header",
    "env",
    "type",
    "label",
    "hint",
    "regex",
    "pattern",
    "policy",
    "param",
    "prompt",
    "message",
    "msg",
    "error",
    "id",
    "placeholder",
    "title",
    "text",
    "key_name",
    "prefix",
    "route",
    "hash",
    "length",
    "column",
    "var",
    "help",
    "description",
    "input",
    "selector",
];

/// Whether a name is one under which a secret is kept.
pub(crate) fn is_secret_name(name: &str) -> bool {
    // `AWS::SecretsManager::Secret` and the like name types, not places for a value.
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'');
    if !name.chars().all(plain) {
        return false;
    }
    let words = crate::code::words(name);
    let Some(last) = words.last() else {
        return false;
    };
    if ABOUT.contains(&last.as_str()) {
        return false;
    }
    words.iter().any(|w| SECRET_NAMES.contains(&w.as_str()))
        || words
            .windows(2)
            .any(|p| SECRET_PAIRS.contains(&(p[0].as_str(), p[1].as_str())))
}

/// Whether a literal looks like a real secret and not like a label, a path, a placeholder or a reference.
pub(crate) fn looks_like_secret(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let placeholder = [
        "example",
        "changeme",
        "change-me",
        "placeholder",
        "your",
        "dummy",
        "redacted",
        "xxxx",
        "test",
        "todo",
        "sample",
        "secret_name",
        "****",
        "none",
        "null",
    ]
    .iter()
    .any(|p| lower.contains(p));
    if placeholder || value.len() < 6 || value.len() > 512 || value.contains(char::is_whitespace) {
        return false;
    }
    if value.contains(['{', '}', '<', '>', '/', '('])
        || value.starts_with(['$', '%', '@', '.', '#'])
        || value.contains("://")
    {
        return false;
    }
    // The digits of escapes are none of the value: `\0` ends the strings of C.
    let mut escaped = false;
    let digit = value.bytes().any(|b| {
        let counts = b.is_ascii_digit() && !escaped;
        escaped = b == b'\\' && !escaped;
        counts
    });
    let odd = value.bytes().any(|b| b"!@#$%^&*+=?~".contains(&b));
    let letter = value.bytes().any(|b| b.is_ascii_alphabetic());
    letter && (digit || odd)
}

/// Whether a literal is a key in base64, which may have the slashes of a path.
pub(crate) fn is_base64_key(value: &str) -> bool {
    value.len() >= KEY_RUN
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
        && is_key_material(value)
        && !value.starts_with('/')
}

/// The text with every secret masked: known forms, and quoted values behind a name that promises one.
pub(crate) fn mask(line: &str) -> String {
    let mut ranges: Vec<Range<usize>> = find(line).into_iter().map(|f| f.range).collect();
    ranges.extend(named_values(line));
    ranges.extend(url_passwords(line));
    ranges.extend(env_value(line).and_then(|(_, value)| line.rfind(value).map(|at| at..at + value.len())));
    ranges.extend(config_value(line).and_then(|(_, value)| line.rfind(value).map(|at| at..at + value.len())));
    ranges.sort_by_key(|r| r.start);
    let mut out = String::new();
    let mut at = 0;
    for range in ranges {
        if range.start < at {
            continue;
        }
        out.push_str(&line[at..range.start]);
        out.push_str(MASK);
        at = range.end;
    }
    out.push_str(&line[at..]);
    out
}

/// Quoted values behind `name =`, `name:` or `"name":` with a secret's name.
fn named_values(line: &str) -> Vec<Range<usize>> {
    let is_value = |value: &str| looks_like_secret(value) || is_base64_key(value);
    let bytes = line.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(step) = bytes[at..].iter().position(|b| matches!(b, b'"' | b'\'' | b'`')) {
        let open = at + step;
        let quote = bytes[open];
        let Some(len) = bytes[open + 1..].iter().position(|b| *b == quote) else {
            break;
        };
        let close = open + 1 + len;
        let before = line[..open].trim_end();
        // At most a name, a type and the sign itself are looked at, so that a long line stays linear.
        let cut = (0..=before.len().saturating_sub(80))
            .rev()
            .find(|i| before.is_char_boundary(*i))
            .unwrap_or(0);
        let head = before[cut..].trim_end_matches(['=', ':', ' ', '"', '\'', '>', '(']);
        let assigned = before.len() - cut > head.len();
        let name = head
            .rsplit(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)))
            .next()
            .unwrap_or_default();
        // `const NAME: &str = "…"`: the name stands before the type.
        let typed = head.rsplit_once(':').map(|(n, _)| {
            n.rsplit(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
                .unwrap_or_default()
        });
        let secret_name = is_secret_name(name) || typed.is_some_and(is_secret_name);
        if assigned && secret_name && is_value(&line[open + 1..close]) {
            out.push(open + 1..close);
        }
        at = close + 1;
    }
    out
}

/// Longest line of settings that is looked at, bytes.
const MAX_ENV_LINE: usize = 1_000;

/// Name and value of a line `NAME=value`, as files of environment variables have it, where the value is a secret.
pub(crate) fn env_value(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.len() > MAX_ENV_LINE {
        return None;
    }
    let line = ["export ", "ENV ", "ARG "]
        .iter()
        .find_map(|p| line.strip_prefix(p))
        .unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || !name.bytes().all(upper) || !is_secret_name(name) {
        return None;
    }
    let value = value.split(" #").next().unwrap_or_default().trim();
    let value = value.trim_matches(['"', '\'']);
    (is_base64_key(value) || looks_like_secret(value)).then_some((name, value))
}

/// Name and value of a line `name: value` or `name = value`, as YAML, TOML and JSON have it, where the value is a secret.
pub(crate) fn config_value(line: &str) -> Option<(&str, &str)> {
    if line.len() > MAX_ENV_LINE {
        return None;
    }
    let line = line.trim().trim_start_matches("- ");
    let (name, value) = line.split_once([':', '='])?;
    let name = name.trim().trim_matches(['"', '\'']);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let last = name.rsplit('.').next().unwrap_or_default();
    if !name.chars().all(plain) || !is_secret_name(last) {
        return None;
    }
    let value = value
        .split(" #")
        .next()
        .unwrap_or_default()
        .trim()
        .trim_end_matches(',');
    let value = value.trim_matches(['"', '\'']);
    // References to a place of secrets, and YAML's own signs, are no values.
    let refers = value.starts_with(['!', '&', '*', '[', '|']) || value.contains("secret") || value.contains("${");
    let strong = value.len() >= 8 && value.bytes().any(|b| b.is_ascii_digit());
    (!refers && (is_base64_key(value) || (strong && looks_like_secret(value)))).then_some((last, value))
}

/// Passwords in `scheme://user:password@host`.
pub(crate) fn url_passwords(line: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    for (at, _) in line.match_indices("://") {
        let rest = &line[at + 3..];
        let end = rest
            .find(|c: char| c.is_whitespace() || "/\"'`<>?#".contains(c))
            .unwrap_or(rest.len());
        let Some((login, host)) = rest[..end].rsplit_once('@') else {
            continue;
        };
        let Some((user, password)) = login.split_once(':') else {
            continue;
        };
        let local = is_local_host(host);
        let fixed = !password.contains(['$', '{', '}', '%', '*', '(']);
        if fixed
            && !local
            && password.len() >= 6
            && !is_sample(password)
            && password != user
            && looks_like_secret(password)
        {
            let start = at + 3 + user.len() + 1;
            out.push(start..start + password.len());
        }
    }
    out
}

/// Whether a host is this machine or a service beside it in a composition, whose passwords guard nothing.
fn is_local_host(host: &str) -> bool {
    let name = host.split([':', ',']).next().unwrap_or_default();
    host.starts_with("::1")
        || host.starts_with("[::1]")
        || name.starts_with("127.")
        || matches!(
            name,
            "localhost"
                | "0.0.0.0"
                | "db"
                | "database"
                | "postgres"
                | "postgresql"
                | "redis"
                | "mysql"
                | "mongo"
                | "host"
                | "hostname"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    // Put together at run time, so that no scanner of this repository takes them for real.
    fn github() -> String {
        format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8")
    }

    #[test]
    fn tokens_are_found_and_masked() {
        let line = format!("token = \"{}\" # mine", github());
        assert_eq!(find(&line)[0].name, "GitHub personal access token");
        assert_eq!(mask(&line), "token = \"ghp_•••\" # mine");
        let aws = format!("id: {}{}", "AKIA", "Q3EGRIXKT5ZPLM7W");
        assert_eq!(mask(&aws), "id: AKIA•••");
        assert_eq!(
            mask("-----BEGIN RSA PRIVATE KEY-----MIIE\\n"),
            "-----BEGIN RSA PRIVATE KEY-----•••"
        );
    }

    #[test]
    fn samples_and_look_alikes_stay() {
        for line in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "task-aaaabbbbccccddddeeeeffff",
            "-----BEGIN PUBLIC KEY-----",
            "password = input(\"Password: \")",
            "PASSWORD_FIELD = \"password1\"",
            "password = \"${DB_PASSWORD1}\"",
            "postgres://app:postgres1@localhost/x",
            "postgres://app:s3cr3tpw@db:5432/x",
            "const userPassword: &[u8; 13] = b\"userPassword\\0\";",
        ] {
            assert_eq!(mask(line), line);
            assert!(find(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn named_values_are_masked() {
        assert_eq!(mask("db_password = 'hunter2!x'"), "db_password = '•••'");
        assert_eq!(mask("  \"apiKey\": \"q8Zr41kk\","), "  \"apiKey\": \"•••\",");
        assert_eq!(
            mask("const API_KEY: &str = \"q8Zr41kk\";"),
            "const API_KEY: &str = \"•••\";"
        );
        assert_eq!(
            mask("export DB_PASSWORD=hunter2x9 # mine"),
            "export DB_PASSWORD=••• # mine"
        );
        assert_eq!(mask("DB_PASSWORD='q8Zr41kk'"), "DB_PASSWORD='•••'");
        assert_eq!(
            mask("postgres://app:s3cr3tpw@pg.internal:5432/x"),
            "postgres://app:•••@pg.internal:5432/x"
        );
        assert_eq!(
            mask("url = 'postgres://app:s3cr3tpw@db.prod.internal/x'"),
            "url = 'postgres://app:•••@db.prod.internal/x'"
        );
        assert_eq!(mask("  password: kX9vQ2mZ7p # of prod"), "  password: ••• # of prod");
        assert_eq!(
            mask("AWS_SECRET_ACCESS_KEY = 'kq7Xk2Jw0ZrT5uYb8Vn/LpQ9sDf6Gh1Ce4Mt7Ra0'"),
            "AWS_SECRET_ACCESS_KEY = '•••'"
        );
    }
}
