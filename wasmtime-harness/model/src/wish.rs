//! What filters asked for during a callback, in the order in which the proxy does it afterwards.

use std::mem;

use crate::{
    connection::Connection,
    context::{Context, Side, Stream},
    model::Model,
    outcome::Reply,
};

/// One thing to do now that the callback has returned.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Answer a stream.
    Reply(u32, Reply),
    /// Cut a stream off.
    Reset(u32),
    /// Let a stream go on.
    Resume(u32, Side),
    /// Go on reading from the client of a connection.
    Read(u32),
    /// Close a connection.
    Close(u32),
    /// Delete a root that has said that it is done.
    Delete(u32),
}

impl Model {
    /// Takes the next thing to do: in the order of contexts and, in each, a resumption before an
    /// answer before a reset.
    pub(crate) fn next_wish(&mut self) -> Option<Wish> {
        self.contexts.iter_mut().find_map(|(id, context)| match context {
            Context::Root(root) => mem::take(&mut root.finished).then_some(Wish::Delete(*id)),
            Context::Stream(stream) => of_stream(*id, stream),
            Context::Connection(connection) => of_connection(*id, connection),
        })
    }
}

fn of_stream(id: u32, stream: &mut Stream) -> Option<Wish> {
    let wishes = &mut stream.wishes;
    // Asked for before an answer or a reset, or not at all: see `Model::continue_stream`.
    if mem::take(&mut wishes.resume_request) {
        return Some(Wish::Resume(id, Side::Request));
    }
    if mem::take(&mut wishes.resume_response) {
        return Some(Wish::Resume(id, Side::Response));
    }
    if let Some(reply) = wishes.reply.take() {
        // It takes the place of all else that was asked for.
        *wishes = Default::default();
        return Some(Wish::Reply(id, reply));
    }
    mem::take(&mut wishes.reset).then(|| {
        *wishes = Default::default();
        Wish::Reset(id)
    })
}

fn of_connection(id: u32, connection: &mut Connection) -> Option<Wish> {
    if mem::take(&mut connection.resume) {
        return Some(Wish::Read(id));
    }
    mem::take(&mut connection.close).then_some(Wish::Close(id))
}
