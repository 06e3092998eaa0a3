//! `bzzz init`: a data folder that only this user can enter, and a settings file with comments.

use std::path::Path;

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Result, fail, fail_because};
use crate::settings::check;
use crate::settings::example::example;
use crate::settings::layers::FILE_NAME;

/// Arguments of `bzzz init`.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Who runs this node
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Name of this node
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Name of the project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Replace the settings file that is there
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: InitArgs, context: &mut Context) -> Result<Exit> {
    if context.global.config.is_some() {
        return Err(fail(
            Exit::Usage,
            "could not use --config: `init` writes bzzz.toml into the data folder",
            Some("leave --config out; use --data DIR"),
        ));
    }
    let mut set = Vec::new();
    for (key, flag, value, check) in [
        (
            "node.owner",
            "--owner",
            args.owner,
            check::label as fn(&str) -> std::result::Result<(), String>,
        ),
        ("node.name", "--name", args.name, check::name),
        ("project.name", "--project", args.project, check::name),
    ] {
        if let Some(value) = value {
            check(&value)
                .map_err(|because| fail_because(Exit::Usage, format!("could not use {flag}"), because, None))?;
            set.push((key, value));
        }
    }
    // A broken file must not keep `init --force` from replacing it, so only the folder is asked for.
    let layers = crate::settings::layers(&context.flags());
    let data = layers.get("data").map(|value| std::path::PathBuf::from(value.text()));
    let data = data.ok_or_else(|| {
        fail(
            Exit::Usage,
            "could not tell where the data folder is",
            Some("pass --data DIR"),
        )
    })?;
    super::text::private_folder(&data)?;
    let file = data.join(FILE_NAME);
    let written = write_new(&file, &example(&set), args.force)?;
    if !written && !set.is_empty() {
        return Err(fail_because(
            Exit::Usage,
            format!("could not write {}", file.display()),
            "it is there already",
            Some("edit the file, or replace it with --force"),
        ));
    }
    let answer =
        json!({ "data": data.display().to_string(), "config": file.display().to_string(), "written": written });
    context.show(&answer, |_| {
        let what = if written { "wrote" } else { "kept" };
        format!("{what} {}\nnext: bzzz up --data {}\n", file.display(), data.display())
    })?;
    Ok(Exit::Ok)
}

/// Writes the file unless one is there; tells whether it did.
fn write_new(file: &Path, text: &str, force: bool) -> Result<bool> {
    if file.exists() && !force {
        return Ok(false);
    }
    super::text::write_file(file, text.as_bytes())?;
    Ok(true)
}
