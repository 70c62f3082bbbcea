//! Lines for the person who runs the front.

use std::{
    fmt,
    io::{self, Write as _},
};

/// Writes a line to standard error; a closed one is nobody's fault.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
