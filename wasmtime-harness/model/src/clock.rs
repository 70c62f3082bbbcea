//! Time that moves only when told.

use std::time::Duration;

/// A virtual clock: the same for the host call, both WASI clocks and ticks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    wall: u64,
    monotonic: u64,
    step: u64,
}

impl Clock {
    /// A clock that stands still at this many nanoseconds since the Unix epoch.
    #[must_use]
    pub fn at_nanos(nanos: u64) -> Self {
        Self { wall: nanos, monotonic: 0, step: 0 }
    }

    /// A clock that stands still at this many seconds since the Unix epoch.
    #[must_use]
    pub fn at_secs(secs: u64) -> Self {
        Self::at_nanos(secs.saturating_mul(1_000_000_000))
    }

    /// Sets the wall clock, in nanoseconds since the Unix epoch; backwards too, as NTP does.
    ///
    /// The monotonic clock is left alone.
    pub fn set_nanos(&mut self, nanos: u64) {
        self.wall = nanos;
    }

    /// Lets time pass on both clocks.
    pub fn advance(&mut self, time: Duration) {
        self.pass(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Lets this much time pass after each reading, so that time moves during a callback.
    pub fn step_by(&mut self, time: Duration) {
        self.step = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    }

    /// The time in nanoseconds since the Unix epoch, without letting any pass.
    #[must_use]
    pub fn nanos(&self) -> u64 {
        self.wall
    }

    /// Reads the wall clock, in nanoseconds since the Unix epoch.
    pub fn read_wall(&mut self) -> u64 {
        let now = self.wall;
        self.pass(self.step);
        now
    }

    /// Reads the monotonic clock, in nanoseconds since the clock was made.
    pub fn read_monotonic(&mut self) -> u64 {
        let now = self.monotonic;
        self.pass(self.step);
        now
    }

    /// Lets time pass on both clocks until the monotonic one shows this, or later.
    pub(crate) fn advance_to(&mut self, monotonic: u64) {
        self.pass(monotonic.saturating_sub(self.monotonic));
    }

    /// The monotonic clock in nanoseconds, without letting any time pass.
    pub(crate) fn monotonic(&self) -> u64 {
        self.monotonic
    }

    /// The time of the monotonic clock so long from now, in nanoseconds.
    pub(crate) fn after(&self, time: Duration) -> u64 {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.monotonic.saturating_add(nanos)
    }

    /// The time of the monotonic clock so many milliseconds from now; 0 is never.
    pub(crate) fn after_millis(&self, millis: u32) -> Option<u64> {
        let nanos = u64::from(millis).saturating_mul(1_000_000);
        (nanos > 0).then(|| self.monotonic.saturating_add(nanos))
    }

    fn pass(&mut self, nanos: u64) {
        self.wall = self.wall.saturating_add(nanos);
        self.monotonic = self.monotonic.saturating_add(nanos);
    }
}

impl Default for Clock {
    /// 2023-11-14T22:13:20Z, a round number of seconds.
    fn default() -> Self {
        Self::at_secs(1_700_000_000)
    }
}
