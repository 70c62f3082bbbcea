//! What the machine asks of the host.

use std::time::Duration;

use super::Notice;

/// Something to be done at once and in order; what comes of it is the next event.
///
/// Of the commands that one event brings about, only the last is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Read the value of [`Keeper::board_key`](super::Keeper::board_key) from the shared data; answered by
    /// [`Event::Board`](super::Event::Board).
    ReadBoard,
    /// Write it; answered by [`Event::Written`](super::Event::Written).
    WriteBoard {
        /// The new value.
        value: Vec<u8>,
        /// The CAS number of the value that it replaces; `None` if there must be none.
        cas: Option<u32>,
    },
    /// Read the value of [`Keeper::set_key`](super::Keeper::set_key); answered by
    /// [`Event::Set`](super::Event::Set).
    ReadSet,
    /// Write it, whatever is there; nothing comes back.
    WriteSet(Vec<u8>),
    /// Send this request; answered by [`Event::Answer`](super::Event::Answer), at once if it
    /// cannot be sent. It takes the place of an earlier one for this issuer, whose answer is to
    /// be thrown away if it comes after all.
    Fetch(Fetch),
    /// Decide the requests that wait for this issuer again. One that is still open goes on waiting
    /// only if the outlook is [`Pending`](super::Outlook::Pending) and it is wanted anew: what came
    /// may have been under way before the request.
    Wake,
    /// Tell the operator.
    Report(Notice),
}

/// A GET request of the machine's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fetch {
    /// Where the host sends it.
    pub cluster: String,
    /// Its headers, pseudo-headers first.
    pub headers: Vec<(String, String)>,
    /// How long the host waits.
    pub timeout: Duration,
    /// The longest body that is taken, in bytes.
    pub max_bytes: usize,
}
