//! A socket of HAProxy's.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{mpsc, watch},
    time,
};

use crate::{
    session::{End, Session},
    spop::{Status, agent_disconnect},
    worker::Shared,
};

/// How long HAProxy may take to begin, and to read what it is told.
const PATIENCE: Duration = Duration::from_secs(10);
/// The bytes that are read at once.
const READ: usize = 64 * 1024;

/// Serves one connection to its end.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    worker: Shared,
    max_frame_size: u32,
    mut stop: watch::Receiver<bool>,
) {
    let (to, mut answers) = mpsc::unbounded_channel();
    let counters = worker.borrow().counters();
    counters.connected();
    let mut session = Session::new(max_frame_size);
    let mut input = Vec::with_capacity(READ);
    let mut out = Vec::new();
    // Answers that are to come.
    let mut open = 0_usize;
    let end = loop {
        let (taken, went) = session.take(&input, &mut out, &counters, |request, ids| {
            let answer = worker.borrow_mut().ask(request, ids, &to);
            if answer.is_none() {
                open = open.saturating_add(1);
            }
            answer
        });
        input.drain(..taken);
        if !out.is_empty() && write(&mut socket, &mut out).await.is_err() {
            break None;
        }
        if let Err(end) = went {
            break Some(end);
        }
        if *stop.borrow() && open == 0 {
            // What HAProxy has sent by now is answered yet.
            input.reserve(READ);
            let unread = time::timeout(Duration::ZERO, socket.read_buf(&mut input)).await;
            if matches!(unread, Ok(Ok(1..))) {
                continue;
            }
            agent_disconnect(&mut out, Status::Normal);
            let _ = write(&mut socket, &mut out).await;
            break Some(End::Normal);
        }
        input.reserve(READ);
        let greeted = session.greeted();
        tokio::select! {
            Some((ids, answer)) = answers.recv() => {
                open = open.saturating_sub(1);
                answer.ack(session.max_frame_size()).write(&mut out, ids);
                while let Ok((ids, answer)) = answers.try_recv() {
                    open = open.saturating_sub(1);
                    answer.ack(session.max_frame_size()).write(&mut out, ids);
                }
            }
            read = socket.read_buf(&mut input) => match read {
                Ok(0) | Err(_) => break None,
                Ok(_) => {}
            },
            _ = stop.changed() => {}
            () = time::sleep(PATIENCE), if !greeted => break None,
        }
    };
    if let Some(End::Broken(status)) = end {
        counters.broken_frame();
        tracing::warn!("a connection is ended: {status}");
    }
    worker.borrow_mut().forget(&to);
    // Until HAProxy has read the last frame: a socket that is closed with unread bytes in it is reset.
    if end.is_some() {
        let _ = socket.shutdown().await;
        let rest = async {
            while socket.read_buf(&mut input).await.is_ok_and(|n| n > 0) {
                input.clear()
            }
        };
        let _ = time::timeout(Duration::from_millis(500), rest).await;
    }
}

async fn write(socket: &mut (impl AsyncWrite + Unpin), out: &mut Vec<u8>) -> io::Result<()> {
    let written = time::timeout(PATIENCE, socket.write_all(out)).await;
    out.clear();
    written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
