//! A policy in the making.

use serde_json::Value;

use super::requests::Requests;

/// A policy as far as it is known; what is not known is left open, and marked in the output.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) issuers: Vec<Issuer>,
    /// Where tokens are looked for; empty for the default.
    pub(super) places: Vec<Place>,
    /// Whether the token goes on.
    pub(super) forward_token: bool,
    pub(super) rules: Vec<Rule>,
    /// A header for the payload.
    pub(super) payload: Option<String>,
    pub(super) claims: Vec<Forwarded>,
    pub(super) remove_headers: Vec<String>,
    pub(super) allow_preflight: bool,
    /// A reply body: media type and template.
    pub(super) body: Option<(String, String)>,
    /// Whether callers are told which check failed.
    pub(super) detail: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Issuer {
    pub(super) name: String,
    /// The `iss`; `None` if the source does not say.
    pub(super) issuer: Option<String>,
    /// `None`: any.
    pub(super) audiences: Option<Vec<String>>,
    pub(super) algorithms: Vec<String>,
    pub(super) keys: Keys,
    pub(super) types: Vec<String>,
    /// In seconds; `None` for the default.
    pub(super) clock_skew: Option<u64>,
    /// In seconds.
    pub(super) max_lifetime: Option<u64>,
    pub(super) comments: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Keys {
    /// PEM blocks.
    Pem(String),
    /// A key set.
    Set(Value),
    /// Where a key set is fetched.
    Remote(Remote),
    /// Not to be had here; what it is and where it stands.
    Missing(String),
    #[default]
    None,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Remote {
    pub(super) uri: String,
    pub(super) cluster: String,
    /// In seconds.
    pub(super) refresh: Option<u64>,
    /// In milliseconds.
    pub(super) timeout: Option<u64>,
}

/// A place where tokens stand.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Place {
    /// A header, and whether the scheme `Bearer` stands before the token.
    Header(String, bool),
    Cookie(String),
    Query(String),
}

impl Place {
    /// Where tokens stand if nothing else is said.
    pub(super) fn usual() -> Self {
        Self::Header("authorization".to_owned(), true)
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Forwarded {
    pub(super) claim: Vec<String>,
    pub(super) header: String,
}

/// A rule; its comments say which lines it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) requests: Requests,
    pub(super) asks: Asks,
    pub(super) comments: Vec<String>,
    /// Whether it is only a comment itself: the source does so, and it is not safe.
    pub(super) left_out: bool,
}

impl Rule {
    pub(super) fn new(requests: Requests, asks: Asks, comments: Vec<String>) -> Self {
        Self { requests, asks, comments, left_out: false }
    }

    /// One that lets requests pass of which the source says nothing.
    pub(super) fn opens(requests: Requests, proxy: &str) -> Self {
        let comment =
            format!("{proxy} lets these requests pass without a token. If that is meant, say so:");
        Self { requests, asks: Asks::Public, comments: vec![comment], left_out: true }
    }
}

/// What is asked of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asks {
    Public,
    Deny,
    Optional,
    Token(Wanted),
}

/// What is asked of a token.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// Names of issuers; empty: all.
    pub(super) issuers: Vec<String>,
    pub(super) all: Vec<String>,
    pub(super) any: Vec<String>,
    pub(super) claims: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) claim: Vec<String>,
    pub(super) test: Test,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    OneOf(Vec<Value>),
    Contains(Value),
    Present,
}

impl Wanted {
    /// Adds what another asks; whether both together can be said in one rule.
    #[must_use]
    pub(super) fn and(&mut self, other: &Self) -> bool {
        if !other.issuers.is_empty() {
            if self.issuers.is_empty() {
                self.issuers.clone_from(&other.issuers);
            } else {
                self.issuers.retain(|name| other.issuers.contains(name));
                if self.issuers.is_empty() {
                    return false;
                }
            }
        }
        for scope in &other.all {
            if !self.all.contains(scope) {
                self.all.push(scope.clone());
            }
        }
        for condition in &other.claims {
            if !self.claims.contains(condition) {
                self.claims.push(condition.clone());
            }
        }
        let met = |any: &[String], all: &[String]| any.iter().any(|scope| all.contains(scope));
        if !other.any.is_empty() && self.any != other.any && !met(&other.any, &self.all) {
            if !self.any.is_empty() && !met(&self.any, &self.all) {
                return false;
            }
            self.any.clone_from(&other.any);
        }
        true
    }

    /// What asks for either; `None` if that cannot be said in one rule.
    pub(super) fn or(&self, other: &Self) -> Option<Self> {
        if self == other || *self == Self::default() {
            return Some(self.clone());
        }
        if *other == Self::default() {
            return Some(other.clone());
        }
        let only_issuers =
            |one: &Self| Self { issuers: Vec::new(), ..one.clone() } == Self::default();
        if only_issuers(self) && only_issuers(other) {
            let mut issuers = self.issuers.clone();
            issuers
                .extend(other.issuers.iter().filter(|name| !self.issuers.contains(name)).cloned());
            return Some(Self { issuers, ..Self::default() });
        }
        if self.issuers != other.issuers {
            return None;
        }
        let scopes =
            |one: &Self| match (one.all.as_slice(), one.any.as_slice(), one.claims.is_empty()) {
                ([scope], [], true) => Some(vec![scope.clone()]),
                ([], [_, ..], true) => Some(one.any.clone()),
                _ => None,
            };
        if let (Some(mut any), Some(others)) = (scopes(self), scopes(other)) {
            any.extend(others.into_iter().filter(|scope| !self.any.contains(scope)));
            any.sort();
            any.dedup();
            return Some(Self { issuers: self.issuers.clone(), any, ..Self::default() });
        }
        let is_bare = |one: &Self| one.all.is_empty() && one.any.is_empty();
        match (self.claims.as_slice(), other.claims.as_slice()) {
            ([one], [two]) if is_bare(self) && is_bare(other) && one.claim == two.claim => {
                let (Test::OneOf(values), Test::OneOf(more)) = (&one.test, &two.test) else {
                    return None;
                };
                let mut values = values.clone();
                values.extend(
                    more.iter()
                        .filter(|value| !values.contains(value))
                        .cloned()
                        .collect::<Vec<_>>(),
                );
                let test = Test::OneOf(values);
                let claims = vec![Condition { claim: one.claim.clone(), test }];
                Some(Self { issuers: self.issuers.clone(), claims, ..Self::default() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(scopes: &[&str]) -> Wanted {
        let all = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Wanted { all, ..Wanted::default() }
    }

    fn any(scopes: &[&str]) -> Wanted {
        Wanted { any: all(scopes).all, ..Wanted::default() }
    }

    #[test]
    fn what_one_rule_can_say_is_joined() {
        let mut both = all(&["a"]);
        assert!(both.and(&all(&["b"])) && both == all(&["a", "b"]));
        assert!(both.and(&any(&["a", "c"])), "one of them is asked for anyway");
        assert_eq!(both, all(&["a", "b"]));
        let mut either = any(&["a", "b"]);
        assert!(!either.and(&any(&["c", "d"])), "a rule has one list of which any will do");

        assert_eq!(all(&["a"]).or(&all(&["b"])), Some(any(&["a", "b"])));
        assert_eq!(any(&["a"]).or(&Wanted::default()), Some(Wanted::default()));
        assert_eq!(all(&["a", "b"]).or(&all(&["c"])), None);
    }
}
