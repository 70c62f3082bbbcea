//! Where keys come from that the document does not bring itself.

use std::{fmt, net::Ipv6Addr, time::Duration};

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

/// Which metadata of an issuer are meant, and so where they stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum WellKnown {
    /// OpenID Connect Discovery 1.0 section 4: behind the issuer's path.
    #[default]
    OpenId,
    /// RFC 8414 section 3: between the issuer's host and its path.
    OAuth,
}

/// As long as every server must read at least (RFC 9110 section 4.1).
const LONGEST: usize = 8000;

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
        let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if text.len() > LONGEST || !is_authority(authority) || !path.bytes().all(visible) {
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

    /// The address of the metadata of the issuer at this address.
    ///
    /// `None` for one with a query: an issuer has none (RFC 8414 section 2, OpenID Connect
    /// Discovery 1.0 section 3).
    pub(crate) fn well_known(&self, kind: WellKnown) -> Option<Self> {
        if self.path.contains('?') {
            return None;
        }
        // The one slash at the end goes, and no other.
        let issuer = self.path.strip_suffix('/').unwrap_or(&self.path);
        let path = match kind {
            WellKnown::OpenId => format!("{issuer}/.well-known/openid-configuration"),
            WellKnown::OAuth => format!("/.well-known/oauth-authorization-server{issuer}"),
        };
        Some(Self { path, ..self.clone() })
    }

    /// Whether it stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let (host, _) = split_port(&self.authority);
        ["localhost", "127.0.0.1", "[::1]"].contains(&host)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.path)
    }
}

/// A name, an IPv4 address or an IPv6 address in brackets, with or without a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = split_port(text);
    let host_is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !host.is_empty() && host.bytes().all(plain)
        }
    };
    let port_is_good = port.is_none_or(|port| {
        // `parse` alone takes a sign.
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
    });
    host_is_good && port_is_good
}

