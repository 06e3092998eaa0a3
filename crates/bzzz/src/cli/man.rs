//! `bzzz man`: the manual, made from the same definition as `--help`.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result};

/// Arguments of `bzzz man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write a page for every command into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: ManArgs, context: &mut Context) -> Result<Exit> {
    match args.dir {
        None => context.out.bytes(&page(&super::args::command())?)?,
        Some(dir) => {
            let attempt = format!("could not make the folder {}", dir.display());
            std::fs::create_dir_all(&dir).explain(
                Exit::Local,
                attempt,
                Some("check the rights of the folder above it"),
            )?;
            let mut root = super::args::command();
            root.build();
            let count = write_pages(&dir, &root)?;
            context.show(&serde_json::json!({ "dir": dir, "pages": count }), |_| {
                format!("wrote {count} pages to {}\n", dir.display())
            })?;
        }
    }
    Ok(Exit::Ok)
}

/// A page for `command` and for each below it; the tree is as deep as the definition.
fn write_pages(dir: &Path, command: &clap::Command) -> Result<usize> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    super::text::write_file(&dir.join(format!("{name}.1")), &page(command)?)?;
    let mut count = 1;
    for below in command.get_subcommands() {
        count += write_pages(dir, below)?;
    }
    Ok(count)
}

fn page(command: &clap::Command) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let attempt = "could not make the manual page";
    clap_mangen::Man::new(command.clone())
        .render(&mut out)
        .explain(Exit::Local, attempt, None)?;
    Ok(out)
}
