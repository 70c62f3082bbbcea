//! The keys in force, shared by the requests that are judged by them and the root that renews them.

use std::cell::RefCell;

use jwt_gate_core::{
    CacheCounts, Command, Decision, Event, Followed, Keeper, KeyRing, Outlook, Policy, Request,
    Status, TokenCache, UnixTime,
};

/// The core's machine for the keys of one configuration, and the tokens that they verified.
///
/// Both are borrowed in here and nowhere else, and what runs meanwhile is code of the core, which makes
/// no host call: so no two borrows can meet, however a host nests its callbacks.
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
        request: &Request<'a>,
        now: UnixTime,
    ) -> Decision<'a> {
        let (keeper, mut known) = (self.keeper.borrow(), self.known.borrow_mut());
        jwt_gate_core::decide_cached(policy, keeper.keys(), &mut known, request, now)
    }

    /// How often a token was known so far, and how often not.
    pub(crate) fn cache_counts(&self) -> CacheCounts {
        self.known.borrow().counts()
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
    pub(crate) fn handle(&self, followed: Followed, event: Event, now: UnixTime) -> Vec<Command> {
        self.keeper.borrow_mut().handle(followed, event, now)
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
