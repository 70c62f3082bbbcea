//! Keys, checked once, and who they belong to.

mod ed25519;
mod material;
mod p256;
mod rsa;
mod shown;
mod tables;

use std::sync::OnceLock;

use crate::{
    algorithm::Algorithm,
    host_crypto::{self, Ask, HostCheck, HostCrypto},
    issuer::IssuerId,
    names::Names,
    time::UnixTime,
};

pub(crate) use self::material::Material;
use self::tables::Tables;

/// Good signatures until an Ed25519 key gets a table, for fuzz targets.
pub const ED25519_TABLE_AFTER: u32 = ed25519::WORTH;

/// Keys tried for one token: a set with hundreds of keys must not make one forged token cost
/// hundreds of verifications.
pub(crate) const MAX_TRIES: usize = 4;

/// The keys of all issuers in force.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    sets: Vec<Option<InForce>>,
    /// Counts the sets that were put in force, so that each has a number of its own.
    serial: u64,
    /// What the keys of all sets have in common.
    tables: Tables,
}

/// A key set, and how long it may be used.
#[derive(Clone, Debug)]
struct InForce {
    set: KeySet,
    serial: u64,
    /// `None` for keys of the document, which hold as long as the document does.
    until: Option<UnixTime>,
}

impl KeyRing {
    /// Puts a set in force, in place of the one that was; what is not in it is gone at once.
    pub(crate) fn install(&mut self, issuer: IssuerId, mut set: KeySet, until: Option<UnixTime>) {
        for key in &mut set.keys {
            key.material.share(&self.tables);
        }
        let needed = issuer.0.saturating_add(1);
        if self.sets.len() < needed {
            self.sets.resize(needed, None);
        }
        if let Some(place) = self.sets.get_mut(issuer.0) {
            self.serial = self.serial.wrapping_add(1);
            *place = Some(InForce { set, serial: self.serial, until });
        }
    }

    /// Changes how long the set in force may be used.
    pub(crate) fn hold_until(&mut self, issuer: IssuerId, until: UnixTime) {
        if let Some(Some(in_force)) = self.sets.get_mut(issuer.0) {
            in_force.until = Some(until);
        }
    }

    /// The keys of one issuer; `None` if none were ever loaded, or if they are too old.
    pub(crate) fn of(&self, issuer: IssuerId, now: UnixTime) -> Option<&KeySet> {
        self.numbered(issuer, now).map(|(set, _)| set)
    }

    /// The keys of one issuer and their serial number, which is another for each set that was ever
    /// in force.
    pub(crate) fn numbered(&self, issuer: IssuerId, now: UnixTime) -> Option<(&KeySet, u64)> {
        let in_force = self.sets.get(issuer.0)?.as_ref()?;
        let usable = in_force.until.is_none_or(|until| now < until);
        usable.then_some((&in_force.set, in_force.serial))
    }

    /// Whether the set of this serial number is in force.
    pub(crate) fn has(&self, issuer: IssuerId, serial: u64, now: UnixTime) -> bool {
        self.numbered(issuer, now).is_some_and(|(_, known)| known == serial)
    }

    /// Whether the set of this serial number was not replaced by another one, be its time up or not.
    pub(crate) fn keeps(&self, issuer: IssuerId, serial: u64) -> bool {
        let in_force = self.sets.get(issuer.0).and_then(Option::as_ref);
        in_force.is_some_and(|in_force| in_force.serial == serial)
    }

    /// The number of sets that were put in force so far: another number, other keys.
    #[must_use]
    pub fn installed(&self) -> u64 {
        self.serial
    }

    /// The number of keys over all issuers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.iter().flatten().map(|in_force| in_force.set.keys.len()).sum()
    }

    /// Whether no issuer has a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The keys of one issuer.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    /// The places of the keys of each `kid`.
    named: Names<Vec<usize>>,
    /// The places of the keys without one.
    nameless: Vec<usize>,
}

