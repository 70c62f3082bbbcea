//! What the stages up to the signature read of a token.

use crate::{
    algorithm::Algorithm,
    base64url,
    json::Limits,
    jws::{Header, Unverified},
    reject::Reject,
    tape::{Kind, Tape, Value},
};

use super::{
    Fact,
    facts::{Road, list},
    words,
};

impl<'a> Road<'a, '_> {
    pub(super) fn parse(&mut self) -> Option<Vec<Fact>> {
        let bearer = self.bearer.as_ref()?;
        let longest = self.policy.token_bytes;
        let parsed = Unverified::parse(bearer, longest, |_| None);
        if let Err(Reject::TokenTooLarge) = parsed {
            let found = format!("{} bytes", bearer.token.len());
            return Some(vec![Fact::failed("length", found, format!("at most {longest} bytes"))]);
        }
        let parts: Vec<&[u8]> = bearer.token.split(|byte| *byte == b'.').collect();
        let mut facts = Vec::new();
        if parts.len() != 3 || parts.iter().any(|part| part.is_empty()) {
            let found = format!("{} parts between dots", parts.len());
            facts.push(Fact::failed("form", found, "three parts, none of them empty"));
        }
        let object = |place: usize| parts.get(place).and_then(|part| read(part));
        let (header, payload) = (object(0), object(1));
        for (name, part) in [("header", &header), ("payload", &payload)] {
            match part.as_ref().and_then(Tape::root).map(Value::kind) {
                Some(Kind::Object(members)) => facts.extend(members.map(|(name_of, value)| {
                    Fact::read(
                        &format!("{name} {}", words::text(name_of.as_bytes())),
                        words::value(&value.to_json()),
                    )
                })),
                _ if facts.iter().all(|fact| fact.holds.is_none()) => {
                    let wanted = "base64url without padding, of a JSON object with each name once";
                    facts.push(Fact::failed(name, "not so", wanted));
                }
                _ => {}
            }
        }
        let text = |name: &str| header.as_ref()?.get(name)?.as_str().map(str::to_owned);
        match parsed {
            Ok(_) => {
                self.typ = text("typ");
                self.claims = payload;
            }
            Err(Reject::CriticalUnsupported) => {
                facts.push(Fact::failed(
                    "header crit",
                    "there",
                    "no extension, as none is understood",
                ));
            }
            Err(Reject::AlgorithmNotAllowed) => {
                let found = text("alg").unwrap_or_default();
                let known: Vec<_> = Algorithm::ALL.iter().map(|known| known.name()).collect();
                let found = words::text(found.as_bytes());
                facts.push(Fact::failed(
                    "header alg",
                    found,
                    format!("one of {}", known.join(", ")),
                ));
            }
            Err(_) if facts.iter().all(|fact| fact.holds.is_none()) => {
                let wanted = "texts in `alg`, `kid` and `typ`, and a signature in base64url";
                facts.push(Fact::failed("form", "not so", wanted));
            }
            Err(_) => {}
        }
        Some(facts)
    }

    pub(super) fn find_issuer(&mut self) -> Option<Vec<Fact>> {
        let claim = self.claims.as_ref()?.get("iss");
        let known: Vec<String> =
            self.policy.issuers.iter().map(|issuer| format!("{:?}", issuer.issuer)).collect();
        let mut fact = Fact::held("iss", found(claim), known.join(" or "));
        let named =
            claim.and_then(Value::as_str).and_then(|name| self.policy.issuer_named(name).ok());
        match named {
            Some((id, issuer)) => {
                fact.found.push_str(&format!(", which is {}", issuer.name));
                self.issuer = Some((id, issuer));
            }
            None => fact.holds = Some(false),
        }
        Some(vec![fact])
    }

    fn unverified(&self) -> Option<Unverified<'a>> {
        Unverified::parse(self.bearer.as_ref()?, self.policy.token_bytes, |_| None).ok()
    }

    pub(super) fn algorithm(&self) -> Option<Vec<Fact>> {
        let (_, issuer) = self.issuer?;
        let algorithm = self.unverified()?.header.algorithm;
        let listed: Vec<_> = issuer.algorithms.iter().map(|listed| listed.name()).collect();
        let holds = Some(issuer.algorithms.contains(&algorithm));
        let wanted = listed.join(" or ");
        let found = algorithm.name().to_owned();
        Some(vec![Fact { subject: "alg".to_owned(), found, wanted, holds }])
    }

    pub(super) fn find_keys(&self) -> Option<Vec<Fact>> {
        let (id, issuer) = self.issuer?;
        let unverified = self.unverified()?;
        let Header { algorithm, kid, .. } = &*unverified.header;
        let (algorithm, kid) = (*algorithm, kid.as_deref());
        let mut facts = Vec::new();
        let asked = match kid {
            Some(kid) => format!("kid {:?} and {}", shown(kid), algorithm.name()),
            None => format!("no kid, and {}", algorithm.name()),
        };
        if let Some(source) = &issuer.source {
            facts.push(Fact::read("fetched from", words::address(source)));
        }
        let Some(set) = self.keys.of(id, self.now) else {
            // Something else can be wrong with it that no key would heal, and is told then.
            let holds = (self.reject == Some(Reject::KeysUnavailable)).then_some(false);
            let (found, wanted) = ("no keys yet".to_owned(), format!("a key for {asked}"));
            facts.push(Fact { subject: "keys".to_owned(), found, wanted, holds });
            return Some(facts);
        };
        let fitting = set.candidates(kid, algorithm).count();
        let all: Vec<String> =
            set.iter().map(|key| words::key(key.kid(), &key.description())).collect();
        let found = format!("{fitting} that fit, of {}", list(&all));
        let holds = Some(fitting > 0);
        let wanted = format!("a key for {asked}");
        facts.push(Fact { subject: "keys".to_owned(), found, wanted, holds });
        Some(facts)
    }

    pub(super) fn signature(&self) -> Option<Vec<Fact>> {
        let (id, _) = self.issuer?;
        let unverified = self.unverified()?;
        let Some(set) = self.keys.of(id, self.now) else {
            let found = "not checked: no key would save this token";
            return Some(vec![Fact::read("signature", found)]);
        };
        let (algorithm, signature) = (unverified.header.algorithm, &unverified.signature);
        let mut facts = Vec::new();
        for key in set.candidates(unverified.header.kid.as_deref(), algorithm) {
            let good = key.verifies(algorithm, unverified.signed, signature);
            let found = if good { "made it" } else { "did not make it" };
            let subject = words::key(key.kid(), &key.description());
            facts.push(Fact {
                subject,
                found: found.to_owned(),
                wanted: String::new(),
                holds: None,
            });
            if good {
                break;
            }
        }
        let good = facts.last().is_some_and(|fact| fact.found == "made it");
        let found =
            format!("{} bytes, {}", signature.len(), if good { "good" } else { "not good" });
        let wanted = format!("{} by one of the keys", algorithm.name());
        facts.push(Fact { subject: "signature".to_owned(), found, wanted, holds: Some(good) });
        Some(facts)
    }
}

/// A part of a token as JSON, read as strictly as on the request's path.
fn read(part: &[u8]) -> Option<Tape> {
    Tape::parse(base64url::decode(part)?, Limits::TOKEN)
}

pub(super) fn found(claim: Option<Value<'_>>) -> String {
    claim.map_or("nothing".to_owned(), |claim| words::value(&claim.to_json()))
}

pub(super) fn shown(text: &str) -> String {
    words::text(text.as_bytes())
}
