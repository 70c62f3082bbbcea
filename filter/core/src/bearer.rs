//! The header check: is there exactly one usable bearer token?

use std::{borrow::Cow, fmt};

use crate::{
    bytes::{is_header, is_same, position},
    decision::HeaderOp,
    path::{percent_decode, split_query},
    reject::Reject,
    request::Request,
    token_cache::Recalled,
};

/// A place where tokens may stand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum TokenSource {
    /// A cookie's whole value.
    Cookie(String),
    /// A header's value behind the scheme `Bearer`.
    BearerHeader(String),
    /// A header's whole value.
    PlainHeader(String),
    /// A query parameter (RFC 6750 section 2.3, which discourages it).
    Query(String),
}

/// The one token of a request, by its characters.
#[derive(Debug)]
pub(crate) struct Bearer<'t> {
    pub(crate) token: &'t [u8],
    /// What is known of it.
    pub(crate) recalled: Option<Recalled>,
    source: &'t TokenSource,
}

/// The tokens of one place: the first, and whether there are more.
#[derive(Default)]
struct Tokens<'t> {
    first: Option<Candidate<'t>>,
    more: bool,
}

/// What stands where a token may be, and what is known of it.
type Candidate<'t> = (&'t [u8], Option<Recalled>);

impl<'t> Bearer<'t> {
    /// Looks at every place; `None` if there is no token anywhere.
    ///
    /// `recall` tells what is known of a token: one that is known has the characters of one, so
    /// they are looked at only where nothing is known.
    ///
    /// # Errors
    ///
    /// [`Reject::TokenAmbiguous`] for two tokens, even equal ones, or a repeated `authorization`
    /// header: this gate would check one and the server behind might use the other
    /// (CVE-2020-25017). [`Reject::TokenUnusable`] for credentials that cannot be a token, as far as
    /// [`Bearer::refusal`] does not tell them.
    pub(crate) fn find(
        sources: &'t [TokenSource],
        request: &Request<'t>,
        mut recall: impl FnMut(&[u8]) -> Option<Recalled>,
    ) -> Result<Option<Self>, Reject> {
        if request.values(b"authorization").nth(1).is_some() {
            return Err(Reject::TokenAmbiguous);
        }
        let mut found: Option<Self> = None;
        for source in sources {
            let Tokens { first, more } = source.tokens(request, &mut recall)?;
            let Some((token, recalled)) = first else {
                continue;
            };
            if more || found.is_some() {
                return Err(Reject::TokenAmbiguous);
            }
            found = Some(Self { token, recalled, source });
        }
        Ok(found)
    }

    /// Why a token is refused that cannot be read: characters that no token has are the fault of the
    /// request, whatever else is wrong with it.
    pub(crate) fn refusal(&self, unreadable: Reject) -> Reject {
        if self.is_usable() { unreadable } else { Reject::TokenUnusable }
    }

    /// Whether it has the characters of a token.
    pub(crate) fn is_usable(&self) -> bool {
        is_b64token(self.token)
    }

    /// The changes that take the token out of the request.
    pub(crate) fn removal(&self, request: &Request<'t>, patch: &mut Vec<HeaderOp<'t>>) {
        match self.source {
            TokenSource::BearerHeader(name) | TokenSource::PlainHeader(name) => {
                removals(name.as_bytes(), request, patch);
            }
            TokenSource::Cookie(name) => {
                let rest: Vec<&[u8]> = cookies(request)
                    .filter(|(known, _, _)| *known != name.as_bytes())
                    .map(|(_, _, pair)| pair)
                    .collect();
                removals(b"cookie", request, patch);
                if !rest.is_empty() {
                    // One line for all is what HTTP/2 asks for anyway (RFC 9113 section 8.2.3).
                    let cookies = Cow::Owned(rest.join(&b"; "[..]));
                    patch.push(HeaderOp::Set(Cow::Borrowed(b"cookie"), cookies));
                }
            }
            TokenSource::Query(name) => {
                for target in request.values(b":path") {
                    let (path, query) = split_query(target);
                    let rest: Vec<&[u8]> = parameters(query.unwrap_or_default())
                        .filter(|pair| !is_named(pair, name))
                        .collect();
                    let mut target = path.to_vec();
                    if !rest.is_empty() {
                        target.push(b'?');
                        target.extend_from_slice(&rest.join(&b'&'));
                    }
                    patch.push(HeaderOp::Set(Cow::Borrowed(b":path"), Cow::Owned(target)));
                }
            }
        }
    }

    /// Where it stood.
    pub(crate) fn source(&self) -> &TokenSource {
        self.source
    }

    /// Whether the answer must be kept out of shared caches (RFC 6750 section 2.3).
    pub(crate) fn came_in_query(&self) -> bool {
        matches!(self.source, TokenSource::Query(_))
    }
}

/// Removes a header under every spelling in which it came: nginx keeps the client's.
fn removals<'t>(name: &[u8], request: &Request<'t>, patch: &mut Vec<HeaderOp<'t>>) {
    for (known, _) in request.headers() {
        if is_header(known, name) {
            let removal = HeaderOp::Remove(Cow::Borrowed(known));
            if !patch.contains(&removal) {
                patch.push(removal);
            }
        }
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BearerHeader(name) => write!(f, "header {name}, scheme Bearer"),
            Self::PlainHeader(name) => write!(f, "header {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
            Self::Query(name) => write!(f, "query parameter {name}"),
        }
    }
}

