//! Prices that depend on the time of the day: which moments are peak, and the factor for all others. Pure.
//!
//! `reference/model-prices.md`, tier and cost rules: the tiers hold the peak price, and the start of a call decides. Public holidays are
//! not known here and count as ordinary days, so that a cost is too high on them rather than too low.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::Offset;
use serde::Deserialize;

use super::PriceRule;

/// The days as windows name them.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// `off_peak` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "`public_holidays` is for readers of the list only")]
pub(super) struct OffPeakEntry {
    factor: f64,
    time_zone: String,
    peak_windows: Vec<String>,
    public_holidays: Option<String>,
}

/// A factor for all times but the peaks.
#[derive(Clone, Debug, PartialEq)]
pub struct OffPeak {
    factor: f64,
    offset: Offset,
    peaks: Vec<Peak>,
}

/// A time of the day on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Peak {
    first_day: usize,
    last_day: usize,
    from_minute: u16,
    to_minute: u16,
}

impl OffPeakEntry {
    pub fn off_peak(&self) -> Result<OffPeak, PriceRule> {
        let peaks: Option<Vec<_>> = self.peak_windows.iter().map(|window| Peak::parse(window)).collect();
        // Neither zone has a daylight saving time, so no time-zone database is needed.
        let offset = match self.time_zone.as_str() {
            "Asia/Shanghai" => Some(Offset::constant(8)),
            "UTC" => Some(Offset::UTC),
            _ => None,
        };
        match (offset, peaks) {
            (Some(offset), Some(peaks)) if (0.0..=1.0).contains(&self.factor) => Ok(OffPeak { factor: self.factor, offset, peaks }),
            _ => Err(PriceRule::OffPeak),
        }
    }
}

impl OffPeak {
    /// The factor for a call that began at this moment, UNIX milliseconds: 1 at peak times.
    pub fn factor_at(&self, start_ms: i64) -> f64 {
        let local = self.offset.to_datetime(Timestamp::from_millisecond(start_ms).unwrap_or_default());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        if self.peaks.iter().any(|peak| peak.holds(local.weekday(), minute)) { 1.0 } else { self.factor }
    }
}

impl Peak {
    /// `Mon-Fri 09:00-12:00` or `Sat 10:00-24:00`. It begins at its first moment and ends before its last.
    fn parse(window: &str) -> Option<Self> {
        let (days, times) = window.split_once(' ')?;
        let (first_day, last_day) = days.split_once('-').unwrap_or((days, days));
        let (from, to) = times.split_once('-')?;
        let peak = Self { first_day: day(first_day)?, last_day: day(last_day)?, from_minute: minute(from)?, to_minute: minute(to)? };
        (peak.first_day <= peak.last_day && peak.from_minute < peak.to_minute).then_some(peak)
    }

    fn holds(self, weekday: Weekday, minute: u16) -> bool {
        let day = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0);
        (self.first_day..=self.last_day).contains(&day) && (self.from_minute..self.to_minute).contains(&minute)
    }
}

fn day(name: &str) -> Option<usize> {
    DAYS.iter().position(|day| *day == name)
}

fn minute(time: &str) -> Option<u16> {
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten();
    let (hours, minutes) = time.split_once(':').filter(|(hours, minutes)| (hours.len(), minutes.len()) == (2, 2))?;
    let minute = number(hours)? * 60 + number(minutes).filter(|minutes| *minutes < 60)?;
    (minute <= DAY).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn off_peak(time_zone: &str, windows: &[&str], factor: f64) -> Result<OffPeak, PriceRule> {
        let peak_windows = windows.iter().map(|window| (*window).to_owned()).collect();
        OffPeakEntry { factor, time_zone: time_zone.to_owned(), peak_windows, public_holidays: None }.off_peak()
    }

    fn ms(moment: &str) -> i64 {
        moment.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn peaks_are_hours_of_beijing_from_monday_to_friday() {
        let off_peak = off_peak("Asia/Shanghai", &["Mon-Fri 09:00-12:00", "Mon-Fri 14:00-18:00"], 0.5).unwrap();
        for (moment, factor) in [
            ("2026-11-16T08:59:59.999+08:00", 0.5),
            ("2026-11-16T09:00:00+08:00", 1.0),
            ("2026-11-16T11:59:59.999+08:00", 1.0),
            ("2026-11-16T12:00:00+08:00", 0.5),
            ("2026-11-16T13:59:00+08:00", 0.5),
            ("2026-11-20T14:00:00+08:00", 1.0),
            ("2026-11-20T18:00:00+08:00", 0.5),
            ("2026-11-21T10:00:00+08:00", 0.5),
            ("2026-11-22T10:00:00+08:00", 0.5),
            // Monday in Beijing, still Sunday in UTC on the day before; then the other way round.
            ("2026-11-16T01:30:00Z", 1.0),
            ("2026-11-15T23:30:00Z", 0.5),
        ] {
            assert_eq!(off_peak.factor_at(ms(moment)), factor, "{moment}");
        }
        assert_eq!(off_peak.factor_at(i64::MAX), 0.5, "no moment at all");
    }

    #[test]
    fn a_window_of_one_day_may_last_until_midnight() {
        let off_peak = off_peak("UTC", &["Sat 22:30-24:00"], 0.25).unwrap();
        assert_eq!(off_peak.factor_at(ms("2026-11-21T23:59:59Z")), 1.0);
        assert_eq!(off_peak.factor_at(ms("2026-11-22T00:00:00Z")), 0.25);
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for window in [
            "",
            "09:00-12:00",
            "Mon-Fri",
            "Fri-Mon 09:00-12:00",
            "Mon-Fri 12:00-09:00",
            "Mon 9:00-12:00",
            "mon 09:00-12:00",
            "Mon 09:60-12:00",
            "Mon 09:00-24:01",
            "Mon +9:00-12:00",
        ] {
            assert_eq!(off_peak("UTC", &[window], 0.5), Err(PriceRule::OffPeak), "{window}");
        }
        assert_eq!(off_peak("Europe/Berlin", &[], 0.5), Err(PriceRule::OffPeak));
        for factor in [-0.1, 1.1, f64::NAN] {
            assert_eq!(off_peak("UTC", &[], factor), Err(PriceRule::OffPeak), "{factor}");
        }
    }
}
