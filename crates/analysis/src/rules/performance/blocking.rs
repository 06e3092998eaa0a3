//! Waiting on a thread that others need.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[Rule {
    info: RuleInfo {
        id: "performance/blocking-in-async",
        role: "performance",
        severity: Severity::High,
        languages: lang::ALL,
        title: "An async function blocks its thread",
        why: "While it waits, everything else on that thread or event loop stands still: timers, other requests, health checks.",
        fix: "Use the asynchronous form, or move it to a blocking pool (`spawn_blocking`, `asyncio.to_thread`).",
        cwe: None,
    },
    check: Check::Doc(blocking),
    bad: &[
        new(
            "a.rs",
            "async fn f(p: &Path) -> R {\n    std::thread::sleep(PAUSE); <<<\n    let text = std::fs::read_to_string(p)?; <<<\n    Ok(text)\n}\n",
        ),
        new(
            "a.py",
            "import time, requests\nasync def f(url):\n    time.sleep(1) <<<\n    return requests.get(url, timeout=5) <<<\n",
        ),
        new(
            "a.ts",
            "export async function f(p: string) {\n  return fs.readFileSync(p); <<<\n}\n",
        ),
    ],
    good: &[
        new(
            "a.rs",
            "async fn f(p: PathBuf) -> R {\n    tokio::time::sleep(PAUSE).await;\n    tokio::fs::read(&p).await?;\n    tokio::task::spawn_blocking(move || std::fs::read(p)).await\n}\nfn g(p: &Path) {\n    std::fs::read(p);\n}\n",
        ),
        new(
            "a.py",
            "import asyncio, time\nasync def f(loop):\n    await asyncio.sleep(1)\n    def work():\n        time.sleep(1)\n    await asyncio.to_thread(work)\n    await loop.run_in_executor(None, lambda: time.sleep(1))\ndef g():\n    time.sleep(1)\n",
        ),
        new(
            "a.ts",
            "const config = fs.readFileSync('c.json');\nexport async function f(p: string) {\n  return fs.promises.readFile(p);\n}\n",
        ),
    ],
}];

/// Calls that change or ask for an entry of a folder: one step of the file system, whatever the size of the file.
const SHORT: &[&str] = &[
    "remove_file",
    "metadata",
    "rename",
    "create_dir_all",
    "unlinkSync",
    "renameSync",
    "mkdirSync",
];

fn blocking(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test || (doc.lang.is_js() && file.is_script) {
        return;
    }
    for call in code::calls(doc) {
        let blocks = match doc.lang {
            Lang::Rust => {
                let path = call.path.trim_start_matches("::");
                const FS: &[&str] = &[
                    "read",
                    "read_to_string",
                    "write",
                    "copy",
                    "rename",
                    "remove_file",
                    "create_dir_all",
                    "read_dir",
                    "metadata",
                ];
                path == "std::thread::sleep"
                    || path == "thread::sleep"
                    || (path.starts_with("std::fs::") && FS.contains(&call.name))
                    || path.starts_with("reqwest::blocking::")
            }
            Lang::Python => {
                call.path_is(&[
                    "time.sleep",
                    "subprocess.run",
                    "subprocess.call",
                    "subprocess.check_call",
                    "subprocess.check_output",
                    "os.system",
                ]) || matches!(
                    call.path.rsplit_once('.'),
                    Some((
                        "requests",
                        "get" | "post" | "put" | "patch" | "delete" | "head" | "request"
                    ))
                )
            }
            _ => {
                let module = call
                    .receiver
                    .is_some_and(|r| matches!(r.short_text(40), "fs" | "child_process" | "cp" | "crypto" | "zlib"));
                const SYNC: &[&str] = &[
                    "readFileSync",
                    "writeFileSync",
                    "appendFileSync",
                    "copyFileSync",
                    "mkdirSync",
                    "readdirSync",
                    "rmSync",
                    "unlinkSync",
                    "renameSync",
                    "execSync",
                    "execFileSync",
                    "spawnSync",
                    "pbkdf2Sync",
                    "scryptSync",
                    "gzipSync",
                    "gunzipSync",
                    "deflateSync",
                ];
                call.name_is(SYNC) && (module || call.receiver.is_none())
            }
        };
        if blocks && runs_async(call.node) && !code::in_test_code(call.node) {
            let starts = at_start(&call);
            sink.node_as(file, call.node, |finding| {
                if starts {
                    finding.severity = Severity::Low;
                    finding.title = "The start of an async program makes a blocking call".to_owned();
                }
                if SHORT.contains(&call.name) {
                    finding.severity = Severity::Low;
                    finding.title = "An async function makes a short blocking call".to_owned();
                }
            });
        }
    }
}

