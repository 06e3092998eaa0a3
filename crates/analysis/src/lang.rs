//! The languages that are read, and what a path says about a file.

use serde::Serialize;

/// A language with a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Rust.
    Rust,
    /// Python 3.
    Python,
    /// JavaScript, with JSX.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
}

/// JavaScript and its typed forms: rules treat them alike.
pub const JS_LIKE: &[Lang] = &[Lang::JavaScript, Lang::TypeScript, Lang::Tsx];
/// Python alone.
pub const PYTHON: &[Lang] = &[Lang::Python];
/// Rust alone.
pub const RUST: &[Lang] = &[Lang::Rust];
/// Python and the JavaScript family.
pub const PYTHON_JS: &[Lang] = &[Lang::Python, Lang::JavaScript, Lang::TypeScript, Lang::Tsx];
/// Python and Rust.
pub const PYTHON_RUST: &[Lang] = &[Lang::Python, Lang::Rust];
/// All that have a grammar.
pub const ALL: &[Lang] = &[Lang::Rust, Lang::Python, Lang::JavaScript, Lang::TypeScript, Lang::Tsx];
/// For rules over plain text, whatever the language.
pub const ANY_TEXT: &[Lang] = &[];

impl Lang {
    /// The language of a path by its extension.
    pub fn of_path(path: &str) -> Option<Lang> {
        let name = file_name(path);
        Some(match name.rsplit_once('.')?.1 {
            "rs" => Lang::Rust,
            "py" | "pyi" => Lang::Python,
            "js" | "jsx" | "mjs" | "cjs" => Lang::JavaScript,
            "ts" | "mts" | "cts" => Lang::TypeScript,
            "tsx" => Lang::Tsx,
            _ => return None,
        })
    }

    /// Whether this is JavaScript or one of its typed forms.
    pub fn is_js(self) -> bool {
        JS_LIKE.contains(&self)
    }

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Lang::Rust => "rust",
            Lang::Python => "python",
            Lang::JavaScript => "javascript",
            Lang::TypeScript => "typescript",
            Lang::Tsx => "tsx",
        }
    }

    pub(crate) fn grammar(self) -> &'static tree_sitter::Language {
        static GRAMMARS: std::sync::OnceLock<[tree_sitter::Language; 5]> = std::sync::OnceLock::new();
        let grammars = GRAMMARS.get_or_init(|| {
            [
                tree_sitter_rust::LANGUAGE.into(),
                tree_sitter_python::LANGUAGE.into(),
                tree_sitter_javascript::LANGUAGE.into(),
                tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
                tree_sitter_typescript::LANGUAGE_TSX.into(),
            ]
        });
        &grammars[self as usize]
    }
}

/// The last segment of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a path holds tests, benchmarks or examples, where shortcuts are the custom.
pub(crate) fn is_test_path(path: &str) -> bool {
    let folder = |f: &str| {
        matches!(
            f,
            "test"
                | "tests"
                | "testing"
                | "__tests__"
                | "spec"
                | "specs"
                | "fixtures"
                | "benches"
                | "examples"
                | "e2e"
                | "benchmark"
                | "benchmarks"
                | "bench"
                | "example"
        )
    };
    let name = file_name(path);
    path.split('/').rev().skip(1).any(folder)
        || name.starts_with("test_")
        || name == "conftest.py"
        || name == "tests.rs"
        || name == "test.rs"
        || [".test.", ".spec.", "_test.", "_tests.", ".stories."]
            .iter()
            .any(|mark| name.contains(mark))
}

/// Whether a path holds what others wrote or a tool made: it is not reviewed line by line.
pub(crate) fn is_vendored_path(path: &str) -> bool {
    let folder = |f: &str| matches!(f, "vendor" | "vendored" | "third_party" | "node_modules" | "dist");
    let name = file_name(path);
    path.split('/').rev().skip(1).any(folder)
        || [".min.", ".bundle.", "_pb2.", ".pb.", ".generated."]
            .iter()
            .any(|mark| name.contains(mark))
}

/// Whether a path is a script or a program's entry, which may print and exit as it likes.
pub(crate) fn is_script_path(path: &str) -> bool {
    let folder = |f: &str| {
        matches!(
            f,
            "bin"
                | "scripts"
                | "script"
                | "cli"
                | "tools"
                | "xtask"
                | "migrations"
                | "bench"
                | "benchmarks"
                | "example"
                | "benchmark"
        )
    };
    let name = file_name(path);
    path.split('/').rev().skip(1).any(folder)
        || matches!(
            name,
            "build.rs" | "main.rs" | "cli.py" | "cli.ts" | "cli.js" | "setup.py" | "manage.py" | "__main__.py"
        )
        || name.contains(".config.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(Lang::of_path("a/b.tsx"), Some(Lang::Tsx));
        assert_eq!(Lang::of_path("a.rs/README"), None);
        for test in ["tests/x.py", "src/foo.test.ts", "a/test_b.py", "src/tests.rs"] {
            assert!(is_test_path(test), "{test}");
        }
        for code in ["src/contest.py", "src/latest.rs", "attest/x.ts"] {
            assert!(!is_test_path(code), "{code}");
        }
        assert!(is_vendored_path("web/vendor/x.js") && is_vendored_path("x.min.js"));
        assert!(!is_vendored_path("src/vendors.ts"));
        assert!(is_script_path("scripts/x.js") && !is_script_path("src/lib.rs"));
    }
}
