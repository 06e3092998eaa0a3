//! Good addresses with their canonical form, bad ones with the column that is blamed and a word of the message.

use super::*;

/// As written, as printed.
const GOOD: &[(&str, &str)] = &[
    ("bzzz://*:*@*:*/", "bzzz://*:*@*:*/"),
    ("bzzz://:@:", "bzzz://*:*@*:*/"),
    ("bzzz://any:any@any:any", "bzzz://*:*@*:*/"),
    ("BzZz://anna:reviewer@p:t", "bzzz://anna:reviewer@p:t/"),
    ("bzzz://Anna:Reviewer@P:T/", "bzzz://Anna:Reviewer@P:T/"),
    ("bzzz://a-1:b_2@p:42/", "bzzz://a-1:b_2@p:42/"),
    ("bzzz://anyone:many@any-:t/", "bzzz://anyone:many@any-:t/"),
    ("bzzz://a:b@p:t/docs/plan.md", "bzzz://a:b@p:t/docs/plan.md"),
    ("bzzz://a:b@p:t//docs///plan.md", "bzzz://a:b@p:t/docs/plan.md"),
    ("bzzz://a:b@p:t/docs/", "bzzz://a:b@p:t/docs/"),
    ("bzzz://a:b@p:t/docs//", "bzzz://a:b@p:t/docs/"),
    ("bzzz://a:b@p:t/.hidden/...", "bzzz://a:b@p:t/.hidden/..."),
    ("bzzz://a:b@p:t/*^", "bzzz://a:b@p:t/*^/"),
    ("bzzz://a:b@p:t/*^/x", "bzzz://a:b@p:t/*^/x"),
    ("bzzz://a:b@p:t/*^//x", "bzzz://a:b@p:t/*^/x"),
    ("bzzz://a:b@p:t/*~/x", "bzzz://a:b@p:t/*~/x"),
    ("bzzz://a:b@p:t/*~007/x", "bzzz://a:b@p:t/*~7/x"),
    ("bzzz://a:b@p:t/~~0/x", "bzzz://a:b@p:t/~~0/x"),
    ("bzzz://a:b@p:t/^^12/x", "bzzz://a:b@p:t/^^12/x"),
    ("bzzz://a:b@p:t/*%5E/x", "bzzz://a:b@p:t/*^/x"),
    ("bzzz://a:b@p:t/%5e%5E3/x", "bzzz://a:b@p:t/^^3/x"),
    (
        "bzzz://a:b@p:t/*~18446744073709551615/",
        "bzzz://a:b@p:t/*~18446744073709551615/",
    ),
    ("bzzz://a:b@p:t?k=v", "bzzz://a:b@p:t/?k=v"),
    ("bzzz://a:b@p:t#L1-L2", "bzzz://a:b@p:t/#L1-L2"),
    ("bzzz://a:b@p:t/*^?k", "bzzz://a:b@p:t/*^/?k"),
    ("bzzz://a:b@p:t/x?#", "bzzz://a:b@p:t/x"),
    (
        "bzzz://a:b@p:t/x?a=b&c=d/e?f#g?h/i",
        "bzzz://a:b@p:t/x?a=b&c=d/e?f#g?h/i",
    ),
    ("bzzz://a:b@p:t/x?q=%7e%41%2f%c3%a9", "bzzz://a:b@p:t/x?q=~A%2F%C3%A9"),
    ("bzzz://a:b@p:t/x?q=%2541", "bzzz://a:b@p:t/x?q=%2541"),
    ("bzzz://a:b@p:t/x#%20", "bzzz://a:b@p:t/x#%20"),
    (
        "bzzz://*:*@3b1f8c2e9d0a4b5c6d7e8f90112233445566778899aabbccddeeff0011223344:t/",
        "bzzz://*:*@3b1f8c2e9d0a4b5c6d7e8f90112233445566778899aabbccddeeff0011223344:t/",
    ),
];

