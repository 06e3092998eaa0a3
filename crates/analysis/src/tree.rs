//! Syntax trees as a flat table.
//!
//! The parser's own tree finds a parent by descending from the root and is easily walked by recursion; both are traps
//! with hostile input. So a tree is copied once, in pre-order and without recursion, into a table in which parents,
//! children and whole subtrees are index arithmetic. What always holds: text, depth, nodes and the time of the parser
//! are bounded by the constants below, and a table is either complete or not built at all.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::lang::Lang;

/// Largest text that is parsed, bytes: larger sources are generated or vendored.
pub const MAX_PARSE_BYTES: usize = 1024 * 1024;
/// Longest line at which the rules over plain text look, bytes: longer ones are data. Trees are built whatever the line, and known forms of secrets are
/// searched for in lines of any length.
pub const MAX_LINE_BYTES: usize = 20_000;
/// Deepest nesting that is taken; code by people stays below 100.
pub const MAX_TREE_DEPTH: usize = 500;
/// Most nodes of one tree.
pub const MAX_TREE_NODES: usize = 1_500_000;
/// Most bytes that the lexer may read for one text. Lexers read the same bytes again and again: a comment that never
/// ends is searched for from every `/`, and Python's reads the rest of a block of comments at each of its lines. So it is
/// no multiple of the text that marks hostile text, but the work itself: this is 0.7 s, enough for a block of 1,900 lines
/// of comments, and eighty times what any file of Python's own library needs.
const MAX_READ_BYTES: usize = 128 * 1024 * 1024;
/// Size of the pieces in which the parser is given the text, so that what it reads can be counted.
const READ_PIECE_BYTES: usize = 512;
/// Size of the first prefix that is parsed on trial.
const FIRST_TRIAL_BYTES: usize = 4096;
/// Time for any text, however short; to it come [`TIME_PER_KIB`] and [`TIME_PER_MIB_READ`]. The parser is quadratic in the depth of unfinished constructs, and one step of it cannot
/// be interrupted: so prefixes of doubling length are tried first, and a slow or deep one ends the attempt before the
/// next, which would take four times as long. Real code takes a hundredth of this.
const BASE_TIME: Duration = Duration::from_millis(200);
/// Time for each 1024 bytes.
const TIME_PER_KIB: Duration = Duration::from_millis(2);
/// Time for each 1024 * 1024 bytes that the lexer read, four times what it takes: how much it may read is bounded by
/// [`MAX_READ_BYTES`], whose answer is the same on every machine, and not by the clock.
const TIME_PER_MIB_READ: Duration = Duration::from_millis(24);
/// Longest time for all parsing of one analysis; what is left then is told as not parsed.
pub const MAX_PARSE_TIME: Duration = Duration::from_secs(15);

/// Why a text has no tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoTree {
    Large,
    Deep,
    Hard,
}

impl NoTree {
    pub(crate) fn why(self) -> &'static str {
        match self {
            NoTree::Large => "larger than 1 MiB: not parsed",
            NoTree::Deep => "nested deeper than 500 levels: not parsed",
            NoTree::Hard => "the parser met its limits: not parsed",
        }
    }
}

struct Entry {
    kind: &'static str,
    field: &'static str,
    start: u32,
    end: u32,
    row: u32,
    end_row: u32,
    parent: u32,
    /// The sibling before, or the node itself.
    previous: u32,
    /// One behind the last node of the subtree.
    subtree_end: u32,
    named: bool,
}

/// One parsed text: a whole file, or what a hunk shows of it.
pub(crate) struct Doc {
    pub lang: Lang,
    pub text: String,
    /// Line number of row 0; with a synthetic first row, that of the row behind it, less one.
    first_line: u32,
    /// Whether row 0 is the enclosing function's first line as the hunk header tells it.
    synthetic: bool,
    /// Whether this is the whole file.
    pub whole: bool,
    /// Whether the indentation was changed, so that the outermost code is not the file's top level.
    pub shifted: bool,
    entries: Vec<Entry>,
    kinds: BTreeMap<&'static str, Vec<u32>>,
    pub(crate) assignments: OnceCell<crate::code::Assignments>,
}

/// A node of a [`Doc`].
#[derive(Clone, Copy)]
pub(crate) struct Node<'d> {
    pub doc: &'d Doc,
    id: u32,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.doc, other.doc) && self.id == other.id
    }
}

