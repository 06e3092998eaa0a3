//! The arrows between crates point down only, and each big library has one owner.

use super::Problem;
use super::workspace::{Dependency, dependencies};
use crate::repository::SourceFile;

/// The crates and their floors. A crate may name crates of lower floors only, so those of one floor never name each other.
const FLOORS: &[(&str, u8)] = &[
    ("bzzz-core", 0),
    ("bzzz-redact", 1),
    ("bzzz-net", 2),
    ("bzzz-store", 2),
    ("bzzz-llm", 2),
    ("bzzz-analysis", 2),
    ("bzzz-bridges", 2),
    ("bzzz-node", 3),
    ("bzzz", 4),
];

/// Libraries that one crate alone knows, by the beginning of their names.
const OWNERS: &[(&str, &str)] = &[
    ("libp2p", "bzzz-net"),
    ("rusqlite", "bzzz-store"),
    ("libsqlite3-sys", "bzzz-store"),
    ("sqlx", "bzzz-store"),
    ("redis", "bzzz-store"),
    ("hypercore", "bzzz-store"),
    ("rmcp", "bzzz"),
    ("clap", "bzzz"),
    ("anyhow", "bzzz"),
    ("ast-grep", "bzzz-analysis"),
    ("tree-sitter", "bzzz-analysis"),
];

/// What the pure core may build on: data, hashes, signatures, encodings. No runtime, no IO, no source of chance (the
/// generators are seeded ones, for the simulator).
const CORE_MAY_USE: &[&str] = &[
    "blake3",
    "curve25519-dalek",
    "data-encoding",
    "ed25519-dalek",
    "minicbor",
    "rand_chacha",
    "rand_core",
    "serde",
    "serde_json",
    "sha2",
    "strsim",
    "thiserror",
];

/// Checks the manifest of every crate.
pub fn arrows(files: &[SourceFile]) -> Vec<Problem> {
    files
        .iter()
        .filter_map(|file| Some((file, crate_name(&file.path)?)))
        .flat_map(|(file, name)| check(file, &name))
        .collect()
}

/// The package name of the crate whose manifest this is.
fn crate_name(path: &str) -> Option<String> {
    let folder = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
    Some(if folder == "bzzz" {
        folder.to_owned()
    } else {
        format!("bzzz-{folder}")
    })
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(other, _)| *other == name).map(|(_, floor)| *floor)
}

fn check(file: &SourceFile, name: &str) -> Vec<Problem> {
    let Some(own) = floor(name) else {
        let what = format!("{name} has no floor; give it one in xtask/src/tidy/layers.rs and in ARCHITECTURE.md");
        return vec![Problem::new(&file.path, 0, what)];
    };
    dependencies(&file.text)
        .iter()
        .filter_map(|dependency| {
            complaint(name, own, dependency).map(|what| Problem::new(&file.path, dependency.line, what))
        })
        .collect()
}

fn complaint(name: &str, own: u8, dependency: &Dependency) -> Option<String> {
    let other = dependency.name.as_str();
    if other == "bzzz" || other.starts_with("bzzz-") {
        return match floor(other) {
            None => Some(format!("{other} has no floor; give it one in xtask/src/tidy/layers.rs")),
            // A crate may name itself in its own tests, to switch a feature on.
            Some(_) if dependency.dev && other == name => None,
            Some(theirs) if theirs < own => None,
            Some(_) => Some(format!(
                "{name} must not depend on {other}: arrows point down only; what both need belongs below"
            )),
        };
    }
    let owner = OWNERS.iter().find(|(prefix, _)| other.starts_with(prefix));
    if let Some((_, owner)) = owner.filter(|(_, owner)| *owner != name && !dependency.dev) {
        return Some(format!(
            "{name} must not depend on {other}: only {owner} knows it; go through its interface"
        ));
    }
    if name == "bzzz-core" && !dependency.dev && !CORE_MAY_USE.contains(&other) {
        return Some(format!(
            "the core must not depend on {other}: it is pure; if {other} is too, name it in xtask/src/tidy/layers.rs"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folder: &str, manifest: &str, expected: &str) {
        let file = SourceFile::new(&format!("crates/{folder}/Cargo.toml"), manifest);
        let problems = arrows(&[file]);
        if expected.is_empty() {
            assert_eq!(problems, []);
        } else {
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].what.contains(expected), "{problems:?}");
        }
    }

    #[test]
    fn arrows_point_down() {
        check(
            "node",
            "[dependencies]\nbzzz-net.workspace = true\nbzzz-core.workspace = true\n",
            "",
        );
        check(
            "net",
            "[dependencies]\nbzzz-store.workspace = true\n",
            "must not depend on bzzz-store",
        );
        check(
            "core",
            "[dependencies]\nbzzz-redact.workspace = true\n",
            "must not depend on bzzz-redact",
        );
        check(
            "store",
            "[dependencies]\nbzzz-node = { path = \"../node\" }\n",
            "must not depend on bzzz-node",
        );
        check(
            "store",
            "[dev-dependencies]\nbzzz-net.workspace = true\n",
            "must not depend on bzzz-net",
        );
        check(
            "store",
            "[target.'cfg(unix)'.dependencies]\nbzzz.workspace = true\n",
            "must not depend on bzzz",
        );
        check(
            "store",
            "[dependencies]\nx = { package = \"bzzz-net\" }\n",
            "must not depend on bzzz-net",
        );
        check(
            "core",
            "[dev-dependencies]\nbzzz-core = { workspace = true, features = [\"sim\"] }\n",
            "",
        );
        check("new", "[dependencies]\n", "has no floor");
    }

    #[test]
    fn big_libraries_have_one_owner() {
        check("net", "[dependencies]\nlibp2p.workspace = true\n", "");
        check(
            "node",
            "[dependencies.libp2p]\nworkspace = true\n",
            "only bzzz-net knows it",
        );
        check(
            "bzzz",
            "[dependencies]\nrusqlite.workspace = true\n",
            "only bzzz-store knows it",
        );
        check(
            "node",
            "[build-dependencies]\nsqlx.workspace = true\n",
            "only bzzz-store knows it",
        );
        check("net", "[dev-dependencies]\nanyhow.workspace = true\n", "");
    }

    #[test]
    fn the_core_is_pure() {
        check("core", "[dependencies]\nserde.workspace = true\n", "");
        check(
            "core",
            "[dependencies]\ntokio.workspace = true\n",
            "must not depend on tokio",
        );
        check(
            "core",
            "[dependencies]\ngetrandom.workspace = true\n",
            "must not depend on getrandom",
        );
        check("core", "[dev-dependencies]\nproptest.workspace = true\n", "");
    }
}
