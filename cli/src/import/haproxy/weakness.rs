//! Names the weaknesses of what was read, those that the policy closes and those that it keeps.

use crate::import::{
    draft::{Asks, Draft, Place},
    remark::{Kind, Remarks},
    requests::{PathSet, Requests},
};

use super::{
    sample::Algorithm,
    section::Said,
    statement::{Check, Effect},
};

pub(super) fn name(draft: &Draft, said: &Said, remarks: &mut Remarks) {
    signature(said, remarks);
    claims(said, remarks);
    requests(draft, said, remarks);
    token(draft, said, remarks);
    headers(said, remarks);
}

fn signature(said: &Said, remarks: &mut Remarks) {
    let is_pinned = |issuers: &Option<Vec<String>>| {
        said.checks.iter().any(|(_, check, only)| {
            matches!(check, Check::Algorithm(_)) && (only.is_none() || only == issuers)
        })
    };
    for (line, check, issuers) in &said.checks {
        let Check::Signature { algorithm: Algorithm::OfToken, key, .. } = check else { continue };
        let text = if is_pinned(issuers) {
            format!(
                "`jwt_verify` does what the token's `alg` says, and only the line that compares `alg` \
                 stops a token signed with HS256 and the text `{key}` as its secret; here the key itself decides"
            )
        } else {
            format!(
                "no line compares `alg`, and `jwt_verify` does what the token says: whoever signs with \
                 HS256 and the text `{key}` as the secret, or says `none` and leaves the signature empty, \
                 gets in. Here `algorithms` lists what is taken, and the key decides how"
            )
        };
        remarks.add(*line, Kind::Closed, text);
    }
    let is_checked = |check: &Check| matches!(check, Check::Signature { .. } | Check::Lua);
    if said.lua.is_none() && !said.checks.iter().any(|(_, check, _)| is_checked(check)) {
        let text = "no line checks a signature: anybody can write such a token; here a key must have signed it";
        remarks.add(0, Kind::Closed, text);
    }
    if let Some(line) = said.lua {
        let text = "the library sets variables from the claims before it has checked the signature, \
                    and tokens split at any dot or blank; here nothing of a token is used before its \
                    signature is good";
        remarks.add(line, Kind::Closed, text);
    }
}

fn claims(said: &Said, remarks: &mut Remarks) {
    let mut expiry = false;
    for (line, check, _) in &said.checks {
        match check {
            Check::Expiry => {
                let has = said.checks.iter().any(|(_, check, _)| *check == Check::HasExpiry);
                if !has {
                    let text = "a token without `exp`, or with one that is no number, passes this line, \
                                as nothing is not less than 0; here `exp` is required";
                    remarks.add(*line, Kind::Closed, text);
                }
                expiry = true;
            }
            Check::Part(text) => {
                let text = format!(
                    "`-m sub` looks for a part of the text: `{text}` is also in `{text}-admin` and in \
                     `no{text}`; here whole words are compared"
                );
                remarks.add(*line, Kind::Closed, text);
            }
            Check::Audience { part: true, names } => {
                let text = format!(
                    "`-m sub` takes every audience that has {} in it; here the whole audience is compared",
                    names.join(" or ")
                );
                remarks.add(*line, Kind::Closed, text);
            }
            Check::Audience { part: false, .. } => {
                let text = "a token with several audiences in a list is refused by this line; here one of \
                            the list is enough (RFC 7519 section 4.1.3)";
                remarks.add(*line, Kind::Changed, text);
            }
            _ => {}
        }
    }
    if let Some(line) = said.lua {
        let text = "a token with several audiences in a list is refused by the library; here one of the \
                    list is enough (RFC 7519 section 4.1.3)";
        remarks.add(line, Kind::Changed, text);
    } else if !expiry {
        remarks.add(
            0,
            Kind::Closed,
            "no line looks at `exp`, so that tokens never expire; here they do",
        );
    }
    let text = "no line looks at `nbf`, at an `iat` in the future, at `crit`, at names that stand twice, \
                or at `cnf` (a token bound to a key); here all of these are checked";
    remarks.add(0, Kind::Closed, text);
}

