//! What an HAProxy expression stands for, as far as tokens and requests are concerned.

use std::collections::BTreeMap;

use crate::import::draft::Place;

use super::condition::Term;

/// A fetch or a converter with its arguments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
}

impl Call {
    fn argument(&self, place: usize) -> &str {
        self.arguments.get(place).map_or("", |argument| argument.trim())
    }
}

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// The path, and whether it was changed before it is compared (`lower`, `url_dec`).
    Path {
        changed: bool,
    },
    Method,
    Host,
    /// Any other request header, which may hold a token.
    Header(String),
    /// A token.
    Token(Vec<Place>),
    /// A field of the token's header.
    TokenHeader(Vec<Place>, String),
    /// A claim.
    Claim(Vec<Place>, Vec<String>),
    /// Whether a signature is good.
    Verified {
        places: Vec<Place>,
        algorithm: Algorithm,
        key: String,
    },
    /// The time.
    Now,
    /// The time until the token expires.
    Left,
    /// What the Lua library found.
    LuaAuthorized,
    LuaScopes,
    /// Something of TLS: a client certificate, or whether there is TLS at all.
    Certificate,
    Tls,
    Fixed(String),
    /// True if one of these held where it was set.
    Flag(Vec<Term>),
    /// Something of a token that cannot be said here.
    OfToken(String),
    Unknown,
}

impl Meaning {
    /// Whether it comes out of a token, or of what was found out about one.
    pub(super) fn is_read_from_token(&self) -> bool {
        matches!(
            self,
            Self::Token(_)
                | Self::TokenHeader(..)
                | Self::Claim(..)
                | Self::Verified { .. }
                | Self::Left
                | Self::LuaAuthorized
                | Self::LuaScopes
                | Self::OfToken(_)
        )
    }
}

/// Where `jwt_verify` takes the algorithm from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Algorithm {
    Fixed(String),
    /// The token itself.
    OfToken,
}

/// What variables hold.
pub(super) type Variables = BTreeMap<String, Meaning>;

/// Splits `fetch(a,b),converter(c)`.
pub(super) fn calls(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    for part in split(text) {
        let (name, arguments) = match part.split_once('(') {
            Some((name, rest)) => {
                let rest = rest.trim_end();
                let inner = rest.strip_suffix(')').unwrap_or(rest);
                (name, inner.split(',').map(|argument| unquote(argument.trim())).collect())
            }
            None => (part, Vec::new()),
        };
        calls.push(Call { name: name.trim().to_owned(), arguments });
    }
    calls
}

/// At the commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0_usize);
    for (place, c) in text.char_indices() {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(start..place).unwrap_or_default());
                start = place.saturating_add(1);
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Quotes that are still there inside of parentheses.
fn unquote(text: &str) -> String {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.to_owned();
        }
    }
    text.to_owned()
}

/// What an expression gives.
pub(super) fn meaning(text: &str, variables: &Variables) -> Meaning {
    let mut calls = calls(text).into_iter();
    let Some(fetch) = calls.next() else { return Meaning::Unknown };
    let start = fetched(&fetch, variables);
    calls.fold(start, |meaning, call| converted(meaning, &call, variables))
}

fn fetched(fetch: &Call, variables: &Variables) -> Meaning {
    let header = fetch.argument(0).to_ascii_lowercase();
    match fetch.name.as_str() {
        "path" => Meaning::Path { changed: false },
        "pathq" | "url" | "base" | "capture.req.uri" => Meaning::Unknown,
        "method" | "capture.req.method" => Meaning::Method,
        "req.hdr" | "hdr" | "req.fhdr" | "req.hdr_val" if header == "host" => Meaning::Host,
        "req.hdr" | "hdr" | "req.fhdr" if !header.is_empty() => Meaning::Header(header),
        "http_auth_bearer" => Meaning::Token(vec![match header.as_str() {
            "" => Place::usual(),
            name => Place::Header(name.to_owned(), true),
        }]),
        "req.cook" | "cook" if !header.is_empty() => {
            Meaning::Token(vec![Place::Cookie(fetch.argument(0).to_owned())])
        }
        "urlp" | "url_param" if !header.is_empty() => {
            Meaning::Token(vec![Place::Query(fetch.argument(0).to_owned())])
        }
        "date" => Meaning::Now,
        "var" => match variables.get(fetch.argument(0)) {
            Some(meaning) => meaning.clone(),
            None => lua(fetch.argument(0)),
        },
        "str" | "int" | "bool" => Meaning::Fixed(fetch.argument(0).to_owned()),
        name if name.starts_with("ssl_c_") => Meaning::Certificate,
        name if name.starts_with("ssl_") => Meaning::Tls,
        _ => Meaning::Unknown,
    }
}

/// The variables that the library sets.
fn lua(name: &str) -> Meaning {
    match name {
        "txn.authorized" => Meaning::LuaAuthorized,
        "txn.oauth_scopes" | "txn.oauth.scope" => Meaning::LuaScopes,
        name => match name.strip_prefix("txn.oauth.") {
            Some(claim) if !claim.is_empty() => {
                Meaning::Claim(vec![Place::usual()], vec![claim.to_owned()])
            }
            _ => Meaning::Unknown,
        },
    }
}

