//! The smaller sections: `token`, `forward`, `reply`, `on_ambiguous_path`, `limits`.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    bearer::TokenSource,
    forward::{Forward, ForwardedClaim, Guarded, OnSpoofed, comparable},
    path::{Allowances, Ambiguity},
    policy::{DEFAULT_WAITING_REQUESTS, DEFAULT_WAITING_TIME},
    reply::{BodyTemplate, ReplyStyle},
    token_cache::CacheLimits,
};

use super::{
    names::{
        HEADER_NAME, is_credential_header, is_header_name, is_message_header, is_plain,
        is_quotable, is_token,
    },
    problem::Problems,
    reader::{Fields, Node},
    rules::claim_path,
};

/// Enough for every issuer known to us; Entra's tokens with many groups come near 6 KiB.
const DEFAULT_TOKEN_BYTES: usize = 8192;
/// From a few tokens to a quarter of what Envoy gives a VM.
const CACHE_BYTES: RangeInclusive<u64> = 65_536..=268_435_456;
/// A minute is longer than any client waits.
const WAITING_TIME: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// The places of tokens, and whether the token is passed on.
pub(crate) fn token(node: Option<&Node<'_>>, sink: &mut Problems) -> (Vec<TokenSource>, bool) {
    let default = vec![TokenSource::BearerHeader("authorization".to_owned())];
    let Some(mut fields) = node.and_then(|node| node.object(sink)) else {
        return (default, false);
    };
    let sources = match fields.optional("from") {
        None => default,
        Some(node) => {
            let mut sources = Vec::new();
            for node in node.list("places", sink).unwrap_or_default() {
                let Some(source) = node.object(sink).and_then(|fields| source(fields, sink)) else {
                    continue;
                };
                // Twice the same place would find each token twice, and so refuse every one.
                if sources.iter().any(|known: &TokenSource| known.overlaps(&source)) {
                    node.wrong("each place once", sink);
                }
                sources.push(source);
            }
            sources
        }
    };
    let forward = fields.flag("forward", sink);
    fields.finish(sink);
    (sources, forward)
}

fn source(mut fields: Fields<'_>, sink: &mut Problems) -> Option<TokenSource> {
    let chosen = fields.exactly_one(&["header", "cookie", "query"], sink);
    let scheme = fields.optional("scheme");
    let bearer = scheme
        .as_ref()
        .map_or(Some(true), |node| node.choice(&[("bearer", true), ("none", false)], sink));
    fields.finish(sink);
    let (kind, node) = chosen?;
    if kind != "header"
        && let Some(scheme) = &scheme
    {
        scheme.wrong("nothing: only headers have a scheme", sink);
    }
    match kind {
        "header" => {
            let name = header_name(&node, sink)?;
            let carries_message = is_message_header(&name) && name != "proxy-authorization";
            if carries_message || name == "cookie" {
                node.wrong("a header that may carry a token", sink);
                return None;
            }
            Some(if bearer? {
                TokenSource::BearerHeader(name)
            } else {
                TokenSource::PlainHeader(name)
            })
        }
        "cookie" => node
            .text_where(is_token, "a cookie name", sink)
            .map(|name| TokenSource::Cookie(name.to_owned())),
        _ => node
            .text_where(is_plain, "a parameter name of letters, digits, - . _ ~", sink)
            .map(|name| TokenSource::Query(name.to_owned())),
    }
}

/// A header name, lower case taken for granted where the operator wrote capitals.
pub(super) fn header_name(node: &Node<'_>, sink: &mut Problems) -> Option<String> {
    let fits = |text: &str| is_header_name(&text.to_ascii_lowercase());
    node.text_where(fits, HEADER_NAME, sink).map(str::to_ascii_lowercase)
}

