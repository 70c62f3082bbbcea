//! Every combination of times that are at odds, at their bounds and beyond.

use super::*;
use crate::config::{Document, compile};

/// Around all bounds; the texts that mean no duration are the reader's affair.
const TIMES: [(&str, u64); 16] = [
    ("0s", 0),
    ("99ms", 99),
    ("100ms", 100),
    ("999ms", 999),
    ("1s", 1000),
    ("9999ms", 9999),
    ("10s", 10_000),
    ("29s", 29_000),
    ("31s", 31_000),
    ("60s", 60_000),
    ("61s", 61_000),
    ("1h", 3_600_000),
    ("3601s", 3_601_000),
    ("168h", 604_800_000),
    ("169h", 608_400_000),
    ("720h", 2_592_000_000),
];

/// The source of an issuer whose `remote` has these fields beside an address and a cluster.
fn read(fields: &[(&str, &str)]) -> Option<KeySource> {
    let fields: String =
        fields.iter().map(|(name, time)| format!(r#","{name}":"{time}""#)).collect();
    let text = format!(
        r#"{{"issuers":[{{"issuer":"a","audiences":"any","algorithms":["RS256"],"keys":{{"remote":{{
            "uri":"https://a/","cluster":"a"{fields}}}}}}}],"rules":[{{"match":{{"prefix":"/"}},"access":"token"}}]}}"#
    );
    let compiled = compile(&Document::parse(text.as_bytes()).unwrap()).ok()?;
    assert!(compiled.keys.is_empty());
    assert_eq!(compiled.policy.issuers.len(), 1);
    compiled.policy.issuers.iter().next().unwrap().source.clone()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Whether a time is within bounds, both in milliseconds.
fn within((_, time): (&str, u64), least: u64, most: u64) -> bool {
    (least..=most).contains(&time)
}

const DAY: u64 = 86_400_000;

#[test]
fn refresh_times_are_ordered_or_refused() {
    for refresh in TIMES {
        for most in TIMES {
            for least in TIMES {
                let source = read(&[
                    ("refresh", refresh.0),
                    ("refresh_max", most.0),
                    ("min_refetch_interval", least.0),
                ]);
                let fits = within(refresh, 10_000, 7 * DAY)
                    && within(most, refresh.1, 7 * DAY)
                    && within(least, 1000, 3_600_000.min(refresh.1));
                assert_eq!(source.is_some(), fits, "{refresh:?} {most:?} {least:?}");
                let Some(source) = source else { continue };
                assert_eq!(source.refresh, millis(refresh.1));
                assert_eq!(source.refresh_max, millis(most.1));
                assert_eq!(source.min_refetch_interval, millis(least.1));
            }
        }
    }
}

#[test]
fn retry_times_are_ordered_or_refused() {
    for retry in TIMES {
        for most in TIMES {
            let source = read(&[("retry", retry.0), ("retry_max", most.0)]);
            let fits = within(retry, 100, 3_600_000) && within(most, retry.1, 3_600_000);
            assert_eq!(source.is_some(), fits, "{retry:?} {most:?}");
            let Some(source) = source else { continue };
            assert_eq!((source.retry, source.retry_max), (millis(retry.1), millis(most.1)));
        }
    }
}

#[test]
fn single_times_are_within_their_bounds_or_refused() {
    for time in TIMES {
        let source = read(&[("timeout", time.0)]);
        assert_eq!(
            source.map(|source| source.timeout),
            within(time, 100, 60_000).then(|| millis(time.1))
        );
        let source = read(&[("stale_for", time.0)]);
        assert_eq!(
            source.map(|source| source.stale_for),
            within(time, 0, 30 * DAY).then(|| millis(time.1))
        );
    }
}

/// What is left out never contradicts what is written.
#[test]
fn defaults_keep_the_order() {
    for time in TIMES {
        if let Some(source) = read(&[("refresh", time.0)]) {
            assert_eq!(source.refresh_max, source.refresh);
            assert_eq!(source.min_refetch_interval, millis(30_000.min(time.1)));
        }
        assert_eq!(read(&[("refresh", time.0)]).is_some(), within(time, 10_000, 7 * DAY));
        if let Some(source) = read(&[("retry", time.0)]) {
            assert_eq!(source.retry_max, millis(60_000.max(time.1)));
        }
        assert_eq!(read(&[("retry", time.0)]).is_some(), within(time, 100, 3_600_000));
    }
    let source = read(&[]).unwrap();
    assert_eq!(source.target, Target::Keys(Uri::parse("https://a/").unwrap()));
    assert_eq!((source.cluster.as_str(), source.max_bytes), ("a", 262_144));
    let secs =
        [source.timeout, source.refresh, source.retry, source.stale_for].map(|time| time.as_secs());
    assert_eq!(secs, [5, 600, 1, 86_400]);
}
