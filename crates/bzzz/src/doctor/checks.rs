//! The checks that look at files, programs and the terminal.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::Check;
use crate::settings::Layers;
use crate::settings::problem::Level;
use crate::term::{ColorChoice, Screen, Stream, clean};

/// The node's private key in the data folder.
pub const IDENTITY_FILE: &str = "identity";
/// A node cannot work with less, bytes.
const LEAST_SPACE: u64 = 64 << 20;
/// With less than this there is a warning, bytes.
const GOOD_SPACE: u64 = 1 << 30;

/// The settings themselves.
pub fn settings(layers: &Layers) -> Check {
    let count = |level| layers.problems.iter().filter(|problem| problem.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    let file = layers.file.as_ref().map_or_else(
        || "no settings file, defaults are used".to_owned(),
        |path| path.display().to_string(),
    );
    let hint = "see `bzzz config check`";
    if errors > 0 {
        Check::fail("settings", format!("{errors} errors ({file})"), hint)
    } else if warnings > 0 {
        Check::warn("settings", format!("{warnings} warnings ({file})"), hint)
    } else {
        Check::ok("settings", file)
    }
}

/// Rights of the data folder, and whether it can be written.
pub fn data_folder(data: &Path) -> Check {
    let name = "data folder";
    let shown = data.display();
    let meta = match std::fs::metadata(data) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Check::warn(
                name,
                format!("{shown} is not there yet"),
                "`bzzz init` makes it; `bzzz up` does so too",
            );
        }
        Err(error) => {
            return Check::fail(name, format!("{shown}: {error}"), "check the path and its rights");
        }
    };
    if !meta.is_dir() {
        return Check::fail(
            name,
            format!("{shown} is not a folder"),
            "choose another one with --data",
        );
    }
    if let Err(error) = tempfile::Builder::new().prefix(".doctor-").tempfile_in(data) {
        return Check::fail(
            name,
            format!("{shown} cannot be written: {error}"),
            "give this user the right to write there, or choose another folder with --data",
        );
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Check::warn(
            name,
            format!("{shown} can be entered by others (mode {mode:o})"),
            format!("chmod 700 {shown}"),
        );
    }
    Check::ok(name, format!("{shown}, mode {mode:o}"))
}

/// Rights of the identity file: whoever can read it can speak as this node.
pub fn identity(data: &Path) -> Check {
    let name = "identity";
    let path = data.join(IDENTITY_FILE);
    let meta = match std::fs::metadata(&path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && data.join(bzzz_store::DATABASE_FILE).exists() => {
            return Check::fail(
                name,
                format!("{} is missing, and the folder holds a node's log", path.display()),
                "put the file back from a copy, or move the folder away and start with an empty one",
            );
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Check::ok(name, "none yet; the first `bzzz up` makes one");
        }
        Err(error) => {
            return Check::fail(
                name,
                format!("{}: {error}", path.display()),
                "check the rights of the data folder",
            );
        }
    };
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Check::fail(
            name,
            format!("{} can be read by others (mode {mode:o})", path.display()),
            format!("chmod 600 {}", path.display()),
        );
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me {
        return Check::warn(
            name,
            format!("{} belongs to another user ({})", path.display(), meta.uid()),
            "run bzzz as that user, or change the owner",
        );
    }
    Check::ok(name, format!("{}, mode {mode:o}", path.display()))
}

/// Space on the disk of the data folder, or of the nearest folder above it that exists.
pub fn disk(data: &Path) -> Check {
    let name = "disk space";
    let Some(place) = data.ancestors().find(|path| path.is_dir()) else {
        return Check::warn(
            name,
            "unknown: no folder above the data folder exists",
            "choose another one with --data",
        );
    };
    match rustix::fs::statvfs(place) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{} MB free for {}", free >> 20, data.display());
            if free < LEAST_SPACE {
                Check::fail(name, found, "free some space: below 64 MB a node refuses to write")
            } else if free < GOOD_SPACE {
                Check::warn(name, found, "free some space, or keep the data elsewhere with --data")
            } else {
                Check::ok(name, found)
            }
        }
        Err(error) => Check::warn(name, format!("unknown: {error}"), "check the disk by hand"),
    }
}

/// The git program, for `bzzz review --repo`.
pub fn git() -> Check {
    match std::process::Command::new("git")
        .arg("--version")
        .stdin(std::process::Stdio::null())
        .output()
    {
        Ok(output) if output.status.success() => {
            Check::ok("git", clean::line(String::from_utf8_lossy(&output.stdout).trim()))
        }
        Ok(_) => Check::warn("git", "it is there and does not work", "try `git --version`"),
        Err(_) => Check::warn(
            "git",
            "not found",
            "install git to review a repository with --repo; diffs work without",
        ),
    }
}

/// What the terminal can do.
pub fn terminal() -> Check {
    let screen = Screen::of(Stream::Out, ColorChoice::Auto);
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let utf8 = locale
        .as_deref()
        .is_some_and(|locale| locale.to_lowercase().replace('-', "").contains("utf8"));
    if !screen.terminal {
        return Check::ok("terminal", "standard output is no terminal: plain text, 80 columns");
    }
    let colours = if screen.paint.on { "colours" } else { "no colours" };
    let found = format!("{} columns, {colours}", screen.columns);
    if utf8 {
        Check::ok("terminal", found)
    } else {
        Check::warn(
            "terminal",
            format!("{found}, and the locale is not UTF-8"),
            "set LANG=C.UTF-8, or some characters of a quote may not show",
        )
    }
}
