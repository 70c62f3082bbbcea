//! A request as the proxy has it before the filter sees it.

use crate::{headers::Headers, properties::Properties};

/// One request, what the proxy knows about it, and what the upstream would answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The headers after the proxy's own parsing, pseudo headers first.
    pub headers: Headers,
    /// The body, in the parts in which it arrives.
    pub body: Vec<Vec<u8>>,
    /// The trailers; `None` if the request ends without.
    pub trailers: Option<Headers>,
    /// Whether more is to come than stands here: a test brings the rest step by step.
    pub open_ended: bool,
    /// Properties beside those that follow from the headers.
    pub properties: Properties,
    /// The upstream's response, used when the request gets there.
    pub response: Response,
}

impl Request {
    /// A request without a body whose answer would be an empty 200.
    #[must_use]
    pub fn new(headers: Headers) -> Self {
        Self {
            headers,
            body: Vec::new(),
            trailers: None,
            open_ended: false,
            properties: Properties::default(),
            response: Response::new(Headers::from_iter([(":status", "200")])),
        }
    }

    /// Sets a property, such as `["xds", "route_metadata"]`.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: &[u8]) -> Self {
        self.properties.set(path, value);
        self
    }

    /// Sets the body, in the parts in which it arrives.
    #[must_use]
    pub fn body<P: AsRef<[u8]>>(mut self, parts: impl IntoIterator<Item = P>) -> Self {
        self.body = owned(parts);
        self
    }

    /// Sets the trailers.
    #[must_use]
    pub fn trailers(mut self, trailers: Headers) -> Self {
        self.trailers = Some(trailers);
        self
    }

    /// Leaves the request's end to later steps; see [`Request::open_ended`].
    #[must_use]
    pub fn to_be_continued(mut self) -> Self {
        self.open_ended = true;
        self
    }

    /// Sets the upstream's response headers.
    #[must_use]
    pub fn response(mut self, headers: Headers) -> Self {
        self.response.headers = headers;
        self
    }

    /// Sets the upstream's response body, in the parts in which it arrives.
    #[must_use]
    pub fn response_body<P: AsRef<[u8]>>(mut self, parts: impl IntoIterator<Item = P>) -> Self {
        self.response.body = owned(parts);
        self
    }

    /// Sets the upstream's response trailers.
    #[must_use]
    pub fn response_trailers(mut self, trailers: Headers) -> Self {
        self.response.trailers = Some(trailers);
        self
    }

    /// Whether the headers are all there is.
    #[must_use]
    pub fn ends_with_headers(&self) -> bool {
        self.body.is_empty() && self.trailers.is_none() && !self.open_ended
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Request {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self::new(pairs.into_iter().collect())
    }
}

/// What an upstream answers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    /// The headers with `:status`.
    pub headers: Headers,
    /// The body, in the parts in which it arrives.
    pub body: Vec<Vec<u8>>,
    /// The trailers; `None` if the response ends without.
    pub trailers: Option<Headers>,
}

impl Response {
    /// A response that ends with its headers.
    #[must_use]
    pub fn new(headers: Headers) -> Self {
        Self { headers, body: Vec::new(), trailers: None }
    }

    /// Whether the headers are all there is.
    #[must_use]
    pub fn ends_with_headers(&self) -> bool {
        self.body.is_empty() && self.trailers.is_none()
    }
}

fn owned<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Vec<Vec<u8>> {
    parts.into_iter().map(|part| part.as_ref().to_vec()).collect()
}
