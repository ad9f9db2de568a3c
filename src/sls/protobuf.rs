//! A borrowing reader of the protobuf wire format: fields of one message, nothing about their meaning. Pure.

/// What a damaged message looks like from outside. Carries no bytes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message ends inside a field.
    #[error("the message ends inside a field")]
    Truncated,
    /// A varint longer than ten bytes.
    #[error("a number is longer than a protobuf number can be")]
    Overlong,
    /// Field number 0, or a wire type that LogGroups never use (groups, 6, 7).
    #[error("a field tag is not valid")]
    BadTag,
}

/// The value of one field, by wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire<'p> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'p [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// How long a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its number, and its wire type in the lowest three bits.
    pub tag: u64,
    /// Bytes of its tag, with its length where it has one and with a varint.
    pub head: usize,
    /// Bytes behind that.
    pub length: u64,
}

impl Extent {
    /// All its bytes.
    pub fn bytes(&self) -> u64 {
        self.length.saturating_add(self.head as u64)
    }
}

/// The fields of one message, in order. Unknown fields come out like all others, so that a caller skips them by ignoring them.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'p> {
    rest: &'p [u8],
}

impl<'p> Fields<'p> {
    /// Reads the fields of `message`.
    pub fn of(message: &'p [u8]) -> Self {
        Self { rest: message }
    }

    /// What has not been read yet.
    pub fn bytes(&self) -> &'p [u8] {
        self.rest
    }

    /// Where the next field ends, as far as its head tells: what lies behind the head need not be there yet.
    ///
    /// # Errors
    /// [`WireError::Truncated`] where the head itself is not there, else a head that is none.
    pub fn extent(mut self) -> Result<Extent, WireError> {
        let begin = self.rest.len();
        let tag = self.varint()?;
        let length = match tag & 7 {
            0 => self.varint().map(|_| 0)?,
            1 => 8,
            2 => self.varint()?,
            5 => 4,
            _ => return Err(WireError::BadTag),
        };
        let head = begin - self.rest.len();
        if tag >> 3 == 0 { Err(WireError::BadTag) } else { Ok(Extent { tag, head, length }) }
    }

    #[inline]
    fn read(&mut self) -> Result<(u64, Wire<'p>), WireError> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(usize::try_from(length).map_err(|_| WireError::Truncated)?)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(WireError::BadTag),
        };
        if tag >> 3 == 0 { Err(WireError::BadTag) } else { Ok((tag >> 3, value)) }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        // Tags and nearly all lengths.
        if let [byte @ 0..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let mut number = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(number);
            }
        }
        Err(if self.rest.len() < 10 { WireError::Truncated } else { WireError::Overlong })
    }

    fn take(&mut self, length: usize) -> Result<&'p [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}

impl<'p> Iterator for Fields<'p> {
    type Item = Result<(u64, Wire<'p>), WireError>;

    /// The next field; after an error the iterator is at its end, since nothing behind the damage can be trusted.
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Result<(u64, Wire<'_>), WireError>> {
        Fields::of(bytes).collect()
    }

    #[test]
    fn reads_all_four_wire_types() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x25, 1, 0, 0, 0, 0x29, 2, 0, 0, 0, 0, 0, 0, 0];
        let expected = [(1, Wire::Varint(150)), (2, Wire::Bytes(b"hi")), (4, Wire::Fixed32(1)), (5, Wire::Fixed64(2))];
        assert_eq!(read(&bytes), expected.map(Ok));
    }

    #[test]
    fn damage_ends_the_message_with_its_reason() {
        let cases: [(&[u8], WireError); 6] = [
            (&[0x12, 0x05, b'a'], WireError::Truncated),
            (&[0x08], WireError::Truncated),
            (&[0x25, 1, 2], WireError::Truncated),
            (&[0xff; 11], WireError::Overlong),
            (&[0x0b, 0x08, 0x01], WireError::BadTag),
            (&[0x00, 0x08], WireError::BadTag),
        ];
        for (bytes, error) in cases {
            assert_eq!(read(bytes), [Err(error)], "{bytes:?}");
        }
        let huge_length = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read(&huge_length), [Err(WireError::Truncated)]);
    }
}
