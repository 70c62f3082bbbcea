//! From a policy document to a [`Policy`], with every problem told at once.
//!
//! The document is read by hand rather than through a serde shape: serde stops at the first
//! problem, and an operator should not have to find the others one deployment at a time.

pub(crate) mod document;
mod issuers;
mod keys;
mod names;
mod order;
mod problem;
mod reader;
pub(crate) mod route;
mod rules;
mod sections;
mod source;

pub use self::{
    document::Document,
    problem::{ConfigErrors, Problem},
};

use crate::{
    host_crypto,
    issuer::{Issuer, Issuers},
    key::KeyRing,
    policy::{Mode, Policy, VerifyBy},
    rules::Rules,
};

use self::{problem::Problems, reader::Node};

/// A document, compiled.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The rules of the game.
    pub policy: Policy,
    /// The keys that the document itself brings.
    pub keys: KeyRing,
    /// What was passed over without harm, such as an odd key among good ones.
    pub warnings: Vec<Problem>,
}

/// Compiles a policy document.
///
/// # Errors
///
/// Every problem in the document, each with its path, what was found and what was expected.
pub fn compile(document: &Document) -> Result<Compiled, ConfigErrors> {
    let mut sink = Problems::default();
    let compiled = compile_root(&document.root(), &mut sink);
    match compiled {
        Some(mut compiled) if sink.errors.is_empty() => {
            compiled.warnings = sink.warnings;
            Ok(compiled)
        }
        _ => Err(ConfigErrors::new(sink.errors)),
    }
}

fn compile_root(root: &Node<'_>, sink: &mut Problems) -> Option<Compiled> {
    let mut fields = root.object(sink)?;
    let mode = fields.optional("mode").map_or(Some(Mode::Enforce), |node| {
        node.choice(&[("enforce", Mode::Enforce), ("report", Mode::Report)], sink)
    });
    let verify_by = fields.optional("verify").map_or(Some(VerifyBy::Module), |node| {
        let choices =
            [("module", VerifyBy::Module), ("host", VerifyBy::Host), ("auto", VerifyBy::Auto)];
        node.choice(&choices, sink)
    });
    let issuers = fields.required("issuers", "a list of issuers", sink);
    let names = issuers.as_ref().map(issuers::names).unwrap_or_default();
    let issuers = issuers.and_then(|node| issuers::read(&node, sink));
    if let (Some(VerifyBy::Host), Some((issuers, _))) = (verify_by, &issuers)
        && !issuers.iter().any(has_algorithm_of_hosts)
    {
        let found = "host, which knows none of the listed algorithms";
        sink.warn("verify", found, "module, which checks them in any case");
    }
    let (sources, forward_token) = sections::token(fields.optional("token").as_ref(), sink);
    let route_metadata = fields.flag("route_metadata", sink);
    let metrics = fields.flag("metrics", sink);
    let on_spoofed = fields.optional("on_spoofed_header");
    let forward = sections::forward(
        fields.optional("forward").as_ref(),
        on_spoofed.as_ref(),
        &sources,
        forward_token,
        sink,
    );
    if route_metadata && forward.strips() {
        // The rule comes from the route that was chosen with the header still there.
        let expected = "deny, as Envoy picks the route again once the header is gone, unseen here";
        sink.warn("on_spoofed_header", "strip beside `route_metadata: true`", expected);
    }
    let paths = sections::paths(fields.optional("on_ambiguous_path").as_ref(), sink);
    let rules = fields
        .required("rules", "a list of rules", sink)
        .and_then(|node| rules::read(&node, &names, &forward, &paths, route_metadata, sink));
    let reply = sections::reply(fields.optional("reply").as_ref(), sink);
    let allow_preflight = fields
        .optional("cors_preflight")
        .and_then(|node| node.choice(&[("check", false), ("allow", true)], sink))
        .unwrap_or(false);
    let limits = sections::limits(fields.optional("limits").as_ref(), sink);
    let shared_data = source::shared_data(fields.optional("shared_data").as_ref(), sink);
    fields.finish(sink);

    let (issuers, sets) = issuers?;
    let mut keys = KeyRing::default();
    for (id, set) in sets {
        keys.install(id, set, None);
    }
    Some(Compiled {
        policy: Policy {
            mode: mode?,
            issuers: Issuers::new(issuers),
            sources,
            rules: Rules::new(rules?),
            forward,
            reply,
            allow_preflight,
            paths,
            token_bytes: limits.token_bytes,
            route_metadata,
            metrics,
            shared_data,
            waiting_requests: limits.waiting_requests,
            waiting_time: limits.waiting_time,
            cache: limits.cache,
            verify_by: verify_by?,
        },
        keys,
        warnings: Vec::new(),
    })
}

/// Whether a host can check something of this issuer's.
fn has_algorithm_of_hosts(issuer: &Issuer) -> bool {
    issuer.algorithms.iter().any(|algorithm| host_crypto::hash(*algorithm).is_some())
}
