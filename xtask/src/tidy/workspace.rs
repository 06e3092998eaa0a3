//! The manifests: versions are exact and stand in one place, and `cargo run` at the root is the `bzzz` binary.

use super::Problem;
use crate::repository::SourceFile;

/// A dependency as a manifest names it.
#[derive(Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The package's name, also where it is renamed.
    pub name: String,
    /// Line of the manifest, 1-based.
    pub line: usize,
    /// Whether for tests only.
    pub dev: bool,
    /// What the manifest says about it: the right-hand side.
    pub value: String,
}

/// The dependencies of all kinds that a manifest names, also `[workspace.dependencies]`. Reads the subset of TOML that
/// manifests are written in: one dependency a line, or a table of its own.
pub fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut section = Section::Other;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = Section::of(header);
            if let Section::One { name, dev } = &section {
                found.push(Dependency {
                    name: name.clone(),
                    line: index + 1,
                    dev: *dev,
                    value: String::new(),
                });
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
            continue;
        };
        if key.starts_with('#') {
            continue;
        }
        match (&section, found.last_mut()) {
            (Section::Many { dev }, _) => {
                let name = key.split('.').next().unwrap_or(key);
                let name = package(value).unwrap_or_else(|| name.trim_matches('"').to_owned());
                found.push(Dependency {
                    name,
                    line: index + 1,
                    dev: *dev,
                    value: value.to_owned(),
                });
            }
            (Section::One { .. }, Some(one)) => {
                if key == "package" {
                    one.name = value.trim_matches('"').to_owned();
                }
                one.value.push_str(line);
                one.value.push_str(", ");
            }
            _ => {}
        }
    }
    found
}

enum Section {
    Many { dev: bool },
    One { name: String, dev: bool },
    Other,
}

impl Section {
    fn of(header: &str) -> Section {
        let header = header.trim();
        let dev = header.contains("dev-dependencies");
        if header.ends_with("dependencies") {
            return Section::Many { dev };
        }
        match header.rsplit_once("dependencies.") {
            Some((_, name)) => Section::One {
                name: name.trim_matches('"').to_owned(),
                dev,
            },
            None => Section::Other,
        }
    }
}

/// The real name of a renamed dependency, from an inline table.
fn package(value: &str) -> Option<String> {
    let (_, rest) = value.split_once("package")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
    rest.split('"').next().map(str::to_owned)
}

/// Versions stand in the root manifest, and are exact.
pub fn pins(files: &[SourceFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let root = file.path == "Cargo.toml";
        // The fuzz project is a workspace of its own, so its pins stand in its own manifest.
        let pins_here = root || file.path == "fuzz/Cargo.toml";
        for dependency in dependencies(&file.text) {
            if let Some(what) = pin_complaint(&dependency, pins_here) {
                problems.push(Problem::new(&file.path, dependency.line, what));
            }
        }
    }
    problems
}

fn pin_complaint(dependency: &Dependency, pins_here: bool) -> Option<String> {
    let Dependency { name, value, .. } = dependency;
    let of_ours = value.contains("path =") || value.contains("path=");
    if value.contains("git =") || value.contains("git=") {
        return Some(format!("{name} comes from a git repository: take a released version"));
    }
    if pins_here {
        let exact = value.contains("\"=");
        return (!of_ours && !exact).then(|| format!("the version of {name} is not exact: write `=x.y.z`"));
    }
    let versioned = value.starts_with('"') || value.contains("version =") || value.contains("version=");
    versioned.then(|| {
        format!("{name} has a version here: pin it in [workspace.dependencies] of the root and write `{name}.workspace = true`")
    })
}

