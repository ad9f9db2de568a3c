//! Packed bytes of an event → what is in them, within a limit. Pure.

use std::io::Read;

use aws_lambda_events::cloudwatch_logs::LogData;

/// The most that one payload may hold unpacked. Bytes. Lambda hands over at most 6 MB, and logs pack to a tenth or less.
pub const MAX_UNPACKED_BYTES: u64 = 32 * 1024 * 1024;

/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// True for what looks like gzip, which no text does.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP)
}

/// The inside of gzip; `None` if it is damaged or larger than [`MAX_UNPACKED_BYTES`].
pub fn gunzip(packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).take(MAX_UNPACKED_BYTES + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MAX_UNPACKED_BYTES).then_some(bytes)
}

/// The payload of a CloudWatch Logs subscription, if the bytes are one: an object that says so by its members, which no log line has.
pub fn subscription(bytes: &[u8]) -> Option<LogData> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn unpacks_up_to_the_limit_and_nothing_beyond() {
        let limit = usize::try_from(MAX_UNPACKED_BYTES).unwrap();
        assert_eq!(gunzip(&gzip(&vec![7; limit])).map(|bytes| bytes.len()), Some(limit));
        assert_eq!(gunzip(&gzip(&vec![7; limit + 1])), None);
    }

    #[test]
    fn a_damaged_payload_is_nothing_instead_of_its_first_half() {
        let packed = gzip(b"some text that is long enough to be cut");
        assert!(is_gzip(&packed));
        assert_eq!(gunzip(&packed[..packed.len() - 9]), None);
    }

    #[test]
    fn a_log_line_is_no_subscription_payload() {
        assert_eq!(subscription(br#"{"request_id":"r","path":"/"}"#), None);
    }
}
