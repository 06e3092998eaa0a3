//! Events: any bytes are decoded or refused; what was decoded encodes to the very same bytes, and a signature is never
//! accepted by accident.
//!
//! The fuzzer cannot sign, so most of the work goes through the reader that leaves the signature out.

#![no_main]

use bzzz_core::event::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let accepted = Event::decode(data).is_ok();
    match Event::decode_trusted(data) {
        Ok(event) => {
            assert_eq!(event.encode(), data, "one event has one encoding");
            assert_eq!(event.verify().is_ok(), accepted);
            let _ = (event.body(), event.reference(), event.order(), event.project());
        }
        Err(error) => {
            assert!(!accepted && !error.to_string().is_empty());
        }
    }
});
