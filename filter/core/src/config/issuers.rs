//! The section `issuers`.

use std::time::Duration;

use crate::{
    algorithm::Algorithm,
    issuer::{Audiences, Issuer, IssuerId, Types},
    json::Json,
    key::KeySet,
};

use super::{
    keys::{self, Keys},
    names::{LABEL, is_label},
    problem::Problems,
    reader::{Fields, Node, quote},
};

/// RFC 7519 section 4.1.4: "no more than a few minutes".
const LONGEST_SKEW: Duration = Duration::from_secs(300);
const DEFAULT_SKEW: Duration = Duration::from_secs(60);
/// A year; longer is a mistake in the unit.
const LONGEST_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);

/// The issuers and the keys that the document brings for each.
pub(crate) type Issuers = (Vec<Issuer>, Vec<(IssuerId, KeySet)>);

pub(crate) fn read(node: &Node<'_>, sink: &mut Problems) -> Option<Issuers> {
    let mut issuers: Vec<Issuer> = Vec::new();
    let mut sets = Vec::new();
    for node in node.list("issuers", sink)? {
        let Some((issuer, keys)) = node.object(sink).and_then(|fields| read_one(fields, sink))
        else {
            continue;
        };
        for known in &issuers {
            // Two entries for one `iss` would each be believed with the other's keys.
            if known.issuer == issuer.issuer {
                let found = format!("{} a second time", quote(&issuer.issuer));
                sink.error(&format!("{}.issuer", node.path), found, "each issuer once");
            } else if known.name == issuer.name {
                let found = format!("{} a second time", quote(&issuer.name));
                sink.error(&format!("{}.name", node.path), found, "each name once");
            }
        }
        sets.extend(keys.map(|keys| (IssuerId(issuers.len()), keys)));
        issuers.push(issuer);
    }
    Some((issuers, sets))
}

/// The names by which rules may call the issuers, good ones and bad: a rule that names an issuer
/// with a broken key is not wrong too.
pub(crate) fn names<'d>(node: &Node<'d>) -> Vec<&'d str> {
    let Json::Array(issuers) = node.value else { return Vec::new() };
    issuers
        .iter()
        .filter_map(|issuer| issuer.get("name").or_else(|| issuer.get("issuer")))
        .filter_map(Json::as_str)
        .collect()
}

fn read_one(mut fields: Fields<'_>, sink: &mut Problems) -> Option<(Issuer, Option<KeySet>)> {
    let path = fields.path.clone();
    let name = fields.optional("name").map(|node| node.text_where(is_label, LABEL, sink));
    let expected = "the exact `iss` of its tokens";
    let issuer = fields.required("issuer", expected, sink).and_then(|n| n.text(expected, sink));
    let expected = "a list of audiences, or any";
    let audiences =
        fields.required("audiences", expected, sink).and_then(|node| audiences(&node, sink));
    let expected = "a list of algorithms, such as [RS256]";
    let algorithms =
        fields.required("algorithms", expected, sink).and_then(|node| algorithms(&node, sink));
    let keys = fields
        .required("keys", "an object with one of pem, jwks, remote, discovery", sink)
        .and_then(|node| keys::read(&node, issuer, algorithms.as_deref(), sink));
    if let (Some(algorithms), Some(Keys::Given(keys))) = (&algorithms, &keys) {
        for (place, algorithm) in algorithms.iter().enumerate() {
            if !keys.has_key_for(*algorithm) {
                let path = format!("{path}.algorithms[{place}]");
                let found = format!("{}, and no key that goes with it", algorithm.name());
                sink.warn(&path, found, "algorithms that the keys can be used with");
            }
        }
    }
    let types = match fields.optional("types") {
        None => Some(vec!["jwt".to_owned(), "at+jwt".to_owned()]),
        Some(node) => node
            .texts(is_label, "a type such as JWT or at+jwt", sink)
            .map(|types| types.iter().map(|typ| Types::normalize(typ)).collect()),
    };
    let clock_skew = match fields.optional("clock_skew") {
        None => Some(DEFAULT_SKEW),
        Some(node) => node.duration(&(Duration::ZERO..=LONGEST_SKEW), "60s", sink),
    };
    let max_lifetime = fields
        .optional("max_lifetime")
        .and_then(|node| node.duration(&(Duration::from_secs(1)..=LONGEST_LIFETIME), "24h", sink));
    let scope_claims = match fields.optional("scope_claims") {
        None => Some(vec!["scope".to_owned(), "scp".to_owned()]),
        Some(node) => node.texts(|_| true, "the name of a claim", sink),
    };
    fields.finish(sink);

    if name.is_none() && issuer.is_some_and(|issuer| !is_label(issuer)) {
        sink.error(&format!("{path}.name"), "nothing, and an issuer that is no label", LABEL);
    }
    let issuer = issuer?.to_owned();
    let (keys, source) = match keys? {
        Keys::Given(keys) => (Some(keys), None),
        Keys::Fetched(source) => (None, Some(source)),
    };
    Some((
        Issuer {
            name: name.map_or(Some(issuer.as_str()), |name| name)?.to_owned(),
            issuer,
            audiences: audiences?,
            algorithms: algorithms?,
            types: Types(types?),
            clock_skew: clock_skew?,
            max_lifetime,
            scope_claims: scope_claims?,
            source,
        },
        keys,
    ))
}

fn audiences(node: &Node<'_>, sink: &mut Problems) -> Option<Audiences> {
    if node.value.as_str() == Some("any") {
        return Some(Audiences::Any);
    }
    if node.value.as_str().is_some() {
        node.wrong("a list of audiences, or any", sink);
        return None;
    }
    node.texts(|_| true, "an audience", sink).map(Audiences::OneOf)
}

fn algorithms(node: &Node<'_>, sink: &mut Problems) -> Option<Vec<Algorithm>> {
    let words = Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm));
    let items = node.list("algorithms", sink)?;
    // All of them or none: the keys are not judged by half a list.
    let read: Vec<_> = items.iter().map(|node| node.choice(&words, sink)).collect();
    read.into_iter().collect()
}
