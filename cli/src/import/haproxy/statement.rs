//! What a line says of which requests.

use serde_json::Value;

use crate::import::{
    draft::{Condition, Place, Test, Wanted},
    requests::Requests,
};

use super::{
    condition::{Literal, Signed, Term},
    sample::Algorithm,
};

/// Requests of a line: those in one set and in none of others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Region {
    pub(super) within: Requests,
    pub(super) outside: Vec<Requests>,
}

impl Region {
    /// Whether the requests that are decided in a cell are of this region.
    pub(super) fn holds(&self, cell: &Requests) -> bool {
        self.within.covers(cell) && !self.outside.iter().any(|set| set.covers(cell))
    }
}

/// What a line does with the requests of a region.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// They pass, whatever comes later.
    Allow,
    /// They pass if their token has this; the others go on to the next line.
    AllowWith(Wanted),
    Deny,
    /// They need a good token that has this.
    Need(Wanted),
    /// If they have a token, it must be a good one.
    Optional,
}

/// A line's effect.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    pub(super) line: usize,
    pub(super) region: Region,
    pub(super) effect: Effect,
}

/// What a line asks of all tokens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Check {
    Signature {
        places: Vec<Place>,
        algorithm: Algorithm,
        key: String,
    },
    Lua,
    Algorithm(Vec<String>),
    Type(Vec<String>),
    Issuer(Vec<String>),
    Audience {
        names: Vec<String>,
        part: bool,
    },
    /// By the difference from now, which is nothing without an `exp`.
    Expiry,
    HasExpiry,
    /// A scope or claim that was compared by parts of its text.
    Part(String),
}

/// What one alternative of a line comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) statements: Vec<(Region, Effect)>,
    /// What it asks of all tokens, and of which issuer alone, if so.
    pub(super) checks: Vec<(Check, Option<Vec<String>>)>,
    /// Conditions that were left out, which makes the policy stricter.
    pub(super) stricter: Vec<String>,
    /// Why nothing of it was carried over.
    pub(super) not_carried: Option<String>,
    /// It is not about tokens or requests as rules know them.
    pub(super) stays: Option<String>,
}

/// The parts of an alternative.
struct Parts {
    regions: Vec<Region>,
    tokens: Vec<Signed>,
    unknown: Vec<String>,
}

/// Takes an alternative apart; `None` if it never holds.
fn parts(term: &Term) -> Option<Parts> {
    let mut within = vec![Requests::default()];
    let mut outside = Vec::new();
    let (mut tokens, mut unknown) = (Vec::new(), Vec::new());
    for signed in term {
        match (&signed.literal, signed.holds) {
            (Literal::Always(value), holds) if *value == holds => {}
            (Literal::Always(_), _) => return None,
            (Literal::Requests(sets), true) => {
                within = within
                    .iter()
                    .flat_map(|one| sets.iter().filter_map(|set| one.intersection(set)))
                    .collect();
            }
            (Literal::Requests(sets), false) => outside.extend(sets.iter().cloned()),
            (Literal::Unknown(text), holds) => {
                unknown.push(format!("{}{text}", if holds { "" } else { "!" }));
            }
            (_, _) => tokens.push(signed.clone()),
        }
    }
    let regions = within.into_iter().map(|within| Region { within, outside: outside.clone() });
    let regions: Vec<Region> = regions.collect();
    (!regions.is_empty()).then_some(Parts { regions, tokens, unknown })
}

