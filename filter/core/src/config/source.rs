//! Where keys are fetched, `remote` and `discovery`, and how VMs share them, `shared_data`.

#[cfg(test)]
mod tests;

use std::{ops::RangeInclusive, time::Duration};

use crate::key_source::{KeySource, SharedData, Target, Uri, WellKnown};

use super::{
    problem::Problems,
    reader::{Fields, Node, spell},
};

const ADDRESS: &str = "an absolute http or https address without user information and fragment";
const CLUSTER: &str = "the host's name for where the request goes (Envoy: a cluster)";

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=MINUTE;
/// A week at most: what an issuer withdraws must not be believed for longer.
const REFRESH: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(7 * 86_400);
const RETRY: RangeInclusive<Duration> = Duration::from_millis(100)..=HOUR;
/// A month at most, for the same reason.
const STALE_FOR: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(30 * 86_400);
const REFETCH: RangeInclusive<Duration> = SECOND..=HOUR;
/// The longest body is held in memory twice while it is read.
const MAX_BYTES: RangeInclusive<u64> = 1024..=4_194_304;
/// Sets of real issuers have 2 to 20 KiB.
const DEFAULT_MAX_BYTES: usize = 262_144;

/// Reads `keys.remote`: the address of the key set itself.
pub(crate) fn remote(node: &Node<'_>, sink: &mut Problems) -> Option<KeySource> {
    let mut fields = node.object(sink)?;
    let uri = fields.required("uri", ADDRESS, sink).and_then(|node| address(&node, sink));
    let cluster = cluster(&mut fields, sink);
    finish(fields, uri.map(Target::Keys), cluster, sink)
}

/// Reads `keys.discovery`: the address of the issuer's metadata, written or built from `issuer`.
pub(crate) fn discovery(
    node: &Node<'_>,
    issuer: Option<&str>,
    sink: &mut Problems,
) -> Option<KeySource> {
    let mut fields = node.object(sink)?;
    let cluster = cluster(&mut fields, sink);
    let metadata = fields.optional("metadata");
    let uri = match (fields.optional("uri"), &metadata) {
        (Some(uri), None) => address(&uri, sink),
        (Some(uri), Some(metadata)) => {
            // One of the two would do nothing.
            metadata.wrong("nothing beside `uri`, which is the whole address", sink);
            address(&uri, sink)
        }
        (None, metadata) => built(&fields, metadata.as_ref(), issuer, sink),
    };
    let jwks_cluster = match fields.optional("jwks_cluster") {
        None => cluster.clone(),
        Some(node) => node.text(CLUSTER, sink).map(str::to_owned),
    };
    let target = uri.zip(jwks_cluster);
    let target = target.map(|(uri, jwks_cluster)| Target::Metadata { uri, jwks_cluster });
    finish(fields, target, cluster, sink)
}

fn cluster(fields: &mut Fields<'_>, sink: &mut Problems) -> Option<String> {
    let node = fields.required("cluster", CLUSTER, sink)?;
    node.text(CLUSTER, sink).map(str::to_owned)
}

fn address(node: &Node<'_>, sink: &mut Problems) -> Option<Uri> {
    let uri = node.value.as_str().and_then(Uri::parse);
    match &uri {
        Some(uri) => warn_of_plain_text(&node.path, uri, sink),
        // It may hold a password, and problems go to the log.
        None if node.value.as_str().is_some_and(|text| text.contains('@')) => {
            sink.error(&node.path, "an address with `@`", ADDRESS);
        }
        None => node.wrong(ADDRESS, sink),
    }
    uri
}

/// The well-known address of the metadata.
fn built(
    fields: &Fields<'_>,
    metadata: Option<&Node<'_>>,
    issuer: Option<&str>,
    sink: &mut Problems,
) -> Option<Uri> {
    let kinds = [("openid", WellKnown::OpenId), ("oauth", WellKnown::OAuth)];
    let kind = match metadata {
        None => Some(WellKnown::default()),
        Some(node) => node.choice(&kinds, sink),
    };
    // An issuer that could not be read is a problem of its own.
    let uri = Uri::parse(issuer?).and_then(|issuer| issuer.well_known(kind.unwrap_or_default()));
    match &uri {
        Some(uri) => warn_of_plain_text(&fields.path, uri, sink),
        None => {
            let found = "nothing, and an issuer that is no http or https address without a query";
            sink.error(&format!("{}.uri", fields.path), found, "the address of its metadata");
        }
    }
    kind.and(uri)
}

