//! What all workers share: the window, and a bucket for each client.

use std::time::{Duration, SystemTime};

use proxy_wasm::hostcalls;

use crate::bucket::Bucket;

/// How often a change is tried that other workers get in the way of. A change takes microseconds,
/// so a request that fails this often is not unlucky: the host is broken.
const ATTEMPTS: usize = 100;

/// A version that no value has. On a key that does not exist Envoy ignores the version, and on one
/// that somebody made meanwhile it does not fit: so this means "only if it does not exist".
const ABSENT: u32 = u32::MAX;

/// The version that always fits.
const UNCONDITIONAL: u32 = 0;

/// What came of a request for one of a client's requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Taken {
    /// There was one left.
    Allowed,
    /// There was none left.
    Limited,
    /// The client has no bucket in this window.
    NoBucket,
    /// Others changed the bucket each time between reading and writing it.
    Contended,
}

/// Shared data, under a prefix.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    prefix: String,
}

impl Store {
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// When the window began, in nanoseconds since the Unix epoch. Begins the first one.
    pub(crate) fn window(&self, now: SystemTime) -> u64 {
        self.read_window().0.unwrap_or_else(|| {
            self.begin_window(nanos(now), None);
            // Another worker may have been faster.
            self.read_window().0.unwrap_or_else(|| nanos(now))
        })
    }

    /// Begins the next window if this one is over. Each worker tries, and one of them does it.
    pub(crate) fn turn(&self, now: SystemTime, length: Duration) {
        let now = nanos(now);
        let (start, version) = self.read_window();
        let age = start.and_then(|start| now.checked_sub(start));
        // A start in the future: somebody set the clock back. Waiting for it could take years.
        if age.is_none_or(|age| u128::from(age) >= length.as_nanos()) {
            self.begin_window(now, version);
        }
    }

    /// Takes one request from the client's bucket. With a `limit` a bucket is made if there is none
    /// in this window; without, that is [`Taken::NoBucket`].
    pub(crate) fn take(&self, client: &str, window: u64, limit: Option<u32>) -> Taken {
        let key = format!("{}client/{client}", self.prefix);
        let mut absent = ABSENT;
        for _ in 0..ATTEMPTS {
            let (bytes, version) = get(&key);
            let bucket = bytes.as_deref().and_then(Bucket::from_bytes);
            let current = bucket.filter(|bucket| bucket.window == window);
            let (left, taken) = match current.map(|bucket| bucket.left).or(limit) {
                None => return Taken::NoBucket,
                Some(0) if current.is_some() => return Taken::Limited,
                Some(0) => (0, Taken::Limited),
                Some(left) => (left.saturating_sub(1), Taken::Allowed),
            };
            if set(&key, &Bucket { window, left }.to_bytes(), version.unwrap_or(absent)) {
                return taken;
            }
            // Refused without a rival: a host that goes by the letter of the specification, where a
            // version has to match even if there is none.
            absent = if version.is_none() { UNCONDITIONAL } else { ABSENT };
        }
        Taken::Contended
    }

    fn read_window(&self) -> (Option<u64>, Option<u32>) {
        let (bytes, version) = get(&self.window_key());
        let start = bytes.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        (start, version)
    }

    /// If somebody else began one meanwhile, that one counts. Of two first ones the later counts,
    /// which is no harm: nobody has a bucket yet.
    fn begin_window(&self, now: u64, version: Option<u32>) {
        set(&self.window_key(), &now.to_le_bytes(), version.unwrap_or(UNCONDITIONAL));
    }

    fn window_key(&self) -> String {
        format!("{}window", self.prefix)
    }
}

/// A value and its version; the SDK panics on a status that is neither "here" nor "not found".
fn get(key: &str) -> (Option<Vec<u8>>, Option<u32>) {
    hostcalls::get_shared_data(key).unwrap_or_default()
}

/// Sets a value if it still has this version.
fn set(key: &str, value: &[u8], version: u32) -> bool {
    hostcalls::set_shared_data(key, Some(value), Some(version)).is_ok()
}

/// Nanoseconds since the Unix epoch, which fit until the year 2554.
pub(crate) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
