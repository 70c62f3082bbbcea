//! One request and its response.

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use crate::config::Config;

/// One request and its response.
pub(crate) struct Stream {
    config: Rc<Config>,
}

impl Stream {
    pub(crate) fn new(config: Rc<Config>) -> Self {
        Self { config }
    }

    /// The request line as the log shows it: a query often holds what nobody else may read.
    fn request_line(&self) -> String {
        let header = |name| self.get_http_request_header_bytes(name).unwrap_or_default();
        let (method, path) = (header(":method"), header(":path"));
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        format!("{} {}", method.escape_ascii(), path.escape_ascii())
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        for (name, value) in &self.config.request {
            self.set_http_request_header(name, Some(value));
        }
        if let Some(property) = &self.config.property {
            let path = property.path.iter().map(String::as_str).collect();
            // Without the property the header goes: what is left would be the client's word.
            let value = self.get_property(path);
            self.set_http_request_header_bytes(&property.header, value.as_deref());
        }
        log::info!("add-header: {}", self.request_line());
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        for (name, value) in &self.config.response {
            self.set_http_response_header(name, Some(value));
        }
        Action::Continue
    }
}
