//! Files: paths that come from a request, and temporary names that others can guess.

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::File;
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, new};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "security/path-traversal",
            role: "security",
            severity: Severity::High,
            languages: lang::PYTHON_JS,
            title: "A path from the request opens a file",
            why: "`../` or an absolute path in the value leads out of the folder that was meant: any file that the process can \
                  read or write is open.",
            fix: "Take only the file name, resolve the path, and check that it is still below the folder.",
            cwe: Some(22),
        },
        check: Check::Doc(traversal),
        bad: &[
            new(
                "a.py",
                "@app.get('/f')\ndef f():\n    return send_file(os.path.join(ROOT, request.args['name'])) <<<\n",
            ),
            new(
                "a.py",
                "def f(request):\n    name = request.GET.get('name')\n    path = os.path.join(ROOT, name)\n    with open(path) as handle: <<<\n        return handle.read()\n",
            ),
            new(
                "a.js",
                "app.get('/f', (req, res) => {\n  res.sendFile(path.join(ROOT, req.query.name)); <<<\n});\n",
            ),
            new(
                "a.ts",
                "export async function f(req: Request) {\n  const file = `${ROOT}/${req.params.id}.pdf`;\n  return fs.readFile(file); <<<\n}\n",
            ),
        ],
        good: &[
            new(
                "a.py",
                "def f():\n    name = secure_filename(request.args['name'])\n    with open(os.path.join(ROOT, name)) as handle:\n        return handle.read()\n",
            ),
            new(
                "a.py",
                "def f(config):\n    with open(config.path) as handle:\n        return handle.read()\n",
            ),
            new(
                "a.js",
                "app.get('/f', (req, res) => {\n  res.sendFile(path.join(ROOT, path.basename(req.query.name)));\n  res.sendFile(path.join(ROOT, 'index.html'));\n});\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "security/insecure-temp-file",
            role: "security",
            severity: Severity::Medium,
            languages: lang::PYTHON,
            title: "A temporary file name is made without the file",
            why: "Between `mktemp` and the opening of the file another user can put a link there and choose what is overwritten.",
            fix: "Use `tempfile.NamedTemporaryFile` or `tempfile.mkstemp`, which make the file at once.",
            cwe: Some(377),
        },
        check: Check::Doc(mktemp),
        bad: &[new(
            "a.py",
            "import tempfile\ndef f():\n    return tempfile.mktemp(suffix='.pdf') <<<\n",
        )],
        good: &[new(
            "a.py",
            "import tempfile\ndef f():\n    handle, path = tempfile.mkstemp(suffix='.pdf')\n    return tempfile.mkdtemp()\n",
        )],
    },
];

fn traversal(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for call in code::calls(doc) {
        let opens = match doc.lang {
            Lang::Python => call.path_is(&[
                "open",
                "io.open",
                "send_file",
                "flask.send_file",
                "FileResponse",
                "os.remove",
                "os.unlink",
                "shutil.rmtree",
            ]),
            _ => call.name_is(&[
                "sendFile",
                "readFile",
                "readFileSync",
                "createReadStream",
                "createWriteStream",
                "writeFile",
                "writeFileSync",
                "unlink",
                "unlinkSync",
            ]),
        };
        if opens && !file.is_test && call.args.first().is_some_and(|a| from_request(doc.lang, *a, 0)) {
            sink.node(file, call.node);
        }
    }
}

/// Whether a value is taken from a request, through joins, built strings and names, and not cleaned on the way.
pub(super) fn from_request(lang: Lang, node: Node<'_>, depth: u32) -> bool {
    if depth > 5 {
        return false;
    }
    let node = code::peel(node);
    if is_request_data(lang, node) {
        return true;
    }
    if let Some(value) = code::resolve(node) {
        return from_request(lang, value, depth + 1);
    }
    if let Some(call) = code::call(node) {
        let joins = call.name_is(&[
            "join",
            "resolve",
            "Path",
            "str",
            "String",
            "normalize",
            "joinpath",
            "toString",
        ]);
        return joins
            && call
                .args
                .iter()
                .copied()
                .chain(call.receiver)
                .any(|a| from_request(lang, a, depth + 1));
    }
    if node.kind() == "binary_operator" && code::operator(node) == "/" {
        return node.field("right").is_some_and(|r| from_request(lang, r, depth + 1));
    }
    code::built_string(node).is_some_and(|b| b.pieces.iter().any(|p| from_request(lang, *p, depth + 1)))
}

fn is_request_data(lang: Lang, node: Node<'_>) -> bool {
    let text = node.short_text(120);
    let is = |roots: &[&str]| {
        roots
            .iter()
            .any(|r| text.strip_prefix(r).is_some_and(|rest| rest.starts_with(['.', '['])))
    };
    match lang {
        Lang::Python => is(&[
            "request.args",
            "request.form",
            "request.values",
            "request.json",
            "request.files",
            "request.GET",
            "request.POST",
            "request.query_params",
            "request.path_params",
            "self.request.GET",
        ]),
        _ => is(&[
            "req.query",
            "req.params",
            "req.body",
            "request.query",
            "request.params",
            "request.body",
            "ctx.query",
            "ctx.params",
            "ctx.request.body",
        ]),
    }
}

fn mktemp(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    code::calls(doc)
        .filter(|c| c.path == "tempfile.mktemp")
        .for_each(|c| sink.node(file, c.node));
}
