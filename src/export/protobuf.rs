//! Writing of the protobuf wire format into a byte buffer: tags, varints, lengths. Nothing about anybody's messages. Pure.

/// Wire type of a length-delimited field.
const BYTES: u32 = 2;

/// How many bytes a number takes as a varint.
pub const fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// How many bytes a length-delimited field takes: tag, length and `length` bytes. For field numbers below 16.
pub const fn field_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[allow(clippy::cast_possible_truncation, reason = "the seven low bits are meant")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[allow(clippy::cast_possible_truncation, reason = "below 128 here")]
    out.push(number as u8);
}

/// Appends the tag and length of a length-delimited field whose bytes the caller appends next. For field numbers below 16.
#[inline]
pub fn put_head(out: &mut Vec<u8>, field: u32, length: usize) {
    #[allow(clippy::cast_possible_truncation, reason = "below 128 by the two conditions")]
    if length < 0x80 {
        out.extend_from_slice(&[tag(field), length as u8]);
    } else {
        out.push(tag(field));
        put_varint(out, length as u64);
    }
}

/// The tag of a length-delimited field. For field numbers below 16.
#[allow(clippy::cast_possible_truncation, reason = "field numbers below 16")]
pub const fn tag(field: u32) -> u8 {
    (field << 3 | BYTES) as u8
}

/// Appends a length-delimited field.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_head(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends an unsigned number or enum value.
pub fn put_number(out: &mut Vec<u8>, field: u32, number: u64) {
    put_varint(out, u64::from(field << 3));
    put_varint(out, number);
}

/// Appends a 64-bit number of fixed width.
pub fn put_fixed64(out: &mut Vec<u8>, field: u32, number: u64) {
    put_varint(out, u64::from(field << 3 | 1));
    out.extend_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_length_of_a_varint_is_known_before_it_is_written(number in any::<u64>(), shift in 0u32..64) {
            let number = number >> shift;
            let mut out = Vec::new();
            put_varint(&mut out, number);
            prop_assert_eq!(out.len(), varint_len(number));
            prop_assert_eq!(prost::decode_length_delimiter(out.as_slice()).unwrap() as u64, number);
        }
    }
}
