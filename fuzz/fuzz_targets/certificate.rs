//! Decision certificates: any bytes are decoded or refused, as CBOR and as PEM; what was decoded encodes to the very same
//! bytes, and survives its PEM form.

#![no_main]

use bzzz_core::certificate::Certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match Certificate::decode(data) {
        Ok(certificate) => {
            assert_eq!(certificate.encode(), data, "one certificate has one encoding");
            let again = Certificate::from_pem(&certificate.to_pem()).expect("own PEM form");
            assert_eq!(again.encode(), data);
            let _ = certificate.verify(None);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(certificate) = Certificate::from_pem(text)
    {
        let _ = certificate.verify(None);
    }
});
