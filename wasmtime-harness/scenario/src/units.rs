//! Text that stands for bytes, times and sizes.

use std::time::Duration;

const NANOS: [(&str, u64); 6] = [
    // `s` and `m` last: the others end in them.
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const BYTES: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

/// How a duration is written.
pub(crate) const DURATION: &str = r#"a duration such as "1.5s", "50ms", "2m" or "1h""#;
/// How a size is written.
pub(crate) const SIZE: &str = r#"a size such as "64KiB", "2MiB", "1GiB" or "500B""#;

/// Turns text into bytes: `\xHH` is a byte, `\\` a backslash, all else itself.
///
/// # Errors
///
/// The backslash and what follows it, when that is neither.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend(plain.as_bytes());
        let (byte, tail) = escaped(escape).ok_or_else(|| {
            let length = if escape.starts_with('x') { 3 } else { 1 };
            format!("\\{}", escape.chars().take(length).collect::<String>())
        })?;
        bytes.push(byte);
        rest = tail;
    }
    bytes.extend(rest.as_bytes());
    Ok(bytes)
}

/// A duration as text: a number, with a fraction or not, and a unit.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    measured(text, &NANOS).map(Duration::from_nanos)
}

/// A size in bytes as text: a number, with a fraction or not, and a unit.
pub(crate) fn size(text: &str) -> Option<u64> {
    measured(text, &BYTES)
}

fn escaped(text: &str) -> Option<(u8, &str)> {
    if let Some(tail) = text.strip_prefix('\\') {
        return Some((b'\\', tail));
    }
    let (hex, tail) = text.strip_prefix('x')?.split_at_checked(2)?;
    let whole = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = u8::from_str_radix(hex, 16).ok().filter(|_| whole)?;
    Some((byte, tail))
}

fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) =
        units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end(), unit)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(*unit)?;
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    // Exact: what is smaller than the smallest unit is a mistake and not rounded away.
    let part = fraction.parse::<u64>().ok()?.checked_mul(*unit)?;
    if !part.is_multiple_of(scale) {
        return None;
    }
    whole.checked_add(part.checked_div(scale)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes() {
        assert_eq!(bytes(r"x\xFF\\\x0dé"), Ok(b"x\xFF\\\r\xC3\xA9".to_vec()));
    }

    #[test]
    fn mistakes_are_not_taken_for_text() {
        for (text, found) in
            [(r"a\n", r"\n"), (r"\x", r"\x"), (r"\xG0", r"\xG0"), (r"\x+1", r"\x+1"), ("\\", "\\")]
        {
            assert_eq!(bytes(text), Err(found.to_owned()), "{text}");
        }
    }

    #[test]
    fn durations_are_exact() {
        let nanos = |text| duration(text).map(|duration| duration.as_nanos());
        assert_eq!(nanos("1.5s"), Some(1_500_000_000));
        assert_eq!(nanos("50ms"), Some(50_000_000));
        assert_eq!(nanos("50 ms"), Some(50_000_000));
        assert_eq!(nanos("0.001us"), Some(1));
        assert_eq!(nanos("2m"), Some(120_000_000_000));
        assert_eq!(nanos("1h"), Some(3_600_000_000_000));
        for text in ["", "s", "1", "1.s", ".5s", "-1s", "+1s", "1 day", "1.5ns", "99999999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("2MiB"), Some(2 * 1024 * 1024));
        assert_eq!(size("1.5KiB"), Some(1536));
        assert_eq!(size("7B"), Some(7));
        for text in ["7", "2MB", "0.5B", "-1B"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
