//! Signature algorithms (RFC 7518, RFC 8037, RFC 9864).

/// A signature algorithm that a policy may list.
///
/// `none` is not among them and cannot be listed. The key decides which ones it can be used with;
/// what the token's header says is only compared with that and with the issuer's list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 section 3.3).
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 section 3.3).
    Rs512,
    /// RSASSA-PSS with SHA-256 (RFC 7518 section 3.5).
    Ps256,
    /// RSASSA-PSS with SHA-384 (RFC 7518 section 3.5).
    Ps384,
    /// RSASSA-PSS with SHA-512 (RFC 7518 section 3.5).
    Ps512,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// ECDSA on P-384 with SHA-384 (RFC 7518 section 3.4).
    Es384,
    /// ECDSA on P-521 with SHA-512 (RFC 7518 section 3.4).
    Es512,
    /// Ed25519 under the name of RFC 8037 section 3.1; Ed448, which shares it, is not offered.
    EdDsa,
    /// Ed25519 under the name of RFC 9864 section 2.2, which says the curve.
    Ed25519,
    /// HMAC with SHA-256 (RFC 7518 section 3.2).
    Hs256,
    /// HMAC with SHA-384 (RFC 7518 section 3.2).
    Hs384,
    /// HMAC with SHA-512 (RFC 7518 section 3.2).
    Hs512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Ed25519,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// The algorithm of an `alg` value; names are case-sensitive (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The `alg` value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// Whether it is an HMAC: its key is a secret, and who can verify with it can sign too.
    pub(crate) fn needs_secret(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}
