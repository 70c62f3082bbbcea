//! A request as the host tells it.

use std::borrow::Cow;

use crate::{bytes::is_header, host, reject::Reject, rule::RouteRule};

/// One request: its header map, pseudo headers included, and what its route says.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    headers: &'a [(&'a [u8], &'a [u8])],
    route: Option<&'a RouteRule>,
}

/// The parts of a request that rules look at.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a [u8],
    /// Path and query, as they came.
    pub(crate) target: &'a [u8],
    /// `None` if the request names no host (HTTP/1.0).
    pub(crate) host: Option<Cow<'a, str>>,
}

impl<'a> Request<'a> {
    /// From a header map in its order, names in any case, values as bytes; `route` is what the
    /// host's route configuration says for this request, if anything.
    #[must_use]
    pub fn new(headers: &'a [(&'a [u8], &'a [u8])], route: Option<&'a RouteRule>) -> Self {
        Self { headers, route }
    }

    /// All headers, in order.
    pub(crate) fn headers(&self) -> &'a [(&'a [u8], &'a [u8])] {
        self.headers
    }

    pub(crate) fn route(&self) -> Option<&'a RouteRule> {
        self.route
    }

    /// Every value of a header, blanks around it removed; the name in any case (nginx keeps the
    /// client's spelling).
    pub(crate) fn values(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let named = self.headers.iter().filter(move |(known, _)| is_header(known, name));
        named.map(|(_, value)| value.trim_ascii())
    }

    /// Method, path and host.
    ///
    /// # Errors
    ///
    /// [`Reject::RequestMalformed`] if there is not exactly one method and one path, or if the host
    /// cannot be one: whatever sits behind might pick another of the two than a rule did.
    pub(crate) fn head(&self) -> Result<Head<'a>, Reject> {
        let (mut method, mut target) = (Lone::default(), Lone::default());
        let (mut authority, mut host) = (Lone::default(), Lone::default());
        for &(name, value) in self.headers {
            // By length first: of most headers, nothing else is looked at.
            let place = match name.len() {
                4 if is_header(name, b"host") => &mut host,
                5 if is_header(name, b":path") => &mut target,
                7 if is_header(name, b":method") => &mut method,
                10 if is_header(name, b":authority") => &mut authority,
                _ => continue,
            };
            place.add(value);
        }
        let host = match authority.get()? {
            Some(authority) => Some(authority),
            None => host.get()?,
        };
        Ok(Head {
            method: method.get()?.ok_or(Reject::RequestMalformed)?,
            target: target.get()?.ok_or(Reject::RequestMalformed)?,
            host: match host {
                None | Some(b"") => None,
                Some(authority) => Some(host::parse(authority).ok_or(Reject::RequestMalformed)?),
            },
        })
    }

    /// Whether the caller speaks gRPC and wants its status.
    pub(crate) fn is_grpc(&self) -> bool {
        self.values(b"content-type").any(|value| {
            let essence = value.get(..b"application/grpc".len()).unwrap_or_default();
            essence.eq_ignore_ascii_case(b"application/grpc")
                && matches!(value.get(b"application/grpc".len()), None | Some(b'+' | b';' | b' '))
        })
    }

    /// Whether this is a CORS preflight, in full: the method alone would open `OPTIONS` to all.
    pub(crate) fn is_preflight(&self) -> bool {
        self.values(b":method").eq([b"OPTIONS"])
            && self.values(b"origin").next().is_some()
            && self.values(b"access-control-request-method").next().is_some()
    }
}

/// The value of a header that may stand there once: as it came, since blanks around a pseudo-header are
/// not optional, they do not belong there.
#[derive(Default)]
struct Lone<'a> {
    value: Option<&'a [u8]>,
    is_repeated: bool,
}

impl<'a> Lone<'a> {
    fn add(&mut self, value: &'a [u8]) {
        self.is_repeated = self.value.is_some();
        self.value = Some(value);
    }

    fn get(&self) -> Result<Option<&'a [u8]>, Reject> {
        if self.is_repeated { Err(Reject::RequestMalformed) } else { Ok(self.value) }
    }
}