/// `forward`, `on_spoofed_header` and `token.forward`.
pub(crate) fn forward(
    node: Option<&Node<'_>>,
    on_spoofed: Option<&Node<'_>>,
    sources: &[TokenSource],
    token: bool,
    sink: &mut Problems,
) -> Forward {
    let on_spoofed = on_spoofed
        .and_then(|node| {
            node.choice(&[("deny", OnSpoofed::Deny), ("strip", OnSpoofed::Strip)], sink)
        })
        .unwrap_or(OnSpoofed::Deny);
    let mut forward = Forward {
        token,
        payload: None,
        claims: Vec::new(),
        guarded: Guarded::default(),
        on_spoofed,
    };
    let Some(mut fields) = node.and_then(|node| node.object(sink)) else {
        return forward;
    };
    if let Some(node) = fields.optional("payload") {
        forward.payload = guard_written(&node, sources, &mut forward.guarded, sink);
    }
    if let Some(node) = fields.optional("claims") {
        let mut states: Vec<String> = Vec::new();
        for node in node.list("claims", sink).unwrap_or_default() {
            let claim = node
                .object(sink)
                .and_then(|fields| claim(fields, sources, &mut forward.guarded, &mut states, sink));
            forward.claims.extend(claim);
        }
    }
    if let Some(node) = fields.optional("remove_headers") {
        for node in node.list("header names", sink).unwrap_or_default() {
            guard(&node, sources, &mut forward.guarded, sink);
        }
    }
    fields.finish(sink);
    forward
}

fn claim(
    mut fields: Fields<'_>,
    sources: &[TokenSource],
    guarded: &mut Guarded,
    states: &mut Vec<String>,
    sink: &mut Problems,
) -> Option<ForwardedClaim> {
    let claim = fields
        .required("claim", "a list of names, from the outside in", sink)
        .and_then(|node| claim_path(&node, sink));
    let header = fields.optional("header");
    let state = fields.optional("filter_state");
    if header.is_none() && state.is_none() {
        sink.error(&fields.path, "neither header nor filter_state", "at least one of them");
    }
    let header = header.map(|node| guard_written(&node, sources, guarded, sink));
    let state = state.map(|node| {
        let name = node.text_where(is_plain, "a name of letters, digits, - . _ ~", sink)?;
        if states.iter().any(|known| known == name) {
            node.wrong("each name once", sink);
            return None;
        }
        states.push(name.to_owned());
        Some(name.to_owned())
    });
    let separator = match fields.optional("separator") {
        None => Some(",".to_owned()),
        Some(node) => node.text_where(str::is_ascii, "ASCII text", sink).map(str::to_owned),
    };
    fields.finish(sink);
    Some(ForwardedClaim {
        claim: claim?,
        header: header.map_or(Some(None), |header| header.map(Some))?,
        filter_state: state.map_or(Some(None), |state| state.map(Some))?,
        separator: separator?,
    })
}

/// Puts a header under guard that this gate itself sets.
fn guard_written(
    node: &Node<'_>,
    sources: &[TokenSource],
    guarded: &mut Guarded,
    sink: &mut Problems,
) -> Option<String> {
    let name = header_name(node, sink)?;
    if is_credential_header(&comparable(&name)) {
        node.wrong("a header that does not carry credentials", sink);
        return None;
    }
    guard(node, sources, guarded, sink)
}

/// Puts a header under guard: no client can set it from now on.
fn guard(
    node: &Node<'_>,
    sources: &[TokenSource],
    guarded: &mut Guarded,
    sink: &mut Problems,
) -> Option<String> {
    let name = header_name(node, sink)?;
    let comparable = comparable(&name);
    let carries_token = sources.iter().any(|source| comparable_source(source) == comparable);
    if is_message_header(&comparable) || carries_token {
        node.wrong("a header that neither carries a token nor belongs to HTTP itself", sink);
        return None;
    }
    if guarded.contains(&comparable) {
        node.wrong("each header once (`_` and `-` count as the same)", sink);
        return None;
    }
    guarded.add(comparable);
    Some(name)
}

