//! Addresses: the table of good ones with their canonical form, the table of bad ones with the column that is blamed, the
//! laws of printing and matching, versions, listings.

use proptest::prelude::*;

use super::*;

mod laws;
mod tables;

fn address(text: &str) -> Address {
    Address::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn an_error_points_at_the_column() {
    let error = Address::parse("bzzz://anna:re viewer@p:t/").unwrap_err();
    let shown = "bad address, column 15: a space in the role\n  \
                 bzzz://anna:re viewer@p:t/\n                \
                 ^\n  \
                 expected letters, digits, `_` or `-`";
    assert_eq!(error.to_string(), shown);
}

#[test]
fn an_error_quotes_a_bounded_and_printable_excerpt() {
    let hostile = format!(
        "bzzz://a:b@p:t/{}\u{202e}\u{1b}[31m{}",
        "x/".repeat(30),
        "y".repeat(3000)
    );
    let error = Address::parse(&hostile).unwrap_err();
    let shown = error.to_string();
    assert_eq!(error.column, 76);
    assert!(shown.is_ascii(), "{shown}");
    assert!(!shown.contains('\u{1b}'));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].len() <= 80, "{shown}");
    let caret = lines[2].find('^').unwrap();
    assert_eq!(&lines[1][caret..=caret], "?", "{shown}");
}

#[test]
fn scope_is_the_narrowest_name() {
    let label = |text| Label::parse(text).unwrap();
    assert_eq!(
        address("bzzz://anna:reviewer@p:t/").scope(),
        Scope::Direct(&label("anna"))
    );
    assert_eq!(
        address("bzzz://*:reviewer@p:t/").scope(),
        Scope::Role(&label("reviewer"))
    );
    assert_eq!(address("bzzz://*:*@p:t/").scope(), Scope::Task(&label("t")));
    assert_eq!(address("bzzz://*:*@p:*/").scope(), Scope::Project(&label("p")));
    assert_eq!(address("bzzz://*:*@*:*/").scope(), Scope::Network);
    assert!(address("bzzz://anna:*@*:*/").is_direct());
    assert!(!address("bzzz://*:anna@*:*/").is_direct());
    assert_eq!(address("bzzz://a:b@p:t/x?q#f").task_scope(), address("bzzz://*:*@p:t/"));
    assert_eq!(
        address("bzzz://a:b@p:t/x?q#f").project_scope(),
        address("bzzz://*:*@p:*/")
    );
}

#[test]
fn what_leaves_something_open_is_a_pattern() {
    assert!(!address("bzzz://a:b@p:t/x").is_pattern());
    assert!(!address("bzzz://a:b@p:t/*^/x").is_pattern());
    for open in [
        "bzzz://*:b@p:t/x",
        "bzzz://a:b@p:t/",
        "bzzz://a:b@p:t/x/",
        "bzzz://a:b@p:t/*~/x",
    ] {
        assert!(address(open).is_pattern(), "{open}");
    }
}

#[test]
fn patterns_cover_what_they_name() {
    let check = |pattern: &str, other: &str, expected: bool| {
        assert_eq!(
            address(pattern).matches(&address(other)),
            expected,
            "{pattern} over {other}"
        );
    };
    check("bzzz://*:reviewer@p:*/", "bzzz://anna:reviewer@p:t7/notes/a.md", true);
    check("bzzz://*:reviewer@p:*/", "bzzz://anna:architect@p:t7/notes/a.md", false);
    check("bzzz://*:*@p:t/docs/", "bzzz://a:b@p:t/docs", true);
    check("bzzz://*:*@p:t/docs/", "bzzz://a:b@p:t/docs/x/y.md", true);
    check("bzzz://*:*@p:t/docs/", "bzzz://a:b@p:t/docs2/x", false);
    check("bzzz://*:*@p:t/docs", "bzzz://a:b@p:t/docs/x", false);
    check("bzzz://a:b@p:t/x", "bzzz://a:b@p:t/*~3/x", true);
    check("bzzz://a:b@p:t/*~/x", "bzzz://a:b@p:t/*~3/x", true);
    check("bzzz://a:b@p:t/*~2/x", "bzzz://a:b@p:t/*~3/x", false);
    check("bzzz://a:b@p:t/*^/x", "bzzz://a:b@p:t/x", false);
    check("bzzz://a:b@p:t/x?k=1", "bzzz://a:b@p:t/x?k=1#frag", true);
    check("bzzz://a:b@p:t/x?k=1", "bzzz://a:b@p:t/x", false);
    check("bzzz://a:b@p:t/x", "bzzz://*:b@p:t/x", false);
}

#[test]
fn delivery_looks_from_both_sides() {
    let member = address("bzzz://anna:reviewer@p:*/");
    assert!(address("bzzz://*:reviewer@p:t7/").overlaps(&member));
    assert!(!address("bzzz://*:reviewer@p:t7/").matches(&member));
    assert!(!address("bzzz://*:reviewer@q:t7/").overlaps(&member));
    assert!(!address("bzzz://bert:*@p:*/").overlaps(&member));
}

