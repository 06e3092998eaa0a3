//! Hashes, ciphers, randomness and comparison where they guard something.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "security/weak-hash",
            role: "security",
            severity: Severity::High,
            languages: lang::ALL,
            title: "A broken hash guards a secret",
            why: "MD5 and SHA-1 collide, and they are so fast that passwords hashed with them are guessed by the billion a second.",
            fix: "Hash passwords with argon2, scrypt or bcrypt; sign with HMAC-SHA-256 or better.",
            cwe: Some(328),
        },
        check: Check::Doc(weak_hash),
        bad: &[
            new(
                "a.py",
                "import hashlib\ndef hash_password(password):\n    return hashlib.md5(password.encode()).hexdigest() <<<\n",
            ),
            new(
                "a.py",
                "import hashlib\ndef f(password):\n    h = hashlib.sha1() <<<\n    h.update(password.encode())\n    return h.digest()\n",
            ),
            new(
                "a.js",
                "const crypto = require('crypto');\nfunction sign(token) {\n  return crypto.createHash('sha1').update(token).digest('hex'); <<<\n}\n",
            ),
            new(
                "a.rs",
                "fn hash_password(password: &str) -> Digest {\n    md5::compute(password) <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "import hashlib\ndef cache_key(body):\n    return hashlib.md5(body).hexdigest()\ndef checksum(body, password):\n    h = hashlib.md5()\n    h.update(body)\n    other.update(password)\n    return h.digest()\ndef etag(password):\n    return hashlib.md5(password, usedforsecurity=False)\n",
            ),
            new(
                "a.py",
                "import hashlib\ndef hash_password(password, salt):\n    return hashlib.scrypt(password, salt=salt, n=16384, r=8, p=1)\n",
            ),
            new(
                "a.js",
                "const etag = (body) => crypto.createHash('md5').update(body).digest('hex');\nconst sign = (token) => crypto.createHash('sha256').update(token);\n",
            ),
            new("a.rs", "fn etag(body: &[u8]) -> Digest {\n    md5::compute(body)\n}\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/weak-cipher",
            role: "security",
            severity: Severity::High,
            languages: lang::PYTHON_JS,
            title: "A broken cipher or mode encrypts data",
            why: "DES and RC4 are broken, and ECB shows which blocks are equal: the text can be read or changed by others.",
            fix: "Use AES-GCM or ChaCha20-Poly1305 with a fresh nonce for each message.",
            cwe: Some(327),
        },
        check: Check::Doc(weak_cipher),
        bad: &[
            new(
                "a.py",
                "from Crypto.Cipher import AES\ndef f(key):\n    return AES.new(key, AES.MODE_ECB) <<<\n",
            ),
            new(
                "a.py",
                "from Crypto.Cipher import DES\ndef f(key, iv):\n    return DES.new(key, 2, iv) <<<\n",
            ),
            new(
                "a.js",
                "const f = (key) => crypto.createCipheriv('aes-128-ecb', key, null); <<<\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "from Crypto.Cipher import AES\ndef f(key):\n    return AES.new(key, AES.MODE_GCM)\n",
            ),
            new(
                "a.js",
                "const f = (key, iv) => crypto.createCipheriv('aes-256-gcm', key, iv);\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/predictable-token",
            role: "security",
            severity: Severity::High,
            languages: lang::PYTHON_JS,
            title: "A secret is drawn from a predictable generator",
            why: "`random` and `Math.random` can be reckoned forward from a few outputs: others can know the next token.",
            fix: "Use `secrets` in Python, `crypto.randomBytes` or `crypto.getRandomValues` in JavaScript.",
            cwe: Some(338),
        },
        check: Check::Doc(predictable),
        bad: &[
            new(
                "a.py",
                "import random\ndef reset_token():\n    return ''.join(random.choice(ABC) for _ in range(32)) <<<\n",
            ),
            new(
                "a.py",
                "import random\ndef f():\n    otp = random.randint(100000, 999999) <<<\n    return otp\n",
            ),
            new(
                "a.js",
                "const sessionToken = Math.random().toString(36).slice(2); <<<\n",
            ),
            new("a.js", "const sessionId = Math.random().toString(36).slice(2); <<<\n"),
            new(
                "a.ts",
                "export function makePassword(): string {\n  return Math.random().toString(36); <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "import random, secrets\ndef pick_colour():\n    return random.choice(COLOURS)\ndef reset_token():\n    return secrets.token_urlsafe(32)\ndef jitter(token_count):\n    return random.random() * token_count\ndef make_boundary():\n    token = random.randrange(99)\n    return '=' * 15 + str(token)\ntoken = random.SystemRandom().choice(ABC)\n",
            ),
            new(
                "a.js",
                "const delay = Math.random() * 100;\nconst sessionTimeout = Math.random() * 100;\nconst token = crypto.randomUUID();\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/timing-unsafe-compare",
            role: "security",
            severity: Severity::Medium,
            languages: lang::PYTHON_JS,
            title: "A signature is compared byte by byte",
            why: "`==` stops at the first byte that differs: the time that it takes tells how much of a forged signature is right.",
            fix: "Use `hmac.compare_digest` or `crypto.timingSafeEqual`.",
            cwe: Some(208),
        },
        check: Check::Doc(timing),
        bad: &[
            new(
                "a.py",
                "def f(key, body, signature):\n    expected = hmac.new(key, body, 'sha256').hexdigest()\n    if signature != expected: <<<\n        raise Forbidden()\n",
            ),
            new(
                "a.js",
                "function f(req, expectedSignature) {\n  return req.headers['x-signature'] === expectedSignature; <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def f(key, body, signature):\n    if signature == '' or signature is None:\n        return False\n    if token_type == kind:\n        pass\n    return hmac.compare_digest(signature, sign(key, body))\n",
            ),
            new(
                "a.js",
                "const f = (token) => token === undefined || token.type === other.type;\nif (signature.length !== expectedSignature.length) throw x;\nconst same = (a, b) => a.digest === b.digest;\n",
            ),
        ],
    },
];

const GUARDED: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "signature",
    "credential",
    "credentials",
    "hmac",
    "auth",
    "passphrase",
    "session",
    "otp",
    "sign",
    "pw",
];

