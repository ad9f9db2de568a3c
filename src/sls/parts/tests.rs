//! Parts beside the page that they are of.

use proptest::prelude::*;
use prost::Message;

use super::super::cursor::Cursor;
use super::super::decode;
use super::super::wire::{Content, Log, LogGroup, LogTag};
use super::*;

/// A record as it is read: its place, and its fields; `None`: damaged.
type Seen = (Given, Option<Vec<(Vec<u8>, Vec<u8>)>>);

fn seen(page: &[u8], begin: Given) -> Vec<Seen> {
    let mut all = Vec::new();
    for (index, group) in decode::groups(page).map_while(Result::ok).enumerate() {
        let first = if index == 0 { begin.records } else { 0 };
        for (record, number) in group.records().zip(first..) {
            let fields = record.ok().map(|record| record.fields.iter().map(|field| (field.key.to_vec(), field.value.to_vec())).collect());
            all.push((Given { groups: begin.groups + index, records: number }, fields));
        }
    }
    all
}

fn head(size: usize, packing: Packing) -> PageHead {
    PageHead { next: Cursor::from_number(9), raw_size: Some(size as u64), packing, last_group: None, count: None }
}

/// What comes of a page whose bytes come in pieces of such lengths, up to the first error.
fn parts(mut parts: Parts, usual: usize, body: &[u8], pieces: &[usize]) -> (Vec<Part>, Option<SlsError>) {
    (parts.usual, parts.wanted) = (usual, usual);
    let (mut all, mut rest, mut pieces) = (Vec::new(), body, pieces.iter().cycle());
    loop {
        let piece = &rest[..rest.len().min(*pieces.next().unwrap())];
        let mut left = piece;
        loop {
            match parts.next(&mut left, !rest.is_empty()) {
                Ok(Some(part)) => {
                    let is_last = part.is_last;
                    all.push(part);
                    if is_last {
                        return (all, None);
                    }
                }
                Ok(None) => break,
                Err(error) => return (all, Some(error)),
            }
        }
        assert!(left.is_empty());
        rest = &rest[piece.len()..];
    }
}

fn lz4(page: &[u8], groups: usize, given: Given) -> (Parts, Vec<u8>) {
    let parts = Parts::new(&head(page.len(), Packing::Lz4), groups, given, &Spare::default()).unwrap();
    (parts, lz4_flex::block::compress(page))
}

fn log(text: &[u8]) -> Log {
    Log { time: 7, contents: vec![Content { key: b"content".to_vec(), value: text.to_vec() }], time_ns: None }
}

fn page(groups: &[LogGroup]) -> Vec<u8> {
    let mut page = Vec::new();
    for group in groups {
        page.push(0x0a);
        encode_varint(group.encoded_len() as u64, &mut page);
        page.extend(group.encode_to_vec());
    }
    page
}

fn groups() -> impl Strategy<Value = Vec<LogGroup>> {
    let text = (any::<[u8; 7]>(), prop_oneof![4 => 0..40usize, 1 => 0..3000usize]).prop_map(|(text, times)| text.repeat(times));
    let tag = LogTag { key: "__receive_time__".into(), value: "1772417413".into() };
    let group = (proptest::collection::vec(text, 0..12), any::<bool>()).prop_map(move |(texts, tagged)| LogGroup {
        logs: texts.iter().map(|text| log(text)).collect(),
        log_tags: if tagged { vec![tag.clone()] } else { Vec::new() },
        ..LogGroup::default()
    });
    proptest::collection::vec(group, 1..6)
}

