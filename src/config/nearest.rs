//! The known name that a misspelt one was meant to be.
//!
//! Pure text; knows nothing of settings.

/// The candidate that differs least, if it differs in at most a third of its letters. Case is not a difference.
pub(super) fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(text.to_ascii_lowercase().as_bytes(), candidate.to_ascii_lowercase().as_bytes()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| distance * 3 <= candidate.len())
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of bytes that make one text of the other.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, left) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_edits() {
        assert_eq!(distance(b"", b""), 0);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"flaw", b"lawn"), 2);
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour_and_a_foreign_one_finds_none() {
        let names = ["LANGFUSE_HOST", "LANGFUSE_RELEASE", "TZ"];
        assert_eq!(nearest("langfuse_hots", names.into_iter()), Some("LANGFUSE_HOST"));
        assert_eq!(nearest("LANGFUSE_HOST", names.into_iter()), Some("LANGFUSE_HOST"));
        assert_eq!(nearest("kafka_brokers", names.into_iter()), None);
        assert_eq!(nearest("x", names.into_iter()), None);
    }
}
