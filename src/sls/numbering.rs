//! The numbers of the log groups of a page, where the service tells them. Pure.

use std::cmp::Ordering;

use super::cursor::Cursor;
use super::page::PageHead;

/// True where both have numbers and the first lies behind the second.
pub(super) fn is_behind(cursor: &Cursor, end: &Cursor) -> bool {
    cursor.compare(end) == Some(Ordering::Greater)
}

/// How many of a page's groups lie before `end`: a server that ignores the end sends more (`reference/sls.md` §2).
pub(super) fn kept_before(end: &Cursor, first_group: Option<u64>, groups: usize) -> usize {
    match (end.number(), first_group) {
        (Some(end), Some(first)) => groups.min(usize::try_from(end.saturating_sub(first)).unwrap_or(usize::MAX)),
        _ => groups,
    }
}

/// Number of the first group of a page that begins at `from`: told by `x-log-read-last-cursor`, else by the cursors if they lie as far apart
/// as the page has groups. A number that contradicts the cursors is none: groups would be dropped as behind the end, and an attempt that
/// goes on behind such a number would pass records over.
pub(super) fn first_group(head: &PageHead, from: &Cursor, groups: usize) -> Option<u64> {
    let (from, next) = (from.number()?, head.next.number()?);
    let behind_last = head.last_group.map_or(Some(next), |last| last.checked_add(1)).filter(|behind| *behind <= next)?;
    let first = behind_last.checked_sub(groups as u64)?;
    let is_plausible = if head.last_group.is_some() { first >= from } else { first == from };
    is_plausible.then_some(first)
}

/// How many groups a page has by its head alone: one where one was asked for, else as many as its cursors lie apart, if everything else in
/// the head agrees. `None`: nobody knows before all of it is read.
pub(super) fn groups_told(head: &PageHead, from: &Cursor, asked: u32) -> Option<usize> {
    if asked == 1 {
        return Some(1);
    }
    let (from, next) = (from.number()?, head.next.number()?);
    let groups = next.checked_sub(from).filter(|groups| (1..=u64::from(asked)).contains(groups) && head.count == Some(*groups))?;
    let agrees = head.last_group.is_none_or(|last| last.checked_add(1) == Some(next));
    usize::try_from(groups).ok().filter(|_| agrees)
}

#[cfg(test)]
mod tests {
    use super::super::page::Packing;
    use super::*;

    fn head(last_group: Option<u64>) -> PageHead {
        let (next, packing) = (Cursor::from_number(50), Packing::Plain);
        PageHead { next, raw_size: Some(1), packing, last_group, count: None }
    }

    #[test]
    fn groups_behind_the_end_are_dropped_by_their_own_number() {
        assert_eq!(kept_before(&Cursor::from_number(104), Some(100), 6), 4);
        assert_eq!(kept_before(&Cursor::from_number(104), Some(104), 6), 0);
        assert_eq!(kept_before(&Cursor::from_number(104), Some(100), 3), 3);
        assert_eq!(kept_before(&Cursor::new("opaque"), Some(100), 6), 6);
    }

    #[test]
    fn numbers_the_groups_of_a_page_from_its_last_one() {
        let numbered = |from, last_group| first_group(&head(last_group), &Cursor::from_number(from), 3);
        assert_eq!([numbered(47, Some(49)), numbered(10, Some(22)), numbered(47, None)], [Some(47), Some(20), Some(47)]);
    }

    #[test]
    fn believes_no_number_that_contradicts_the_cursors_of_its_page() {
        let numbered = |from: Cursor, last_group| first_group(&head(last_group), &from, 3);
        // Behind the next cursor, before its own, no number at all.
        for last_group in [50, 48, 1, u64::MAX] {
            assert_eq!(numbered(Cursor::from_number(47), Some(last_group)), None, "{last_group}");
        }
        // Something was passed over, and nobody says where.
        assert_eq!(numbered(Cursor::from_number(40), None), None);
        assert_eq!(numbered(Cursor::new("opaque"), Some(49)), None);
    }

    #[test]
    fn believes_a_number_of_groups_that_everything_agrees_with() {
        let told =
            |from: u64, asked, last_group, count| groups_told(&PageHead { count, ..head(last_group) }, &Cursor::from_number(from), asked);
        assert_eq!(told(47, 10, Some(49), Some(3)), Some(3));
        assert_eq!(told(47, 10, None, Some(3)), Some(3));
        assert_eq!(told(47, 1, None, None), Some(1));
        for (from, last_group, count) in
            [(47, Some(48), Some(3)), (47, Some(49), Some(30)), (47, None, None), (30, Some(49), Some(20)), (50, None, Some(0))]
        {
            assert_eq!(told(from, 10, last_group, count), None, "{from} {last_group:?} {count:?}");
        }
        assert_eq!(groups_told(&PageHead { count: Some(3), ..head(None) }, &Cursor::new("opaque"), 10), None);
    }
}
