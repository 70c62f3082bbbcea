//! What the stages behind the signature read of a token, and with what they compare it.

use crate::{
    claims::{numeric_date, scopes},
    forward::header_text,
    issuer::{Audiences, Types},
    tape::{Kind, Value},
    time::UnixTime,
};

use super::{
    Fact,
    facts::{Road, list},
    token::{found, shown},
    words,
};

impl Road<'_, '_> {
    pub(super) fn of_type(&self) -> Option<Vec<Fact>> {
        let (_, issuer) = self.issuer?;
        let found =
            self.typ.as_deref().map_or("nothing".to_owned(), |typ| format!("{:?}", shown(typ)));
        let wanted = issuer.types.0.join(" or ");
        let typ = self.typ.as_deref().map(Types::normalize);
        let holds = Some(issuer.types.allow(typ.as_deref()));
        Some(vec![Fact { subject: "typ".to_owned(), found, wanted, holds }])
    }

    pub(super) fn times(&self) -> Option<Vec<Fact>> {
        let (_, issuer) = self.issuer?;
        let claims = self.claims.as_ref()?;
        let skew = issuer.clock_skew;
        let now = (self.spell)(self.now);
        let mut facts =
            vec![Fact::read("now", format!("{now}, {}s of clock skew allowed", skew.as_secs()))];
        let mut date = |name: &str, wanted: &str, holds: &dyn Fn(UnixTime) -> bool| {
            let subject = name.to_owned();
            let wanted = wanted.to_owned();
            let date = numeric_date(claims, name);
            let (found, holds) = match date {
                Err(_) => (found(claims.get(name)), Some(false)),
                Ok(None) if name == "exp" => ("nothing".to_owned(), Some(false)),
                Ok(None) => return None,
                Ok(Some(date)) => {
                    let apart = apart(self.now, date);
                    (format!("{} ({apart})", (self.spell)(date)), Some(holds(date)))
                }
            };
            facts.push(Fact { subject, found, wanted, holds });
            date.ok().flatten()
        };
        let latest = self.now.later(skew);
        let expires = date("exp", "a time to come", &|exp| self.now.earlier(skew) < exp);
        date("nbf", "a time that has come", &|nbf| nbf <= latest);
        let issued = date("iat", "a time that has come", &|iat| iat <= latest);
        if let Some(longest) = issuer.max_lifetime {
            let holds = match (expires, issued) {
                (Some(expires), Some(issued)) => expires <= issued.later(longest),
                _ => false,
            };
            let found = match (expires, issued) {
                (Some(expires), Some(issued)) => format!("{}s", issued.until(expires).as_secs()),
                _ => "unknown".to_owned(),
            };
            let wanted = format!("at most {}s", longest.as_secs());
            facts.push(Fact { subject: "exp - iat".to_owned(), found, wanted, holds: Some(holds) });
        }
        Some(facts)
    }