impl Doc {
    pub(crate) fn parse(
        lang: Lang,
        text: String,
        first_line: u32,
        synthetic: bool,
        whole: bool,
    ) -> Result<Doc, NoTree> {
        if text.len() > MAX_PARSE_BYTES {
            return Err(NoTree::Large);
        }
        let grammar = lang.grammar();
        let mut trial = FIRST_TRIAL_BYTES;
        while trial < text.len() {
            let end = (0..=trial).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            max_depth_within_bounds(&parse_text(grammar, &text[..end])?)?;
            trial = trial.saturating_mul(2);
        }
        let tree = parse_text(grammar, &text)?;
        let entries = flatten(&tree, grammar)?;
        let mut kinds: BTreeMap<&'static str, Vec<u32>> = BTreeMap::new();
        for (id, entry) in (0u32..).zip(&entries) {
            if entry.named {
                kinds.entry(entry.kind).or_default().push(id);
            }
        }
        Ok(Doc {
            lang,
            text,
            first_line,
            synthetic,
            whole,
            shifted: false,
            entries,
            kinds,
            assignments: OnceCell::new(),
        })
    }

    /// Whether the parser made sense of less than half of the text: a tree of errors shows no rule anything.
    pub(crate) fn is_mostly_errors(&self) -> bool {
        let mut lost = 0usize;
        let mut next = 0;
        while let Some(entry) = self.entries.get(next) {
            if entry.kind == "ERROR" {
                lost += (entry.end - entry.start) as usize;
                next = entry.subtree_end as usize;
            } else {
                next += 1;
            }
        }
        lost * 2 > self.text.len()
    }

    #[cfg(test)]
    pub(crate) fn root(&self) -> Node<'_> {
        Node { doc: self, id: 0 }
    }

    pub(crate) fn node(&self, id: u32) -> Node<'_> {
        Node { doc: self, id }
    }

    /// All named nodes of these kinds; kind by kind, each in the order of the text.
    pub(crate) fn all<'d>(&'d self, kinds: &'d [&str]) -> impl Iterator<Item = Node<'d>> {
        kinds
            .iter()
            .filter_map(|k| self.kinds.get(*k))
            .flatten()
            .map(|id| Node { doc: self, id: *id })
    }
}

fn parse_text(grammar: &tree_sitter::Language, text: &str) -> Result<tree_sitter::Tree, NoTree> {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(grammar).map_err(|_| NoTree::Hard)?;
    let bytes = text.as_bytes();
    let read = Cell::new(0usize);
    let begin = Instant::now();
    let times = |time: Duration, count: usize| time * u32::try_from(count).unwrap_or(u32::MAX);
    let time = BASE_TIME + times(TIME_PER_KIB, bytes.len() / 1024);
    let over = || {
        let read = read.get();
        read > MAX_READ_BYTES || begin.elapsed() > time + times(TIME_PER_MIB_READ, read / (1024 * 1024))
    };
    let mut progress = |_: &tree_sitter::ParseState| {
        if over() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = tree_sitter::ParseOptions::new().progress_callback(&mut progress);
    let stopped = Cell::new(false);
    let mut piece = |at: usize, _: tree_sitter::Point| {
        // Once a limit is passed the text ends, or a single step could go on reading.
        if stopped.get() || over() {
            stopped.set(true);
            return &[][..];
        }
        let piece = bytes
            .get(at..at.saturating_add(READ_PIECE_BYTES).min(bytes.len()))
            .unwrap_or_default();
        read.set(read.get().saturating_add(piece.len()));
        piece
    };
    let tree = parser
        .parse_with_options(&mut piece, None, Some(options))
        .ok_or(NoTree::Hard)?;
    if stopped.get() || over() {
        Err(NoTree::Hard)
    } else {
        Ok(tree)
    }
}

fn max_depth_within_bounds(tree: &tree_sitter::Tree) -> Result<(), NoTree> {
    let mut cursor = tree.walk();
    let mut depth = 0;
    loop {
        if cursor.goto_first_child() {
            depth += 1;
            if depth >= MAX_TREE_DEPTH {
                return Err(NoTree::Deep);
            }
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return Ok(());
            }
            depth -= 1;
        }
    }
}

