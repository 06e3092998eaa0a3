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
        // Numbers of lines, not where hunks begin: a side without lines begins after the line that it names.
        let mut last_old = None;
        let mut last_new = None;
        for hunk in &file.hunks {
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
                for (no, last) in [(line.old_no, &mut last_old), (line.new_no, &mut last_new)] {
                    assert!(no.is_none() || no > *last, "lines ascend");
                    *last = no.or(*last);
                }
            }
        }
    }
    let stats = change.stats();
    assert_eq!(stats.files as usize, change.files.len());
});