/// As written, column that is blamed, a part of what the message says.
const BAD: &[(&str, usize, &str)] = &[
    ("", 1, "it is empty"),
    (" bzzz://a:b@p:t/", 1, "a space where the scheme"),
    ("http://a:b@p:t/", 1, "`h` where the scheme"),
    ("bzz://a:b@p:t/", 4, "`:` where the scheme"),
    ("bzzzz://a:b@p:t/", 5, "`z` where the scheme"),
    ("bzzz", 5, "the end where the scheme"),
    ("bzzz:", 6, "the end where the scheme"),
    ("bzzz:/a:b@p:t/", 7, "`a` where the scheme"),
    ("bzzz://", 8, "ends after the agent"),
    ("bzzz://anna", 12, "ends after the agent"),
    ("bzzz://anna:", 13, "ends after the role"),
    ("bzzz://anna:reviewer", 21, "ends after the role"),
    ("bzzz://anna:reviewer@", 22, "ends after the project"),
    ("bzzz://anna:reviewer@p", 23, "ends after the project"),
    ("bzzz://p:t/notes", 11, "`/` after the role"),
    ("bzzz://anna@p:t/", 12, "`@` after the agent"),
    ("bzzz:///notes", 8, "`/` after the agent"),
    ("bzzz://a:b:c@p:t/", 11, "`:` after the role"),
    ("bzzz://a:b@p/x", 13, "`/` after the project"),
    ("bzzz://a:b@p?q", 13, "`?` after the project"),
    ("bzzz://a:b@p@q:t/", 13, "`@` after the project"),
    ("bzzz://a:b@p:t:u/", 15, "`:` after the task"),
    ("bzzz://a:b@p:t@u/", 15, "`@` after the task"),
    ("bzzz://an na:b@p:t/", 10, "a space in the agent"),
    ("bzzz://.a:b@p:t/", 8, "`.` at the start of the agent"),
    ("bzzz://a.b:c@p:t/", 9, "`.` in the agent"),
    ("bzzz://a:b@p%20q:t/", 13, "`%` in the project"),
    ("bzzz://zo\u{eb}:b@p:t/", 10, "(U+00EB) in the agent"),
    ("bzzz://a:b@p:t\u{7}/", 15, "U+0007 in the task"),
    ("bzzz://a*:b@p:t/", 9, "`*` inside the agent"),
    ("bzzz://*a:b@p:t/", 9, "`a` after `*` in the agent"),
    ("bzzz://**:b@p:t/", 9, "`*` after `*` in the agent"),
    ("bzzz://a:b@p:t\\x", 15, "`\\` in the task"),
    ("bzzz://a:b@p:t/..", 16, "`..` in the path"),
    ("bzzz://a:b@p:t/x/../y", 18, "`..` in the path"),
    ("bzzz://a:b@p:t/./x", 16, "`.` in the path"),
    ("bzzz://a:b@p:t/x/.?q", 18, "`.` in the path"),
    ("bzzz://a:b@p:t/x y", 17, "a space in the path"),
    ("bzzz://a:b@p:t/x%2fy", 17, "a path holds no escapes"),
    ("bzzz://a:b@p:t/%2e%2e/y", 16, "a path holds no escapes"),
    ("bzzz://a:b@p:t/x:y", 17, "`:` in the path"),
    ("bzzz://a:b@p:t/\u{65e5}", 16, "(U+65E5) in the path"),
    ("bzzz://a:b@p:t/x\0", 17, "U+0000 in the path"),
    ("bzzz://a:b@p:t/docs/*", 21, "only a temporal segment holds it"),
    ("bzzz://a:b@p:t/docs/*^/x", 21, "only a temporal segment holds it"),
    ("bzzz://a:b@p:t/*^/~~1/x", 19, "only a temporal segment holds it"),
    ("bzzz://a:b@p:t/*", 17, "the end in the temporal segment"),
    ("bzzz://a:b@p:t/*/x", 17, "`/` in the temporal segment"),
    ("bzzz://a:b@p:t/*^3/x", 17, "the latest version has no number"),
    ("bzzz://a:b@p:t/*^x/y", 18, "`x` in the temporal segment"),
    ("bzzz://a:b@p:t/*~3x/y", 19, "`x` in the temporal segment"),
    ("bzzz://a:b@p:t/*~-1/y", 18, "`-` in the temporal segment"),
    ("bzzz://a:b@p:t/~~/y", 18, "`/` where a number of steps"),
    ("bzzz://a:b@p:t/^^", 18, "the end where a number of steps"),
    ("bzzz://a:b@p:t/~^1/y", 16, "no temporal segment"),
    ("bzzz://a:b@p:t/^*/y", 16, "no temporal segment"),
    ("bzzz://a:b@p:t/**/y", 16, "no temporal segment"),
    ("bzzz://a:b@p:t/~3/y", 17, "`3` in the temporal segment"),
    ("bzzz://a:b@p:t/*~18446744073709551616/", 18, "too large"),
    ("bzzz://a:b@p:t/x?a b", 19, "a space in the query"),
    ("bzzz://a:b@p:t/x?q=%", 20, "without two hexadecimal digits"),
    ("bzzz://a:b@p:t/x?q=%4", 20, "without two hexadecimal digits"),
    ("bzzz://a:b@p:t/x?q=%4g", 20, "without two hexadecimal digits"),
    ("bzzz://a:b@p:t/x?q=%+1", 20, "without two hexadecimal digits"),
    ("bzzz://a:b@p:t/x?q=%\u{e9}", 20, "without two hexadecimal digits"),
    ("bzzz://a:b@p:t/x?q=[1]", 20, "`[` in the query"),
    ("bzzz://a:b@p:t/x?q=\"", 20, "`\"` in the query"),
    ("bzzz://a:b@p:t/x?q=\u{e9}", 20, "(U+00E9) in the query"),
    ("bzzz://a:b@p:t/x#a#b", 19, "`#` in the fragment"),
    ("bzzz://a:b@p:t/x#%zz", 18, "without two hexadecimal digits"),
    ("bzzz://a:b@p:t/x#a|b", 19, "`|` in the fragment"),
    ("bzzz://a:b@p:t/x\n", 17, "U+000A in the path"),
];

