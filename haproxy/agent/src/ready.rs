//! A VM on its way into service: it fetches the keys that its policy wants first.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time};
use wasmtime_harness::live::{Callouts, Network};

use crate::engine::Engine;

/// How long the calls may take that a VM makes at its beginning. An issuer that does not answer holds
/// up no policy for longer; requests wait for its keys, or are refused.
const PATIENCE: Duration = Duration::from_secs(5);

/// Drives a VM until it waits for no call any more.
pub(crate) async fn wait(mut engine: Engine, network: Arc<Network>) -> Engine {
    let (sender, mut answers) = mpsc::unbounded_channel();
    let mut callouts = Callouts::new(network, move |call, answer| {
        // Nobody waits any more.
        let _ = sender.send((call, answer));
    });
    let number = engine.number();
    let driven = async {
        loop {
            let waits = engine.calls(|calls| {
                callouts.follow(number, calls);
                !calls.is_empty()
            });
            if !waits || engine.has_ended() {
                return;
            }
            let due = engine.due_in().unwrap_or(PATIENCE);
            // It holds no requests, so none are answered.
            tokio::select! {
                Some((call, answer)) = answers.recv() => {
                    if callouts.end(call) {
                        engine.answer(call.token, answer);
                    }
                }
                () = time::sleep(due) => drop(engine.tick()),
            }
        }
    };
    // Whatever is under way by then, the thread that gets the VM asks for anew.
    let _ = time::timeout(PATIENCE, driven).await;
    callouts.stop();
    engine
}
