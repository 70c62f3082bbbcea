//! What the VMs of one proxy know in common, and how it is written down.
//!
//! Facts only: what follows from them, each VM works out by its own policy's timings.
//!
//! The bytes lie in a store that every module with the same `vm_id` can write to. Whatever is not
//! exactly what [`Board::encode`] writes, for this very source of keys, reads as nothing: a change
//! by accident is noticed. A module that means it can write a board of its own; against that only a
//! private `vm_id` helps.

use sha2::{Digest as _, Sha256};

use crate::{algorithm::Algorithm, issuer::Issuer, key_source::Target, time::UnixTime};

use super::Cause;

/// SHA-256.
pub(crate) type Digest = [u8; 32];

/// First of the bytes; the number goes up when the layout changes.
const MAGIC: &[u8; 8] = b"jwtgate1";

/// The common knowledge about one source of keys.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Board {
    /// Each write adds 1.
    pub(crate) serial: u64,
    pub(crate) posted: Option<Posted>,
    pub(crate) lease: Option<Lease>,
    pub(crate) failed: Option<Failed>,
    /// When a VM that may not fetch asked for a fetch that nobody began since.
    pub(crate) wanted_at: Option<UnixTime>,
    /// When the last fetch for the sake of an unknown `kid` began.
    pub(crate) refetched_at: Option<UnixTime>,
}

/// The last set that was fetched; its bytes lie beside the board.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Posted {
    pub(crate) digest: Digest,
    pub(crate) fetched_at: UnixTime,
    /// How long its answer said that it is fresh, in seconds.
    pub(crate) fresh_for: Option<u32>,
}

/// The right to fetch, which one VM has at a time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Lease {
    /// The board's serial when it was taken.
    pub(crate) id: u64,
    pub(crate) from: UnixTime,
    pub(crate) until: UnixTime,
}

impl Lease {
    /// Whether the fetch may still be going on. A clock that went back ends a lease too: else it
    /// could hold for years.
    pub(crate) fn covers(&self, now: UnixTime) -> bool {
        self.from <= now && now <= self.until
    }
}

/// The fetches that failed since the last good one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Failed {
    /// How many; never 0.
    pub(crate) times: u32,
    /// When the last one did.
    pub(crate) at: UnixTime,
    pub(crate) cause: Cause,
}

impl Board {
    /// The lease of a fetch that may be going on.
    pub(crate) fn leased(&self, now: UnixTime) -> bool {
        self.lease.is_some_and(|lease| lease.covers(now))
    }

    /// The board after one more change.
    pub(crate) fn next(&self) -> Self {
        Self { serial: self.serial.wrapping_add(1), ..self.clone() }
    }

    /// The bytes, always as many.
    ///
    /// `MAGIC`, fingerprint, serial, then each optional part as a byte 0 or 1 and its fields, which
    /// are zero if it is not there; numbers big-endian; at last the SHA-256 of all before.
    pub(crate) fn encode(&self, fingerprint: &Digest) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(fingerprint);
        bytes.extend_from_slice(&self.serial.to_be_bytes());

        let posted = self.posted.as_ref();
        bytes.push(u8::from(posted.is_some()));
        bytes.extend_from_slice(&posted.map_or([0; 32], |posted| posted.digest));
        put_time(&mut bytes, posted.map(|posted| posted.fetched_at));
        let fresh_for = posted.and_then(|posted| posted.fresh_for);
        bytes.push(u8::from(fresh_for.is_some()));
        bytes.extend_from_slice(&fresh_for.unwrap_or_default().to_be_bytes());

        bytes.extend_from_slice(&self.lease.map_or(0, |lease| lease.id).to_be_bytes());
        put_time(&mut bytes, self.lease.map(|lease| lease.from));
        put_time(&mut bytes, self.lease.map(|lease| lease.until));

        bytes.extend_from_slice(&self.failed.map_or(0, |failed| failed.times).to_be_bytes());
        put_time(&mut bytes, self.failed.map(|failed| failed.at));
        bytes.push(self.failed.map_or(0, |failed| failed.cause.number()));

        put_time(&mut bytes, self.wanted_at);
        put_time(&mut bytes, self.refetched_at);

        let sum: Digest = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&sum);
        bytes
    }

    /// Reads what [`Board::encode`] wrote with the same fingerprint; `None` for anything else.
    pub(crate) fn decode(bytes: &[u8], fingerprint: &Digest) -> Option<Self> {
        let mut rest = bytes.get(MAGIC.len().checked_add(fingerprint.len())?..)?;
        let serial = u64::from_be_bytes(take(&mut rest)?);

        let [is_posted] = take(&mut rest)?;
        let digest = take(&mut rest)?;
        let fetched_at = take_time(&mut rest)?;
        let [is_fresh] = take(&mut rest)?;
        let fresh_for = u32::from_be_bytes(take(&mut rest)?);
        let fresh_for = (is_fresh == 1).then_some(fresh_for);
        let posted = match (is_posted, fetched_at) {
            (1, Some(fetched_at)) => Some(Posted { digest, fetched_at, fresh_for }),
            _ => None,
        };

        let id = u64::from_be_bytes(take(&mut rest)?);
        let lease = match (take_time(&mut rest)?, take_time(&mut rest)?) {
            (Some(from), Some(until)) => Some(Lease { id, from, until }),
            _ => None,
        };

        let times = u32::from_be_bytes(take(&mut rest)?);
        let at = take_time(&mut rest)?;
        let [number] = take(&mut rest)?;
        let cause = Cause::ALL.into_iter().find(|cause| cause.number() == number);
        let failed = match (times, at, cause) {
            (1.., Some(at), Some(cause)) => Some(Failed { times, at, cause }),
            _ => None,
        };

        let wanted_at = take_time(&mut rest)?;
        let refetched_at = take_time(&mut rest)?;
        let board = Self { serial, posted, lease, failed, wanted_at, refetched_at };
        // One comparison for the magic, the fingerprint, the form, the length and the checksum.
        (board.encode(fingerprint) == bytes).then_some(board)
    }
}