/// What `http-request allow` says by an alternative.
pub(super) fn allow(term: &Term) -> Reading {
    let mut reading = Reading::default();
    let Some(Parts { regions, tokens, unknown }) = parts(term) else { return reading };
    if !unknown.is_empty() {
        let unknown = unknown.join(" ");
        reading.not_carried = Some(format!(
            "the policy has no condition like {unknown}; such requests need what the other rules ask"
        ));
        return reading;
    }
    if tokens.is_empty() {
        reading.statements.extend(regions.into_iter().map(|region| (region, Effect::Allow)));
        return reading;
    }
    let mut wanted = Wanted::default();
    for Signed { holds, literal } in tokens {
        let Some(needed) = holds.then(|| need(&literal)).flatten() else {
            let text = format!("the policy cannot say {}", spell(&Signed { holds, literal }));
            reading.not_carried = Some(text);
            return reading;
        };
        reading.checks.extend(needed.check.map(|check| (check, None)));
        if !wanted.and(&needed.wanted) {
            reading.not_carried = Some("the policy cannot ask for all of this at once".to_owned());
            return reading;
        }
    }
    let effect = |region| (region, Effect::AllowWith(wanted.clone()));
    reading.statements.extend(regions.into_iter().map(effect));
    reading
}

/// What `http-request deny` says by an alternative.
pub(super) fn deny(term: &Term) -> Reading {
    let mut reading = Reading::default();
    let Some(Parts { regions, tokens, unknown }) = parts(term) else { return reading };
    if tokens.is_empty() {
        if unknown.is_empty() {
            reading.statements.extend(regions.into_iter().map(|region| (region, Effect::Deny)));
        } else {
            reading.stays = Some(unknown.join(" "));
        }
        return reading;
    }
    // Without a condition of its own a line denies more: the policy is stricter, never laxer.
    reading.stricter.extend(unknown);
    let mut issuers: Option<Vec<String>> = None;
    let mut needs: Vec<Need> = Vec::new();
    let mut present = false;
    let mut odd = Vec::new();
    for signed in &tokens {
        match (&signed.literal, signed.holds) {
            (Literal::Issuer(names), true) => issuers = Some(names.clone()),
            (Literal::TokenPresent, true) => present = true,
            (literal, false) => match need(literal) {
                Some(need) => needs.push(need),
                None => odd.push(spell(signed)),
            },
            (Literal::Expired(true), true) => needs.push(Need::of(Check::Expiry)),
            _ => odd.push(spell(signed)),
        }
    }
    let Some(first) = needs.first() else {
        let odd = if odd.is_empty() { tokens.iter().map(spell).collect() } else { odd };
        reading.not_carried = Some(format!(
            "the policy cannot say {}; the requests that it is about are denied, all of them",
            odd.join(" ")
        ));
        reading.statements.extend(regions.into_iter().map(|region| (region, Effect::Deny)));
        return reading;
    };
    reading.stricter.extend(odd);
    // Denied if all of it is missing: any one of it will do.
    let wanted =
        needs.iter().skip(1).try_fold(first.wanted.clone(), |sum, need| sum.or(&need.wanted));
    let only_wanted = needs.iter().all(|need| need.check.is_none() || need.is_part());
    let wanted = match (needs.len(), wanted) {
        (1, wanted) => wanted.unwrap_or_default(),
        (_, Some(wanted)) if only_wanted => wanted,
        _ => {
            reading
                .stricter
                .push("that one of several will do, of which the first is asked".to_owned());
            needs.truncate(1);
            needs.first().map(|need| need.wanted.clone()).unwrap_or_default()
        }
    };
    let checks = needs.into_iter().filter_map(|need| need.check);
    reading.checks.extend(checks.map(|check| (check, issuers.clone())));
    let mut wanted = wanted;
    if present || issuers.is_some() {
        // The issuer's entry asks for it: of tokens that are there, of those of this issuer.
        wanted.claims.retain(|condition| condition.claim != ["aud"] && condition.claim != ["iss"]);
    }
    if let Some(names) = &issuers
        && wanted != Wanted::default()
    {
        reading.stricter.push(format!("the issuer {}", names.join(" or ")));
    }
    let effect = if present && wanted == Wanted::default() {
        Effect::Optional
    } else {
        if present {
            reading.stricter.push("that requests without a token pass".to_owned());
        }
        Effect::Need(wanted)
    };
    reading.statements.extend(regions.into_iter().map(|region| (region, effect.clone())));
    reading
}

/// What is asked of a token if a literal must hold.
struct Need {
    wanted: Wanted,
    check: Option<Check>,
}