fn flatten(tree: &tree_sitter::Tree, grammar: &'static tree_sitter::Language) -> Result<Vec<Entry>, NoTree> {
    let mut cursor = tree.walk();
    let mut entries: Vec<Entry> = Vec::new();
    let mut open: Vec<u32> = Vec::new();
    let mut previous: Option<u32> = None;
    let row = |r: usize| u32::try_from(r).unwrap_or(u32::MAX);
    loop {
        if open.len() >= MAX_TREE_DEPTH {
            return Err(NoTree::Deep);
        }
        if entries.len() >= MAX_TREE_NODES {
            return Err(NoTree::Hard);
        }
        let node = cursor.node();
        let id = row(entries.len());
        // A node that ends at the start of a row does not reach into it.
        let end = node.end_position();
        let end_row = if end.column == 0 && end.row > node.start_position().row {
            end.row - 1
        } else {
            end.row
        };
        entries.push(Entry {
            kind: grammar.node_kind_for_id(node.kind_id()).unwrap_or("ERROR"),
            field: cursor
                .field_id()
                .and_then(|f| grammar.field_name_for_id(f.get()))
                .unwrap_or(""),
            start: row(node.start_byte()),
            end: row(node.end_byte()),
            row: row(node.start_position().row),
            end_row: row(end_row),
            parent: open.last().copied().unwrap_or(0),
            previous: previous.unwrap_or(id),
            subtree_end: 0,
            named: node.is_named(),
        });
        if cursor.goto_first_child() {
            open.push(id);
            previous = None;
            continue;
        }
        let mut done = id;
        loop {
            let end = row(entries.len());
            entries[done as usize].subtree_end = end;
            if cursor.goto_next_sibling() {
                previous = Some(done);
                break;
            }
            if !cursor.goto_parent() {
                return Ok(entries);
            }
            match open.pop() {
                Some(parent) => done = parent,
                None => return Ok(entries),
            }
        }
    }
}

impl<'d> Node<'d> {
    fn entry(&self) -> &'d Entry {
        &self.doc.entries[self.id as usize]
    }

    fn at(&self, id: u32) -> Node<'d> {
        Node { doc: self.doc, id }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.entry().kind
    }

    pub(crate) fn is(&self, kinds: &[&str]) -> bool {
        kinds.contains(&self.kind())
    }

    /// Position in the text, for order.
    pub(crate) fn start(&self) -> u32 {
        self.entry().start
    }

    pub(crate) fn end(&self) -> u32 {
        self.entry().end
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn text(&self) -> &'d str {
        let entry = self.entry();
        self.doc
            .text
            .get(entry.start as usize..entry.end as usize)
            .unwrap_or_default()
    }

    /// The text where it has at most `limit` bytes, else nothing: keeps rules linear on long chains.
    pub(crate) fn short_text(&self, limit: u32) -> &'d str {
        let entry = self.entry();
        if entry.end - entry.start > limit {
            ""
        } else {
            self.text()
        }
    }

    /// Number of the first line in the file.
    pub(crate) fn line(&self) -> u32 {
        self.doc.first_line.saturating_add(self.entry().row)
    }

    /// Number of the last line in the file.
    pub(crate) fn end_line(&self) -> u32 {
        self.doc.first_line.saturating_add(self.entry().end_row)
    }

    /// Whether the node starts in a line that the file really has.
    pub(crate) fn is_real(&self) -> bool {
        !(self.doc.synthetic && self.entry().row == 0)
    }

    pub(crate) fn field_name(&self) -> &'static str {
        self.entry().field
    }

    pub(crate) fn parent(&self) -> Option<Node<'d>> {
        (self.id > 0).then(|| self.at(self.entry().parent))
    }

    /// Parents up to the root.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        std::iter::successors(self.parent(), Node::parent)
    }

    pub(crate) fn ancestor(&self, kinds: &[&str]) -> Option<Node<'d>> {
        self.ancestors().find(|n| n.is(kinds))
    }

    /// All children, also punctuation and keywords.
    pub(crate) fn all_children(&self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        let (doc, end) = (self.doc, self.entry().subtree_end);
        let mut next = self.id + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let child = Node { doc, id: next };
                next = child.entry().subtree_end;
                child
            })
        })
    }

    /// Named children without comments.
    pub(crate) fn children(&self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        self.all_children().filter(|c| c.entry().named && !c.is(COMMENTS))
    }

    pub(crate) fn child(&self, kind: &str) -> Option<Node<'d>> {
        self.all_children().find(|c| c.kind() == kind)
    }

    pub(crate) fn field(&self, name: &str) -> Option<Node<'d>> {
        self.all_children().find(|c| c.entry().field == name)
    }

    /// Everything below this node, in the order of the text; named only.
    pub(crate) fn descendants(&self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        let doc = self.doc;
        (self.id + 1..self.entry().subtree_end)
            .map(move |id| Node { doc, id })
            .filter(|n| n.entry().named)
    }

    pub(crate) fn contains(&self, other: Node<'d>) -> bool {
        self.id <= other.id && other.id < self.entry().subtree_end
    }

    /// The sibling behind, comments included.
    pub(crate) fn next(&self) -> Option<Node<'d>> {
        let id = self.entry().subtree_end;
        let parent = self.parent()?;
        (id < parent.entry().subtree_end).then(|| self.at(id))
    }

    /// The sibling before, comments included.
    pub(crate) fn previous(&self) -> Option<Node<'d>> {
        let previous = self.entry().previous;
        (previous != self.id).then(|| self.at(previous))
    }

    /// Whether the parser lost its way around this node.
    pub(crate) fn in_error(&self) -> bool {
        self.ancestors().any(|n| n.kind() == "ERROR")
    }

    pub(crate) fn has_error(&self) -> bool {
        self.descendants().any(|n| n.kind() == "ERROR")
    }
}

