//! A page that is too large to be held → its records in parts, each a small page of its own, as its bytes come. Pure.
//!
//! A page holds whole log groups, and one of them can be ten times what a page should be. So only a window of it is ever in memory: what of
//! it is complete is handed out with the memory it stands in, the rest is carried over. A group that goes on in the next part is given a length
//! that ends here, and a head of its own there.

mod scan;

use std::ops::Range;

use bytes::Bytes;
use prost::encoding::encode_varint;

use super::error::{Damage, SlsError};
use super::lz4::{HISTORY, Lz4};
use super::page::{Packing, PageHead};
use super::protobuf::WireError;
use crate::spare::{Buffer, Spare};
use scan::Place;

/// The memory of one part, with what stands before it. Bytes. Larger only where a single record is.
pub const WINDOW_BYTES: usize = 1024 * 1024;

/// Room in front of the window for the head of a group that goes on: a tag, and a length of which no group has more bytes.
const HEAD_ROOM: usize = 11;

/// The tag of a group in a page, and of a record in a group: field 1, with a length.
const TAG: u64 = 0x0a;

/// What no field begins with: in place of the rest of a damaged group.
const DAMAGED: u8 = 0x07;

/// How far a page has been handed out: whole groups, and records of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Given {
    /// Groups, of all of which everything was.
    pub groups: usize,
    /// Records of the group behind them.
    pub records: u32,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Log groups, as in a page.
    pub bytes: Bytes,
    /// Where it begins.
    pub begin: Given,
    /// Where what comes behind it begins.
    pub end: Given,
    /// How many groups there is something of in it.
    pub groups: usize,
    /// Bytes of the page that it takes.
    pub size: u64,
    /// True if nothing of the page comes behind it.
    pub is_last: bool,
}

/// A page that comes in parts.
#[derive(Debug)]
pub struct Parts {
    packing: Unpacking,
    spare: Spare,
    /// Bytes that are still to be unpacked.
    left: u64,
    /// How many groups the page has.
    groups: usize,
    /// What an earlier pull of the same page gave.
    given: Given,
    /// [`WINDOW_BYTES`], but in tests.
    usual: usize,
    /// Bytes of the next window.
    wanted: usize,
    /// Begins with [`HEAD_ROOM`]; empty between two parts.
    window: Buffer,
    /// What the next window begins with: where matches lie, then what was not handed out.
    carried: Buffer,
    /// Where in the window what was not handed out begins, how far whole fields were found, and where what was unpacked ends.
    begin: usize,
    at: usize,
    written: usize,
    /// Where in the page `begin` is, and `at`.
    from: Place,
    to: Place,
    /// Where the group ends in which `begin` is, if it does before `at`.
    first_end: Option<usize>,
    /// The length of the group in which `at` is, if that stands behind `begin`.
    length: Option<Range<usize>>,
}

#[derive(Debug)]
enum Unpacking {
    Plain,
    Lz4(Lz4),
}

impl Parts {
    /// The parts of a page with so many groups, but for what was given before. `None`: it is packed in a way that is unpacked only as a whole,
    /// or its size is not known.
    pub fn new(head: &PageHead, groups: usize, given: Given, spare: &Spare) -> Option<Self> {
        let packing = match head.packing {
            Packing::Plain => Unpacking::Plain,
            Packing::Lz4 => Unpacking::Lz4(Lz4::default()),
            Packing::Deflate | Packing::Zstd => return None,
        };
        Some(Self {
            packing,
            spare: spare.clone(),
            left: head.raw_size?,
            groups,
            given,
            usual: WINDOW_BYTES,
            wanted: WINDOW_BYTES,
            window: Buffer::default(),
            carried: Buffer::default(),
            begin: HEAD_ROOM,
            at: HEAD_ROOM,
            written: HEAD_ROOM,
            from: Place::default(),
            to: Place::default(),
            first_end: None,
            length: None,
        })
    }