fn same(parts: &[Part], page: &[u8], from: Given) {
    let expected: Vec<_> = seen(page, Given::default()).into_iter().filter(|(place, _)| *place >= from).collect();
    let found: Vec<_> = parts.iter().flat_map(|part| seen(&part.bytes, part.begin)).collect();
    assert_eq!(found, expected);
    for part in parts {
        assert_eq!(decode::groups(&part.bytes).count(), part.groups);
    }
    for pair in parts.windows(2) {
        // Between them lies at most the rest of a damaged group.
        assert!(pair[0].end <= pair[1].begin);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn all_parts_together_are_the_page_and_a_second_pull_gives_the_rest(
        groups in groups(), pieces in proptest::collection::vec(1..3000usize, 1..5), usual in 16..9000usize, is_packed in any::<bool>(),
        after in any::<proptest::sample::Index>()
    ) {
        let page = page(&groups);
        let once = |given| match is_packed {
            true => { let (all, body) = lz4(&page, groups.len(), given); parts(all, usual, &body, &pieces) }
            false => {
                let all = Parts::new(&head(page.len(), Packing::Plain), groups.len(), given, &Spare::default()).unwrap();
                parts(all, usual, &page, &pieces)
            }
        };
        let (all, error) = once(Given::default());
        prop_assert!(error.is_none(), "{error:?}");
        same(&all, &page, Given::default());
        prop_assert!(all.iter().map(|part| part.size).sum::<u64>() <= page.len() as u64);
        let given = all[after.index(all.len())].end;
        let (rest, error) = once(given);
        prop_assert!(error.is_none(), "{error:?}");
        same(&rest, &page, given);
    }

    #[test]
    fn a_damaged_page_gives_no_other_records_than_it_does_as_a_whole(
        groups in groups(), at in any::<proptest::sample::Index>(), byte in any::<u8>(), usual in 16..9000usize
    ) {
        let mut page = page(&groups);
        let at = at.index(page.len());
        page[at] = byte;
        let count = decode::groups(&page).filter(Result::is_ok).count();
        let whole = decode::groups(&page).all(|group| group.is_ok());
        let (all, body) = lz4(&page, count, Given::default());
        let (found, error) = parts(all, usual, &body, &[500]);
        match error {
            None => same(&found, &page, Given::default()),
            Some(_) => prop_assert!(!whole),
        }
        for part in found.iter().filter(|_| whole) {
            let (rest, body) = lz4(&page, count, part.end);
            let (rest, error) = parts(rest, usual, &body, &[500]);
            prop_assert!(error.is_none(), "{error:?} behind {:?}", part.end);
            same(&rest, &page, part.end);
        }
    }
}

#[test]
fn a_window_holds_one_part_and_one_record_that_is_larger_has_one_of_its_size() {
    const LARGE: usize = 5 * WINDOW_BYTES;
    let texts =
        [vec![1; WINDOW_BYTES / 4], vec![2; WINDOW_BYTES / 4], vec![3; LARGE], vec![4; WINDOW_BYTES / 2], vec![5; WINDOW_BYTES / 2]];
    let group = LogGroup { logs: texts.iter().map(|text| log(text)).collect(), ..LogGroup::default() };
    let page = page(&[group]);
    let (all, body) = lz4(&page, 1, Given::default());
    let (found, error) = parts(all, WINDOW_BYTES, &body, &[100_000]);
    assert!(error.is_none());
    same(&found, &page, Given::default());
    let records = |part: &Part| decode::groups(&part.bytes).next().unwrap().unwrap().records().count();
    assert_eq!(found.iter().map(records).collect::<Vec<_>>(), [2, 1, 1, 1]);
    assert!(found.iter().all(|part| part.groups == 1));
}

#[test]
fn what_the_service_did_not_mean_is_refused() {
    let groups = [LogGroup { logs: (0..50).map(|at| log(&[at; 90])).collect(), ..LogGroup::default() }, LogGroup::default()];
    let page = page(&groups);
    let block = lz4_flex::block::compress(&page);
    let refused = |size: usize, count, given, body: &[u8]| {
        let all = Parts::new(&head(size, Packing::Lz4), count, given, &Spare::default()).unwrap();
        parts(all, 1000, body, &[700]).1.map(|error| error.to_string())
    };
    let damage = |damage: Damage| Some(SlsError::Damaged(damage).to_string());
    assert_eq!(refused(page.len(), 2, Given::default(), &block), None);
    assert_eq!(refused(page.len() - 1, 2, Given::default(), &block), damage(Damage::WrongSize));
    assert_eq!(refused(page.len() + 1, 2, Given::default(), &block), damage(Damage::WrongSize));
    assert_eq!(refused(page.len(), 1, Given::default(), &block), damage(Damage::WrongSize));
    assert_eq!(refused(page.len(), 3, Given::default(), &block), damage(Damage::WrongSize));
    assert_eq!(refused(page.len(), 2, Given { groups: 2, records: 1 }, &block), damage(Damage::Changed));
    assert_eq!(refused(page.len(), 2, Given::default(), &block[..block.len() - 1]), damage(Damage::Decompression));
}

#[test]
fn what_is_not_asked_for_is_not_divided() {
    let parts = |head: &PageHead| Parts::new(head, 1, Given::default(), &Spare::default()).is_some();
    assert!(!parts(&head(9, Packing::Zstd)) && !parts(&head(9, Packing::Deflate)));
    assert!(!parts(&PageHead { raw_size: None, ..head(9, Packing::Plain) }));
}
