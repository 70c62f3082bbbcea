//! What HAProxy asks.

use super::{
    data::{Data, Reader},
    frame::Malformed,
};

/// A value of a message and its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Argument<'a> {
    /// The name, empty if the configuration gives none.
    pub name: &'a [u8],
    /// The value.
    pub value: Data<'a>,
}

/// A message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message<'a> {
    /// Its name in HAProxy's configuration.
    pub name: &'a [u8],
    /// Its values in order.
    pub arguments: Vec<Argument<'a>>,
}

/// Reads the messages of a frame.
///
/// # Errors
///
/// One of them cannot be read.
pub fn messages(mut payload: Reader<'_>) -> Result<Vec<Message<'_>>, Malformed> {
    let mut messages = Vec::new();
    while !payload.is_empty() {
        let name = payload.string()?;
        let count = payload.byte()?;
        let mut arguments = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            arguments.push(Argument { name: payload.string()?, value: payload.data()? });
        }
        messages.push(Message { name, arguments });
    }
    Ok(messages)
}