    /// The next part, or `None` if others of its bytes must come first. Shortens `bytes` by what it took; `more`: others may follow.
    ///
    /// # Errors
    /// When the page cannot be what the service meant, or is not the one that an earlier pull gave a part of.
    pub fn next(&mut self, bytes: &mut &[u8], more: bool) -> Result<Option<Part>, SlsError> {
        loop {
            self.open_window();
            self.unpack(bytes)?;
            let is_full = self.written == self.window.len();
            if !is_full && more {
                return Ok(None);
            }
            if !is_full {
                self.check_unpacked()?;
            }
            self.scan()?;
            let is_last = !is_full && !self.to.is_damaged && self.at == self.written;
            if is_last {
                self.check_end()?;
            }
            if is_last || self.to.given > self.from.given {
                return Ok(Some(self.part(is_last)));
            }
            match () {
                // A damage that an earlier pull gave: what follows it is found by another look.
                () if self.to.is_damaged && (self.at < self.written || self.to.inside == 0) => {}
                () if is_full => drop(self.carry()),
                () => return Err(SlsError::Damaged(Damage::Framing(WireError::Truncated))),
            }
        }
    }

    fn open_window(&mut self) {
        if !self.window.is_empty() {
            return;
        }
        let size = self.wanted.max(HEAD_ROOM + self.carried.len() + 1);
        self.window = self.spare.room(size);
        self.window.skip(HEAD_ROOM);
        self.window.extend(&self.carried);
        self.window.skip(size - self.window.len());
        self.carried = Buffer::default();
        self.wanted = self.usual;
    }

    fn unpack(&mut self, bytes: &mut &[u8]) -> Result<(), SlsError> {
        let from = self.written;
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.window.len() - from);
        match &mut self.packing {
            Unpacking::Plain => {
                let (taken, rest) = bytes.split_at(bytes.len().min(room));
                self.window[from..from + taken.len()].copy_from_slice(taken);
                *bytes = rest;
                self.written += taken.len();
            }
            Unpacking::Lz4(lz4) => {
                let mut written = from - HEAD_ROOM;
                let unpacked = lz4.unpack(bytes, &mut self.window[HEAD_ROOM..from + room], &mut written);
                unpacked.map_err(|_| SlsError::Damaged(Damage::Decompression))?;
                self.written = written + HEAD_ROOM;
            }
        }
        self.left -= (self.written - from) as u64;
        if self.left == 0 && !bytes.is_empty() { Err(SlsError::Damaged(Damage::WrongSize)) } else { Ok(()) }
    }

    /// Where what is still needed of the window begins.
    fn kept(&self) -> usize {
        self.at.min(self.written.saturating_sub(HISTORY)).max(HEAD_ROOM)
    }

    /// Leaves the window, but for what is needed of it.
    fn carry(&mut self) -> Buffer {
        let kept = self.kept();
        self.carried = self.spare.room(self.written - kept);
        self.carried.extend(&self.window[kept..self.written]);
        self.at = HEAD_ROOM + self.at - kept;
        self.written = HEAD_ROOM + self.carried.len();
        self.begin_here();
        std::mem::take(&mut self.window)
    }

    /// What was found, with the memory of the window.
    fn part(&mut self, is_last: bool) -> Part {
        let (from, to, mut begin, at) = (self.from, self.to, self.begin, self.at);
        let (length, first_end) = (self.length.take(), self.first_end.unwrap_or(at));
        // Before anything is written over: what follows may repeat it.
        let mut window = self.carry();
        if to.is_damaged {
            window[at - 1] = DAMAGED;
        }
        if let Some(length) = length {
            let bytes = (at - length.end) as u64;
            put_padded(&mut window[length], bytes);
        }
        let size = (at - begin) as u64;
        if from.is_in_group() {
            let mut head = vec![TAG as u8];
            encode_varint((first_end - begin) as u64, &mut head);
            window[begin - head.len()..begin].copy_from_slice(&head);
            begin -= head.len();
        }
        let groups = to.given.groups + usize::from(to.is_in_group()) - from.given.groups;
        Part { bytes: Bytes::from_owner(window).slice(begin..at), begin: from.given, end: to.given, groups, size, is_last }
    }
}

/// A number in exactly so many bytes.
fn put_padded(bytes: &mut [u8], number: u64) {
    let last = bytes.len().saturating_sub(1);
    for (index, byte) in bytes.iter_mut().enumerate() {
        let more = if index < last { 0x80 } else { 0 };
        *byte = (number >> (7 * index)) as u8 & 0x7f | more;
    }
}

#[cfg(test)]
mod tests;
