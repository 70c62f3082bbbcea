//! A server that writes down what it gets and answers as it is told.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use probe_corpus::{Message, Response};

use crate::wire::Wire;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Answers.
    Response(Response),
    /// Closes the connection.
    Reset,
    /// Holds the connection and says nothing.
    Silence,
}

/// Waits until the filter has had so many parts of the body of a response.
pub(crate) type Pace = Arc<dyn Fn(usize) + Send + Sync>;

/// The server; its threads end with the process.
#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    answers: Vec<Answer>,
    pace: Option<Pace>,
    got: Vec<Message>,
    busy: usize,
}

impl Server {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = Self { port: listener.local_addr()?.port(), shared: Arc::default() };
        let serving = server.clone();
        std::thread::Builder::new().name("upstream".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                // An error is a connection that Envoy has closed.
                std::thread::spawn(move || drop(server.serve(stream)));
            }
        })?;
        Ok(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the next requests are answered with; the last answer is for all later ones.
    pub(crate) fn expect(&self, answers: Vec<Answer>, pace: Option<Pace>) {
        let mut shared = self.shared();
        shared.answers = answers;
        shared.answers.reverse();
        shared.pace = pace;
    }

    /// The requests since the last time.
    pub(crate) fn take(&self) -> Vec<Message> {
        // What Envoy gave up on ends as soon as it closes the connection.
        for _ in 0..50 {
            if self.shared().busy == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        std::mem::take(&mut self.shared().got)
    }

    fn serve(&self, stream: TcpStream) -> Result<()> {
        let mut wire = Wire::new(stream.try_clone()?)?;
        while let Some(head) = wire.head(DAY)? {
            self.shared().busy += 1;
            let message = wire.rest(head, DAY, true);
            let complete = message.as_ref().is_ok_and(|message| message.complete);
            let (answer, pace) = {
                let mut shared = self.shared();
                shared.got.extend(message);
                shared.busy -= 1;
                let answer = match shared.answers.len() {
                    0 | 1 => shared.answers.first().cloned(),
                    _ => shared.answers.pop(),
                };
                (answer.unwrap_or(Answer::Reset), shared.pace.clone())
            };
            if !complete {
                break;
            }
            match answer {
                Answer::Response(response) => respond(&mut wire, &response, pace)?,
                Answer::Reset => break,
                Answer::Silence => drop(wire.message(DAY, true)?),
            }
        }
        drop(stream.shutdown(Shutdown::Both));
        Ok(())
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As long as a connection may be idle.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn respond(wire: &mut Wire, response: &Response, pace: Option<Pace>) -> Result<()> {
    let mut headers = response.headers.clone();
    let has_body = !response.body.is_empty() || !response.trailers.is_empty();
    let framing = if has_body { ("transfer-encoding", "chunked") } else { ("content-length", "0") };
    headers.push((framing.0.to_owned(), framing.1.to_owned()));
    wire.write_head(&format!("HTTP/1.1 {} Probe", response.status), &headers)?;
    if has_body {
        for (i, part) in response.body.iter().enumerate() {
            if let Some(pace) = &pace {
                pace(i);
            }
            wire.write_chunk(part)?;
        }
        if let Some(pace) = &pace {
            pace(response.body.len());
        }
        wire.write_end(&response.trailers)?;
    }
    Ok(())
}
