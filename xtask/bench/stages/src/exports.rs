//! The same for a host of WebAssembly: it writes the input, prepares, and runs stages by number.

use std::cell::RefCell;

use crate::{Stage, stages};

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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

/// Reads the input and gives the number of stages.
///
/// # Panics
///
/// The input is not what it should be.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn prepare() -> usize {
    let prepared = INPUT.with_borrow(|input| {
        stages(&serde_json::from_slice(input).expect("the input is JSON of the right shape"))
    });
    STAGES.replace(prepared);
    STAGES.with_borrow(Vec::len)
}

/// Runs a stage so many times.
///
/// # Panics
///
/// There is none of that number.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn run(stage: usize, times: u32) {
    STAGES.with_borrow_mut(|stages| stages[stage].run(times));
}
