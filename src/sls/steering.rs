//! How many log groups to ask for, so that a page has about the size that it should have. Pure.

/// Log groups asked for at first, while their size is unknown. The service allows 1 to 1000.
pub(super) const FIRST_COUNT: u32 = 10;

/// The most log groups one request may ask for (`reference/sls.md` §2).
const MAX_COUNT: u32 = 1000;

/// The decoded size that pages are steered to. Bytes. Large enough that a request's overhead vanishes, small enough for 128 MB.
const TARGET_PAGE_BYTES: u64 = 1024 * 1024;

/// How many groups to ask for next, so that a page comes near its target size; grows by eight at most, since groups differ.
pub(super) fn next_count(count: u32, groups: usize, bytes: u64) -> u32 {
    let Some(average) = bytes.checked_div(groups as u64) else { return count };
    let fitting = u32::try_from(TARGET_PAGE_BYTES / average.max(1)).unwrap_or(MAX_COUNT);
    fitting.clamp(1, count.saturating_mul(8).min(MAX_COUNT))
}

/// How many groups to ask for after a page of `bytes` was too large for `count` of them.
pub(super) fn fewer(count: u32, bytes: u64) -> u32 {
    let fitting = u64::from(count) * TARGET_PAGE_BYTES / bytes.max(1);
    u32::try_from(fitting).unwrap_or(1).clamp(1, count / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_as_many_groups_as_fit_the_target() {
        assert_eq!(next_count(10, 10, 10 * 1024), 80);
        assert_eq!(next_count(80, 80, 80 * 1024), 640);
        assert_eq!(next_count(640, 640, 640 * 1024), 1000);
        assert_eq!(next_count(1000, 4, 4 * TARGET_PAGE_BYTES), 1);
        assert_eq!(next_count(10, 0, 0), 10);
    }

    #[test]
    fn asks_for_fewer_groups_after_a_page_that_was_too_large() {
        assert_eq!(fewer(10, 10 * TARGET_PAGE_BYTES), 1);
        assert_eq!(fewer(100, 10 * TARGET_PAGE_BYTES), 10);
        assert_eq!(fewer(2, 5 * TARGET_PAGE_BYTES / 4), 1);
        assert_eq!(fewer(1000, u64::MAX), 1);
    }
}
