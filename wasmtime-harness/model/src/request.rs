//! A request as the proxy has it before the filter sees it.

use crate::{headers::Headers, properties::Properties};

/// One request, what the proxy knows about it, and what the upstream would answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The headers after the proxy's own parsing, pseudo headers first.
    pub headers: Headers,
    /// Whether the headers are all there is.
    pub end_of_stream: bool,
    /// Properties beside those that follow from the headers.
    pub properties: Properties,
    /// The upstream's response headers, used when the request gets there.
    pub response: Headers,
}

impl Request {
    /// A request without a body whose answer would be an empty 200.
    #[must_use]
    pub fn new(headers: Headers) -> Self {
        Self {
            headers,
            end_of_stream: true,
            properties: Properties::default(),
            response: Headers::from_iter([(":status", "200")]),
        }
    }

    /// Sets a property, such as `["xds", "route_metadata"]`.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: &[u8]) -> Self {
        self.properties.set(path, value);
        self
    }

    /// Sets the upstream's response headers.
    #[must_use]
    pub fn response(mut self, headers: Headers) -> Self {
        self.response = headers;
        self
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Request {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self::new(pairs.into_iter().collect())
    }
}
