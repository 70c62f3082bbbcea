//! The module's entry point.
//!
//! While a host runs this, the only call it allows is the one that writes a log line.

use std::panic;

use crate::abi;

proxy_wasm::main! {{
    // The standard hook would write the message to standard error, with the path of the source
    // file on the machine that built the module, and a message can quote the bytes that a
    // conversion choked on. The file's name and the line are enough to find the place.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |location| {
            let file = location.file().rsplit(['/', '\\']).next().unwrap_or_default();
            format!(" at {file}:{}", location.line())
        });
        abi::log(
            abi::LogLevel::Critical,
            &format!("jwt-gate: internal error{place}: the host ends this VM; please report it"),
        );
    }));
    crate::start();
}}
