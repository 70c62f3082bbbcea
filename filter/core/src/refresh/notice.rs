//! What the operator is told.

use std::{fmt, time::Duration};

use crate::{
    jwk::plain,
    key::{KeySet, MAX_TRIES},
};

/// Names of keys told in one line.
const MAX_KIDS: usize = 20;
/// Longest name of a key that is told whole; those in the field have up to 64 characters.
const MAX_KID_CHARS: usize = 64;

/// Something worth a line in the log or a counter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// A fetch brought a usable set, new or not.
    Fetched {
        /// How many fetches had failed in a row before.
        failures: u32,
    },
    /// Another set than before is in force, or the same one again.
    Changed {
        /// The names of its keys as far as they have one: visible ASCII, shortened, the first
        /// twenty.
        kids: Vec<String>,
        /// How many keys it has.
        keys: usize,
        /// How many entries were passed over.
        skipped: usize,
        /// Whether some keys are never tried, being one too many without a name.
        untried: bool,
        /// Who brought it.
        origin: Origin,
    },
    /// A fetch brought none.
    Failed {
        /// Why.
        cause: Cause,
        /// What was found, for people: short, plain, nothing of a body.
        detail: String,
        /// When the next one is made.
        retry_in: Duration,
        /// Whether there are keys to go on with.
        in_force: bool,
    },
    /// The set in force is too old to be used any longer.
    Expired,
    /// The host's shared data cannot be used: this VM has no word from others from now on.
    Alone {
        /// Whether it may fetch; if not, it will have no new keys.
        fetches: bool,
    },
}

impl Notice {
    /// The notice of a set that comes into force.
    pub(crate) fn changed(set: &KeySet, skipped: usize, origin: Origin) -> Self {
        let kid = |kid: &str| match plain(kid, MAX_KID_CHARS).replace(',', "") {
            kid if kid.is_empty() => "?".to_owned(),
            kid => kid,
        };
        Self::Changed {
            kids: set.kids().take(MAX_KIDS).map(kid).collect(),
            keys: set.len(),
            skipped,
            untried: set.has_too_many_nameless(),
            origin,
        }
    }

    /// How much it matters; `None` if it is only to be counted.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        match self {
            Self::Fetched { failures: 0 } => None,
            Self::Fetched { .. } | Self::Changed { untried: false, .. } => Some(Severity::Info),
            Self::Changed { untried: true, .. }
            | Self::Failed { in_force: true, .. }
            | Self::Alone { fetches: true } => Some(Severity::Warn),
            Self::Failed { in_force: false, .. }
            | Self::Expired
            | Self::Alone { fetches: false } => Some(Severity::Error),
        }
    }
}

/// Where a set came from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Origin {
    /// This VM fetched it.
    Issuer,
    /// Another VM did.
    Shared,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// In the ordinary course.
    Info,
    /// The operator should know.
    Warn,
    /// The operator has to act: requests are refused.
    Error,
}

/// Why a fetch brought no set.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// No connection.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke.
    Reset,
    /// Another status than 200.
    Status,
    /// More than `max_bytes`.
    TooLarge,
    /// Not JSON, or not an object.
    NotJson,
    /// A set without a key that can be used.
    NoUsableKey,
    /// Metadata of another issuer.
    MetadataIssuer,
    /// Metadata without a usable `jwks_uri`.
    MetadataJwksUri,
    /// The host did not take the request, as for an unknown cluster.
    NotSent,
}

impl Cause {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Timeout,
        Self::Reset,
        Self::Status,
        Self::TooLarge,
        Self::NotJson,
        Self::NoUsableKey,
        Self::MetadataIssuer,
        Self::MetadataJwksUri,
        Self::NotSent,
    ];

    /// The name in logs and counters.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::NoUsableKey => "no_usable_key",
            Self::MetadataIssuer => "metadata_issuer",
            Self::MetadataJwksUri => "metadata_jwks_uri",
            Self::NotSent => "not_sent",
        }
    }

    /// The value of a gauge, which 0 means no failure for.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Connect => 1,
            Self::Timeout => 2,
            Self::Reset => 3,
            Self::Status => 4,
            Self::TooLarge => 5,
            Self::NotJson => 6,
            Self::NoUsableKey => 7,
            Self::MetadataIssuer => 8,
            Self::MetadataJwksUri => 9,
            Self::NotSent => 10,
        }
    }
}