    pub(super) fn audience(&self) -> Option<Vec<Fact>> {
        let (_, issuer) = self.issuer?;
        let claim = self.claims.as_ref()?.get("aud");
        let well_formed = match claim.map(Value::kind) {
            None | Some(Kind::String(_)) => true,
            Some(Kind::Array(mut names)) => names.all(|(_, name)| name.as_str().is_some()),
            Some(_) => false,
        };
        let (wanted, met) = match &issuer.audiences {
            Audiences::Any => ("any".to_owned(), true),
            Audiences::OneOf(ours) => {
                let is_ours = |name: Value<'_>| {
                    name.as_str().is_some_and(|name| ours.iter().any(|ours| ours == name))
                };
                let met = claim.is_some_and(|claim| match claim.kind() {
                    Kind::Array(mut names) => names.any(|(_, name)| is_ours(name)),
                    _ => is_ours(claim),
                });
                let ours: Vec<String> = ours.iter().map(|name| format!("{name:?}")).collect();
                (ours.join(" or "), met)
            }
        };
        let holds = Some(well_formed && met);
        Some(vec![Fact { subject: "aud".to_owned(), found: found(claim), wanted, holds }])
    }

    pub(super) fn binding(&self) -> Option<Vec<Fact>> {
        let claim = self.claims.as_ref()?.get("cnf")?;
        let wanted = "nothing: a bound token cannot be sent as plain Bearer";
        Some(vec![Fact::failed("cnf", words::value(&claim.to_json()), wanted)])
    }

    pub(super) fn forward(&self) -> Option<Vec<Fact>> {
        let claims = self.claims.as_ref()?;
        let mut facts = Vec::new();
        for forwarded in &self.policy.forward.claims {
            let value = forwarded.claim.find(claims);
            let found = found(value);
            let to = [
                forwarded.header.as_ref().map(|name| format!("the header {name}")),
                forwarded.filter_state.as_ref().map(|name| format!("the filter state {name}")),
            ];
            let wanted =
                format!("for {}", to.into_iter().flatten().collect::<Vec<_>>().join(" and "));
            let subject = words::claim(&forwarded.claim.0);
            let text = value.map(|value| header_text(value, &forwarded.separator));
            let holds = text.map(|text| text.is_ok());
            facts.push(Fact { subject, found, wanted, holds });
        }
        (!facts.is_empty()).then_some(facts)
    }

    pub(super) fn rule_issuers(&self) -> Option<Vec<Fact>> {
        let (rule, (_, issuer)) = (self.rule?, self.issuer?);
        if rule.issuers.is_empty() {
            return None;
        }
        let holds = Some(rule.issuers.contains(&issuer.name));
        let wanted = rule.issuers.join(" or ");
        let found = issuer.name.clone();
        Some(vec![Fact { subject: "issuer".to_owned(), found, wanted, holds }])
    }

    pub(super) fn scopes(&self) -> Option<Vec<Fact>> {
        let (rule, (_, issuer)) = (self.rule?, self.issuer?);
        let claims = self.claims.as_ref()?;
        if rule.scopes.is_empty() {
            return None;
        }
        let names = issuer.scope_claims.join(", ");
        let Ok(held) = scopes(claims, &issuer.scope_claims) else {
            let wanted = "a text or a list of texts";
            return Some(vec![Fact::failed(&names, "something else", wanted)]);
        };
        let has = |scope: &String| held.contain(claims, scope);
        let shown: Vec<String> = held.iter(claims).map(shown).collect();
        let mut facts = vec![Fact::read(&format!("held, by {names}"), list(&shown))];
        for scope in &rule.scopes.all {
            let found = if has(scope) { "held" } else { "missing" };
            let subject = format!("scope {scope}");
            let (found, wanted) = (found.to_owned(), "held".to_owned());
            facts.push(Fact { subject, found, wanted, holds: Some(has(scope)) });
        }
        if !rule.scopes.any.is_empty() {
            let any: Vec<String> =
                rule.scopes.any.iter().filter(|scope| has(scope)).cloned().collect();
            let wanted = format!("one of {}", rule.scopes.any.join(", "));
            let holds = Some(!any.is_empty());
            facts.push(Fact { subject: "any scope".to_owned(), found: list(&any), wanted, holds });
        }
        Some(facts)
    }

    /// Always there where a token was judged, if only to end the road.
    pub(super) fn conditions(&self) -> Option<Vec<Fact>> {
        let (rule, (_, path)) = (self.rule?, self.head.as_ref()?);
        let claims = self.claims.as_ref()?;
        let facts = rule.claims.iter().map(|condition| {
            let claim = condition.claim.find(claims);
            let holds =
                claim.is_some_and(|claim| condition.test.holds(claim, rule, self.request, path));
            Fact {
                subject: words::claim(&condition.claim.0),
                found: found(claim),
                wanted: words::condition(condition, rule),
                holds: Some(holds),
            }
        });
        Some(facts.collect())
    }
}

/// How far a time is away, to the second.
fn apart(now: UnixTime, date: UnixTime) -> String {
    let (ahead, by) = match date.since(now) {
        Some(by) => (true, by),
        None => (false, now.since(date).unwrap_or_default()),
    };
    let secs = by.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let mut rest = secs;
    let mut text = String::new();
    for (length, unit) in units {
        let (count, left) =
            (rest.checked_div(length).unwrap_or(0), rest.checked_rem(length).unwrap_or(0));
        if count > 0 {
            text.push_str(&format!("{}{count}{unit}", if text.is_empty() { "" } else { " " }));
        }
        rest = left;
    }
    match (text.is_empty(), ahead) {
        (true, _) => "now".to_owned(),
        (false, true) => format!("in {text}"),
        (false, false) => format!("{text} ago"),
    }
}
