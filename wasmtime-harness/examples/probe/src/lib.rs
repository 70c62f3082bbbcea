//! A filter that makes the host calls it is told to make, in the callbacks it is told to make them
//! in, and logs what came of each: the same program in two hosts gives two transcripts to compare.
//!
//! The program is the VM configuration, a JSON object. Its keys are callbacks without `proxy_`,
//! such as `on_request_headers`; its values are lists of orders, which the module `calls` knows.
//! `on_tick 2` is for the second time in a context, `on_tick in 3` for the context 3, and
//! `on_tick 2 in 3` for both; the narrowest is taken.
//!
//! ```json
//! {
//!   "on_request_headers": [["get_header_map_value", 0, ":path"], ["return", 1]],
//!   "on_request_body": [["get_buffer_bytes", 0, 0, 100]]
//! }
//! ```
//!
//! Everything the filter logs by itself is at level critical and begins with `probe: `: a line
//! when a callback begins (`> on_tick(1)`), one for each order (`get_status() = OK 0 ""`), one when
//! it returns (`< 0`). Host functions are declared by hand and give plain numbers, so that no
//! status can end the VM.

mod abi;
mod arguments;
mod calls;
mod exports;
mod program;
mod text;
mod wasi;
