//! Stories: what becomes of a proxy whose keys are fetched, over hours and days of a virtual clock.
//!
//! A scenario shows one request; a story shows time. It is a function that plays on a [`Stage`]: a
//! proxy of several VMs under the model, an [`Issuer`] that changes its keys and has its troubles,
//! and clients. Whatever runs the filter can play it: see [`stories`].
//!
//! What holds in every story is checked by the stage: nobody waits without end, every fetch is the
//! request that the documentation promises, no part of a token is in a log line, who is refused for
//! want of keys is told when to come back. What a story fetches, it counts.

mod client;
mod issuer;
mod plays;
mod setting;
mod stage;

use proxy_host_model::Spawn;

pub use self::{
    client::Answer,
    issuer::{ISSUER, Issuer},
    plays::stories,
    setting::Setting,
    stage::{Fetch, Line, Stage},
};

/// One story.
#[derive(Debug)]
pub struct Story<S: Spawn> {
    /// Its name: what happens, in a few words.
    pub name: &'static str,
    /// Why it is told: the attack, the outage, the promise.
    pub why: &'static str,
    /// Whether a VM ends in it, which ends the process of a filter that runs natively.
    pub traps: bool,
    setting: fn() -> Setting,
    play: fn(&mut Stage<S>),
}

impl<S: Spawn> Story<S> {
    /// Plays the story, and gives a digest of all that passed between the proxy and the filter if
    /// the VMs are recorded.
    ///
    /// # Panics
    ///
    /// Something is not as the story expects it.
    pub fn play(&self, spawn: S) -> Vec<u8> {
        let mut stage = Stage::new(spawn, (self.setting)(), Issuer::of(&["rsa-1"]));
        (self.play)(&mut stage);
        stage.finish()
    }
}
