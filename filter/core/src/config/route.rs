//! What a route says: `{ rule: NAME }`, or one inline rule body.

use crate::{
    json::Json,
    policy::Policy,
    rule::{RouteRule, RouteRuleKind, Rule},
};

use super::{
    document::read_metadata,
    problem::{ConfigErrors, Problems},
    reader::{Node, one_of},
    rules::{Surroundings, body},
};

/// The key below `filter_metadata`.
const METADATA_KEY: &str = "jwt_gate";
/// The label of inline rules.
const INLINE_NAME: &str = "route";

pub(crate) fn compile(policy: &Policy, metadata: &[u8]) -> Result<Option<RouteRule>, ConfigErrors> {
    let broken = |()| {
        let expected = "a serialised envoy.config.core.v3.Metadata";
        ConfigErrors::one("broken route metadata".to_owned(), expected)
    };
    let Some(value) = read_metadata(metadata, METADATA_KEY).map_err(broken)? else {
        return Ok(None);
    };
    compile_value(policy, &value).map(Some)
}

/// Compiles what stands under the key.
pub(crate) fn compile_value(policy: &Policy, value: &Json) -> Result<RouteRule, ConfigErrors> {
    let mut sink = Problems::default();
    let root = Node { path: METADATA_KEY.to_owned(), value };
    match read(&root, policy, &mut sink) {
        Some(kind) if sink.errors.is_empty() => Ok(RouteRule(kind)),
        _ => Err(ConfigErrors::new(sink.errors)),
    }
}

fn read(root: &Node<'_>, policy: &Policy, sink: &mut Problems) -> Option<RouteRuleKind> {
    let mut fields = root.object(sink)?;
    if let Some(node) = fields.optional("rule") {
        fields.finish(sink);
        let names = || policy.rules.names();
        let name = node.value.as_str().unwrap_or_default();
        let place = names().position(|known| known == name);
        if place.is_none() {
            node.wrong(format!("the name of a rule, {}", one_of(names())), sink);
        }
        return place.map(|place| RouteRuleKind::Named(place, name.to_owned()));
    }
    let issuers: Vec<&str> = policy.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    let around = Surroundings { issuers: &issuers, forward: &policy.forward };
    let body = body(&mut fields, None, &around, sink);
    fields.finish(sink);
    let (access, issuers, scopes, claims) = body?;
    let name = INLINE_NAME.to_owned();
    Some(RouteRuleKind::Inline(Rule { name, matcher: None, access, issuers, scopes, claims }))
}