fn requests(draft: &Draft, said: &Said, remarks: &mut Remarks) {
    for rule in &draft.rules {
        let Requests { path, methods, hosts: None } = &rule.requests else { continue };
        if rule.left_out {
            continue;
        }
        if let (Asks::Public, PathSet::All, Some(methods)) = (&rule.asks, path, methods) {
            let allow = said.statements.iter().find(|statement| {
                statement.effect == Effect::Allow && statement.region.within.covers(&rule.requests)
            });
            let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
            let text = format!(
                "every {} request passes without a token, on every path, also on those that are added \
                 later; the rule says so. Name the paths that are meant",
                methods.join(" or ")
            );
            remarks.add(allow.map_or(0, |statement| statement.line), Kind::Open, text);
        }
    }
    let by_path = said.statements.iter().find(|statement| {
        let sets = std::iter::once(&statement.region.within).chain(&statement.region.outside);
        !matches!(statement.effect, Effect::Allow | Effect::AllowWith(_))
            && sets.into_iter().any(|set| set.path != PathSet::All)
    });
    if let Some(statement) = by_path {
        let text = "`//x`, `/./x`, `/%78` and `/y/../x` are not `/x` to this line, while the server behind \
                    may take them for it; here such paths are refused (400) or decoded before they are compared";
        remarks.add(statement.line, Kind::Closed, text);
    }
    if let Some(line) = said.refusals.first() {
        let text = "refused callers get 401 with a challenge where a better token would help, 403 where \
                    it lacks a right, and 400 for a broken request (RFC 6750), where HAProxy answers 403";
        remarks.add(*line, Kind::Changed, text);
    }
}

fn token(draft: &Draft, said: &Said, remarks: &mut Remarks) {
    let text = "of two tokens in one request, or of a repeated `authorization` header, HAProxy checks one \
                and the server may use the other; here such a request is refused";
    remarks.add(0, Kind::Closed, text);
    for place in &draft.places {
        let (what, line) = match place {
            Place::Header(name, _) => (format!("header {name}"), said.deleted.get(name)),
            Place::Cookie(name) => (format!("cookie {name}"), None),
            Place::Query(name) => (format!("query parameter {name}"), None),
        };
        if line.is_none() {
            let text = format!(
                "the token goes on to the server in its {what}, whose logs and errors may show it; here it is \
                 taken out. If the server reads it: `token: {{ forward: true }}`"
            );
            remarks.add(0, Kind::Closed, text);
        }
        if let Place::Query(name) = place {
            let text = format!(
                "tokens in the query (`{name}`) end up in logs and histories (RFC 6750 section 2.3)"
            );
            remarks.add(0, Kind::Open, text);
        }
    }
}

fn headers(said: &Said, remarks: &mut Remarks) {
    for (line, forwarded) in &said.forwarded {
        let name = &forwarded.header;
        let mut text = format!(
            "a request that reaches the server by another line keeps a `{name}` that its client sent, and \
             `{}` always passes; here only the gate sets it, and a request that brings it is refused (400)",
            name.replace('-', "_")
        );
        if said.deleted.contains_key(name) {
            text = format!(
                "a request that brings `{name}` is refused (400), where HAProxy takes the header away; \
                 `on_spoofed_header: strip` does the same"
            );
        }
        let kind = if said.deleted.contains_key(name) { Kind::Changed } else { Kind::Closed };
        remarks.add(*line, kind, text);
    }
    for (name, line) in &said.guarded {
        let text = format!("no client can send `{name}`, in any spelling of its dashes");
        remarks.add(*line, Kind::Closed, text);
    }
    for (name, line) in &said.deleted {
        let is_known = said.guarded.contains_key(name)
            || said.forwarded.iter().any(|(_, forwarded)| forwarded.header == *name);
        if name == "authorization" {
            remarks.add(*line, Kind::Stays, "the gate takes the token out as well");
        } else if !is_known {
            let text = format!(
                "the line that deletes `{name}` can stay; if it names a caller, put it into `remove_headers`"
            );
            remarks.add(*line, Kind::Stays, text);
        }
    }
}
