//! A request as the host tells it.

use crate::{host, reject::Reject, rule::RouteRule};

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
    pub(crate) host: Option<String>,
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
        self.raw_values(name).map(<[u8]>::trim_ascii)
    }

    fn raw_values(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// Method, path and host.
    ///
    /// # Errors
    ///
    /// [`Reject::RequestMalformed`] if there is not exactly one method and one path, or if the host
    /// cannot be one: whatever sits behind might pick another of the two than a rule did.
    pub(crate) fn head(&self) -> Result<Head<'a>, Reject> {
        let host = match self.at_most_one(b":authority")? {
            Some(authority) => Some(authority),
            None => self.at_most_one(b"host")?,
        };
        Ok(Head {
            method: self.at_most_one(b":method")?.ok_or(Reject::RequestMalformed)?,
            target: self.at_most_one(b":path")?.ok_or(Reject::RequestMalformed)?,
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

    /// As it came: blanks around a pseudo-header are not optional, they do not belong there.
    fn at_most_one(&self, name: &[u8]) -> Result<Option<&'a [u8]>, Reject> {
        let mut values = self.raw_values(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Reject::RequestMalformed),
        }
    }
}