/// Every crate is a default member, `xtask` is none, and only `bzzz` has a binary: then `cargo run` needs no `--bin`.
pub fn members(files: &[SourceFile]) -> Vec<Problem> {
    let Some(root) = files.iter().find(|file| file.path == "Cargo.toml") else {
        return vec![Problem::new("Cargo.toml", 0, "there is none")];
    };
    let (line, members) = default_members(&root.text);
    let mut problems = Vec::new();
    for file in files {
        let Some(folder) = file
            .path
            .strip_suffix("/Cargo.toml")
            .filter(|folder| folder.starts_with("crates/"))
        else {
            continue;
        };
        if !members.contains(folder) {
            problems.push(Problem::new(
                "Cargo.toml",
                line,
                format!("default-members lacks \"{folder}\""),
            ));
        }
        let binaries = [format!("{folder}/src/main.rs"), format!("{folder}/src/bin/")];
        let has_binary = files
            .iter()
            .any(|other| binaries.iter().any(|binary| other.path.starts_with(binary.as_str())))
            || file.text.contains("[[bin]]");
        if has_binary && folder != "crates/bzzz" {
            let what = "a second binary: `cargo run` at the root would not know which one is meant";
            problems.push(Problem::new(&file.path, 0, what));
        }
    }
    if members.contains("xtask") {
        problems.push(Problem::new(
            "Cargo.toml",
            line,
            "default-members holds xtask, so `cargo run` is ambiguous",
        ));
    }
    problems
}

/// The line of `default-members` and its text up to the closing bracket.
fn default_members(manifest: &str) -> (usize, String) {
    let mut lines = manifest
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !line.starts_with("default-members"));
    let line = lines.clone().next().map_or(0, |(index, _)| index + 1);
    let mut text = String::new();
    for (_, part) in lines.by_ref() {
        text.push_str(part);
        if part.contains(']') {
            break;
        }
    }
    // With the quotes gone a name is found by itself only.
    (line, text.replace('"', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines;

    #[test]
    fn dependencies_are_read_in_every_form() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\n# no = \"1\"\na.workspace = true\nb = { package = \"c\", version = \"=1.0.0\" }\n\
                        [dev-dependencies]\nd = \"=1.0.0\"\n[dependencies.e]\nworkspace = true\n[features]\nf = []\n";
        let found = dependencies(manifest);
        let names: Vec<(&str, usize, bool)> = found.iter().map(|d| (d.name.as_str(), d.line, d.dev)).collect();
        assert_eq!(
            names,
            [("a", 5, false), ("c", 6, false), ("d", 8, true), ("e", 9, false)]
        );
    }

    #[test]
    fn versions_are_exact_and_in_one_place() {
        let check = |path: &str, text: &str, expected: &[usize]| {
            assert_eq!(lines(pins(&[SourceFile::new(path, text)])), expected, "{path}: {text}");
        };
        let root =
            "[workspace.dependencies]\na = \"=1.2.3\"\nb = \"1.2\"\nc = { path = \"c\" }\nd = { version = \"^1\" }\n";
        check("Cargo.toml", root, &[3, 5]);
        check(
            "crates/x/Cargo.toml",
            "[dependencies]\na.workspace = true\nb = \"=1.2.3\"\nc = { version = \"1\" }\n",
            &[3, 4],
        );
        check("crates/x/Cargo.toml", "[dependencies.b]\nversion = \"1\"\n", &[1]);
        check("crates/x/Cargo.toml", "[dependencies]\ng = { git = \"x\" }\n", &[2]);
        check("fuzz/Cargo.toml", "[dependencies]\na = \"=1.2.3\"\nb = \"0.4\"\n", &[3]);
    }

    #[test]
    fn run_at_the_root_is_bzzz() {
        let check = |default: &str, extra: &[&str], expected: usize| {
            let mut files = vec![
                SourceFile::new("Cargo.toml", &format!("[workspace]\ndefault-members = [{default}]\n")),
                SourceFile::new("crates/bzzz/Cargo.toml", ""),
                SourceFile::new("crates/bzzz/src/main.rs", ""),
                SourceFile::new("crates/net/Cargo.toml", ""),
            ];
            files.extend(extra.iter().map(|path| SourceFile::new(path, "")));
            assert_eq!(members(&files).len(), expected, "{default} {extra:?}");
        };
        check("\"crates/bzzz\", \"crates/net\"", &[], 0);
        check("\"crates/bzzz\"", &[], 1);
        check("\"crates/bzzz\", \"crates/net\", \"xtask\"", &[], 1);
        check("\"crates/bzzz\", \"crates/net\"", &["crates/net/src/bin/extra.rs"], 1);
        assert_eq!(members(&[]).len(), 1);
    }
}