fn put_time(bytes: &mut Vec<u8>, time: Option<UnixTime>) {
    bytes.push(u8::from(time.is_some()));
    bytes.extend_from_slice(&time.map_or(0, UnixTime::as_millis).to_be_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

/// The outer `Option` is whether the bytes suffice.
fn take_time(rest: &mut &[u8]) -> Option<Option<UnixTime>> {
    let [is_some] = take(rest)?;
    let time = UnixTime::from_millis(i64::from_be_bytes(take(rest)?));
    Some((is_some == 1).then_some(time))
}

/// What a board is about: two configurations share one only if they fetch the same keys from the
/// same place and can use the same of them. A set that is of use to one and not to the other would
/// else be fetched in turns for ever.
pub(crate) fn fingerprint(issuer: &Issuer, target: &Target, cluster: &str) -> Digest {
    let mut hash = Sha256::new();
    // Each part with its length before it, so that no two lists of parts are the same bytes.
    let mut add = |part: &str| {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    };
    add(&issuer.issuer);
    let (kind, uri, jwks_cluster) = match target {
        Target::Keys(uri) => ("keys", uri, ""),
        Target::Metadata { uri, jwks_cluster } => ("metadata", uri, jwks_cluster.as_str()),
    };
    for part in [kind, uri.scheme(), &uri.authority, &uri.path, cluster, jwks_cluster] {
        add(part);
    }
    for algorithm in Algorithm::ALL {
        if issuer.algorithms.contains(&algorithm) {
            add(algorithm.name());
        }
    }
    hash.finalize().into()
}

/// A digest in lower-case hexadecimal, at most so many characters of it.
pub(crate) fn hex(digest: &Digest, longest: usize) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).take(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINGERPRINT: Digest = [7; 32];

    fn boards() -> Vec<Board> {
        let at = UnixTime::from_millis;
        let posted = Posted { digest: [9; 32], fetched_at: at(-5), fresh_for: None };
        let fresh = Posted { fresh_for: Some(0), ..posted };
        let lease = Lease { id: u64::MAX, from: at(i64::MIN), until: at(i64::MAX) };
        let mut boards = vec![
            Board::default(),
            Board { serial: 1, posted: Some(posted), ..Board::default() },
            Board { posted: Some(fresh), lease: Some(lease), ..Board::default() },
            Board { wanted_at: Some(at(0)), refetched_at: Some(at(1)), ..Board::default() },
        ];
        for cause in Cause::ALL {
            let failed = Failed { times: u32::MAX, at: at(0), cause };
            boards.push(Board { failed: Some(failed), ..Board::default() });
        }
        boards
    }

    #[test]
    fn a_board_is_read_as_it_was_written() {
        for board in boards() {
            let bytes = board.encode(&FINGERPRINT);
            assert_eq!(Board::decode(&bytes, &FINGERPRINT), Some(board));
        }
    }

    #[test]
    fn a_changed_bit_is_nothing() {
        for board in boards() {
            let bytes = board.encode(&FINGERPRINT);
            for place in 0..bytes.len() {
                for bit in 0..8 {
                    let mut changed = bytes.clone();
                    changed[place] ^= 1 << bit;
                    assert_eq!(Board::decode(&changed, &FINGERPRINT), None, "bit {bit} of {place}");
                }
            }
        }
    }

    /// With a checksum that is right: only what is written is read, not what means the same.
    #[test]
    fn one_spelling() {
        let board = Board::default();
        let bytes = board.encode(&FINGERPRINT);
        let body = bytes.len() - 32;
        for place in 0..body {
            for value in [1, 2, 0xff] {
                let mut changed = bytes[..body].to_vec();
                if changed[place] == value {
                    continue;
                }
                changed[place] = value;
                let sum = Sha256::digest(&changed);
                changed.extend_from_slice(&sum);
                if let Some(read) = Board::decode(&changed, &FINGERPRINT) {
                    assert_ne!(read, board, "byte {place} as {value}");
                    assert_eq!(read.encode(&FINGERPRINT), changed);
                }
            }
        }
    }

    #[test]
    fn another_length_or_source_is_nothing() {
        let bytes = Board::default().encode(&FINGERPRINT);
        for length in 0..bytes.len() {
            assert_eq!(Board::decode(&bytes[..length], &FINGERPRINT), None);
        }
        assert_eq!(Board::decode(&[&bytes[..], &[0]].concat(), &FINGERPRINT), None);
        assert_eq!(Board::decode(&bytes, &[8; 32]), None);
    }

    #[test]
    fn a_lease_ends_on_both_sides() {
        let at = UnixTime::from_millis;
        let lease = Lease { id: 1, from: at(10), until: at(20) };
        for (now, covered) in [(9, false), (10, true), (20, true), (21, false)] {
            assert_eq!(lease.covers(at(now)), covered, "{now}");
        }
    }

    #[test]
    fn hexadecimal_is_lower_case_and_cut() {
        assert_eq!(hex(&[0xa5; 32], 5), "a5a5a");
        assert_eq!(hex(&[0x0f; 32], 99).len(), 64);
    }
}
