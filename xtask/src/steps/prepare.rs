//! Looks for what the tests need beside Rust and a C compiler, and installs only what is missing: parts of the Rust
//! toolchain by rustup, system packages by apt on Debian and Ubuntu.

use crate::runner::{Context, Outcome, StepResult};
use crate::shell::{program, quiet, shown, works};

/// A tool: how to see that it is there, and the Debian package that brings it.
struct Tool {
    name: &'static str,
    probe: &'static [&'static str],
    package: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "a C compiler",
        probe: &["cc", "--version"],
        package: "gcc",
    },
    Tool {
        name: "a C++ compiler (for the fuzzer's runtime)",
        probe: &["c++", "--version"],
        package: "g++",
    },
    Tool {
        name: "git (for reviews of a range)",
        probe: &["git", "--version"],
        package: "git",
    },
    Tool {
        name: "Python",
        probe: &["python3", "--version"],
        package: "python3",
    },
    Tool {
        name: "Python's venv",
        probe: &["python3", "-c", "import venv, ensurepip"],
        package: "python3-venv",
    },
];

/// Parts of the Rust toolchain: the cargo command, and rustup's name for what brings it.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Checks, and installs what is missing.
pub fn run(_: &Context) -> StepResult {
    components()?;
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| !present(tool)).collect();
    if missing.is_empty() {
        println!("    nothing is missing");
        return Ok(Outcome::Done);
    }
    for tool in &missing {
        println!("    missing: {}, from package {}", tool.name, tool.package);
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    install(&packages)?;
    match missing.iter().find(|tool| !present(tool)) {
        None => Ok(Outcome::Done),
        Some(tool) => Err(format!(
            "{} is still missing after {} was installed: `{}` fails",
            tool.name,
            tool.package,
            tool.probe.join(" ")
        )),
    }
}

fn present(tool: &Tool) -> bool {
    works(program(tool.probe[0]).args(&tool.probe[1..]))
}

fn components() -> Result<(), String> {
    let lacking = || -> Vec<&str> {
        let lacks = |command: &str| !works(program("cargo").args([command, "--version"]));
        COMPONENTS
            .iter()
            .filter(|(command, _)| lacks(command))
            .map(|(_, component)| *component)
            .collect()
    };
    let missing = lacking();
    if missing.is_empty() {
        return Ok(());
    }
    println!("    missing: {}; asking rustup", missing.join(", "));
    let mut add = program("rustup");
    add.args(["component", "add"]).args(&missing);
    let by_hand = format!("run `{}`, or install them the way that Rust was installed", shown(&add));
    quiet(&mut add).map_err(|error| format!("{error}\nthe Rust toolchain lacks {}: {by_hand}", missing.join(", ")))?;
    let missing = lacking();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "the Rust toolchain still lacks {}: {by_hand}",
            missing.join(", ")
        ))
    }
}

/// Installs packages with apt; as another user than root through `sudo -n`, which never asks.
fn install(packages: &[&str]) -> Result<(), String> {
    let by_hand = format!(
        "apt-get update && apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    if !works(program("apt-get").arg("--version")) {
        return Err(format!(
            "this system has no apt-get; install what Debian calls {} and run this again",
            packages.join(", ")
        ));
    }
    let root = quiet(program("id").arg("-u")).is_ok_and(|id| id == "0");
    if !root && !works(program("sudo").args(["-n", "true"])) {
        return Err(format!(
            "installing needs root, and sudo would ask for a password: run `sudo sh -c '{by_hand}'` and this again"
        ));
    }
    println!("    installing: {by_hand}");
    let apt = |words: &[&str]| {
        let mut command = if root { program("apt-get") } else { program("sudo") };
        if !root {
            command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        }
        command.env("DEBIAN_FRONTEND", "noninteractive").args(words);
        quiet(&mut command)
    };
    let failed = |error: String| format!("{error}\ncould not install packages; by hand: {by_hand}");
    apt(&["update", "-qq"]).map_err(failed)?;
    let mut words = vec!["install", "-y", "-qq", "--no-install-recommends"];
    words.extend(packages);
    apt(&words).map_err(failed)?;
    Ok(())
}
