//! The `bzzz` program; all of it lives in the library beside this file.

fn main() -> std::process::ExitCode {
    bzzz::cli::main()
}
