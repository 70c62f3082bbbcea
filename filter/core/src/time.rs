//! Points in time as tokens state them and as hosts tell them.

use std::time::Duration;

use crate::json::Number;

/// A point in time, in milliseconds since the Unix epoch; may lie before it.
///
/// Milliseconds suffice because a NumericDate is in seconds with an optional fraction
/// ([RFC 7519 section 2]); arithmetic saturates, so no claim can wrap the clock around.
///
/// [RFC 7519 section 2]: https://www.rfc-editor.org/rfc/rfc7519#section-2
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixTime(i64);

impl UnixTime {
    /// From nanoseconds since the Unix epoch, as proxy-wasm hosts tell the time.
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Self {
        Self(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
    }

    /// From seconds since the Unix epoch.
    #[must_use]
    pub fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// In seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// From milliseconds since the Unix epoch.
    pub(crate) fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// In milliseconds since the Unix epoch.
    pub(crate) fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads a NumericDate claim: a number of seconds, a fraction allowed.
    ///
    /// `None` for a number beyond 2^53 seconds either way: no clock shows it, and a double no
    /// longer counts whole seconds there.
    pub(crate) fn from_numeric_date(number: Number) -> Option<Self> {
        const LIMIT: i64 = 1 << 53;
        match number {
            Number::Unsigned(secs) => {
                i64::try_from(secs).ok().filter(|&secs| secs <= LIMIT).map(Self::from_secs)
            }
            Number::Signed(secs) => Some(secs).filter(|&secs| secs >= -LIMIT).map(Self::from_secs),
            Number::Float(secs) => {
                let millis = (secs * 1000.0).floor();
                // 2^62 is a power of two, so the comparison is exact; NaN fails it.
                #[expect(clippy::as_conversions, reason = "in range: compared with 2^62 before")]
                #[expect(clippy::cast_possible_truncation, reason = "in range, and floored")]
                (millis.abs() < 4_611_686_018_427_387_904.0).then_some(Self(millis as i64))
            }
        }
    }

    /// This time, `by` later.
    pub(crate) fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// This time, `by` earlier.
    pub(crate) fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// The time gone by since then; `None` if that is yet to come, as after a clock went back.
    pub(crate) fn since(self, then: Self) -> Option<Duration> {
        self.0.checked_sub(then.0)?.try_into().ok().map(Duration::from_millis)
    }

    /// The time left until then; zero if it has come.
    pub(crate) fn until(self, then: Self) -> Duration {
        then.since(self).unwrap_or_default()
    }
}

/// As `as_millis`, which counts in 128 bits: each operation is a call in a wasm module.
fn millis(duration: Duration) -> i64 {
    let millis = duration.as_secs().saturating_mul(1000);
    let millis = millis.saturating_add(u64::from(duration.subsec_millis()));
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_as_long_as_it_says() {
        for (secs, nanos) in [(0, 0), (0, 999_999), (1, 2_500_000), (1 << 53, 7), (u64::MAX, 5)] {
            let duration = Duration::new(secs, nanos);
            let exact = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            assert_eq!(millis(duration), exact, "{duration:?}");
        }
    }

    #[test]
    fn a_fraction_counts_and_the_rest_is_floored() {
        let read = |secs| UnixTime::from_numeric_date(Number::Float(secs));
        assert_eq!(read(1.5), Some(UnixTime(1500)));
        assert_eq!(read(-0.0005), Some(UnixTime(-1)));
        assert_eq!(read(1e300), None);
        assert_eq!(read(f64::NAN), None);
    }

    #[test]
    fn numbers_no_clock_shows_are_no_time() {
        assert_eq!(UnixTime::from_numeric_date(Number::Unsigned(1 << 63)), None);
        assert_eq!(UnixTime::from_numeric_date(Number::Signed(i64::MIN)), None);
        assert_eq!(UnixTime::from_numeric_date(Number::Unsigned(0)), Some(UnixTime(0)));
    }

    #[test]
    fn differences_have_no_sign_and_no_overflow() {
        let (early, late) = (UnixTime(-1), UnixTime(2));
        assert_eq!(late.since(early), Some(Duration::from_millis(3)));
        assert_eq!(early.since(late), None);
        assert_eq!(early.until(late), Duration::from_millis(3));
        assert_eq!(late.until(early), Duration::ZERO);
        assert_eq!(UnixTime(i64::MAX).since(UnixTime(i64::MIN)), None);
        assert_eq!(UnixTime(i64::MIN).until(UnixTime(i64::MAX)), Duration::ZERO);
    }
}
