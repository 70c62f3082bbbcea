//! Points in time as people write them.

use chrono::{DateTime, SecondsFormat, Utc};
use jwt_gate_core::UnixTime;

/// Reads `2018-11-07T12:00:00Z`, or a number of seconds since 1970.
///
/// # Errors
///
/// What was found and what was expected.
pub(crate) fn parse(text: &str) -> Result<UnixTime, String> {
    if let Ok(secs) = text.parse::<i64>() {
        return Ok(UnixTime::from_secs(secs));
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(UnixTime::from_secs(time.timestamp())),
        Err(_) => Err(format!(
            "found {text:?}, expected a time such as 2018-11-07T12:00:00Z, or seconds since 1970"
        )),
    }
}

/// The time of this machine.
pub(crate) fn now() -> UnixTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let secs = since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    UnixTime::from_secs(secs)
}

/// `2018-11-07T12:00:00Z`; the seconds for a time that no calendar has.
pub(crate) fn spell(time: UnixTime) -> String {
    let secs = time.as_secs();
    match DateTime::<Utc>::from_timestamp(secs, 0) {
        Some(date) => date.to_rfc3339_opts(SecondsFormat::Secs, true),
        None => format!("{secs} seconds since 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_spelled() {
        for text in ["2018-11-07T12:00:00Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z"] {
            assert_eq!(spell(parse(text).unwrap()), text);
        }
        assert_eq!(spell(parse("1541592000").unwrap()), "2018-11-07T12:00:00Z");
        assert_eq!(spell(parse("2018-11-07T13:00:00+01:00").unwrap()), "2018-11-07T12:00:00Z");
        for bad in ["", "now", "2018-11-07", "2018-13-07T12:00:00Z"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(spell(UnixTime::from_secs(i64::MAX)).ends_with("since 1970"));
    }
}