#[test]
fn good_addresses_print_canonically() {
    for (written, printed) in GOOD {
        let parsed = address(written);
        assert_eq!(parsed.to_string(), *printed, "{written}");
        assert_eq!(address(printed), parsed, "{printed}");
    }
}

#[test]
fn bad_addresses_are_blamed_at_the_right_column() {
    for (written, column, what) in BAD {
        let error = Address::parse(written).expect_err(written);
        assert_eq!(error.column, *column, "{error}");
        assert!(error.what.contains(what), "wanted {what:?}:\n{error}");
        assert!(!error.expected.is_empty());
    }
}

#[test]
fn every_part_is_bounded() {
    let check = |text: String, column: Option<usize>| {
        assert_eq!(
            Address::parse(&text).err().map(|error| error.column),
            column,
            "{} bytes",
            text.len()
        );
    };
    check(format!("bzzz://{}:b@p:t/", "a".repeat(NAME_BYTES_MAX)), None);
    check(
        format!("bzzz://{}:b@p:t/", "a".repeat(NAME_BYTES_MAX + 1)),
        Some(8 + NAME_BYTES_MAX),
    );
    check(format!("bzzz://a:b@p:t/{}", "x".repeat(PATH_BYTES_MAX)), None);
    check(format!("bzzz://a:b@p:t/{}", "x".repeat(PATH_BYTES_MAX + 1)), Some(16));
    check(format!("bzzz://a:b@p:t/{}", "x/".repeat(PATH_DEPTH_MAX)), None);
    check(
        format!("bzzz://a:b@p:t/{}y", "x/".repeat(PATH_DEPTH_MAX)),
        Some(16 + 2 * PATH_DEPTH_MAX),
    );
    check(format!("bzzz://a:b@p:t/?{}", "x".repeat(QUERY_BYTES_MAX)), None);
    check(format!("bzzz://a:b@p:t/?{}", "x".repeat(QUERY_BYTES_MAX + 1)), Some(17));
    check(format!("bzzz://a:b@p:t/#{}", "x".repeat(FRAGMENT_BYTES_MAX)), None);
    check(
        format!("bzzz://a:b@p:t/#{}", "x".repeat(FRAGMENT_BYTES_MAX + 1)),
        Some(17),
    );
    check("/".repeat(ADDRESS_BYTES_MAX + 1), Some(ADDRESS_BYTES_MAX + 1));
    check("\u{65e5}".repeat(ADDRESS_BYTES_MAX), Some(ADDRESS_BYTES_MAX / 3 + 1));
}

#[test]
fn the_longest_address_can_be_read_again() {
    let name = "n".repeat(NAME_BYTES_MAX);
    let longest = format!(
        "bzzz://{name}:{name}@{name}:{name}/*~{}/{}?{}#{}",
        u64::MAX,
        "x".repeat(PATH_BYTES_MAX),
        "%FF".repeat(QUERY_BYTES_MAX / 3),
        "%FF".repeat(FRAGMENT_BYTES_MAX / 3),
    );
    assert!(longest.len() < ADDRESS_BYTES_MAX);
    assert_eq!(address(&longest).to_string(), longest);
}
