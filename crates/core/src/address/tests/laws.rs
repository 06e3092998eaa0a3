//! What holds for all addresses, over random ones.

use super::*;

/// Few values a part, so that random addresses meet often.
fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        3 => Just(Name::Any),
        4 => prop_oneof!["[ab]", "[a-zA-Z0-9_-]{1,128}"]
            .prop_filter("`any` is `*`", |text| text != "any")
            .prop_map(|text| Name::exact(&text).expect("in the grammar")),
    ]
}

fn temporal() -> impl Strategy<Value = Option<Temporal>> {
    prop_oneof![
        Just(None),
        Just(Some(Temporal::Latest)),
        Just(Some(Temporal::Any)),
        prop_oneof![0..3u64, any::<u64>()].prop_map(|n| Some(Temporal::Version(n))),
        prop_oneof![0..3u64, any::<u64>()].prop_map(|n| Some(Temporal::Back(n))),
        prop_oneof![0..3u64, any::<u64>()].prop_map(|n| Some(Temporal::Forward(n))),
    ]
}

fn any_path() -> impl Strategy<Value = Path> {
    prop_oneof!["([ab]/){0,3}[ab]?", "([a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,8}/){0,5}"]
        .prop_map(|text| Path::parse(&text).expect("in the grammar"))
}

fn uri_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        1 => "[ab]",
        1 => "([a-zA-Z0-9._~!$&'()*+,;=:@/?-]|%[0-9a-fA-F]{2}){0,20}",
    ]
}

fn any_address() -> impl Strategy<Value = Address> {
    (
        name(),
        name(),
        name(),
        name(),
        temporal(),
        any_path(),
        uri_text(),
        uri_text(),
    )
        .prop_map(|(agent, role, project, task, temporal, path, query, fragment)| {
            let mut address = Address::new(agent, role, project, task).with_path(path);
            address.temporal = temporal;
            let address = address.with_query(&query).expect("in the grammar");
            address.with_fragment(&fragment).expect("in the grammar")
        })
}

/// Text that gets past the first checks often.
fn nearly_an_address() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab*:@/?#%^~.0-9 -]{0,40}".prop_map(|tail| format!("bzzz://{tail}")),
        "[ab*^~%5eE0-9/.?#]{0,30}".prop_map(|tail| format!("bzzz://a:b@p:t/{tail}")),
        ".{0,60}",
        ".{0,30}".prop_map(|tail| format!("bzzz://a:b@p:t/?{tail}")),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_can_be_read(original in any_address()) {
        let printed = original.to_string();
        let read = Address::parse(&printed).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read.to_string(), printed);
        prop_assert_eq!(read, original);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_column_inside(text in nearly_an_address()) {
        match Address::parse(&text) {
            Ok(read) => {
                let printed = read.to_string();
                let again = Address::parse(&printed).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(again.to_string(), printed);
            }
            Err(error) => {
                prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
                let upto: String = text.chars().take(error.column - 1).collect();
                prop_assert_eq!(error.to_string().lines().count(), 4, "{}", upto);
            }
        }
    }

    #[test]
    fn all_open_covers_everything(other in any_address()) {
        prop_assert!(Address::default().matches(&other));
        prop_assert_eq!(Address::default().to_string(), "bzzz://*:*@*:*/");
    }

    #[test]
    fn every_address_covers_itself(address in any_address()) {
        prop_assert!(address.matches(&address));
    }

    #[test]
    fn covering_is_transitive(a in any_address(), b in any_address(), c in any_address()) {
        prop_assert!(!(a.matches(&b) && b.matches(&c)) || a.matches(&c));
    }

    #[test]
    fn opening_a_name_only_widens(pattern in any_address(), other in any_address()) {
        let wider = Address { agent: Name::Any, temporal: None, path: Path::ROOT, ..pattern.clone() };
        prop_assert!(wider.matches(&pattern));
        prop_assert!(!pattern.matches(&other) || wider.matches(&other));
    }

    #[test]
    fn overlap_is_symmetric_and_implied_by_covering(a in any_address(), b in any_address()) {
        prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
        prop_assert!(!a.matches(&b) || a.overlaps(&b));
    }

    #[test]
    fn the_parent_holds_the_child(path in any_path()) {
        match path.parent() {
            None => prop_assert!(path.is_root()),
            Some(parent) => {
                prop_assert!(parent.is_folder() && parent.covers(&path) && path.is_child_of(&parent));
                prop_assert_eq!(parent.depth() + 1, path.depth());
                let again = parent.join(path.name().expect("not the root"))
                    .map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(again.to_folder(), path.to_folder());
            }
        }
    }

    #[test]
    fn a_resolved_version_exists(
        temporal in temporal(),
        base in proptest::option::of(0..12u64),
        versions in proptest::collection::btree_set(0..10u64, 0..8),
    ) {
        let versions: Vec<u64> = versions.into_iter().collect();
        if let Ok(version) = temporal.unwrap_or(Temporal::Latest).resolve(base, &versions) {
            prop_assert!(versions.contains(&version));
        }
    }
}