/// One line, to go after the issuer's name; visible ASCII and spaces.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetched { failures: 0 } => f.write_str("fetched"),
            Self::Fetched { failures } => {
                let plural = if *failures == 1 { "" } else { "s" };
                write!(f, "fetched again after {failures} failure{plural}")
            }
            Self::Changed { kids, keys, skipped, untried, origin } => {
                write!(f, "{keys} in force: ")?;
                match keys.saturating_sub(kids.len()) {
                    0 => write!(f, "kid={}", kids.join(","))?,
                    _ if kids.is_empty() => f.write_str("none with a kid")?,
                    others => write!(f, "kid={} and {others} more", kids.join(","))?,
                }
                match skipped {
                    0 => {}
                    1 => f.write_str(" (1 entry passed over)")?,
                    skipped => write!(f, " ({skipped} entries passed over)")?,
                }
                if *untried {
                    write!(f, " (of those without a kid only {MAX_TRIES} are ever tried)")?;
                }
                f.write_str(match origin {
                    Origin::Issuer => ", fetched from the issuer",
                    Origin::Shared => ", taken from shared data",
                })
            }
            Self::Failed { cause, detail, retry_in, in_force } => {
                write!(f, "fetch failed: {}: {detail}; ", cause.code())?;
                write!(f, "next try in {}", Rounded(*retry_in))?;
                f.write_str(if *in_force { "" } else { "; no keys in force" })
            }
            Self::Expired => f.write_str("too old to be used any longer; no keys in force"),
            Self::Alone { fetches: true } => {
                f.write_str("the host has no shared data to use; this VM fetches for itself")
            }
            Self::Alone { fetches: false } => f.write_str(
                "the host has no shared data to use, and this VM may not fetch: no new keys",
            ),
        }
    }
}

/// A wait as the policy would spell it: whole seconds, or milliseconds below one.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{}ms", self.0.as_millis()),
            secs => write!(f, "{secs}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        algorithm::Algorithm,
        key::{Key, Material},
    };

    fn set(kids: &[Option<&str>]) -> KeySet {
        let key = |kid: &Option<&str>| {
            let secret = Material::secret(vec![7; 32]).unwrap();
            Key::new(kid.map(str::to_owned), Some(Algorithm::Hs256), secret).unwrap()
        };
        KeySet::new(kids.iter().map(key).collect())
    }

    #[test]
    fn a_change_is_one_plain_line_whatever_the_names_are() {
        let line = |kids: &[Option<&str>], skipped, origin| {
            Notice::changed(&set(kids), skipped, origin).to_string()
        };
        assert_eq!(
            line(&[Some("a"), Some("b")], 1, Origin::Issuer),
            "2 in force: kid=a,b (1 entry passed over), fetched from the issuer"
        );
        assert_eq!(
            line(&[Some("a"), None], 2, Origin::Shared),
            "2 in force: kid=a and 1 more (2 entries passed over), taken from shared data"
        );
        assert_eq!(
            line(&[None], 0, Origin::Shared),
            "1 in force: none with a kid, taken from shared data"
        );
        let long = "k".repeat(100);
        assert_eq!(
            line(&[Some("a\r\nb,c \u{fc}"), Some("\u{fc}"), Some(&long)], 0, Origin::Issuer),
            format!("3 in force: kid=abc,?,{}, fetched from the issuer", "k".repeat(64))
        );
        let many = [Some("a"); 25];
        let Notice::Changed { kids, keys, .. } = Notice::changed(&set(&many), 0, Origin::Issuer)
        else {
            panic!("a change");
        };
        assert_eq!((kids.len(), keys), (20, 25));
        assert!(line(&many, 0, Origin::Issuer).contains(",a and 5 more, fetched"));
    }

    #[test]
    fn keys_that_are_never_tried_are_a_warning() {
        let four = Notice::changed(&set(&[None; 4]), 0, Origin::Issuer);
        let five = Notice::changed(&set(&[None; 5]), 0, Origin::Issuer);
        assert_eq!(four.severity(), Some(Severity::Info));
        assert_eq!(five.severity(), Some(Severity::Warn));
        assert!(five.to_string().contains("only 4 are ever tried"));
    }

    #[test]
    fn a_failure_says_whether_requests_are_refused() {
        let failed = |in_force, retry_in| Notice::Failed {
            cause: Cause::Status,
            detail: "found 500, expected 200".to_owned(),
            retry_in,
            in_force,
        };
        let harmless = failed(true, Duration::from_secs(2));
        assert_eq!(
            harmless.to_string(),
            "fetch failed: status: found 500, expected 200; next try in 2s"
        );
        assert_eq!(harmless.severity(), Some(Severity::Warn));
        let grave = failed(false, Duration::from_millis(500));
        assert!(grave.to_string().ends_with("next try in 500ms; no keys in force"));
        assert_eq!(grave.severity(), Some(Severity::Error));
        assert_eq!(Notice::Expired.severity(), Some(Severity::Error));
        assert_eq!(Notice::Fetched { failures: 0 }.severity(), None);
        assert_eq!(Notice::Fetched { failures: 3 }.severity(), Some(Severity::Info));
        assert_eq!(Notice::Alone { fetches: true }.severity(), Some(Severity::Warn));
        assert_eq!(Notice::Alone { fetches: false }.severity(), Some(Severity::Error));
    }

    /// Dashboards and alerts keep these numbers.
    #[test]
    fn a_cause_has_its_place_in_the_table_as_its_number() {
        for (number, cause) in (1..).zip(Cause::ALL) {
            assert_eq!(cause.number(), number, "{cause:?}");
        }
    }
}
