//! Where keys come from that the document does not bring itself.

use std::time::Duration;

/// An issuer's key set at an address, and how it is kept fresh.
///
/// Every field is the operator's: nothing in a token ever chooses what is fetched
/// (CVE-2026-32301).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeySource {
    pub(crate) target: Target,
    /// The host's name for where requests go; it decides the connection and its TLS, whatever the
    /// address says.
    pub(crate) cluster: String,
    /// Longest wait for one answer.
    pub(crate) timeout: Duration,
    /// Age at which a set is fetched anew if its answer did not say.
    pub(crate) refresh: Duration,
    /// Longest that an answer's `max-age` may put that off.
    pub(crate) refresh_max: Duration,
    /// Wait after a first failure; each further one doubles it.
    pub(crate) retry: Duration,
    /// Longest such wait.
    pub(crate) retry_max: Duration,
    /// How long a set that is due may be used while no new one can be had.
    pub(crate) stale_for: Duration,
    /// Shortest time between two fetches for the sake of unknown `kid`s, and the least that
    /// `max-age` counts for.
    pub(crate) min_refetch_interval: Duration,
    /// Longest body that is read, in bytes.
    pub(crate) max_bytes: usize,
}

/// What is fetched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// The key set itself.
    Keys(Uri),
    /// The issuer's metadata, which name the address of the key set.
    Metadata {
        uri: Uri,
        /// Where the key set is fetched; the metadata choose the address, never the connection.
        jwks_cluster: String,
    },
}

/// An absolute `http` or `https` address, split into what a request needs.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Uri {
    pub(crate) https: bool,
    /// Host and, if it is written, port; in lower case.
    pub(crate) authority: String,
    /// Path and query; begins with `/`.
    pub(crate) path: String,
}

impl Uri {
    /// Reads an address: visible ASCII, no user information, no fragment, a host.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(split)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if authority.is_empty()
            || authority.starts_with(':')
            || !authority.bytes().all(plain)
            || !path.bytes().all(visible)
        {
            return None;
        }
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        Some(Self { https, authority: authority.to_ascii_lowercase(), path })
    }

    /// `https` or `http`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
}

/// `shared_data`: how the VMs of one proxy share what they fetched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SharedData {
    /// Whether the host's shared data are used at all; if not, each VM fetches for itself.
    pub(crate) used: bool,
    /// Put before each key; some hosts choose the store by it.
    pub(crate) prefix: String,
    /// Whether this VM may fetch; if not, another one with the same `vm_id` does.
    pub(crate) fetch: bool,
}

impl Default for SharedData {
    fn default() -> Self {
        Self { used: true, prefix: String::new(), fetch: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_and_odd_ones_are_refused() {
        let uri = Uri::parse("https://Issuer.Test:8443/a/jwks.json?x=1").unwrap();
        assert!(uri.https);
        assert_eq!(uri.authority, "issuer.test:8443");
        assert_eq!(uri.path, "/a/jwks.json?x=1");
        assert_eq!(Uri::parse("http://issuer.test").unwrap().path, "/");
        assert_eq!(Uri::parse("http://issuer.test?a").unwrap().path, "/?a");
        assert_eq!(Uri::parse("http://[::1]:80/").unwrap().authority, "[::1]:80");
        for bad in [
            "issuer.test/keys",
            "ftp://issuer.test/keys",
            "https:///keys",
            "https://:443/keys",
            "https://user@issuer.test/keys",
            "https://issuer.test/keys#a",
            "https://issuer.test/a b",
            "https://issuer.test/\u{fc}",
            "https://issuer.test\r\nhost: x/",
            "",
        ] {
            assert_eq!(Uri::parse(bad), None, "{bad}");
        }
    }
}