/// Whether what surrounds a node speaks of something that must be guarded: the names in its statement, what it is
/// assigned to, or the function's name.
fn is_guarding(node: Node<'_>, wanted: &[&str]) -> bool {
    let function = code::enclosing_function(node);
    let function_name = function
        .and_then(|f| f.field("name"))
        .is_some_and(|n| code::has_word(n.short_text(80), wanted));
    const STATEMENTS: &[&str] = &[
        "expression_statement",
        "assignment",
        "return_statement",
        "variable_declarator",
        "let_declaration",
        "lexical_declaration",
    ];
    let statement = node
        .ancestors()
        .take_while(|a| Some(*a) != function)
        .find(|a| a.is(STATEMENTS));
    let named = |n: Node<'_>| n.is(&["identifier", "property_identifier"]) && code::has_word(n.short_text(80), wanted);
    function_name || statement.unwrap_or(node).descendants().take(200).any(named) || is_fed(node, wanted)
}

/// Whether a hash that is kept under a name is fed something that must be guarded: `h = sha1()`, then `h.update(…)`.
fn is_fed(hash: Node<'_>, wanted: &[&str]) -> bool {
    let holder = hash
        .parent()
        .and_then(|p| p.field("left").or(p.field("name")).or(p.field("pattern")));
    let Some(holder) = holder.filter(|h| h.kind() == "identifier") else {
        return false;
    };
    let function = code::enclosing_function(hash);
    let scope = function.map_or(hash, |f| f);
    scope
        .descendants()
        .skip_while(|n| n.id() <= hash.id())
        .filter(|n| n.is(code::CALLS))
        .take(200)
        .filter_map(code::call)
        .filter(|c| c.name == "update" && c.receiver.is_some_and(|r| r.text() == holder.text()))
        .filter_map(|c| c.args.first().copied())
        .any(|fed| {
            std::iter::once(fed)
                .chain(fed.descendants().take(50))
                .any(|n| n.is(&["identifier"]) && code::has_word(n.short_text(80), wanted))
        })
}

fn weak_hash(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc) {
        let weak = match doc.lang {
            Lang::Python => {
                let named = call.path == "hashlib.new"
                    && call
                        .args
                        .first()
                        .and_then(|a| code::string_value(*a))
                        .is_some_and(|s| matches!(s, "md5" | "sha1"));
                (call.path_is(&["hashlib.md5", "hashlib.sha1"]) || named) && call.keyword("usedforsecurity").is_none()
            }
            Lang::Rust => call.path_is(&["md5::compute", "Md5::new", "Md5::digest", "Sha1::new", "Sha1::digest"]),
            _ => {
                call.name == "createHash"
                    && call
                        .args
                        .first()
                        .and_then(|a| code::string_value(*a))
                        .is_some_and(|s| matches!(s, "md5" | "sha1"))
            }
        };
        if weak && !code::in_test_code(call.node) && is_guarding(call.node, GUARDED) {
            sink.node(file, call.node);
        }
    }
}

