//! What digits must be to be an identity card or a payment card: check digits, provinces, dates, beginnings. Pure, on ASCII digits.

/// 17 digits and the check digit of ISO 7064, MOD 11-2, which is 10 for `X` (GB 11643).
pub(super) fn is_id(digits: &[u8], check: u8) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: [u8; 11] = [1, 0, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    is_region(digits) && is_date(&digits[6..14]) && CHECKS[(sum % 11) as usize] == check
}

/// The first two digits name a province (GB/T 2260), Hong Kong, Macao and Taiwan among them, or permanent residence (9).
pub(super) fn is_region(digits: &[u8]) -> bool {
    matches!(
        (digits[0], digits[1]),
        (b'1', b'1'..=b'5')
            | (b'2', b'1'..=b'3')
            | (b'3', b'1'..=b'7')
            | (b'4', b'1'..=b'6')
            | (b'5', b'0'..=b'4')
            | (b'6', b'1'..=b'5')
            | (b'7', b'1')
            | (b'8', b'1'..=b'3')
            | (b'9', _)
    )
}

/// `yyyymmdd` of the last and this century.
pub(super) fn is_date(digits: &[u8]) -> bool {
    let pair = |at: usize| (digits[at] - b'0') * 10 + (digits[at + 1] - b'0');
    matches!(pair(0), 18..=20) && matches!(pair(4), 1..=12) && matches!(pair(6), 1..=31)
}

/// 13 to 19 digits of a known beginning whose check digit is right (ISO/IEC 7812).
pub(super) fn is_card(digits: &[u8]) -> bool {
    let begins = match digits[0] {
        b'3'..=b'6' | b'8' | b'9' => true,
        b'2' => digits.len() == 16 && (b"2221".as_slice()..=b"2720".as_slice()).contains(&&digits[..4]),
        _ => false,
    };
    let same = digits.iter().all(|digit| *digit == digits[0]);
    (13..=19).contains(&digits.len()) && begins && !same && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let value = |(place, digit): (usize, &u8)| match (place % 2, digit - b'0') {
        (1, digit @ 5..) => u32::from(digit * 2 - 9),
        (1, digit) => u32::from(digit * 2),
        (_, digit) => u32::from(digit),
    };
    digits.iter().rev().enumerate().map(value).sum::<u32>() % 10 == 0
}
