//! The whole road, from a request to the decision.

use std::rc::Rc;

use crate::{
    bearer::Bearer,
    decision::{Awaiting, Decision, Denial, Patch, Permit, Verdict},
    host_crypto::HostCrypto,
    issuer::Issuer,
    jws::Unverified,
    key::KeyRing,
    path::CanonicalPath,
    policy::{Mode, Policy},
    refresh::Followed,
    reject::Reject,
    request::Request,
    rule::{Access, Rule},
    time::UnixTime,
    token_cache::{Recalled, TokenCache},
    verify::Verified,
};

/// Decides one request.
///
/// Pure: the same arguments give the same decision. Never panics, whatever the bytes. Anything
/// unexpected is a denial.
///
/// [`Verdict::AwaitKeys`] keeps nothing: when the keys are there, or will not be, the same request
/// is decided again, and [`Decision::settle`] ends what is then still open.
#[must_use]
pub fn decide<'a>(
    policy: &'a Policy,
    keys: &KeyRing,
    request: &Request<'a>,
    now: UnixTime,
) -> Decision<'a> {
    decide_cached(policy, keys, &mut TokenCache::off(), request, now)
}

/// Decides one request as [`decide`] does, and remembers tokens whose signature it checked.
///
/// The decision is the same with any cache that only this policy was used with: an entry counts as
/// long as the very set of keys that judged it is in force.
#[must_use]
pub fn decide_cached<'a>(
    policy: &'a Policy,
    keys: &KeyRing,
    cache: &mut TokenCache,
    request: &Request<'a>,
    now: UnixTime,
) -> Decision<'a> {
    decide_with(policy, keys, Tools { cache, host: HostCrypto::off() }, request, now)
}

/// What makes decisions cheaper, and changes none of them.
#[derive(Debug)]
pub struct Tools<'t> {
    /// Tokens whose signature was checked before.
    pub cache: &'t mut TokenCache,
    /// The host that checks signatures in place of the module.
    pub host: HostCrypto<'t>,
}

/// Decides one request as [`decide_cached`] does; the host checks signatures as far as it is
/// believed.
///
/// Pure as far as the host's answers are.
#[must_use]
pub fn decide_with<'a>(
    policy: &'a Policy,
    keys: &KeyRing,
    tools: Tools<'_>,
    request: &Request<'a>,
    now: UnixTime,
) -> Decision<'a> {
    let mut trail = Trail::default();
    let outcome = judge(policy, keys, tools, request, now, &mut trail);
    conclude(policy, request, outcome, trail)
}

/// What is known so far, for labels, and for report mode, which lets refused requests go on.
#[derive(Default)]
struct Trail<'a> {
    rule: Option<&'a Rule>,
    issuer: Option<&'a Issuer>,
    /// The changes that a good token brings; there is none before validation.
    identity: Patch<'a>,
    /// Whose keys may change the outcome, if new ones may.
    awaits: Option<Followed>,
}

fn judge<'a>(
    policy: &'a Policy,
    keys: &KeyRing,
    tools: Tools<'_>,
    request: &Request<'a>,
    now: UnixTime,
    trail: &mut Trail<'a>,
) -> Result<Permit<'a>, Reject> {
    if policy.mode == Mode::Invalid {
        return Err(Reject::PolicyInvalid);
    }
    // Does everybody read this request the same way?
    let head = request.head()?;
    let path =
        CanonicalPath::parse(head.target, &policy.paths).map_err(|_| Reject::PathAmbiguous)?;
    policy.forward.refuse_spoofed(request)?;
    if policy.allow_preflight && request.is_preflight() {
        return Ok(Permit::new(None, None));
    }

    // Which rule speaks for it?
    let rule = policy.rule_for(request, &head, &path)?;
    trail.rule = Some(rule);
    match rule.access {
        Access::Public => return Ok(Permit::new(Some(rule), None)),
        Access::Deny => return Err(Reject::RuleDenies),
        Access::Optional | Access::Token => {}
    }

    // Is there exactly one usable token?
    let Some(bearer) = Bearer::find(&policy.sources, request, |token| tools.cache.recall(token))?
    else {
        return match rule.access {
            Access::Optional => Ok(Permit::new(Some(rule), None)),
            _ => Err(Reject::TokenMissing),
        };
    };

    // Parse, verify, validate, authorize: each consumes what the one before it made.
    let (issuer, verified) = verified(policy, keys, tools, &bearer, now, trail)?;
    let valid = verified.validate(issuer, now)?;
    trail.identity = policy.forward.identity(&bearer, &valid, request)?;
    valid.authorize(rule, issuer, request, &path)
}