/// Kinds of comments in all grammars.
pub(crate) const COMMENTS: &[&str] = &["comment", "line_comment", "block_comment"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lang: Lang, text: &str) -> Result<Doc, NoTree> {
        Doc::parse(lang, text.to_owned(), 1, false, true)
    }

    #[test]
    fn the_table_mirrors_the_tree() {
        let doc = parse(Lang::Python, "def f(a):\n    # why\n    return g(a)\n")
            .ok()
            .unwrap();
        let call = doc.all(&["call"]).next().unwrap();
        assert_eq!((call.text(), call.line()), ("g(a)", 3));
        let function = call.ancestor(&["function_definition"]).unwrap();
        assert_eq!(function.field("name").unwrap().text(), "f");
        assert_eq!((function.line(), function.end_line()), (1, 3));
        assert!(function.contains(call) && !call.contains(function));
        assert_eq!(function.field("body").unwrap().previous().unwrap().kind(), "comment");
        assert_eq!(doc.root().descendants().filter(|n| n.kind() == "identifier").count(), 4);
    }

    #[test]
    fn hostile_text_is_refused_in_bounded_time() {
        assert_eq!(
            parse(Lang::Rust, &"x".repeat(MAX_PARSE_BYTES + 1)).err(),
            Some(NoTree::Large)
        );
        assert!(parse(Lang::Rust, &"x".repeat(MAX_LINE_BYTES + 1)).is_ok());
        let deep = |open: &str, close: &str| {
            format!(
                "{}1{}",
                format!("{open}\n").repeat(9000),
                format!("{close}\n").repeat(9000)
            )
        };
        for lang in crate::lang::ALL {
            assert_eq!(parse(*lang, &deep("(", ")")).err(), Some(NoTree::Deep), "{lang:?}");
        }
    }

    #[test]
    fn text_that_is_read_over_and_over_is_refused_in_bounded_time() {
        let hostile = [
            (Lang::Python, format!("x\n{}", "#\n".repeat(300_000))),
            (Lang::JavaScript, "/* ".repeat(300_000)),
            (Lang::Rust, "r#\"".repeat(250_000)),
        ];
        for (lang, text) in hostile {
            let begin = Instant::now();
            assert!(parse(lang, &text).is_err(), "{lang:?}");
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "{lang:?} {:?}",
                begin.elapsed()
            );
        }
    }

    #[test]
    fn long_blocks_of_comments_are_read() {
        let comment = |indent: &str, lines: usize| format!("{indent}# {}\n", "a".repeat(65)).repeat(lines);
        let function = "def f(a):\n    b = a + 1\n    return g(b, a)\n\n\n";
        let texts = [
            format!("import os\n{}x = 1\n", comment("", 86)),
            format!("import os\n{}x = 1\n", comment("", 1_000)),
            format!("def f():\n    a()\n{}    b()\n", comment("    ", 1_000)),
            // As long as a real file gets, with a licence at its head and code that was commented out.
            format!(
                "import os\n{}{}{}",
                comment("", 200),
                function.repeat(3_700),
                comment("", 1_300)
            ),
        ];
        for text in texts {
            let begin = Instant::now();
            let lines = text.lines().count();
            assert!(
                parse(Lang::Python, &text).is_ok(),
                "{lines} lines, {:?}",
                begin.elapsed()
            );
        }
    }

    #[test]
    fn garbage_is_parsed_or_refused() {
        let garbage = [
            "((((\n",
            "{[<\n",
            "def def def:\n",
            "\"'`\n",
            "fn x( {{\n",
            "/* \n",
            "<a<b<c\n",
            "${`\n",
            "else if\n",
        ];
        for lang in crate::lang::ALL {
            for piece in garbage {
                let begin = Instant::now();
                let _ = parse(*lang, &piece.repeat(4_000));
                assert!(begin.elapsed() < Duration::from_secs(20), "{lang:?} {piece:?}");
            }
        }
    }
}