fn comparable_source(source: &TokenSource) -> String {
    comparable(source.header())
}

pub(crate) fn reply(node: Option<&Node<'_>>, sink: &mut Problems) -> ReplyStyle {
    const QUOTABLE: &str = "visible ASCII without \" and \\";
    let mut style = ReplyStyle::default();
    let Some(mut fields) = node.and_then(|node| node.object(sink)) else {
        return style;
    };
    if let Some(realm) =
        fields.optional("realm").and_then(|node| node.text_where(is_quotable, QUOTABLE, sink))
    {
        style.realm = realm.to_owned();
    }
    style.detail = fields.flag("detail", sink);
    style.resource_metadata = fields.optional("resource_metadata").and_then(|node| {
        let fits = |text: &str| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            rest.is_some_and(|rest| !rest.is_empty() && is_quotable(rest) && !rest.contains(' '))
        };
        node.text_where(fits, "an absolute URL", sink).map(str::to_owned)
    });
    if let Some(mut fields) = fields.optional("body").and_then(|node| node.object(sink)) {
        let content_type = fields
            .required("content_type", "a media type", sink)
            .and_then(|node| node.text_where(is_quotable, "a media type", sink));
        let template = fields.required("template", "a text", sink).and_then(|node| {
            if node.value.as_str().is_none() {
                node.wrong("a text", sink);
            }
            node.value.as_str()
        });
        fields.finish(sink);
        if let (Some(content_type), Some(template)) = (content_type, template) {
            style.body = Some(BodyTemplate {
                content_type: content_type.to_owned(),
                template: template.to_owned(),
            });
        }
    }
    fields.finish(sink);
    style
}

/// `deny`, or the kinds that are let pass.
pub(crate) fn paths(node: Option<&Node<'_>>, sink: &mut Problems) -> Allowances {
    let mut allowances = Allowances::default();
    let Some(node) = node else { return allowances };
    if node.value.as_str() == Some("deny") {
        return allowances;
    }
    if node.value.as_str().is_some() {
        node.wrong("deny, or an object with allow", sink);
        return allowances;
    }
    let Some(mut fields) = node.object(sink) else {
        return allowances;
    };
    let kinds = fields.required("allow", "a list of kinds", sink);
    for node in kinds.and_then(|node| node.list("kinds", sink)).unwrap_or_default() {
        if let Some(kind) = node.choice(&Ambiguity::ALLOWABLE, sink) {
            allowances.allow(kind);
        }
    }
    fields.finish(sink);
    allowances
}

/// `limits`.
pub(crate) struct Limits {
    /// The longest token in bytes.
    pub(crate) token_bytes: usize,
    pub(crate) waiting_requests: usize,
    pub(crate) waiting_time: Duration,
    pub(crate) cache: CacheLimits,
}

pub(crate) fn limits(node: Option<&Node<'_>>, sink: &mut Problems) -> Limits {
    let mut limits = Limits {
        token_bytes: DEFAULT_TOKEN_BYTES,
        waiting_requests: DEFAULT_WAITING_REQUESTS,
        waiting_time: DEFAULT_WAITING_TIME,
        cache: CacheLimits::default(),
    };
    let Some(mut fields) = node.and_then(|node| node.object(sink)) else {
        return limits;
    };
    limits.token_bytes = fields.size("token_bytes", 256..=65_536, limits.token_bytes, sink);
    limits.waiting_requests =
        fields.size("waiting_requests", 1..=10_000, limits.waiting_requests, sink);
    if let Some(node) = fields.optional("waiting_time")
        && let Some(time) = node.duration(&WAITING_TIME, "5s", sink)
    {
        limits.waiting_time = time;
    }
    limits.cache.entries = fields.size("cache_entries", 0..=1_000_000, limits.cache.entries, sink);
    limits.cache.bytes = fields.size("cache_bytes", CACHE_BYTES, limits.cache.bytes, sink);
    fields.finish(sink);
    limits
}