#[test]
fn five_versions() {
    let versions = [1, 2, 3, 4, 5];
    let check = |segment: &str, base: Option<u64>, expected: Option<u64>| {
        let read = address(&format!("bzzz://a:b@p:t/{segment}notes/plan.md"));
        assert_eq!(
            read.resolve_version(base, &versions).ok(),
            expected,
            "{segment} from {base:?}"
        );
    };
    check("", None, Some(5));
    check("*^/", None, Some(5));
    check("*^/", Some(2), Some(5));
    check("*~/", None, Some(5));
    check("*~1/", None, Some(1));
    check("*~5/", Some(1), Some(5));
    check("*~0/", None, None);
    check("*~6/", None, None);
    check("~~0/", None, Some(5));
    check("~~1/", None, Some(4));
    check("~~4/", None, Some(1));
    check("~~5/", None, None);
    check("~~1/", Some(3), Some(2));
    check("^^0/", None, Some(1));
    check("^^1/", None, Some(2));
    check("^^4/", None, Some(5));
    check("^^5/", None, None);
    check("^^1/", Some(3), Some(4));
    check("^^2/", Some(3), Some(5));
    check("^^3/", Some(3), None);
    check("~~18446744073709551615/", None, None);
}

#[test]
fn steps_count_versions_that_exist() {
    let versions = [2, 5, 9];
    assert_eq!(Temporal::Back(1).resolve(None, &versions), Ok(5));
    assert_eq!(
        Temporal::Back(1).resolve(Some(6), &versions),
        Ok(5),
        "an erased base is still a place"
    );
    assert_eq!(Temporal::Forward(1).resolve(Some(6), &versions), Ok(9));
    assert_eq!(Temporal::Forward(1).resolve(Some(0), &versions), Ok(2));
    let gone = Temporal::Back(0).resolve(Some(6), &versions).unwrap_err();
    assert_eq!(
        gone.to_string(),
        "there is no version 6: versions 2 to 9 exist, not necessarily all of them"
    );
    let far = Temporal::Back(3).resolve(None, &versions).unwrap_err();
    assert_eq!(
        far.to_string(),
        "`~~3` leaves the history: only 2 version(s) lie that way from version 9"
    );
    assert_eq!(
        Temporal::Latest.resolve(None, &[]),
        Err(TemporalError::Empty {
            wanted: Temporal::Latest
        })
    );
}

#[test]
fn paths_list() {
    let folder = path("docs/");
    let children: Vec<_> = ["docs/a.md", "docs/sub/b.md", "docs", "docsx/c", "other"]
        .iter()
        .map(|text| {
            folder
                .child_towards(&path(text))
                .map(|(name, deeper)| (name.to_owned(), deeper))
        })
        .collect();
    assert_eq!(
        children,
        [
            Some(("a.md".into(), false)),
            Some(("sub".into(), true)),
            None,
            None,
            None
        ]
    );
    assert!(path("docs/a.md").is_child_of(&path("docs")));
    assert!(!path("docs/sub/b.md").is_child_of(&path("docs")));
    assert!(path("docs").is_child_of(&Path::ROOT));
    assert!(path("a").is_prefix_of(&path("a/b")) && !path("a").is_prefix_of(&path("ab")));
    assert_eq!(path("a/b/").parent(), Some(path("a/")));
    assert_eq!(path("a").parent(), Some(Path::ROOT));
    assert_eq!(Path::ROOT.parent(), None);
    assert_eq!(path("a/b.rs").name(), Some("b.rs"));
    assert_eq!(Path::ROOT.name(), None);
    assert_eq!(path("a/b/c").depth(), 3);
    assert_eq!(path("a/").join("b/c").unwrap(), path("a/b/c"));
    assert_eq!(path("a").join("").unwrap(), path("a"));
    assert_eq!(Path::ROOT.join("b/").unwrap(), path("b/"));
    assert!(path("a").join("../b").is_err());
    assert_eq!(path("a").to_folder(), path("a/"));
}

#[test]
fn names_by_themselves() {
    assert_eq!(Name::parse("any").unwrap(), Name::Any);
    assert_eq!(Name::parse("").unwrap(), Name::Any);
    assert_eq!(Name::exact("anna").unwrap().as_exact(), Some("anna"));
    for bad in ["any", "*", "", "a b", "a:b", "a/b", "é", "a*"] {
        assert!(Label::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(Label::parse("a:b").unwrap_err().column, 2);
}

#[test]
fn travels_as_text() {
    let original = address("bzzz://anna:reviewer@p:t/*~3/x.md?k=v#L1");
    let text = "bzzz://anna:reviewer@p:t/*~3/x.md?k=v#L1";
    assert_eq!(serde_json::to_string(&original).unwrap(), format!("\"{text}\""));
    assert_eq!(
        serde_json::from_str::<Address>(&format!("\"{text}\"")).unwrap(),
        original
    );
    let refused = serde_json::from_str::<Address>("\"bzzz://a\"").unwrap_err().to_string();
    assert!(refused.contains("column 9"), "{refused}");

    let bytes = minicbor::to_vec(&original).unwrap();
    assert_eq!(minicbor::decode::<&str>(&bytes).unwrap(), text);
    assert_eq!(minicbor::decode::<Address>(&bytes).unwrap(), original);
    assert!(minicbor::decode::<Address>(&minicbor::to_vec("bzzz://a").unwrap()).is_err());
    assert!(minicbor::decode::<Address>(&[0xff]).is_err());
}
