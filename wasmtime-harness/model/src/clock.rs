//! Time that moves only when told.

use std::time::Duration;

/// A virtual clock: the same for the host call, both WASI clocks and ticks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    wall: u64,
    monotonic: u64,
    /// What each reading adds to the wall clock; the monotonic one never goes back.
    step: i64,
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
        self.pass(nanos(time));
    }

    /// Moves the wall clock by so many nanoseconds, backwards too, and leaves the monotonic one alone.
    pub fn jump(&mut self, nanos: i64) {
        self.wall = self.wall.saturating_add_signed(nanos);
    }

    /// Lets this much time pass after each reading, so that time moves during a callback.
    pub fn step_by(&mut self, time: Duration) {
        self.step = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    }

    /// Sets the wall clock back by this much after each reading, so that time goes backwards during a
    /// callback; the monotonic clock stands still meanwhile.
    pub fn step_back_by(&mut self, time: Duration) {
        self.step_by(time);
        self.step = self.step.saturating_neg();
    }

    /// The time in nanoseconds since the Unix epoch, without letting any pass.
    #[must_use]
    pub fn nanos(&self) -> u64 {
        self.wall
    }

    /// Reads the wall clock, in nanoseconds since the Unix epoch.
    pub fn read_wall(&mut self) -> u64 {
        let now = self.wall;
        self.step();
        now
    }

    /// Reads the monotonic clock, in nanoseconds since the clock was made.
    pub fn read_monotonic(&mut self) -> u64 {
        let now = self.monotonic;
        self.step();
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
        self.monotonic.saturating_add(nanos(time))
    }

    /// The time of the monotonic clock so many milliseconds from now; 0 is never.
    pub(crate) fn after_millis(&self, millis: u32) -> Option<u64> {
        let nanos = u64::from(millis).saturating_mul(1_000_000);
        (nanos > 0).then(|| self.monotonic.saturating_add(nanos))
    }

    fn step(&mut self) {
        match u64::try_from(self.step) {
            Ok(forward) => self.pass(forward),
            Err(_) => self.jump(self.step),
        }
    }

    fn pass(&mut self, nanos: u64) {
        self.wall = self.wall.saturating_add(nanos);
        self.monotonic = self.monotonic.saturating_add(nanos);
    }
}

/// A time span as the clock counts it.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Default for Clock {
    /// 2023-11-14T22:13:20Z, a round number of seconds.
    fn default() -> Self {
        Self::at_secs(1_700_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_goes_wherever_it_is_sent() {
        let mut clock = Clock::at_nanos(100);
        clock.jump(-30);
        assert_eq!(clock.nanos(), 70);
        clock.jump(i64::MIN);
        assert_eq!(clock.nanos(), 0, "not before the epoch");
        clock.set_nanos(u64::MAX);
        clock.jump(1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.nanos(), u64::MAX, "nor after the end");
        assert_eq!(clock.monotonic(), 1_000_000_000);
    }

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let mut clock = Clock::default();
        let mut last = 0;
        for step in 0..1_000_u32 {
            match step % 7 {
                0 => clock.jump(-1_000_000_000),
                1 => clock.step_back_by(Duration::from_nanos(step.into())),
                2 => clock.step_by(Duration::from_nanos(step.into())),
                3 => clock.set_nanos(step.into()),
                4 => clock.advance(Duration::from_nanos(step.into())),
                5 => clock.advance_to(step.into()),
                _ => drop(clock.read_wall()),
            }
            let now = clock.read_monotonic();
            assert!(now >= last, "step {step}: {now} after {last}");
            last = now;
        }
        assert!(last > 0);
    }

    #[test]
    fn a_step_longer_than_the_clock_can_show_is_the_longest() {
        let mut clock = Clock::at_nanos(5);
        clock.step_back_by(Duration::MAX);
        assert_eq!([clock.read_wall(), clock.read_wall()], [5, 0]);
        clock.step_by(Duration::MAX);
        assert_eq!([clock.read_wall(), clock.read_wall()], [0, i64::MAX.unsigned_abs()]);
    }
}
