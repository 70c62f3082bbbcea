//! What every test with a real proxy needs, whichever proxy it is: an [`Upstream`] that answers with
//! what it received, clients that send bytes exactly as they are written ([`http1`], [`http2`]), a
//! [`Process`] that ends with its value, a wall [`Clock`] in the test's hands, and README files whose
//! commands are run ([`readme`]).
//!
//! Everything listens on 127.0.0.1 on a free port; logs stay in `target/e2e/<test>/`, the [`Place`]
//! of a test.

mod clock;
mod echo;
mod place;
mod places;
mod process;
mod reply;

pub mod http1;
pub mod http2;
pub mod readme;
pub mod tokens;

pub use clock::Clock;
pub use echo::{Received, Upstream};
pub use place::{Place, free_ports};
pub use places::{checkout, module};
pub use process::Process;
pub use reply::Reply;
