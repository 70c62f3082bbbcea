//! The stages for a host of WebAssembly, which tells the time.

use std::cell::RefCell;

use crate::{Stage, greeting, stages};

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static GREETING: RefCell<String> = const { RefCell::new(String::new()) };
    static STAGES: RefCell<Vec<Stage>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for so many bytes of input and gives its address.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn input(length: usize) -> *mut u8 {
    INPUT.with_borrow_mut(|input| {
        input.resize(length, 0);
        input.as_mut_ptr()
    })
}

/// Reads the input, and gives the length of the greeting in bytes.
///
/// # Panics
///
/// The input is not what it should be.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn prepare() -> usize {
    let input = INPUT.take();
    let input = serde_json::from_slice(&input).expect("the input is JSON of the right shape");
    STAGES.set(stages(input));
    GREETING.set(STAGES.with_borrow(|stages| greeting(stages)));
    GREETING.with_borrow(String::len)
}

/// Where the greeting is.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn greeting_address() -> *const u8 {
    GREETING.with_borrow(|greeting| greeting.as_ptr())
}

/// Runs a stage so many times.
///
/// # Panics
///
/// There is none of that number, or it has another outcome than it has to have.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn run(stage: usize, times: u32) {
    STAGES.with_borrow_mut(|stages| stages[stage].run(times));
}
