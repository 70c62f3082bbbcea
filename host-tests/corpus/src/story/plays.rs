//! The stories themselves, by what they are about.

mod answers;
mod cold;
mod discovery;
mod flood;
mod hosts;
mod modes;
mod outage;
mod rotation;
mod shared;
mod time;
mod vms;

use std::time::Duration;

use proxy_host_model::Spawn;

use super::{Fetch, Story};

/// All stories, for filters that `S` makes VMs of.
#[must_use]
pub fn stories<S: Spawn>() -> Vec<Story<S>> {
    [
        cold::stories(),
        rotation::stories(),
        outage::stories(),
        answers::stories(),
        discovery::stories(),
        flood::stories(),
        shared::stories(),
        vms::stories(),
        time::stories(),
        modes::stories(),
        hosts::stories(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The text of a request that passed with the identity of its token.
const PASSED: &str = "passed as alice";

/// The times between one fetch and the next.
fn gaps(fetches: &[Fetch]) -> Vec<Duration> {
    let next = fetches.iter().skip(1);
    fetches.iter().zip(next).map(|(one, next)| next.at.saturating_sub(one.at)).collect()
}

/// Asserts that each fetch came so many seconds after the one before.
#[track_caller]
fn assert_gaps(fetches: &[Fetch], seconds: std::ops::RangeInclusive<u64>) {
    let (least, most) = (*seconds.start(), *seconds.end());
    let range = Duration::from_secs(least)..=Duration::from_secs(most);
    let gaps = gaps(fetches);
    assert!(gaps.iter().all(|gap| range.contains(gap)), "{least} to {most} s, found {gaps:?}");
}
