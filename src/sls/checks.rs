//! What a page must be before it is believed. Pure.

use std::cmp::Ordering;

use super::decode;
use super::error::{Damage, SlsError};
use super::numbering::is_behind;
use super::page::PageHead;
use super::read::Range;

/// Refuses a page that does not lead on: the range cannot be read to its end now.
pub(super) fn check_progress(head: &PageHead, range: &Range) -> Result<(), SlsError> {
    let Range { begin, end } = range;
    let stands_still = head.next.is_at(begin) && !head.next.is_at(end) && !is_behind(&head.next, end);
    match head.next.compare(begin) {
        Some(Ordering::Less) => Err(SlsError::Damaged(Damage::CursorBackwards)),
        None if begin.number().is_some() && !head.next.is_at(end) => Err(SlsError::Damaged(Damage::ForeignCursor)),
        _ if stands_still => Err(SlsError::Stalled),
        _ => Ok(()),
    }
}

/// Refuses a page that is empty although the service counts something in it: a size header that says 0 would lose the page without a trace.
/// No stricter, because the sources disagree whether groups or logs are counted (`reference/sls.md` §9).
pub(super) fn check_count(head: &PageHead, groups: usize) -> Result<(), SlsError> {
    match head.count {
        Some(1..) if groups == 0 => Err(SlsError::Damaged(Damage::WrongSize)),
        _ => Ok(()),
    }
}

pub(super) fn count_groups(page: &[u8]) -> Result<usize, SlsError> {
    decode::groups(page).try_fold(0, |count, group| group.map(|_| count + 1)).map_err(|error| SlsError::Damaged(Damage::Framing(error)))
}

#[cfg(test)]
mod tests {
    use super::super::cursor::Cursor;
    use super::super::page::Packing;
    use super::*;

    #[test]
    fn an_empty_page_that_counts_something_is_damaged() {
        let head = PageHead { next: Cursor::from_number(50), raw_size: Some(1), packing: Packing::Plain, last_group: None, count: None };
        let refused = |count, groups| check_count(&PageHead { count, ..head.clone() }, groups).is_err();
        assert!(refused(Some(1), 0) && refused(Some(u64::MAX), 0));
        assert!(!refused(None, 0) && !refused(Some(0), 0) && !refused(Some(7), 2));
    }
}
