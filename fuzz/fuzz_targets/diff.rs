//! Diffs: any bytes are parsed or refused; what was parsed keeps its promises about lines and order.

#![no_main]

use bzzz_core::diff::{Change, LineKind, MAX_DIFF_FILES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let change = match Change::parse(data) {
        Ok(change) => change,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(change.files.len() <= MAX_DIFF_FILES);
    for file in &change.files {
        let mut old_end = 0;
        let mut new_end = 0;
        for hunk in &file.hunks {
            assert!(hunk.old_start >= old_end && hunk.new_start >= new_end, "hunks ascend");
            let count = |kind| hunk.lines.iter().filter(|line| line.kind != kind).count() as u64;
            assert_eq!(
                count(LineKind::Added),
                u64::from(hunk.old_len),
                "the header's count holds"
            );
            assert_eq!(
                count(LineKind::Removed),
                u64::from(hunk.new_len),
                "the header's count holds"
            );
            for line in &hunk.lines {
                assert_eq!(line.old_no.is_none(), line.kind == LineKind::Added);
                assert_eq!(line.new_no.is_none(), line.kind == LineKind::Removed);
            }
            old_end = hunk.old_start.saturating_add(hunk.old_len);
            new_end = hunk.new_start.saturating_add(hunk.new_len);
        }
    }
    let stats = change.stats();
    assert_eq!(stats.files as usize, change.files.len());
});
