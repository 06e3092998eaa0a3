//! The bans of `clippy.toml` are in force: clippy complains *here* when it does not see them, since then nothing fulfils
//! the expectations.

#[test]
#[expect(clippy::disallowed_types, reason = "shows that the ban is in force")]
fn clippy_refuses_hash_maps() {
    let map = std::collections::HashMap::from([(1, 2)]);
    assert_eq!(map.get(&1), Some(&2));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "shows that the ban is in force")]
fn clippy_refuses_the_environment() {
    assert!(std::env::var_os("PATH").is_none_or(|path| !path.is_empty()));
}