fn weak_cipher(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for call in code::calls(doc) {
        let first = call
            .args
            .first()
            .and_then(|a| code::string_value(*a))
            .unwrap_or_default()
            .to_ascii_lowercase();
        let weak = match doc.lang {
            Lang::Python => {
                call.path_is(&[
                    "DES.new",
                    "DES3.new",
                    "ARC4.new",
                    "ARC2.new",
                    "Blowfish.new",
                    "modes.ECB",
                    "algorithms.ARC4",
                    "algorithms.TripleDES",
                ]) || (call.path == "AES.new" && call.args.iter().any(|a| a.text() == "AES.MODE_ECB"))
            }
            _ => {
                call.name == "createCipher"
                    || (call.name == "createCipheriv"
                        && (first.contains("-ecb")
                            || first.starts_with("des")
                            || first.starts_with("rc4")
                            || first.starts_with("bf")))
            }
        };
        if weak && !file.is_test {
            sink.node(file, call.node);
        }
    }
}

fn predictable(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    const DRAWS: &[&str] = &[
        "random",
        "randint",
        "choice",
        "choices",
        "randrange",
        "getrandbits",
        "sample",
        "randbytes",
    ];
    const SECRET: &[&str] = &[
        "token", "password", "passwd", "secret", "otp", "nonce", "salt", "passcode", "csrf", "apikey", "session",
    ];
    // What separates the parts of a message must only be absent from them.
    const SEPARATES: &[&str] = &["boundary", "separator", "delimiter"];
    for call in code::calls(doc) {
        let draws = match doc.lang {
            Lang::Python => call.path.strip_prefix("random.").is_some_and(|f| DRAWS.contains(&f)),
            _ => call.path == "Math.random",
        };
        if !draws || file.is_test {
            continue;
        }
        // Only what the value becomes counts, not what else stands in the statement.
        let function = code::enclosing_function(call.node);
        let target = call
            .node
            .ancestors()
            .take_while(|a| Some(*a) != function)
            .find_map(|a| {
                a.is(&[
                    "assignment",
                    "variable_declarator",
                    "pair",
                    "keyword_argument",
                    "assignment_expression",
                ])
                .then(|| a.field("left").or(a.field("name")).or(a.field("key")))
                .flatten()
            });
        let returned = call.node.ancestors().any(|a| a.kind() == "return_statement");
        let function_name = function
            .and_then(|f| f.field("name"))
            .filter(|_| returned && target.is_none());
        let separates = function
            .and_then(|f| f.field("name"))
            .is_some_and(|n| code::has_word(n.short_text(80), SEPARATES));
        let counts = |n: &str| {
            code::words(n).last().is_some_and(|w| {
                matches!(
                    w.as_str(),
                    "count"
                        | "size"
                        | "length"
                        | "limit"
                        | "bucket"
                        | "timeout"
                        | "delay"
                        | "duration"
                        | "ms"
                        | "index"
                )
            })
        };
        if !separates
            && target
                .or(function_name)
                .is_some_and(|n| code::has_word(n.short_text(80), SECRET) && !counts(n.short_text(80)))
        {
            sink.node(file, call.node);
        }
    }
}

fn timing(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    const MACS: &[&str] = &["signature", "hmac", "digest", "hexdigest", "mac", "sig"];
    for node in doc.all(&["comparison_operator", "binary_expression"]) {
        let sides: Vec<Node<'_>> = node.children().collect();
        let equality = node
            .all_children()
            .any(|c| matches!(c.kind(), "==" | "!=" | "===" | "!=="));
        let [left, right] = sides.as_slice() else {
            continue;
        };
        if !equality || file.is_test || code::is_literal(*left) || code::is_literal(*right) {
            continue;
        }
        // The name that counts is the last one: `signature.length` is a number, `x.signature` a signature.
        let speaks = |n: Node<'_>| {
            let n = code::peel(n);
            let last = match n.kind() {
                "identifier" => Some(n),
                "attribute" => n.field("attribute"),
                "member_expression" => n.field("property"),
                "subscript" | "subscript_expression" => n.field("subscript").or(n.field("index")),
                "call" | "call_expression" => {
                    return code::call(n).is_some_and(|c| c.name_is(&["hexdigest", "digest"]));
                }
                _ => None,
            };
            last.is_some_and(|l| code::has_word(l.short_text(80), MACS))
        };
        let secret = |n: Node<'_>| !matches!(n.kind(), "undefined" | "none" | "null");
        let named = |n: Node<'_>| code::has_word(n.short_text(120), &["signature", "hmac", "mac"]);
        if speaks(*left) && speaks(*right) && named(*left) && named(*right)
            || (speaks(*left) || speaks(*right))
                && [*left, *right].iter().all(|s| secret(*s))
                && [left, right].iter().any(|s| is_computed_mac(**s))
        {
            sink.node(file, node);
        }
    }
}

/// Whether a value is, or was assigned from, the output of a MAC.
fn is_computed_mac(node: Node<'_>) -> bool {
    let value = code::follow(node);
    code::call(value).is_some_and(|c| c.name_is(&["hexdigest", "digest"]))
        && value.short_text(400).to_ascii_lowercase().contains("hmac")
}
