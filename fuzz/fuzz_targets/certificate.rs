//! Decision certificates: any bytes are decoded or refused; what was decoded encodes to the very same bytes.

#![no_main]

use bzzz_core::certificate::Certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| match Certificate::decode(data) {
    Ok(certificate) => assert_eq!(
        certificate.encode(),
        data,
        "one certificate has one encoding"
    ),
    Err(error) => assert!(!error.to_string().is_empty()),
});
