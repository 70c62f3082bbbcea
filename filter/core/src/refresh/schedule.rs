//! When a set is fetched, and how long it may be used: a source's timings put to the facts.

use std::time::Duration;

use crate::{
    key_source::{KeySource, Target},
    time::UnixTime,
};

use super::board::{Digest, Failed, Posted};

/// What a lease has beyond the longest waits for its answers: for the host's own work.
const LEASE_MARGIN: Duration = Duration::from_secs(2);

impl KeySource {
    /// How long a fetch can take, all its steps together.
    pub(super) fn lease(&self) -> Duration {
        let steps = match self.target {
            Target::Keys(_) => 1,
            Target::Metadata { .. } => 2,
        };
        self.timeout.saturating_mul(steps).saturating_add(LEASE_MARGIN)
    }

    /// The age at which a set should be replaced.
    pub(super) fn lifetime(&self, posted: &Posted) -> Duration {
        match posted.fresh_for {
            None => self.refresh,
            // In this order: a policy's bounds never cross, and if they did, the shorter counts.
            Some(secs) => Duration::from_secs(u64::from(secs))
                .max(self.min_refetch_interval)
                .min(self.refresh_max),
        }
    }

    /// When a set is fetched anew: some time before its lifetime is over, so that it never is; how
    /// much before differs from proxy to proxy and from time to time, so that an issuer does not
    /// hear from all of them at once.
    pub(super) fn due_at(&self, posted: &Posted, fingerprint: &Digest) -> UnixTime {
        let [a, b, c, d, e, f, g, h, ..] = *fingerprint;
        let seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let time = u64::from_be_bytes(posted.fetched_at.as_millis().to_be_bytes());
        // Fibonacci hashing: the high bits of the product depend on all bits of both.
        let mixed = (seed ^ time).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let thousandths = u32::try_from(800_u64.saturating_add(mixed % 151)).unwrap_or(950);
        let age = self.lifetime(posted).saturating_mul(thousandths).checked_div(1000);
        posted.fetched_at.later(age.unwrap_or_default())
    }

    /// The time from which a set may not be used any longer.
    ///
    /// Counted from `now` if the set is from the future: after a clock went back, keys would be in
    /// force for longer than the operator allowed.
    pub(super) fn end_of(&self, posted: &Posted, now: UnixTime) -> UnixTime {
        let age = self.lifetime(posted).saturating_add(self.stale_for);
        posted.fetched_at.min(now).later(age)
    }

    /// The wait after so many failures in a row: doubled by each, up to a limit.
    pub(super) fn backoff(&self, times: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(times.saturating_sub(1));
        self.retry.saturating_mul(doubled).min(self.retry_max)
    }

    /// How long to wait yet after a failure; a failure from the future is over.
    pub(super) fn wait_after(&self, failed: &Failed, now: UnixTime) -> Duration {
        remaining(failed.at, self.backoff(failed.times), now)
    }

    /// How long no further fetch is made for the sake of an unknown `kid`.
    pub(super) fn cool_down(&self, refetched_at: Option<UnixTime>, now: UnixTime) -> Duration {
        refetched_at.map_or(Duration::ZERO, |at| remaining(at, self.min_refetch_interval, now))
    }
}

/// What is left of a wait that began then; nothing if that is yet to come, as after a clock went
/// back: the wait could last for years.
pub(super) fn remaining(since: UnixTime, wait: Duration, now: UnixTime) -> Duration {
    now.since(since).map_or(Duration::ZERO, |gone| wait.saturating_sub(gone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        key_source::Uri,
        refresh::{Cause, stage::source},
    };

    fn at(millis: i64) -> UnixTime {
        UnixTime::from_millis(millis)
    }

    fn posted(fetched_at: i64, fresh_for: Option<u32>) -> Posted {
        Posted { digest: [0; 32], fetched_at: at(fetched_at), fresh_for }
    }

    #[test]
    fn each_failure_doubles_the_wait_up_to_the_limit() {
        let source = source();
        for (times, secs) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (u32::MAX, 60)] {
            assert_eq!(source.backoff(times), Duration::from_secs(secs), "{times}");
        }
    }

    #[test]
    fn max_age_counts_within_the_bounds() {
        let source = source();
        let refresh_max = source.refresh_max.as_secs();
        for (fresh_for, secs) in [
            (None, 600),
            (Some(0), 30),
            (Some(29), 30),
            (Some(31), 31),
            (Some(1200), 1200),
            (Some(u32::MAX), refresh_max),
        ] {
            let lifetime = source.lifetime(&posted(0, fresh_for));
            assert_eq!(lifetime, Duration::from_secs(secs), "{fresh_for:?}");
        }
    }

    #[test]
    fn a_set_is_due_at_80_to_95_hundredths_of_its_lifetime() {
        let source = source();
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for fetched_at in 0..2000 {
            let due = source.due_at(&posted(fetched_at, None), &[3; 32]).as_millis() - fetched_at;
            (first, last) = (first.min(due), last.max(due));
        }
        assert_eq!((first, last), (480_000, 570_000));
        // Other proxies have other configurations or vm_ids, or at least fetched at another time.
        let other = source.due_at(&posted(0, None), &[4; 32]);
        assert_ne!(source.due_at(&posted(0, None), &[3; 32]), other);
    }

    #[test]
    fn a_set_ends_after_its_lifetime_and_the_stale_time() {
        let source = source();
        let whole = (600 + 24 * 3600) * 1000;
        assert_eq!(source.end_of(&posted(5, None), at(7)), at(5 + whole));
        assert_eq!(source.end_of(&posted(9, None), at(7)), at(7 + whole));
        let end = source.end_of(&posted(i64::MAX, None), at(i64::MAX));
        assert_eq!(end, at(i64::MAX));
    }

    #[test]
    fn waits_are_over_to_the_millisecond_and_when_the_clock_goes_back() {
        let source = source();
        let failed = |at| Failed { times: 2, at, cause: Cause::Reset };
        for (now, millis) in [(999, 0), (1000, 2000), (2999, 1), (3000, 0), (i64::MAX, 0)] {
            let wait = source.wait_after(&failed(at(1000)), at(now));
            assert_eq!(wait, Duration::from_millis(millis), "{now}");
        }
        for (now, secs) in [(-1, 0), (0, 30), (1000, 29), (30_000, 0)] {
            assert_eq!(source.cool_down(Some(at(0)), at(now)), Duration::from_secs(secs), "{now}");
        }
        assert_eq!(source.cool_down(None, at(0)), Duration::ZERO);
    }

    #[test]
    fn a_lease_lasts_for_all_steps() {
        let mut source = source();
        assert_eq!(source.lease(), Duration::from_secs(7));
        let uri = Uri::parse("https://issuer.test/").unwrap();
        source.target = Target::Metadata { uri, jwks_cluster: "keys".to_owned() };
        assert_eq!(source.lease(), Duration::from_secs(12));
    }
}
