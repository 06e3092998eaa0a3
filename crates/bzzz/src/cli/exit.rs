//! The exit statuses: one table, shown by `bzzz --help` and in the manual.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and nothing stands against it.
    Ok,
    /// Done, and the answer is no.
    No,
    /// The command line, the settings or the input are wrong.
    Usage,
    /// A person has to decide.
    Escalated,
    /// No node, or the node or the network failed.
    Node,
    /// A signature, a hash or a chain does not hold.
    Verify,
    /// This machine refused: a file, a folder, a disk, a right.
    Local,
}

/// Every status in the order of its number.
pub const ALL: [Exit; 7] = [
    Exit::Ok,
    Exit::No,
    Exit::Usage,
    Exit::Escalated,
    Exit::Node,
    Exit::Verify,
    Exit::Local,
];

impl Exit {
    /// Number for the shell.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Escalated => 3,
            Self::Node => 4,
            Self::Verify => 5,
            Self::Local => 6,
        }
    }

    /// Word for programs (`--json` errors).
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::No => "no",
            Self::Usage => "usage",
            Self::Escalated => "escalated",
            Self::Node => "node",
            Self::Verify => "verify",
            Self::Local => "local",
        }
    }

    /// One line for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done; a review approved the change",
            Self::No => "a review asks for changes or reached --fail-on; a doctor's check failed",
            Self::Usage => "wrong command line, settings or input",
            Self::Escalated => "a person has to decide: see `bzzz escalations`",
            Self::Node => "no node answered, or the node or the network failed",
            Self::Verify => "a signature, hash or chain does not hold",
            Self::Local => "this machine refused: file, folder, disk, rights",
        }
    }
}

/// The table as text.
pub fn table() -> String {
    let mut out = String::from("Exit status:\n");
    for exit in ALL {
        out.push_str(&format!("  {}  {}\n", exit.code(), exit.meaning()));
    }
    // As shells count a process that ended by a signal: 128 and its number.
    out.push_str("  130, 143  stopped by an interrupt (Ctrl-C) or a termination signal");
    out
}
