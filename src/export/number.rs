//! Counts and amounts as JSON numbers, written into a reused buffer. Pure.
//!
//! They are some eight a record; the formatting machinery of the standard library took a tenth of all the time between page and request.

use std::io::Write;

/// A number as JSON.
pub trait Number: Copy {
    /// Appends it.
    fn put(self, out: &mut Vec<u8>);
}

impl Number for u64 {
    fn put(self, out: &mut Vec<u8>) {
        put_padded(out, self, 1);
    }
}

/// An amount that is finite, as the standard library prints it.
impl Number for f64 {
    fn put(self, out: &mut Vec<u8>) {
        match trillionths(self) {
            Some(whole) => put_decimal(out, whole),
            // Writing into memory cannot fail.
            None => _ = write!(out, "{self}"),
        }
    }
}

const TRILLION: u64 = 1_000_000_000_000;

/// How many trillionths an amount is, if it is a whole number of them with fifteen digits at most: no other text so short means the same
/// amount, so it is the one that the standard library would find, in a fifth of the time. Costs are such amounts.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "the range is checked first")]
fn trillionths(amount: f64) -> Option<u64> {
    let whole = (amount * TRILLION as f64).round();
    let is_exact = (0.0..1e15).contains(&whole) && whole / TRILLION as f64 == amount && amount.is_sign_positive();
    is_exact.then_some(whole as u64)
}

/// Appends trillionths as a decimal number without zeros at its end.
fn put_decimal(out: &mut Vec<u8>, trillionths: u64) {
    put_padded(out, trillionths / TRILLION, 1);
    let fraction = trillionths % TRILLION;
    if fraction > 0 {
        out.push(b'.');
        put_padded(out, fraction, 12);
        let end = out.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
        out.truncate(end);
    }
}

/// Appends a number with so many digits at least.
fn put_padded(out: &mut Vec<u8>, number: u64, digits: usize) {
    /// Digits of the largest number.
    const MOST: usize = 20;
    let (mut text, mut at, mut rest) = ([b'0'; MOST], MOST, number);
    while rest > 0 {
        at -= 1;
        #[allow(clippy::cast_possible_truncation, reason = "one digit")]
        let digit = (rest % 10) as u8;
        text[at] = b'0' + digit;
        rest /= 10;
    }
    out.extend_from_slice(&text[at.min(MOST - digits)..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: impl Number) -> String {
        let mut out = Vec::new();
        number.put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_of_every_length_are_written_as_the_standard_library_does() {
        for amount in [0.0, -0.0, 1e-12, 1.5, 0.1 + 0.2, 999.999_999_999_999, 1000.0, 1e15, 1e-13, f64::MAX, f64::MIN_POSITIVE, -2.5] {
            assert_eq!(written(amount), amount.to_string());
        }
        for count in [0, 9, 10, u64::MAX] {
            assert_eq!(written(count), count.to_string());
        }
    }

    proptest! {
        #[test]
        fn any_cost_is_written_as_the_standard_library_does(trillionths in 0u64..2_000_000_000_000_000, other in any::<f64>()) {
            let amount = trillionths as f64 / 1e12;
            prop_assert_eq!(written(amount), amount.to_string());
            prop_assert_eq!(written(other), other.to_string());
        }
    }
}
