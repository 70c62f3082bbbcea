//! The program that a VM carries out.

use std::{cell::RefCell, collections::BTreeMap};

use serde_json::Value;

use crate::{
    abi::{self, UNTOUCHED},
    arguments::Saved,
    calls, exports, text,
};

/// The number of the buffer that holds the VM configuration.
const VM_CONFIGURATION: u32 = 6;
/// The level at which the transcript is logged.
const CRITICAL: u32 = 5;

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

#[derive(Default)]
struct State {
    program: Option<Value>,
    /// How often a callback has come in a context.
    times: BTreeMap<(&'static str, u32), u32>,
    saved: Saved,
}

/// Carries out what the program says for a callback, and gives the answer to the host.
///
/// `otherwise` is the answer when the program has none.
pub(crate) fn run(callback: &'static str, arguments: &[u32], otherwise: u32) -> u32 {
    // Taken out, not borrowed: a host may call one callback while it is in another.
    let mut state = STATE.take();
    if state.program.is_none() {
        state.program = Some(load());
    }
    let shown: Vec<String> = arguments.iter().map(u32::to_string).collect();
    say(&format!("> {callback}({})", shown.join(", ")));

    let context = arguments.first().copied().unwrap_or_default();
    let times = state.times.entry((callback, context)).or_default();
    *times = times.saturating_add(1);
    let program = state.program.clone().unwrap_or_default();
    let keys = [
        format!("{callback} {times} in {context}"),
        format!("{callback} in {context}"),
        format!("{callback} {times}"),
        callback.to_owned(),
    ];
    let orders = keys.iter().find_map(|key| program.get(key));
    let mut answer = otherwise;
    for order in orders.and_then(Value::as_array).into_iter().flatten() {
        match calls::carry_out(order, &mut state.saved) {
            Ok(calls::Done::Called(line)) => say(&line),
            Ok(calls::Done::Returns(number)) => {
                answer = number;
                break;
            }
            Err(problem) => say(&format!("bad order {order}: {problem}")),
        }
    }
    STATE.set(state);
    say(&format!("< {answer}"));
    answer
}

/// Logs a line of the transcript.
pub(crate) fn say(line: &str) {
    let line = format!("probe: {line}");
    // SAFETY: the pointer and the length are those of a text that outlives the call.
    unsafe { abi::proxy_log(CRITICAL, line.as_ptr(), line.len()) };
}

fn load() -> Value {
    let (mut at, mut size) = (0, 0);
    // SAFETY: both pointers are those of local numbers.
    let status = unsafe {
        abi::proxy_get_buffer_bytes(VM_CONFIGURATION, 0, UNTOUCHED, &raw mut at, &raw mut size)
    };
    let bytes = exports::take(at, size);
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        let status = text::status(status);
        say(&format!("bad program, {status}, {error}: {}", text::bytes(&bytes)));
        Value::Null
    })
}
