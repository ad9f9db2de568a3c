//! How long to wait before an attempt. Pure: chance is an argument.

use std::time::Duration;

/// How often one request is sent at most. With the waits below a dead server costs a call about four seconds.
pub const MAX_ATTEMPTS: u32 = 5;

/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// The wait after attempt number `attempt` (from 0): doubling, between half and all of it by `chance` (0 to 1), and never shorter than
/// what the server asked for.
pub fn wait(attempt: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let full = FIRST_WAIT.saturating_mul(1 << attempt.min(10));
    full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0).max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_vary_by_half() {
        let milliseconds = |attempt, chance| wait(attempt, None, chance).as_millis();
        assert_eq!([milliseconds(0, 1.0), milliseconds(1, 1.0), milliseconds(2, 1.0)], [300, 600, 1200]);
        assert_eq!([milliseconds(0, 0.0), milliseconds(3, 0.0)], [150, 1200]);
    }

    #[test]
    fn the_server_s_wish_is_a_lower_bound() {
        assert_eq!(wait(0, Some(Duration::from_secs(7)), 0.3), Duration::from_secs(7));
        assert_eq!(wait(4, Some(Duration::from_millis(1)), 1.0), Duration::from_millis(4800));
    }
}
