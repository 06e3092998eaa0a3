//! Addresses: any text is read or refused; what was read survives printing, and covers itself.

#![no_main]

use bzzz_core::address::{Address, Temporal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let address = match Address::parse(text) {
        Ok(address) => address,
        Err(error) => {
            assert!(error.column >= 1 && error.column <= text.chars().count() + 1, "{error}");
            assert!(
                !error.to_string().contains(|c: char| c.is_control() && c != '\n'),
                "a terminal could be hijacked"
            );
            return;
        }
    };
    let printed = address.to_string();
    let again = Address::parse(&printed).expect("what was printed can be read");
    assert_eq!(again, address);
    assert_eq!(again.to_string(), printed);

    assert!(address.matches(&address));
    assert!(Address::default().matches(&address));
    assert!(address.task_scope().matches(&address));
    if let Some(parent) = address.path.parent() {
        assert!(address.path.is_child_of(&parent));
        assert!(address.clone().with_path(parent).matches(&address));
    }
    let versions = [1, 3, 4, u64::MAX];
    if let Ok(version) = address.temporal.unwrap_or(Temporal::Latest).resolve(Some(3), &versions) {
        assert!(versions.contains(&version));
    }

    let bytes = minicbor::to_vec(&address).expect("into memory");
    assert_eq!(minicbor::decode::<Address>(&bytes).expect("own encoding"), address);
    let json = serde_json::to_string(&address).expect("into memory");
    assert_eq!(serde_json::from_str::<Address>(&json).expect("own encoding"), address);
});
