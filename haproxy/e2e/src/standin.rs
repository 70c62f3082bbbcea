//! A stand-in for the agent that answers as badly as a test wants.
//!
//! It speaks as much of SPOP 2.0 as HAProxy needs to hear (HAProxy's `doc/SPOE.txt`, section 3), by
//! code of its own: the agent's library would make well-formed frames only.

mod spop;

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::spop::{
    ACK, AGENT_DISCONNECT, AGENT_HELLO, Frame, HAPROXY_DISCONNECT, HAPROXY_HELLO, HAPROXY_NOTIFY,
    actions, encoded, goodbye, hello, send,
};
pub use self::spop::{MAX_FRAME, Value};

/// What the stand-in does with a message of HAProxy's.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Sets these variables of the transaction.
    Set(Vec<(String, Value)>),
    /// The same, after so long.
    Late(Duration, Vec<(String, Value)>),
    /// Nothing, ever.
    Silence,
    /// Ends the connection without a word.
    Close,
    /// Says goodbye, with this status, and ends the connection.
    Disconnect(u32),
    /// An acknowledgement with these bytes where its actions belong.
    Garbage(Vec<u8>),
    /// Bytes that are no frame.
    Raw(Vec<u8>),
    /// A frame that says it is so long, with less behind it.
    Unfinished(u32),
    /// An acknowledgement of another message, with these variables.
    OfAnother(Vec<(String, Value)>),
    /// The first bytes of an acknowledgement with these variables, and then the end.
    Cut(usize, Vec<(String, Value)>),
}

/// Variables to set.
#[must_use]
pub fn variables<V: Into<Value> + Clone>(list: &[(&str, V)]) -> Vec<(String, Value)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect()
}

/// A running stand-in on 127.0.0.1; it ends with this value.
pub struct StandIn {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
    stop: AtomicBool,
}

impl StandIn {
    /// Starts a stand-in on a port of 127.0.0.1; 0 is a free one.
    ///
    /// # Errors
    ///
    /// The port is taken.
    pub fn start(port: u16, answer: Answer) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).context("binding the stand-in")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            answer: Mutex::new(answer),
            asked: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = thread::Builder::new().name("stand-in".into()).spawn(move || {
            let mut open: Vec<TcpStream> = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.stop.load(Ordering::SeqCst) {
                    break;
                }
                open.extend(stream.try_clone());
                let shared = Arc::clone(&serving);
                thread::spawn(move || {
                    // A connection that ends in an error is one that HAProxy closed, or that the test
                    // wanted to end so.
                    drop(serve(&stream, &shared));
                    // There is a second handle on it.
                    drop(stream.shutdown(Shutdown::Both));
                });
            }
            for stream in open {
                drop(stream.shutdown(Shutdown::Both));
            }
        })?;
        Ok(Self { port, shared, thread: Some(thread) })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers so from now on.
    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// How many messages have come.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the loop up.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = stream;
    loop {
        let frame = Frame::read(&mut stream)?;
        match frame.kind {
            HAPROXY_HELLO => {
                let is_check = frame.payload.windows(11).any(|part| part == b"healthcheck");
                send(&mut stream, AGENT_HELLO, 0, 0, &hello())?;
                if is_check {
                    return Ok(());
                }
            }
            HAPROXY_NOTIFY => {
                shared.asked.fetch_add(1, Ordering::SeqCst);
                let answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if !reply(&mut stream, &frame, answer)? {
                    return Ok(());
                }
            }
            HAPROXY_DISCONNECT => return send(&mut stream, AGENT_DISCONNECT, 0, 0, &goodbye(0)),
            kind => bail!("found a frame of kind {kind}"),
        }
    }
}

/// Answers one message; false if that ends the connection.
fn reply(stream: &mut &TcpStream, frame: &Frame, answer: Answer) -> Result<bool> {
    let Frame { stream: of, number, .. } = *frame;
    match answer {
        Answer::Set(variables) => send(stream, ACK, of, number, &actions(&variables))?,
        Answer::Late(delay, variables) => {
            thread::sleep(delay);
            send(stream, ACK, of, number, &actions(&variables))?;
        }
        Answer::Silence => {}
        Answer::Close => return Ok(false),
        Answer::Disconnect(status) => {
            send(stream, AGENT_DISCONNECT, 0, 0, &goodbye(status))?;
            return Ok(false);
        }
        Answer::Garbage(bytes) => send(stream, ACK, of, number, &bytes)?,
        Answer::Raw(bytes) => stream.write_all(&bytes)?,
        Answer::Unfinished(length) => stream.write_all(&length.to_be_bytes())?,
        Answer::OfAnother(variables) => {
            send(stream, ACK, of + 1, number + 1, &actions(&variables))?;
        }
        Answer::Cut(bytes, variables) => {
            let whole = encoded(ACK, of, number, &actions(&variables));
            stream.write_all(&whole[..bytes.min(whole.len())])?;
            return Ok(false);
        }
    }
    Ok(true)
}