fn converted(meaning: Meaning, call: &Call, variables: &Variables) -> Meaning {
    // A header's value becomes a token where it is read as one.
    let token = match &meaning {
        Meaning::Header(name) => Some(vec![Place::Header(name.clone(), name == "authorization")]),
        Meaning::Token(places) => Some(places.clone()),
        _ => None,
    };
    match (call.name.as_str(), token) {
        ("jwt_header_query", Some(places)) => match path(call.argument(0)).as_deref() {
            Some([field]) => Meaning::TokenHeader(places, field.clone()),
            _ => Meaning::OfToken(format!("the header field {}", call.argument(0))),
        },
        ("jwt_payload_query", Some(places)) => match path(call.argument(0)) {
            Some(path) if !path.is_empty() => Meaning::Claim(places, path),
            _ => Meaning::OfToken(format!("the claim {}", call.argument(0))),
        },
        ("jwt_verify" | "jwt_verify_cert", Some(places)) => {
            let algorithm = match variables.get(call.argument(0)) {
                Some(Meaning::Fixed(name)) => Algorithm::Fixed(name.clone()),
                Some(_) => Algorithm::OfToken,
                None if call.argument(0).contains('.') => Algorithm::OfToken,
                None => Algorithm::Fixed(call.argument(0).to_owned()),
            };
            let key = match variables.get(call.argument(1)) {
                Some(Meaning::Fixed(key)) => key.clone(),
                _ => call.argument(1).to_owned(),
            };
            Meaning::Verified { places, algorithm, key }
        }
        // What takes the scheme off.
        ("word" | "field" | "regsub" | "ltrim" | "rtrim" | "trim", Some(places)) => {
            match &meaning {
                Meaning::Header(name)
                    if call.name != "ltrim" && call.name != "rtrim" && call.name != "trim" =>
                {
                    Meaning::Token(vec![Place::Header(name.clone(), true)])
                }
                Meaning::Header(_) => meaning,
                _ => Meaning::Token(places),
            }
        }
        ("sub", _) => match (&meaning, variables.get(call.argument(0))) {
            (Meaning::Claim(_, claim), Some(Meaning::Now)) if *claim == ["exp"] => Meaning::Left,
            _ => of_token(&meaning, call),
        },
        ("lower" | "url_dec" | "normalize", _) => match meaning {
            Meaning::Path { .. } => Meaning::Path { changed: true },
            Meaning::Host => Meaning::Host,
            Meaning::Header(name) => Meaning::Header(name),
            other => of_token(&other, call),
        },
        ("host_only" | "strip_www", _) if meaning == Meaning::Host => meaning,
        _ => of_token(&meaning, call),
    }
}

fn of_token(meaning: &Meaning, call: &Call) -> Meaning {
    if meaning.is_read_from_token() {
        Meaning::OfToken(format!("the converter `{}`", call.name))
    } else {
        Meaning::Unknown
    }
}

/// Reads `$.a.b`, `$['a']["b"]`: names only, no indexes.
fn path(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('$')?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at_checked(end)?;
            if name.is_empty() || name == "*" {
                return None;
            }
            names.push(name.to_owned());
            rest = after;
        } else {
            let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
            let name = unquote(inner);
            if name == inner {
                return None;
            }
            names.push(name);
            rest = after;
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let bearer = vec![Place::usual()];
        BTreeMap::from([
            ("txn.alg".to_owned(), Meaning::TokenHeader(bearer.clone(), "alg".to_owned())),
            ("txn.exp".to_owned(), Meaning::Claim(bearer.clone(), vec!["exp".to_owned()])),
            ("txn.now".to_owned(), Meaning::Now),
            ("txn.bearer".to_owned(), Meaning::Token(vec![Place::Cookie("at".to_owned())])),
        ])
    }

    #[test]
    fn expressions_are_understood() {
        let bearer = vec![Place::usual()];
        let claim = |names: &[&str]| {
            Meaning::Claim(bearer.clone(), names.iter().map(|name| (*name).to_owned()).collect())
        };
        for (text, expected) in [
            ("path", Meaning::Path { changed: false }),
            ("path,url_dec", Meaning::Path { changed: true }),
            ("req.hdr(Host)", Meaning::Host),
            ("req.hdr(authorization)", Meaning::Header("authorization".to_owned())),
            ("http_auth_bearer,jwt_payload_query($.iss)", claim(&["iss"])),
            (
                "http_auth_bearer,jwt_payload_query($.realm_access.roles)",
                claim(&["realm_access", "roles"]),
            ),
            (
                "http_auth_bearer,jwt_payload_query($['https://a/roles'])",
                claim(&["https://a/roles"]),
            ),
            ("req.hdr(authorization),word(2,' '),jwt_payload_query($.exp,int)", claim(&["exp"])),
            ("var(txn.exp),sub(txn.now)", Meaning::Left),
            ("var(txn.authorized)", Meaning::LuaAuthorized),
            ("var(txn.oauth.sub)", claim(&["sub"])),
            ("src", Meaning::Unknown),
            ("ssl_c_s_dn(cn)", Meaning::Certificate),
            ("", Meaning::Unknown),
            ("((((", Meaning::Unknown),
            (
                "http_auth_bearer,jwt_payload_query($.a[0])",
                Meaning::OfToken("the claim $.a[0]".to_owned()),
            ),
        ] {
            assert_eq!(meaning(text, &variables()), expected, "{text}");
        }
    }

    #[test]
    fn a_signature_says_by_which_key_and_algorithm() {
        let verified = |text: &str| match meaning(text, &variables()) {
            Meaning::Verified { places, algorithm, key } => (places, algorithm, key),
            other => panic!("{other:?}"),
        };
        let (places, algorithm, key) =
            verified("http_auth_bearer,jwt_verify(txn.alg,/etc/key.pem)");
        assert_eq!(
            (places, algorithm, key.as_str()),
            (vec![Place::usual()], Algorithm::OfToken, "/etc/key.pem")
        );
        let (places, algorithm, _) = verified("var(txn.bearer),jwt_verify(RS256,\"k\")");
        assert_eq!(places, [Place::Cookie("at".to_owned())]);
        assert_eq!(algorithm, Algorithm::Fixed("RS256".to_owned()));
    }
}
