//! SPOP, the protocol between HAProxy and an agent (HAProxy `doc/SPOE.txt`, section 3).
//!
//! Written here and not taken from the crate `spop` (0.13): that one reads strings lossily, so that
//! a path that is no UTF-8 would be judged as another than the one that goes on, and its codec ends
//! the connection, with all streams on it, at the first message that it cannot read. Bytes stay
//! bytes here, and what is wrong with one frame is told of that frame alone.

mod data;
mod frame;
mod hello;
mod notify;
mod varint;
mod write;

pub use data::{Data, Reader};
pub use frame::{FRAME_MIN, Flags, Frame, Kind, Malformed, body_length};
pub use hello::{Disconnect, Hello, Status, VERSION};
pub use notify::{Argument, Message, messages};
pub use varint::put_varint;
pub use write::{Ack, Scope, Value, agent_disconnect, agent_hello, frame};
