//! The HTTP calls that filters make, by a real client.

use std::{collections::BTreeMap, sync::mpsc::Sender};

use proxy_host_model::{HttpCall, Place};
use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};

use super::{
    client::{self, Failed, Origin},
    event::{Call, Event},
    log,
    message::Message,
};

/// The calls that are under way.
pub(crate) struct Callouts {
    /// Servers by the name of their cluster.
    clusters: BTreeMap<String, Origin>,
    /// Where calls are made.
    runtime: Handle,
    events: Sender<Event>,
    calls: BTreeMap<(Place, u32), (u64, AbortHandle)>,
    made: u64,
}

impl Callouts {
    /// No calls yet.
    pub(crate) fn new(
        clusters: BTreeMap<String, Origin>,
        runtime: Handle,
        events: Sender<Event>,
    ) -> Self {
        Self { clusters, runtime, events, calls: BTreeMap::new(), made: 0 }
    }

    /// Makes the calls of a VM that are new, and gives up those that it waits for no more.
    pub(crate) fn follow(&mut self, place: Place, waiting: &[HttpCall]) {
        self.calls.retain(|(other, token), (_, call)| {
            let known = *other != place || waiting.iter().any(|call| call.token == *token);
            if !known {
                call.abort();
            }
            known
        });
        for call in waiting {
            if !self.calls.contains_key(&(place, call.token)) {
                self.make(place, call);
            }
        }
    }

    /// Gives up all calls of a VM that has ended.
    pub(crate) fn forget(&mut self, place: Place) {
        self.follow(place, &[]);
    }

    /// Gives up all calls.
    pub(crate) fn stop(&mut self) {
        self.calls.values().for_each(|(_, call)| call.abort());
        self.calls.clear();
    }

    /// Ends a call that was answered; whether anybody waits for the answer.
    pub(crate) fn end(&mut self, call: Call) -> bool {
        let key = (call.place, call.token);
        let awaited = self.calls.get(&key).is_some_and(|(number, _)| *number == call.number);
        if awaited {
            self.calls.remove(&key);
        }
        awaited
    }

    fn make(&mut self, place: Place, call: &HttpCall) {
        self.made = self.made.saturating_add(1);
        let number = self.made;
        let told = Call { place, token: call.token, number };
        let message = Message {
            headers: call.headers.clone(),
            body: call.body.clone(),
            trailers: Some(call.trailers.clone()).filter(|trailers| !trailers.is_empty()),
        };
        let origin = self.clusters.get(&call.cluster).cloned();
        let (cluster, events) = (call.cluster.clone(), self.events.clone());
        let task = self.runtime.spawn(async move {
            let answer = match origin {
                Some(origin) => ask(&cluster, &origin, message).await,
                // The model knows the same clusters.
                None => None,
            };
            // An engine that has ended waits for nothing.
            let _ = events.send(Event::Answered(told, answer));
        });
        self.calls.insert((place, call.token), (number, task.abort_handle()));
    }
}

/// What a cluster answers, in Envoy's words if it does not; `None` if the answer breaks off.
async fn ask(cluster: &str, origin: &Origin, message: Message) -> Option<Message> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let asked = client::exchange(origin, message, |piece| {
        // The receiver is there until the end of this function.
        let _ = sender.send(piece);
    });
    match asked.await {
        Ok(()) => Message::collect(&mut receiver).await,
        Err(failed) => {
            log::line(format_args!("cluster {cluster}: {failed}"));
            match failed {
                Failed::Broken(_) => None,
                failed => Some(failed.answer()),
            }
        }
    }
}
