//! Reading and writing the files that commands take and make.

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use super::exit::Exit;
use super::failure::{Explain, Result, fail_because};

/// Writes a file whole or not at all: into a temporary one beside it, then renamed.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let attempt = format!("could not write {}", path.display());
    let hint = Some("check the folder, its rights and the space on its disk");
    // A device or a pipe (`--output /dev/stdout`) cannot be replaced by a renamed file.
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .explain(Exit::Local, attempt, hint);
    }
    // Through a symbolic link the file that it points to is written, not the link replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".bzzz-")
        .permissions(permissions(&path))
        .tempfile_in(folder)
        .explain(Exit::Local, attempt.clone(), hint)?;
    file.write_all(bytes).explain(Exit::Local, attempt.clone(), hint)?;
    file.as_file().sync_all().explain(Exit::Local, attempt.clone(), hint)?;
    file.persist(&path).explain(Exit::Local, attempt, hint)?;
    Ok(())
}

/// Refuses a path that cannot be written later, before the work whose result goes there.
pub fn check_writable(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let because = match (path.is_dir(), folder.is_dir()) {
        (true, _) => "it is a folder",
        (_, false) => "its folder is not there",
        _ => return Ok(()),
    };
    Err(fail_because(
        Exit::Local,
        format!("could not write {}", path.display()),
        because,
        Some("check the path: nothing was begun"),
    ))
}

/// Those of the file that is replaced; for a new one the usual ones, less the umask.
fn permissions(path: &Path) -> std::fs::Permissions {
    std::fs::metadata(path).map_or_else(|_| std::fs::Permissions::from_mode(0o666), |meta| meta.permissions())
}

/// Reads a file of at most `limit` bytes; `what` names it in errors.
pub fn read_file(path: &Path, limit: u64, what: &str) -> Result<Vec<u8>> {
    let attempt = format!("could not read the {what} {}", path.display());
    let hint = Some("check the path");
    let file = std::fs::File::open(path).explain(Exit::Usage, attempt.clone(), hint)?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .explain(Exit::Usage, attempt.clone(), hint)?;
    if bytes.len() as u64 > limit {
        return Err(fail_because(
            Exit::Usage,
            attempt,
            format!("it has more than {limit} bytes, which no {what} has"),
            hint,
        ));
    }
    Ok(bytes)
}

/// The text of an argument, or of standard input when it is `-` or absent.
pub fn text_or_stdin(text: Option<&str>, limit: u64, what: &str) -> Result<String> {
    if let Some(text) = text.filter(|text| *text != "-") {
        return Ok(text.to_owned());
    }
    let attempt = format!("could not read the {what} from standard input");
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .explain(Exit::Local, attempt.clone(), None)?;
    if bytes.len() as u64 > limit {
        return Err(fail_because(
            Exit::Usage,
            attempt,
            format!("it has more than {limit} bytes"),
            None,
        ));
    }
    String::from_utf8(bytes).explain(Exit::Usage, attempt, Some("give UTF-8 text"))
}

/// Makes a folder that only this user can enter, unless it is there.
pub fn private_folder(folder: &Path) -> Result<()> {
    let attempt = format!("could not make the folder {}", folder.display());
    let hint = Some("check the rights of the folder above it, or choose another one with --data");
    if folder.exists() && !folder.is_dir() {
        return Err(fail_because(Exit::Local, attempt, "a file of that name is there", hint));
    }
    if !folder.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .explain(Exit::Local, attempt.clone(), hint)?;
        // The mode above is cut by the umask; the rights are exactly these.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).explain(Exit::Local, attempt, hint)?;
    }
    Ok(())
}
