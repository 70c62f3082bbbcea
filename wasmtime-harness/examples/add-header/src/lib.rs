//! A proxy-wasm filter that adds headers, as its configuration says.
//!
//! Three habits of it are worth copying:
//!
//! - **A wrong configuration is refused** at the start, with a line in the log that says what is
//!   wrong, so that it is found before a request meets it.
//! - **A header is set, not added**: whoever sends a request can write any header, and the server
//!   behind the proxy should see ours.
//! - **Values are taken as bytes.** The SDK's getters for strings panic on a value that is not UTF-8,
//!   and a panic costs a proxy the whole VM, not one request.

#![allow(missing_docs, reason = "the SDK's `main!` makes a public function without a text")]

mod config;
mod stream;

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{ContextType, LogLevel},
};

use crate::{config::Config, stream::Stream};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// One configuration of the filter. An update makes a new one beside it in the same VM, so nothing
/// that depends on the configuration may live in a static.
#[derive(Default)]
struct Root {
    config: Rc<Config>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let document = self.get_plugin_configuration().unwrap_or_default();
        match Config::read(&document) {
            Ok(config) => {
                self.config = Rc::new(config);
                true
            }
            Err(problem) => {
                log::error!("add-header: configuration: {problem}");
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(Rc::clone(&self.config))))
    }
}
