//! Where the repository is, and which files belong to it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold what was made, not what was written.
const MADE: &[&str] = &["target", "node_modules", "__pycache__"];
/// Made folders of the fuzzer.
const MADE_BY_FUZZING: &[&str] = &["fuzz/corpus", "fuzz/artifacts"];
/// Hidden entries that are part of the project; all others (`.git`, editors' folders) are not.
const HIDDEN_BUT_OURS: &[&str] = &[".ci", ".cargo", ".github", ".gitlab-ci.yml", ".gitignore"];
/// Most files that are looked at: a bound against a walk that has left the project.
const FILES_MAX: usize = 50_000;

/// The folder of the workspace: the one above `xtask/`, or the first above the current one that holds a workspace.
pub fn root() -> Result<PathBuf, String> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => env::current_dir().map_err(|error| format!("cannot tell the current folder: {error}"))?,
    };
    start
        .ancestors()
        .find(|folder| {
            fs::read_to_string(folder.join("Cargo.toml"))
                .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "[workspace]"))
        })
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            format!(
                "no workspace at {} or above it; run this inside the repository",
                start.display()
            )
        })
}

/// A text file of the project.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path below the root, with `/`.
    pub path: String,
    /// Its content; replacement characters where it is not UTF-8.
    pub text: String,
}

impl SourceFile {
    /// A file for a test of a check.
    pub fn new(path: &str, text: &str) -> Self {
        SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The last part of its name, without the dot.
    pub fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// All files of the project, sorted by path. The walk does not ask git, so that a file counts before it is added.
pub fn files(root: &Path) -> Result<Vec<SourceFile>, String> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let shown = root.join(&folder);
        let entries = fs::read_dir(&shown).map_err(|error| format!("cannot list {}: {error}", shown.display()))?;
        for entry in entries {
            let entry = entry.map_err(|error| format!("cannot list {}: {error}", shown.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            let hidden = name.starts_with('.') && !HIDDEN_BUT_OURS.contains(&name.as_str());
            if hidden || MADE.contains(&name.as_str()) || MADE_BY_FUZZING.contains(&path.as_str()) {
                continue;
            }
            let kind = entry
                .file_type()
                .map_err(|error| format!("cannot look at {path}: {error}"))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).map_err(|error| format!("cannot read {path}: {error}"))?;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                files.push(SourceFile { path, text });
            }
            if files.len() > FILES_MAX {
                return Err(format!("more than {FILES_MAX} files below {}", root.display()));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
