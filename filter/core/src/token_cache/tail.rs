//! By what a token is looked for.

use std::hash::{Hash as _, Hasher};

use crate::bytes::mix;

/// The last characters of a token, which are those of its signature.
///
/// Nobody can choose them for a token that verifies, so that no request makes a bucket long.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Tail(u64, u64);

impl Tail {
    /// The tail of a token.
    pub(super) fn of(token: &[u8]) -> Self {
        let (_, words) = token.as_rchunks::<8>();
        let mut words = words.iter().rev().map(|word| u64::from_le_bytes(*word));
        Self(words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Its hash.
    pub(super) fn mixed(self) -> u64 {
        let mut hasher = TailHasher::default();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// Folds a tail into a hash; the tails themselves are as good as random.
#[derive(Default)]
pub(super) struct TailHasher(u64);

impl Hasher for TailHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The characters of base64url leave the high bits of each byte alike.
        self.0 = mix(self.0 ^ word);
    }
}
