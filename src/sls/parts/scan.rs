//! Which fields of a page stand in its window as a whole, and where in its groups that is. Pure.
//!
//! As `decode` reads them: a damaged log spoils itself, a damaged group its rest, and damage between groups the page.

use super::super::error::{Damage, SlsError};
use super::super::protobuf::{Extent, Fields, WireError};
use super::{Given, HEAD_ROOM, Parts, TAG, Unpacking};

/// A position in a page.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) given: Given,
    /// Bytes of the group that are still to come.
    pub(super) inside: u64,
    /// The rest of the group is dropped.
    pub(super) is_damaged: bool,
}

impl Place {
    pub(super) fn is_in_group(self) -> bool {
        self.inside > 0 || self.is_damaged
    }
}

/// What the window has of the next field.
enum Found {
    Field(Extent),
    /// All of it, or its head, needs so many bytes.
    Incomplete(u64),
    /// Nothing in the rest of the group can be found.
    Damaged,
}

impl Parts {
    /// Moves on over all fields that are there, to the first damage at most.
    pub(super) fn scan(&mut self) -> Result<(), SlsError> {
        self.drop_damaged();
        while self.at < self.written && !self.to.is_damaged {
            match self.find()? {
                Found::Field(field) => self.pass(&field)?,
                Found::Incomplete(bytes) => {
                    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                    self.wanted = self.usual.max((self.at - self.kept()).saturating_add(bytes).saturating_add(HEAD_ROOM));
                    break;
                }
                Found::Damaged => self.mark_damage(),
            }
            if self.to.given <= self.given && self.given != Given::default() {
                self.begin_here();
            }
        }
        Ok(())
    }

    fn find(&self) -> Result<Found, SlsError> {
        let rest = &self.window[self.at..self.written];
        let (field, of_page) = (Fields::of(rest).extent(), rest.len() as u64 + self.left);
        let damaged = |error| SlsError::Damaged(Damage::Framing(error));
        if self.to.is_in_group() {
            let group = &rest[..rest.len().min(usize::try_from(self.to.inside).unwrap_or(usize::MAX))];
            return Ok(match Fields::of(group).extent() {
                Ok(field) if field.bytes() > self.to.inside => Found::Damaged,
                Ok(field) if field.bytes() > group.len() as u64 => Found::Incomplete(field.bytes()),
                Ok(field) => Found::Field(field),
                Err(WireError::Truncated) if (group.len() as u64) < self.to.inside => Found::Incomplete(group.len() as u64 + 1),
                Err(_) => Found::Damaged,
            });
        }
        match field {
            Ok(field) if field.bytes() > of_page => Err(damaged(WireError::Truncated)),
            // A group is entered as soon as its head is there.
            Ok(field) if field.tag != TAG && field.bytes() > rest.len() as u64 => Ok(Found::Incomplete(field.bytes())),
            Ok(field) => Ok(Found::Field(field)),
            Err(WireError::Truncated) if self.left > 0 => Ok(Found::Incomplete(rest.len() as u64 + 1)),
            Err(error) => Err(damaged(error)),
        }
    }

    /// Moves on over a field: a record or another field of a group, the head of a group, or something else between groups.
    fn pass(&mut self, field: &Extent) -> Result<(), SlsError> {
        let bytes = usize::try_from(field.bytes()).unwrap_or(usize::MAX);
        if self.to.is_in_group() {
            self.at += bytes;
            self.to.inside -= field.bytes();
            self.to.given.records = self.to.given.records.saturating_add(u32::from(field.tag == TAG));
        } else if field.tag == TAG {
            if self.to.given.groups >= self.groups {
                return Err(SlsError::Damaged(Damage::WrongSize));
            }
            let tag = self.window[self.at..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
            self.length = Some(self.at + tag..self.at + field.head);
            self.at += field.head;
            self.to.inside = field.length;
        } else {
            self.at += bytes;
            return Ok(());
        }
        if self.to.inside == 0 {
            self.end_group();
        }
        Ok(())
    }

    fn end_group(&mut self) {
        if self.from.is_in_group() {
            self.first_end.get_or_insert(self.at);
        }
        self.length = None;
        self.to = Place { given: Given { groups: self.to.given.groups + 1, records: 0 }, ..Place::default() };
    }

    /// One byte stands for the rest of a group that is damaged, which counts as a record that cannot be read.
    fn mark_damage(&mut self) {
        self.at += 1;
        self.to.inside -= 1;
        self.to.given.records = self.to.given.records.saturating_add(1);
        self.to.is_damaged = true;
    }

    /// Passes over the rest of a damaged group, of which what can be told has been handed out.
    fn drop_damaged(&mut self) {
        if !self.to.is_damaged {
            return;
        }
        let dropped = (self.written - self.at).min(usize::try_from(self.to.inside).unwrap_or(usize::MAX));
        self.at += dropped;
        self.to.inside -= dropped as u64;
        if self.to.inside == 0 {
            self.end_group();
        }
        self.begin_here();
    }

    /// Nothing before this is handed out.
    pub(super) fn begin_here(&mut self) {
        (self.begin, self.from) = (self.at, self.to);
        (self.first_end, self.length) = (None, None);
    }

    /// Refuses a body that ends before its page does.
    pub(super) fn check_unpacked(&self) -> Result<(), SlsError> {
        match &self.packing {
            Unpacking::Lz4(lz4) if !lz4.is_whole() => Err(SlsError::Damaged(Damage::Decompression)),
            _ if self.left > 0 => Err(SlsError::Damaged(Damage::WrongSize)),
            _ => Ok(()),
        }
    }

    /// Refuses a page with other groups than it should have, or with less than an earlier pull of it gave.
    pub(super) fn check_end(&self) -> Result<(), SlsError> {
        Err(SlsError::Damaged(match () {
            () if self.to.is_in_group() => Damage::Framing(WireError::Truncated),
            () if self.to.given < self.given => Damage::Changed,
            () if self.to.given.groups != self.groups => Damage::WrongSize,
            () => return Ok(()),
        }))
    }
}
