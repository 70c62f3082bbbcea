//! Lets nobody in who does not know the word.

#![allow(missing_docs, reason = "the SDK's `main!` makes a public function without a text")]

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| Box::new(Door));
}}

struct Door;

impl Context for Door {}

impl HttpContext for Door {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if self.get_http_request_header_bytes("x-word").as_deref() == Some(b"sesame") {
            self.set_http_request_header("x-word", None);
            return Action::Continue;
        }
        self.send_http_response(403, vec![("x-hint", "a plant")], Some(b"the door stays shut\n"));
        Action::Pause
    }
}
