//! What is masked: the kinds of secrets, their names, and which of them were found. Plain data.

use std::collections::BTreeSet;

/// A kind of secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Resident identity card of mainland China: 18 digits with their check digit, or 15 of the old form.
    IdCard,
    /// Mobile number of mainland China.
    Mobile,
    /// Number of a payment card, 13 to 19 digits with their check digit.
    BankCard,
    /// Passport, or permit for Hong Kong and Macao, of mainland China.
    Passport,
    /// Licence plate of mainland China.
    Plate,
    /// E-mail address.
    Email,
    /// Keys, tokens, passwords and whatever else opens something.
    ApiKey,
    /// IPv4 or IPv6 address.
    Ip,
    /// What a text ended with where it was cut: it may be half of a secret.
    Cut,
    /// A pattern of the operator, by its position.
    Own(u16),
}

/// The kinds that are chosen by name, in the order in which they are told.
pub const BUILT_IN: [(&str, Kind); 8] = [
    ("id_card", Kind::IdCard),
    ("mobile", Kind::Mobile),
    ("bank_card", Kind::BankCard),
    ("passport", Kind::Passport),
    ("plate", Kind::Plate),
    ("email", Kind::Email),
    ("api_key", Kind::ApiKey),
    ("ip", Kind::Ip),
];

impl Kind {
    /// Its name, where it is not the operator's.
    pub(super) fn name(self) -> Option<&'static str> {
        let built_in = BUILT_IN.iter().find(|(_, kind)| *kind == self).map(|(name, _)| *name);
        built_in.or((self == Self::Cut).then_some("cut"))
    }
}

/// Some of the built-in kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// All of them.
    pub const ALL: Self = Self(0xff);

    /// These and no others.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | bit(kind)))
    }

    /// True if it is among them.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }
}

fn bit(kind: Kind) -> u16 {
    BUILT_IN.iter().position(|(_, known)| *known == kind).map_or(0, |position| 1 << position)
}

/// The kinds that were found in an observation.
pub type Found = BTreeSet<Kind>;

/// A stretch of a text that is a secret. Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}
