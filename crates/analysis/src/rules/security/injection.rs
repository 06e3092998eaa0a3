//! Values that become commands, code or objects.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "security/command-injection",
            role: "security",
            severity: Severity::Critical,
            languages: lang::ALL,
            title: "A shell command is put together from values",
            why: "A shell reads `;`, `|`, `$()` and quotes in the value as its own syntax: whoever controls the value runs \
                  commands with the rights of this process.",
            fix: "Run the program without a shell and pass the arguments as a list, each value one argument.",
            cwe: Some(78),
        },
        check: Check::Doc(command),
        bad: &[
            new(
                "a.py",
                "import os\ndef f(host):\n    os.system(f\"ping -c 1 {host}\") <<<\n",
            ),
            new(
                "a.py",
                "import subprocess\ndef f(path):\n    subprocess.run(\"tar xf \" + path, shell=True, check=True) <<<\n",
            ),
            new(
                "a.py",
                "import subprocess\ndef f(command):\n    return subprocess.check_output(command, shell=True) <<<\n",
            ),
            new(
                "a.py",
                "import subprocess\ndef f(tools, flag):\n    for cmd in tools:\n        subprocess.run(cmd, shell=True, check=True) <<<\n    for cmd in ('a', 'b'):\n        cmd += flag\n        subprocess.run(cmd, shell=True, check=True) <<<\n",
            ),
            new(
                "a.py",
                "import os\ndef f(cc):\n    os.system(\"'%s' -v\" % (cc.replace(\"'\", \"\"),)) <<<\n",
            ),
            new(
                "a.py",
                "import os\ndef f(host):\n    cmd = 'ping '\n    cmd += host\n    os.system(cmd) <<<\n",
            ),
            new(
                "a.js",
                "const { exec } = require('child_process');\nfunction f(branch) {\n  exec(`git checkout ${branch}`); <<<\n}\n",
            ),
            new(
                "a.ts",
                "import * as cp from 'child_process';\nexport const f = (x: string) => cp.execSync('ls ' + x); <<<\n",
            ),
            new(
                "a.rs",
                "fn f(name: &str) -> R {\n    Command::new(\"sh\").arg(\"-c\").arg(format!(\"gzip {name}\")).status() <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "import subprocess\ndef f(path):\n    subprocess.run([\"tar\", \"xf\", path], check=True)\n    subprocess.run(\"ls | wc -l\", shell=True)\n",
            ),
            new("a.py", "import os\ndef f():\n    os.system(\"clear\")\n"),
            new(
                "a.py",
                "import os\ndef f(cc):\n    os.system(\"'%s' -v\" % (cc.replace(\"'\", \"'\\\"'\\\"'\"),))\n",
            ),
            new(
                "a.py",
                "import subprocess\ndef f():\n    for cmd in ('ver', 'command /c ver'):\n        subprocess.check_output(cmd, shell=True)\n",
            ),
            new(
                "a.js",
                "const { exec } = require('child_process');\nfor (const tool of ['git', 'npm']) exec(`${tool} --version`);\n",
            ),
            new(
                "a.rs",
                "fn f() -> R {\n    for tool in [\"git\", \"npm\"] {\n        Command::new(\"sh\").arg(\"-c\").arg(format!(\"{tool} -v\")).status()?;\n    }\n}\n",
            ),
            new(
                "a.js",
                "const re = /x/;\nfunction f(s) {\n  return re.exec(`a ${s}`);\n}\n",
            ),
            new(
                "a.ts",
                "import { execFile } from 'child_process';\nexport const f = (x: string) => execFile('ls', [x]);\n",
            ),
            new(
                "a.rs",
                "fn f(name: &str) -> R {\n    Command::new(\"gzip\").arg(format!(\"--name={name}\")).status()\n}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/code-eval",
            role: "security",
            severity: Severity::High,
            languages: lang::PYTHON_JS,
            title: "A value is run as code",
            why: "`eval` and its kin run whatever text they are given: a value from outside becomes code inside.",
            fix: "Parse the data instead (`json`, `ast.literal_eval`, a lookup table of functions).",
            cwe: Some(95),
        },
        check: Check::Doc(eval),
        bad: &[
            new("a.py", "def f(rule, row):\n    return eval(rule, {}, row) <<<\n"),
            new("a.py", "def f(source):\n    exec(source) <<<\n"),
            new(
                "a.py",
                "def f(name):\n    if not name.isidentifier():\n        name = 'f'\n    source = 'def %s(): pass' % name\n    exec(source) <<<\n",
            ),
            new("a.js", "function f(text) {\n  return eval(text); <<<\n}\n"),
            new("a.ts", "const f = (body: string) => new Function('row', body); <<<\n"),
        ],
        good: &[
            new(
                "a.py",
                "import ast\ndef f(text, model):\n    model.eval()\n    return ast.literal_eval(text)\nx = eval('1 + 1')\nfor name in ('a', 'b'):\n    exec(f'import {name}')\ndef g(text):\n    if text in ['True', 'False', 'None']:\n        return eval(text)\n",
            ),
            new("a.js", "const f = (re, s) => re.exec(s);\nsetTimeout(() => f(), 10);\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/unsafe-deserialization",
            role: "security",
            severity: Severity::High,
            languages: lang::PYTHON_JS,
            title: "Data is loaded by a format that can run code",
            why: "Pickle, marshal and full YAML build any object while they load: crafted data runs code in this process.",
            fix: "Use JSON or another plain format, `yaml.safe_load`, or verify a signature before loading.",
            cwe: Some(502),
        },
        check: Check::Doc(deserialize),
        bad: &[
            new(
                "a.py",
                "import pickle\ndef f(body):\n    return pickle.loads(body) <<<\n",
            ),
            new(
                "a.py",
                "import yaml\ndef f(stream):\n    return yaml.load(stream, Loader=yaml.Loader) <<<\n",
            ),
            new(
                "a.py",
                "import yaml\ndef f(stream):\n    return yaml.load(stream) <<<\n",
            ),
            new(
                "a.js",
                "const serialize = require('node-serialize');\nconst f = (body) => serialize.unserialize(body); <<<\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "import json, yaml, pickle\ndef f(stream):\n    a = yaml.load(stream, Loader=yaml.SafeLoader)\n    b = yaml.safe_load(stream)\n    pickle.dumps(a)\n    return json.loads(b)\n",
            ),
            new("a.js", "const f = (body) => JSON.parse(body);\n"),
        ],
    },
];

const SHELLS: &[&str] = &[
    "\"sh\"",
    "\"bash\"",
    "\"/bin/sh\"",
    "\"/bin/bash\"",
    "\"zsh\"",
    "\"cmd\"",
    "\"powershell\"",
];

fn command(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc) {
        let hit = match doc.lang {
            Lang::Python => {
                let direct = call.path_is(&[
                    "os.system",
                    "os.popen",
                    "commands.getoutput",
                    "subprocess.getoutput",
                    "subprocess.getstatusoutput",
                ]);
                let shell =
                    call.path.starts_with("subprocess.") && call.keyword("shell").is_some_and(|v| v.text() == "True");
                let asyncio = call.path == "asyncio.create_subprocess_shell";
                (direct || shell || asyncio)
                    && call
                        .args
                        .first()
                        .copied()
                        .or(call.keyword("args"))
                        .is_some_and(|a| !is_fixed_command(a))
            }
            Lang::Rust => rust_shell(&call),
            _ => {
                let bare = call.receiver.is_none() && call.path_is(&["exec", "execSync"]);
                let module = call.name_is(&["exec", "execSync"])
                    && call
                        .receiver
                        .is_some_and(|r| matches!(r.short_text(40), "cp" | "child_process" | "childProcess"));
                (bare || module)
                    && call.args.first().is_some_and(|a| {
                        code::built_string(code::follow(*a))
                            .is_some_and(|b| b.pieces.iter().any(|p| !is_fixed_command(*p)))
                    })
            }
        };
        if hit && !code::in_test_code(call.node) {
            sink.node(file, call.node);
        }
    }
}

fn is_fixed_command(node: Node<'_>) -> bool {
    if code::is_fixed(node) {
        return true;
    }
    let node = code::follow(node);
    if node.is(&["list"]) || code::is_constant_name(node.short_text(80)) {
        return true;
    }
    if let Some(call) = code::call(node) {
        return call.name_is(&["quote", "join", "int", "len"])
            && (call.path.starts_with("shlex.") || call.name_is(&["int", "len"]));
    }
    code::built_string(node).is_some_and(|b| {
        b.captured.is_empty()
            && b.pieces.iter().all(|p| {
                if code::is_fixed(*p) {
                    return true;
                }
                let p = code::follow(*p);
                code::is_constant_name(p.short_text(80))
                    || code::call(p)
                        .is_some_and(|c| c.path_is(&["shlex.quote", "shlex.join", "int"]) || quotes_for_shell(&c))
            })
    })
}

/// `x.replace("'", "'\"'\"'")`: ends the quotes around the value, puts a quote, and begins them again.
fn quotes_for_shell(call: &code::Call<'_>) -> bool {
    let text = |at: usize| {
        call.args
            .get(at)
            .and_then(|a| code::string_value(*a))
            .unwrap_or_default()
    };
    let put = text(1).replace("\\'", "'").replace("\\\"", "\"").replace("\\\\", "\\");
    call.name == "replace" && matches!(text(0), "'" | "\\'") && matches!(put.as_str(), "'\"'\"'" | "'\\''")
}

/// `Command::new(SHELL)….arg("-c")….arg(format!(…))`: looked at from the argument that is built.
fn rust_shell(call: &code::Call<'_>) -> bool {
    if call.name != "arg"
        || !call.args.first().is_some_and(|a| {
            code::built_string(code::follow(*a)).is_some_and(|b| {
                b.pieces.iter().any(|p| !code::is_fixed(*p))
                    || b.captured
                        .iter()
                        .any(|c| !code::is_constant_name(c) && !code::is_fixed_name(call.node, c))
            })
        })
    {
        return false;
    }
    let (mut dash_c, mut shell) = (false, false);
    let mut next = call.receiver;
    // A builder chain longer than this is no command.
    for _ in 0..32 {
        let Some(inner) = next.and_then(code::call) else {
            break;
        };
        let first = inner.args.first().map(|a| a.short_text(40)).unwrap_or_default();
        dash_c |= inner.name == "arg" && matches!(first, "\"-c\"" | "\"/C\"" | "\"-Command\"");
        shell |= inner.path.ends_with("Command::new") && SHELLS.contains(&first);
        next = inner.receiver;
    }
    dash_c && shell
}

fn eval(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc) {
        let runs = match doc.lang {
            Lang::Python => call.path_is(&["eval", "exec", "builtins.eval", "builtins.exec"]),
            _ => {
                call.path_is(&["eval", "window.eval", "globalThis.eval"])
                    || (call.path == "Function" && call.node.kind() == "new_expression")
            }
        };
        let last = if call.path == "Function" {
            call.args.last()
        } else {
            call.args.first()
        };
        if runs && last.is_some_and(|a| !code::is_fixed(*a)) {
            sink.node(file, call.node);
        }
    }
}

fn deserialize(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for call in code::calls(doc) {
        let module = call.path.rsplit_once('.').map_or("", |(m, _)| m);
        let hit = match doc.lang {
            Lang::Python => {
                (matches!(module, "pickle" | "cPickle" | "dill" | "marshal" | "jsonpickle")
                    && call.name_is(&["load", "loads", "decode", "Unpickler"]))
                    || call.path_is(&["yaml.unsafe_load", "yaml.full_load", "yaml.unsafe_load_all"])
                    || (call.path_is(&["yaml.load", "yaml.load_all"])
                        && !call
                            .keyword("Loader")
                            .or(call.args.get(1).copied())
                            .is_some_and(|l| l.text().contains("Safe") || l.text().ends_with("BaseLoader")))
            }
            _ => {
                call.name == "unserialize"
                    && call
                        .receiver
                        .is_some_and(|r| r.short_text(40).to_ascii_lowercase().contains("serialize"))
            }
        };
        if hit {
            sink.node(file, call.node);
        }
    }
}
