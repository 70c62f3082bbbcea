//! Whether a host checks signatures right: it is asked about some whose verdict is known.

use super::{
    Ask, Entrusted, hash,
    vectors::{self, Known, MESSAGE},
};
use rsa_verify::Variant;

use crate::{
    algorithm::Algorithm,
    policy::{Policy, VerifyBy},
};

/// What a policy leaves to the host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Probe {
    /// The algorithms that the host checks from now on.
    pub entrusted: Entrusted,
    /// Those that it was to check, and got wrong or could not tell: the module goes on with them.
    pub failed: Vec<Algorithm>,
}

impl Policy {
    /// Asks the host about signatures whose verdict is known, for each algorithm that an issuer lists
    /// and the document wants the host to check.
    ///
    /// Meant to be done once for a configuration. Nothing is asked if the document leaves all
    /// signatures to the module.
    #[must_use]
    pub fn probe(&self, ask: Ask<'_>) -> Probe {
        let mut probe = Probe::default();
        for algorithm in self.wanted_of_host() {
            if vectors::known(algorithm).is_some_and(|known| passes(&known, algorithm, ask)) {
                probe.entrusted.add(algorithm);
            } else {
                probe.failed.push(algorithm);
            }
        }
        probe
    }

    /// The algorithms that an issuer lists and the document wants the host to check.
    fn wanted_of_host(&self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(|algorithm| {
            self.verify_by.wants(*algorithm)
                && self.issuers.iter().any(|issuer| issuer.algorithms.contains(algorithm))
        })
    }
}

impl VerifyBy {
    /// Whether the host is to check signatures of this algorithm, if it can.
    fn wants(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Module => false,
            Self::Host => hash(algorithm).is_some(),
            Self::Auto => is_faster_in_host(algorithm, rsa_verify::variant()),
        }
    }
}

/// Whether Envoy checks these signatures in less time than the module, which has this arithmetic for
/// RSA: the processor time of a worker for a forged token of its own each, in Envoy 1.40 on x86-64, as a
/// part of what the module needs.
///
/// | | Envoy |
/// |---|---|
/// | RS256, RS512, scalar | 0.6 to 0.7 |
/// | RS256, RS512, fused | 1.3 to 2.2 |
/// | ES256, with the table of its key | 2 |
/// | ES384 | 0.2 |
/// | ES512 | 0.45 |
fn is_faster_in_host(algorithm: Algorithm, rsa: Variant) -> bool {
    match algorithm {
        Algorithm::Es384 | Algorithm::Es512 => true,
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => rsa != Variant::Fused,
        _ => false,
    }
}

/// Whether the host finds a signature good, the same one bad over another message, and another one
/// bad over the same: a host that says yes to everything, or that looks at half of it, is found out.
fn passes(known: &Known, algorithm: Algorithm, ask: Ask<'_>) -> bool {
    let verdict =
        |message: &[u8], signature: &[u8]| known.key.asked(ask, algorithm, message, signature);
    verdict(MESSAGE, &known.signature) == Some(true)
        && verdict(&changed(MESSAGE), &known.signature) == Some(false)
        && verdict(MESSAGE, &changed(&known.signature)) == Some(false)
}

/// The bytes with their last bit flipped: of a signature that is still one of the right form.
fn changed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes
}

#[cfg(test)]
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod tests {
    use super::*;

    #[test]
    fn auto_asks_where_the_host_is_faster() {
        let faster = |rsa| {
            Algorithm::ALL
                .into_iter()
                .filter(|algorithm| is_faster_in_host(*algorithm, rsa))
                .collect::<Vec<_>>()
        };
        use Algorithm::{Es384, Es512, Rs256, Rs384, Rs512};
        assert_eq!(faster(Variant::Fused), [Es384, Es512]);
        for slower in [Variant::Scalar, Variant::Simd128] {
            assert_eq!(faster(slower), [Rs256, Rs384, Rs512, Es384, Es512]);
        }
    }
}