/// Whether a call in `main` is one of a program's start, before there is anybody to wait: a file that is read once, or
/// anything before the first `await`.
fn at_start(call: &code::Call<'_>) -> bool {
    let Some(main) = code::enclosing_function(call.node)
        .filter(|f| f.field("name").is_some_and(|n| n.text() == "main"))
        .filter(|_| code::enclosing_loop(call.node).is_none())
    else {
        return false;
    };
    let awaits = |n: Node<'_>| n.is(&["await", "await_expression"]) && n.id() < call.node.id();
    call.name_is(&["read", "read_to_string", "readFileSync"]) || !main.descendants().any(awaits)
}

/// Whether a node runs on the async thread: the innermost function around it is async. A plain closure or lambda in
/// between runs elsewhere, or at least cannot be judged.
fn runs_async(node: Node<'_>) -> bool {
    for outer in node.ancestors() {
        if outer.kind() == "async_block" {
            return true;
        }
        if outer.is(code::FUNCTIONS) {
            return code::is_async(outer);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use bzzz_core::change::ChangeSet;
    use bzzz_core::finding::Severity;

    #[test]
    fn settings_read_at_the_start_are_low() {
        for (path, body, severity) in [
            (
                "src/main.rs",
                "async fn main() {\n    let c = std::fs::read_to_string(p);\n}\n",
                Severity::Low,
            ),
            (
                "src/main.rs",
                "async fn main() {\n    loop { let c = std::fs::read_to_string(p); }\n}\n",
                Severity::High,
            ),
            (
                "src/main.rs",
                "async fn main() {\n    let s = start().await;\n    std::thread::sleep(PAUSE);\n}\n",
                Severity::High,
            ),
            (
                "src/a.py",
                "async def main():\n    subprocess.run(['make'])\n    await serve()\n",
                Severity::Low,
            ),
            (
                "src/a.ts",
                "async function main() {\n  const c = readFileSync(p);\n}\n",
                Severity::Low,
            ),
            (
                "src/a.ts",
                "async function handle() {\n  const c = readFileSync(p);\n}\n",
                Severity::High,
            ),
        ] {
            let lines = body.lines().count();
            let added: String = body.lines().map(|l| format!("+{l}\n")).collect();
            let diff = format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{lines} @@\n{added}");
            let set = ChangeSet::from_diff("x", diff.as_bytes());
            let found = crate::analyse("performance", &set).findings;
            assert_eq!(
                found.iter().map(|f| f.severity).collect::<Vec<_>>(),
                [severity],
                "{body}"
            );
        }
    }

    #[test]
    fn one_step_of_the_file_system_is_low() {
        for (call, severity) in [
            ("std::fs::remove_file(p)", Severity::Low),
            ("std::fs::metadata(p)", Severity::Low),
            ("std::fs::rename(p, q)", Severity::Low),
            ("std::fs::read(p)", Severity::High),
            ("std::thread::sleep(PAUSE)", Severity::High),
        ] {
            let diff = format!(
                "--- /dev/null\n+++ b/src/a.rs\n@@ -0,0 +1,3 @@\n+async fn f(p: &Path) {{\n+    {call};\n+}}\n"
            );
            let set = ChangeSet::from_diff("x", diff.as_bytes());
            let found = crate::analyse("performance", &set).findings;
            assert_eq!(
                found.iter().map(|f| f.severity).collect::<Vec<_>>(),
                [severity],
                "{call}"
            );
        }
    }
}