/// Whoever can change plain text on its way chooses the keys.
fn warn_of_plain_text(path: &str, uri: &Uri, sink: &mut Problems) {
    if !uri.https && !uri.is_local() {
        let expected = "https, as anybody on the way can put in keys of his own";
        sink.warn(path, format!("keys over plain text ({uri})"), expected);
    }
}

/// Reads what both have in common.
fn finish(
    mut fields: Fields<'_>,
    target: Option<Target>,
    cluster: Option<String>,
    sink: &mut Problems,
) -> Option<KeySource> {
    let mut time = |name, range, default: Duration| match fields.optional(name) {
        None => Some(default),
        Some(node) => node.duration(&range, &spell(default), sink),
    };
    let timeout = time("timeout", TIMEOUT, SECOND.saturating_mul(5));
    let refresh = time("refresh", REFRESH, MINUTE.saturating_mul(10));
    // The defaults follow what they must not fall below or exceed.
    let orderly = refresh.unwrap_or(*REFRESH.start());
    let refresh_max = time("refresh_max", REFRESH, orderly);
    let retry = time("retry", RETRY, SECOND);
    let retry_max = time("retry_max", RETRY, retry.unwrap_or(SECOND).max(MINUTE));
    let stale_for = time("stale_for", STALE_FOR, HOUR.saturating_mul(24));
    let refetch = SECOND.saturating_mul(30);
    let min_refetch_interval = time("min_refetch_interval", REFETCH, refetch.min(orderly));
    let max_bytes = fields.size("max_bytes", MAX_BYTES, DEFAULT_MAX_BYTES, sink);
    let path = fields.path.clone();
    fields.finish(sink);

    let mut at_odds = |name: &str, bound: &str, pair: Option<(Duration, Duration)>, side: &str| {
        if let Some((time, limit)) = pair {
            let found = format!("{} beside `{bound}: {}`", spell(time), spell(limit));
            sink.error(&format!("{path}.{name}"), found, format!("`{bound}` or {side}"));
        }
    };
    let short = refresh_max.zip(refresh).filter(|(longest, refresh)| longest < refresh);
    at_odds("refresh_max", "refresh", short, "more");
    let short = retry_max.zip(retry).filter(|(longest, retry)| longest < retry);
    at_odds("retry_max", "retry", short, "more");
    let long = min_refetch_interval.zip(refresh).filter(|(shortest, refresh)| shortest > refresh);
    at_odds("min_refetch_interval", "refresh", long, "less");
    Some(KeySource {
        target: target?,
        cluster: cluster?,
        timeout: timeout?,
        refresh: refresh?,
        refresh_max: refresh_max?,
        retry: retry?,
        retry_max: retry_max?,
        stale_for: stale_for?,
        min_refetch_interval: min_refetch_interval?,
        max_bytes,
    })
}

/// Reads `shared_data`.
pub(crate) fn shared_data(node: Option<&Node<'_>>, sink: &mut Problems) -> SharedData {
    let mut shared = SharedData::default();
    let Some(mut fields) = node.and_then(|node| node.object(sink)) else {
        return shared;
    };
    if let Some(used) = fields.optional("use").and_then(|node| node.boolean(sink)) {
        shared.used = used;
    }
    // Empty is the default, and so may be written.
    if let Some(node) = fields.optional("prefix")
        && node.value.as_str() != Some("")
        && let Some(prefix) = node.text("a text without control characters", sink)
    {
        shared.prefix = prefix.to_owned();
    }
    if let Some(node) = fields.optional("fetch")
        && let Some(fetch) = node.boolean(sink)
    {
        if !fetch && !shared.used {
            // No key would ever come.
            node.wrong("true beside `use: false`, as no other VM can hand keys over", sink);
        }
        shared.fetch = fetch;
    }
    fields.finish(sink);
    shared
}