impl TokenSource {
    /// Whether both would find the same token.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::BearerHeader(name) | Self::PlainHeader(name),
                Self::BearerHeader(other) | Self::PlainHeader(other),
            ) => name == other,
            _ => self == other,
        }
    }

    /// The name of the header it is read from; the query stands in `:path`.
    pub(crate) fn header(&self) -> &str {
        match self {
            Self::BearerHeader(name) | Self::PlainHeader(name) => name,
            Self::Cookie(_) => "cookie",
            Self::Query(_) => ":path",
        }
    }

    fn tokens<'t>(
        &self,
        request: &Request<'t>,
        mut recall: impl FnMut(&[u8]) -> Option<Recalled>,
    ) -> Result<Tokens<'t>, Reject> {
        let mut tokens = Tokens::default();
        match self {
            Self::BearerHeader(name) => {
                for value in request.values(name.as_bytes()) {
                    if let Some(candidate) = credentials(value, &mut recall)? {
                        tokens.add(candidate);
                    }
                }
            }
            Self::PlainHeader(name) => {
                request
                    .values(name.as_bytes())
                    .for_each(|token| tokens.add((token, recall(token))));
            }
            Self::Cookie(name) => {
                cookies(request)
                    .filter(|(known, _, _)| is_same(known, name.as_bytes()))
                    .for_each(|(_, token, _)| tokens.add((token, recall(token))));
            }
            Self::Query(name) => {
                let pairs = || {
                    request
                        .values(b":path")
                        .flat_map(|target| parameters(split_query(target).1.unwrap_or_default()))
                };
                // Some servers separate at `;` too, and would find a token that is none here.
                let hidden = |pair: &[u8]| {
                    pair.split(|byte| *byte == b';').skip(1).any(|pair| is_named(pair, name))
                };
                if pairs().any(hidden) {
                    return Err(Reject::TokenAmbiguous);
                }
                pairs()
                    .filter(|pair| is_named(pair, name))
                    .map(|pair| split_pair(pair).1)
                    .for_each(|token| tokens.add((token, recall(token))));
            }
        }
        Ok(tokens)
    }
}

impl<'t> Tokens<'t> {
    fn add(&mut self, candidate: Candidate<'t>) {
        self.more = self.first.is_some();
        self.first.get_or_insert(candidate);
    }
}

/// The token of a value like `Bearer abc`; `None` for another scheme.
///
/// The scheme stands at the start, in any case, and spaces follow it (RFC 9110 section 11.4); Envoy
/// finds `Bearer ` anywhere, in `NotBearer x` too.
fn credentials(
    value: &[u8],
    recall: impl FnOnce(&[u8]) -> Option<Recalled>,
) -> Result<Option<Candidate<'_>>, Reject> {
    const SCHEME: &[u8] = b"bearer";
    let length = if value.starts_with(b"Bearer ") {
        SCHEME.len()
    } else {
        value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count()
    };
    let (scheme, rest) = value.split_at_checked(length).unwrap_or((value, b""));
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        // Envoy joins repeated `authorization` lines: another scheme first, a token behind it.
        let joined = value.split(|byte| *byte == b',').skip(1).any(|part| {
            let part = part.trim_ascii();
            part.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
        });
        return if joined { Err(Reject::TokenAmbiguous) } else { Ok(None) };
    }
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = rest.get(blanks..).unwrap_or_default();
    if blanks > 0
        && let Some(recalled) = recall(token)
    {
        return Ok(Some((token, Some(recalled))));
    }
    if position(rest, b',').is_some() {
        return Err(Reject::TokenAmbiguous);
    }
    if blanks == 0 {
        return Err(Reject::TokenUnusable);
    }
    Ok(Some((token, None)))
}

/// `b64token` of RFC 6750 section 2.1.
fn is_b64token(token: &[u8]) -> bool {
    let body =
        token.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte));
    let length = body.count();
    length > 0 && token.iter().skip(length).all(|byte| *byte == b'=')
}

/// Name, value and the whole pair of every cookie, over all `cookie` headers (RFC 6265 4.2.1).
fn cookies<'t>(request: &Request<'t>) -> impl Iterator<Item = (&'t [u8], &'t [u8], &'t [u8])> {
    request
        .values(b"cookie")
        .flat_map(|value| value.split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = split_pair(pair);
            (name.trim_ascii(), value.trim_ascii(), pair)
        })
}

fn parameters(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty())
}

/// Names are compared decoded: `access%5Ftoken` is the same parameter to the server behind.
fn is_named(pair: &[u8], name: &str) -> bool {
    percent_decode(split_pair(pair).0) == name.as_bytes()
}

fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = pair.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_stands_at_the_start() {
        for (value, token) in [
            ("Bearer abc", Ok(Some("abc"))),
            ("bEaReR   abc", Ok(Some("abc"))),
            ("Basic abc", Ok(None)),
            ("NotBearer abc", Ok(None)),
            ("BearerX abc", Ok(None)),
            ("", Ok(None)),
            ("Bearer", Err(Reject::TokenUnusable)),
            ("Bearer\tabc", Err(Reject::TokenUnusable)),
            ("Bearer=abc", Err(Reject::TokenUnusable)),
            ("Bearer a,Bearer b", Err(Reject::TokenAmbiguous)),
            ("Basic abc, bearer x", Err(Reject::TokenAmbiguous)),
            ("Digest a=\"b\",c=d", Ok(None)),
        ] {
            let expected = token.map(|token| token.map(str::as_bytes));
            let found = credentials(value.as_bytes(), |_| None);
            assert_eq!(found.map(|found| found.map(|(token, _)| token)), expected, "{value}");
        }
    }

    #[test]
    fn a_token_has_only_the_characters_of_one() {
        for good in ["a", "a.b-c_d~e+f/", "a=="] {
            assert!(is_b64token(good.as_bytes()), "{good}");
        }
        for bad in ["", "=", "a b", "a=b", "a\"", "é", "a,b", "\"a\""] {
            assert!(!is_b64token(bad.as_bytes()), "{bad}");
        }
    }
}
