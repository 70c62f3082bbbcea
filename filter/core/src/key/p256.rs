//! A key on P-256, and what a signature by it must look like.

use p256_verify::{KeyError, PublicKey, Table};
use sha2::{Digest as _, Sha256};

use super::tables::{Place, Tables};

/// Good signatures until a key gets a table: it takes the time of about four verifications, and
/// saves three quarters of each.
const WORTH: u32 = 4;

/// A point of P-256, with a table of its multiples once it is worth one.
#[derive(Clone)]
pub(crate) struct P256 {
    key: PublicKey,
    table: Place<Table>,
}

impl P256 {
    /// A key from its point, uncompressed or compressed (SEC 1 section 2.3.3).
    ///
    /// # Errors
    ///
    /// The bytes are no point of the curve.
    pub(super) fn new(point: &[u8]) -> Result<Self, KeyError> {
        Ok(Self { key: PublicKey::from_sec1(point)?, table: Place::new(WORTH) })
    }

    /// The point.
    pub(super) fn public(&self) -> &PublicKey {
        &self.key
    }

    /// Takes its table from these.
    pub(super) fn share(&mut self, tables: &Tables) {
        self.table.share(tables);
    }

    /// Whether the key made `signature` over `message`.
    ///
    /// `r` and `s` one after the other, each as long as the field's order (RFC 7518 section 3.4),
    /// never DER; both must lie in 1 to n-1, or (0, 0) would be good for every message
    /// (CVE-2022-21449).
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = <&[u8; 64]>::try_from(signature) else {
            return false;
        };
        let digest = Sha256::digest(message).into();
        self.table.verify(
            |table| table.verifies(&digest, signature),
            || self.key.verifies(&digest, signature),
            || self.key.table(),
        )
    }
}