impl KeySet {
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        let (mut named, mut nameless) = (Names::default(), Vec::new());
        for (place, key) in keys.iter().enumerate() {
            let places = match &key.kid {
                Some(kid) => named.entry(0, kid.as_bytes(), Vec::new),
                None => &mut nameless,
            };
            places.push(place);
        }
        Self { keys, named, nameless }
    }

    /// The number of keys.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// All of them, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// The names of the keys that have one.
    pub(crate) fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// The keys that may have signed a token, those that bear its `kid` first.
    ///
    /// A key without a name (a PEM key) fits any `kid`; a key with another name never does.
    pub(crate) fn candidates<'k>(
        &'k self,
        kid: Option<&'k str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'k Key> {
        let named = kid.and_then(|kid| self.named.get(0, kid.as_bytes()));
        let chosen = kid.map(|_| named.into_iter().flatten().chain(&self.nameless));
        let chosen = chosen.into_iter().flatten().filter_map(|place| self.keys.get(*place));
        let all = kid.is_none().then_some(&self.keys).into_iter().flatten();
        chosen.chain(all).filter(move |key| key.fits(algorithm)).take(MAX_TRIES)
    }

    /// Whether there is a key that goes with the algorithm.
    pub(crate) fn has_key_for(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.fits(algorithm))
    }

    /// Whether some keys would never be tried: more without a name than are tried for one token.
    pub(crate) fn has_too_many_nameless(&self) -> bool {
        self.nameless.len() > MAX_TRIES
    }
}

/// One key and the algorithms that it can be used with.
#[derive(Clone, Debug)]
pub struct Key {
    kid: Option<String>,
    /// The `alg` of a JWK: the only one that the key is meant for (RFC 7517 section 4.4).
    only: Option<Algorithm>,
    material: Material,
    /// The key as a host is shown it, made when the first one is asked.
    spki: OnceLock<Option<Vec<u8>>>,
}

impl Key {
    /// A key by its material, with the `kid` and the `alg` of its JWK if it has them.
    ///
    /// # Errors
    ///
    /// A sentence that says that material and `alg` do not go together.
    pub(crate) fn new(
        kid: Option<String>,
        only: Option<Algorithm>,
        material: Material,
    ) -> Result<Self, String> {
        if let Some(algorithm) = only
            && !material.fits(algorithm)
        {
            return Err(format!("`alg` {} on {}", algorithm.name(), material.description()));
        }
        Ok(Self { kid, only, material, spki: OnceLock::new() })
    }

    /// Its name, if it has one.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the key can have made a signature of this algorithm.
    ///
    /// The kind of the key decides, whatever a token says: a public key is never taken for the
    /// secret of an HMAC (CVE-2016-5431), and a curve goes with one hash only.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        match self.only {
            Some(only) => only == algorithm,
            None => self.material.fits(algorithm),
        }
    }

    /// Whether the key goes with one of these algorithms.
    ///
    /// # Errors
    ///
    /// What the key is, if it does not.
    pub(crate) fn admitted_by(&self, listed: &[Algorithm]) -> Result<(), String> {
        if listed.iter().any(|algorithm| self.fits(*algorithm)) {
            return Ok(());
        }
        Err(format!("{}, which goes with no listed algorithm", self.description()))
    }

    /// What the key is, for problems and warnings; nothing of its material.
    pub(crate) fn description(&self) -> String {
        match self.only {
            Some(only) => format!("{} for {}", self.material.description(), only.name()),
            None => self.material.description().to_owned(),
        }
    }

    /// Whether this key made `signature` over `message`; never if the algorithm does not fit.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.fits(algorithm) && self.material.verifies(algorithm, message, signature)
    }

    /// As [`Key::verifies`]; the host is asked first, if it is believed for the algorithm.
    pub(crate) fn verifies_with(
        &self,
        host: HostCrypto<'_>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let ask = host.ask_about(algorithm);
        let answer = ask.and_then(|ask| self.asked(ask, algorithm, message, signature));
        answer.unwrap_or_else(|| self.material.verifies(algorithm, message, signature))
    }

    /// What the host says; `None` if it cannot tell, or was not asked since the form of key or
    /// signature is none that the algorithm has.
    pub(crate) fn asked(
        &self,
        ask: Ask<'_>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        if !self.fits(algorithm) {
            return None;
        }
        let hash = host_crypto::hash(algorithm)?;
        let signature = self.material.shown(signature)?;
        let public_key = self.spki.get_or_init(|| self.material.spki()).as_deref()?;
        ask(&HostCheck { hash, public_key, signature: &signature, message })
    }
}