impl Need {
    fn of(check: Check) -> Self {
        Self { wanted: Wanted::default(), check: Some(check) }
    }

    fn is_part(&self) -> bool {
        matches!(self.check, Some(Check::Part(_)))
    }
}

/// A condition on a claim that the issuer's entry asks for as well; it stays in the rule only where
/// another line asks for something else.
fn one_of(claim: &str, names: &[String]) -> Wanted {
    let test = match names {
        // A list is taken too, as the issuer's entry does.
        [name] if claim == "aud" => Test::Contains(name.as_str().into()),
        _ => Test::OneOf(names.iter().map(|name| name.as_str().into()).collect()),
    };
    let claims = vec![Condition { claim: vec![claim.to_owned()], test }];
    Wanted { claims, ..Wanted::default() }
}

/// `None` if a policy cannot ask for it.
fn need(literal: &Literal) -> Option<Need> {
    Some(match literal {
        Literal::TokenPresent => Need { wanted: Wanted::default(), check: None },
        Literal::Signed { places, algorithm, key } => Need::of(Check::Signature {
            places: places.clone(),
            algorithm: algorithm.clone(),
            key: key.clone(),
        }),
        Literal::Authorized => Need::of(Check::Lua),
        Literal::Algorithm(names) => Need::of(Check::Algorithm(names.clone())),
        Literal::Type(names) => Need::of(Check::Type(names.clone())),
        Literal::Issuer(names) => {
            Need { wanted: one_of("iss", names), check: Some(Check::Issuer(names.clone())) }
        }
        Literal::Audience { names, part } => Need {
            wanted: one_of("aud", names),
            check: Some(Check::Audience { names: names.clone(), part: *part }),
        },
        Literal::Expired(false) => Need::of(Check::Expiry),
        Literal::HasExpiry => Need::of(Check::HasExpiry),
        Literal::Scope { names, part } => {
            let check = part.then(|| Check::Part(names.join(" ")));
            let wanted = match names.as_slice() {
                [one] => Wanted { all: vec![one.clone()], ..Wanted::default() },
                _ => Wanted { any: names.clone(), ..Wanted::default() },
            };
            Need { wanted, check }
        }
        Literal::Claim { condition, part } => {
            let claims: Vec<Condition> = vec![condition.clone()];
            let text = match &condition.test {
                Test::Contains(Value::String(text)) => text.clone(),
                _ => condition.claim.join("."),
            };
            let check = part.then_some(Check::Part(text));
            Need { wanted: Wanted { claims, ..Wanted::default() }, check }
        }
        Literal::Expired(true)
        | Literal::Flag(_)
        | Literal::OfToken(_)
        | Literal::Unknown(_)
        | Literal::Always(_)
        | Literal::Requests(_) => return None,
    })
}

/// A literal for a remark.
fn spell(signed: &Signed) -> String {
    let text = match &signed.literal {
        Literal::OfToken(text) | Literal::Unknown(text) => format!("{{ {text} }}"),
        Literal::TokenPresent => "that there is a token".to_owned(),
        Literal::Signed { .. } | Literal::Authorized => "that the token is good".to_owned(),
        Literal::Algorithm(names) => format!("the algorithm {}", names.join(" or ")),
        Literal::Type(names) => format!("the type {}", names.join(" or ")),
        Literal::Issuer(names) => format!("the issuer {}", names.join(" or ")),
        Literal::Audience { names, .. } => format!("the audience {}", names.join(" or ")),
        Literal::Expired(_) => "that the token has expired".to_owned(),
        Literal::HasExpiry => "that the token expires".to_owned(),
        Literal::Scope { names, .. } => format!("the scope {}", names.join(" or ")),
        Literal::Claim { condition, .. } => format!("the claim {}", condition.claim.join(".")),
        Literal::Always(_) | Literal::Flag(_) | Literal::Requests(_) => "a condition".to_owned(),
    };
    format!("{}{text}", if signed.holds { "" } else { "not " })
}
