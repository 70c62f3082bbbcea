//! The keys in force, shared by the requests that are judged by them and the root that renews them.

use std::cell::RefCell;

use jwt_gate_core::{
    CacheCounts, Command, Decision, Event, Followed, HostCrypto, Keeper, KeyRing, Outlook, Policy,
    Request, Status, TokenCache, Tools, UnixTime, decide_with,
};

/// The core's machine for the keys of one configuration, and the tokens that they verified.
///
/// Both are borrowed in here and nowhere else, and what runs meanwhile is code of the core. It makes
/// no host call but to have a signature checked; a host that calls back from within that finds the
/// keys readable, no known tokens, and a machine that does not move.
pub(crate) struct Keys {
    keeper: RefCell<Keeper>,
    /// Tokens that these keys verified.
    known: RefCell<TokenCache>,
    sources: Vec<Source>,
}

/// An issuer whose keys are fetched, and its names.
pub(crate) struct Source {
    /// The core's handle.
    pub(crate) followed: Followed,
    /// The name in the policy.
    pub(crate) name: String,
    /// The shared data that say who fetches and what was found.
    pub(crate) board_key: String,
    /// The shared data with the key set.
    pub(crate) set_key: String,
}

impl Keys {
    /// Begins with the keys that the document brings.
    pub(crate) fn new(policy: &Policy, keys: KeyRing) -> Self {
        let keeper = Keeper::new(policy, keys);
        let sources = keeper.followed().iter().map(|&followed| Source {
            followed,
            name: keeper.name(followed).to_owned(),
            board_key: keeper.board_key(followed).to_owned(),
            set_key: keeper.set_key(followed).to_owned(),
        });
        Self {
            sources: sources.collect(),
            known: RefCell::new(policy.token_cache()),
            keeper: RefCell::new(keeper),
        }
    }

    /// The issuers whose keys are fetched.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Decides a request by the keys of this moment.
    pub(crate) fn decide<'a>(
        &self,
        policy: &'a Policy,
        host: HostCrypto<'_>,
        request: &Request<'a>,
        now: UnixTime,
    ) -> Decision<'a> {
        let keeper = self.keeper.borrow();
        let decide =
            |cache| decide_with(policy, keeper.keys(), Tools { cache, host }, request, now);
        match self.known.try_borrow_mut() {
            Ok(mut known) => decide(&mut known),
            // A request in the midst of another one: see `Keys`.
            Err(_) => decide(&mut TokenCache::off()),
        }
    }

    /// How often a token was known so far, and how often not.
    pub(crate) fn cache_counts(&self) -> CacheCounts {
        self.known.try_borrow().map(|known| known.counts()).unwrap_or_default()
    }

    /// Whether new keys of an issuer are worth a wait.
    pub(crate) fn outlook(&self, followed: Followed, now: UnixTime) -> Outlook {
        self.keeper.borrow().outlook(followed, now)
    }

    /// How the keys of an issuer are.
    pub(crate) fn status(&self, followed: Followed, now: UnixTime) -> Status {
        self.keeper.borrow().status(followed, now)
    }

    /// Tells the machine what happened; gives what is to be done about it.
    ///
    /// What was known by keys that are withdrawn goes with them.
    pub(crate) fn handle(&self, followed: Followed, event: Event, now: UnixTime) -> Vec<Command> {
        // A tick in the midst of a request does nothing; another one comes.
        let Ok(mut keeper) = self.keeper.try_borrow_mut() else {
            return Vec::new();
        };
        let before = keeper.keys().installed();
        let commands = keeper.handle(followed, event, now);
        if keeper.keys().installed() != before
            && let Ok(mut known) = self.known.try_borrow_mut()
        {
            known.forget_withdrawn(keeper.keys());
        }
        commands
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two issuers whose keys are fetched.
    pub(crate) fn followed() -> [Followed; 2] {
        let issuer = |name| {
            format!(
                r#"{{ "name": "{name}", "issuer": "https://{name}.test/", "audiences": ["a"],
                     "algorithms": ["RS256"], "keys": {{ "remote": {{
                     "uri": "https://{name}.test/keys", "cluster": "{name}" }} }} }}"#
            )
        };
        let rules = r#"[{ "match": { "prefix": "/" }, "access": "token" }]"#;
        let document =
            format!(r#"{{ "issuers": [{}, {}], "rules": {rules} }}"#, issuer("one"), issuer("two"));
        let document = jwt_gate_core::Document::parse(document.as_bytes()).unwrap();
        let compiled = jwt_gate_core::compile(&document).unwrap();
        let keys = Keys::new(&compiled.policy, compiled.keys);
        let followed: Vec<Followed> = keys.sources().iter().map(|source| source.followed).collect();
        followed.try_into().unwrap()
    }
}