/// Host and port; the colons of an IPv6 address stand before its bracket.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
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
        assert_eq!(Uri::parse("https://keys_1").unwrap().authority, "keys_1");
        let longest = format!("https://a/{}", "x".repeat(LONGEST - 10));
        assert!(Uri::parse(&longest).is_some());
        for bad in [
            &format!("{longest}x"),
            "https://a:b/",
            "https://a:65536/",
            "https://a:+1/",
            "https://a:/",
            "https://a:1:2/",
            "https://[::1/",
            "https://::1/",
            "https://[a]/",
            "https://[::1]a/",
            "https://a]/",
            "https://a%41/",
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

    #[test]
    fn an_address_is_written_as_it_is_read() {
        for text in [
            "https://issuer.test/",
            "https://issuer.test:8443/a/b?c=d&e",
            "http://[2001:db8::1]:80/?",
            "http://10.0.0.1/a//b/../c;d=%2F@",
        ] {
            let uri = Uri::parse(text).unwrap();
            assert_eq!(uri.to_string(), text);
            assert_eq!(Uri::parse(&uri.to_string()), Some(uri));
        }
    }

    /// Whatever parts an address is put together of, what is taken is read again as what it is, and
    /// can stand in a request's head.
    #[test]
    fn what_is_taken_is_written_as_it_is_read() {
        let schemes = ["https://", "http://", "HtTp://", "https:/", "https:", "://", "ftp://", ""];
        let hosts = [
            "a", "A.b-c_d.", "1.2.3.4", "[::1]", "[1::F]", "[::1", "::1]", "[a]", "[]", "", ".",
            "a@b", "a%20b", "\u{e4}", "a b", "a\\b", "a\r\nb", "a\0", "a:b@c",
        ];
        let ports = ["", ":1", ":65535", ":65536", ":0", ":", ":x", ":-1", ":1:1", "]:1"];
        let paths = [
            "",
            "/",
            "/a/b?c=d",
            "?",
            "?a?b",
            "//",
            "/a#b",
            "#",
            "/ ",
            "/\t",
            "/\u{e4}",
            "/%zz",
            "/\r\nx: y",
            "/a@b",
            "\\a",
            "/\\",
            "/\"",
            "/\u{7f}",
        ];
        let mut taken = 0;
        for scheme in schemes {
            for host in hosts {
                for (port, path) in
                    ports.into_iter().flat_map(|port| paths.map(|path| (port, path)))
                {
                    let text = [scheme, host, port, path].concat();
                    let Some(uri) = Uri::parse(&text) else { continue };
                    taken += 1;
                    let written = uri.to_string();
                    assert_eq!(Uri::parse(&written), Some(uri.clone()), "{text}");
                    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
                    assert!(!uri.authority.contains(['@', '/', '?', '\\']), "{text}");
                    assert!(uri.path.starts_with('/') && !uri.path.contains('#'), "{text}");
                    for kind in [WellKnown::OpenId, WellKnown::OAuth] {
                        let built = uri.well_known(kind);
                        assert_eq!(built.is_none(), uri.path.contains('?'), "{text}");
                        let Some(built) = built else { continue };
                        assert_eq!((built.https, &built.authority), (uri.https, &uri.authority));
                        assert_eq!(Uri::parse(&built.to_string()), Some(built));
                    }
                }
            }
        }
        assert!(taken > 500, "{taken}");
    }

    /// The addresses at which these issuers do publish their metadata.
    #[test]
    fn metadata_are_where_their_issuers_publish_them() {
        use WellKnown::{OAuth, OpenId};
        for (issuer, kind, expected) in [
            // Auth0.
            (
                "https://tenant.eu.auth0.com/",
                OpenId,
                "https://tenant.eu.auth0.com/.well-known/openid-configuration",
            ),
            // Okta, a custom authorization server.
            (
                "https://tenant.okta.com/oauth2/default",
                OpenId,
                "https://tenant.okta.com/oauth2/default/.well-known/openid-configuration",
            ),
            (
                "https://tenant.okta.com/oauth2/default",
                OAuth,
                "https://tenant.okta.com/.well-known/oauth-authorization-server/oauth2/default",
            ),
            // Keycloak.
            (
                "http://localhost:8080/realms/hamsters",
                OpenId,
                "http://localhost:8080/realms/hamsters/.well-known/openid-configuration",
            ),
            (
                "http://localhost:8080/realms/hamsters",
                OAuth,
                "http://localhost:8080/.well-known/oauth-authorization-server/realms/hamsters",
            ),
            // Entra.
            (
                "https://login.microsoftonline.com/3c1f/v2.0",
                OpenId,
                "https://login.microsoftonline.com/3c1f/v2.0/.well-known/openid-configuration",
            ),
            // FusionAuth.
            (
                "https://auth.example.com",
                OpenId,
                "https://auth.example.com/.well-known/openid-configuration",
            ),
            (
                "https://auth.example.com",
                OAuth,
                "https://auth.example.com/.well-known/oauth-authorization-server",
            ),
            // The examples of RFC 8414 section 3.1, and a slash at the end, which goes.
            (
                "https://example.com/issuer1/",
                OAuth,
                "https://example.com/.well-known/oauth-authorization-server/issuer1",
            ),
            ("https://a/b//", OpenId, "https://a/b//.well-known/openid-configuration"),
        ] {
            let built = Uri::parse(issuer).unwrap().well_known(kind).unwrap();
            assert_eq!(built.to_string(), expected);
        }
        assert_eq!(Uri::parse("https://a/?b").unwrap().well_known(OpenId), None);
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        let local = |text| Uri::parse(text).unwrap().is_local();
        assert!(local("http://localhost/") && local("http://LOCALHOST:8080"));
        assert!(local("http://127.0.0.1:1/a") && local("http://[::1]") && local("http://[::1]:80"));
        assert!(!local("http://localhost.test/") && !local("http://127.0.0.1.test"));
        assert!(!local("http://[::2]") && !local("http://a/localhost"));
    }
}
