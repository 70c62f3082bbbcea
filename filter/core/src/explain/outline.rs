//! What a policy says, in short.

use crate::{
    bearer::TokenSource,
    explain::words,
    issuer::{Audiences, IssuerId},
    key::KeyRing,
    policy::{Mode, Policy},
    refresh::usable_set,
    rule::{Access, Rule},
    time::UnixTime,
};

/// A compiled policy in the operator's terms.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outline {
    /// Whether refused requests go on (`mode: report`).
    pub reports: bool,
    /// Who may issue tokens.
    pub issuers: Vec<IssuerOutline>,
    /// Which requests need what, in order.
    pub rules: Vec<RuleOutline>,
}

/// One issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerOutline {
    /// Its label.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Whom its tokens may be meant for; empty for anybody.
    pub audiences: Vec<String>,
    /// What may have signed them.
    pub algorithms: Vec<&'static str>,
    /// The keys in force, one in words each.
    pub keys: Vec<String>,
    /// Where its keys are fetched; `None` if the document brings them.
    pub fetched: Option<String>,
}

/// One rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleOutline {
    /// Its label.
    pub name: String,
    /// Which requests it speaks for; `None` if only routes name it.
    pub requests: Option<String>,
    /// Whom it lets pass.
    pub access: String,
}

impl Policy {
    /// What the policy says, and with which keys.
    #[must_use]
    pub fn outline(&self, keys: &KeyRing, now: UnixTime) -> Outline {
        let issuers = self.issuers.iter().enumerate().map(|(place, issuer)| IssuerOutline {
            name: issuer.name.clone(),
            issuer: issuer.issuer.clone(),
            audiences: match &issuer.audiences {
                Audiences::Any => Vec::new(),
                Audiences::OneOf(names) => names.clone(),
            },
            algorithms: issuer.algorithms.iter().map(|algorithm| algorithm.name()).collect(),
            keys: keys.of(IssuerId(place), now).map_or_else(Vec::new, |set| {
                set.iter().map(|key| words::key(key.kid(), &key.description())).collect()
            }),
            fetched: issuer.source.as_ref().map(words::address),
        });
        let rules = self.rules.iter().map(|rule| RuleOutline {
            name: rule.name.clone(),
            requests: rule.matcher.as_ref().map(words::requests),
            access: access(rule),
        });
        Outline {
            reports: self.mode == Mode::Report,
            issuers: issuers.collect(),
            rules: rules.collect(),
        }
    }
}

impl Policy {
    /// Puts a token into a request, where this policy looks for one first.
    pub fn place_token(&self, token: &[u8], headers: &mut Vec<(Vec<u8>, Vec<u8>)>) {
        let with = |start: &[u8]| [start, token].concat();
        match self.sources.first() {
            None => headers.push((b"authorization".to_vec(), with(b"Bearer "))),
            Some(TokenSource::BearerHeader(name)) => {
                headers.push((name.clone().into_bytes(), with(b"Bearer ")));
            }
            Some(TokenSource::PlainHeader(name)) => {
                headers.push((name.clone().into_bytes(), token.to_vec()));
            }
            Some(TokenSource::Cookie(name)) => {
                headers.push((b"cookie".to_vec(), with(format!("{name}=").as_bytes())));
            }
            Some(TokenSource::Query(name)) => {
                let target = headers.iter_mut().find(|(known, _)| known == b":path");
                if let Some((_, target)) = target {
                    target.push(if target.contains(&b'?') { b'&' } else { b'?' });
                    target.extend_from_slice(&with(format!("{name}=").as_bytes()));
                }
            }
        }
    }
}

impl KeyRing {
    /// Puts the key set that an issuer publishes in force, as if it had been fetched; gives the
    /// numbers of keys taken and of entries passed over.
    ///
    /// # Errors
    ///
    /// No issuer of this name fetches its keys, or the set is of no use.
    pub fn bring(
        &mut self,
        policy: &Policy,
        issuer: &str,
        set: &[u8],
    ) -> Result<(usize, usize), String> {
        let mut fetching =
            policy.issuers.iter().enumerate().filter(|(_, one)| one.source.is_some());
        let Some((place, issuer)) = fetching.find(|(_, one)| one.name == issuer) else {
            return Err(format!("no issuer {issuer:?} whose keys are fetched"));
        };
        let (set, skipped) = usable_set(set, &issuer.algorithms)?;
        let taken = set.len();
        self.install(IssuerId(place), set, None);
        Ok((taken, skipped))
    }
}

fn access(rule: &Rule) -> String {
    let mut parts = Vec::new();
    match rule.access {
        Access::Public => return "public".to_owned(),
        Access::Deny => return "deny".to_owned(),
        Access::Optional => return "optional token".to_owned(),
        Access::Token => parts.push("token".to_owned()),
    }
    if !rule.issuers.is_empty() {
        parts.push(format!("of {}", rule.issuers.join(" or ")));
    }
    if !rule.scopes.all.is_empty() {
        parts.push(format!("scopes {}", rule.scopes.all.join(" and ")));
    }
    if !rule.scopes.any.is_empty() {
        parts.push(format!("one of the scopes {}", rule.scopes.any.join(", ")));
    }
    for condition in &rule.claims {
        let claim = words::claim(&condition.claim.0);
        parts.push(format!("{claim}: {}", words::condition(condition, rule)));
    }
    parts.join("; ")
}