/// The token, its signature checked now or remembered.
fn verified<'a>(
    policy: &'a Policy,
    keys: &KeyRing,
    tools: Tools<'_>,
    bearer: &Bearer<'a>,
    now: UnixTime,
    trail: &mut Trail<'a>,
) -> Result<(&'a Issuer, Verified<'a>), Reject> {
    let Tools { cache, host } = tools;
    // A token belongs to the set that judged it: another one judges it anew.
    cache.count(bearer.recalled.is_some());
    match &bearer.recalled {
        Some(Recalled::Good { issuer: id, set, proven }) if keys.has(*id, *set, now) => {
            if let Some(issuer) = policy.issuers.get(*id)
                && let Some(verified) = Verified::recalled(Rc::clone(proven), bearer.token)
            {
                trail.issuer = Some(issuer);
                return Ok((issuer, verified));
            }
        }
        Some(Recalled::Forged { issuer: id, set }) if keys.has(*id, *set, now) => {
            trail.issuer = policy.issuers.get(*id);
            return Err(Reject::SignatureInvalid);
        }
        _ => {}
    }
    let unverified = Unverified::parse(bearer, policy.token_bytes, |part| cache.header(part))
        .map_err(|unreadable| bearer.refusal(unreadable))?;
    let (id, issuer) = policy.issuer_named(unverified.issuer()?)?;
    trail.issuer = Some(issuer);
    let set = keys.numbered(id, now);
    if issuer.source.is_some() && !set.is_some_and(|(set, _)| unverified.fits_a_key(set)) {
        match unverified.could_hold(issuer, now) {
            Ok(()) => trail.awaits = Some(Followed(id)),
            // No key could save it: nothing is left open.
            Err(reject) if set.is_none() => return Err(reject),
            Err(_) => {}
        }
    }
    let (set, serial) = set.ok_or(Reject::KeysUnavailable)?;
    let (header, header_text) = (Rc::clone(&unverified.header), unverified.header_text);
    match unverified.verify(id, issuer, set, host) {
        Ok(verified) => {
            cache.keep(bearer.token, serial, verified.proven());
            cache.keep_header(header_text, &header);
            Ok((issuer, verified))
        }
        Err(reject) => {
            if reject == Reject::SignatureInvalid {
                cache.keep_forged(bearer.token, id, serial);
            }
            Err(reject)
        }
    }
}

fn conclude<'a>(
    policy: &'a Policy,
    request: &Request<'a>,
    outcome: Result<Permit<'a>, Reject>,
    trail: Trail<'a>,
) -> Decision<'a> {
    let verdict = match outcome {
        Ok(permit) => Verdict::Allow(permit),
        Err(reject) => {
            let is_grpc = request.is_grpc();
            let denial = Denial::new(&policy.reply, reject, trail.rule, trail.issuer, is_grpc);
            let reports = policy.mode == Mode::Report;
            match trail.awaits {
                Some(followed) => Verdict::AwaitKeys(Awaiting::new(followed, denial, reports)),
                None if reports => Verdict::Report(denial),
                None => {
                    return Decision { patch: Patch::default(), verdict: Verdict::Deny(denial) };
                }
            }
        }
    };
    // Guarded headers go first: what the identity sets afterwards is then the only value.
    let mut patch = trail.identity;
    // Where they are refused, none is left in a request that passes.
    if !matches!(verdict, Verdict::Allow(_)) || policy.forward.strips() {
        policy.forward.strip(request, &mut patch);
    }
    Decision { patch, verdict }
}
