//! Envoy: the filters `jwt_authn` and RBAC.

mod jwks;
mod matching;
mod provider;
mod rbac;
mod requirement;

use crate::tree::Tree;

use super::{
    Options, Remark,
    draft::{Asks, Draft, Rule},
    keys::Files,
    remark::{Kind, Remarks},
    requests::{PathSet, Requests, cells, without_repeats},
};

use self::{
    matching::Region,
    provider::Provider,
    rbac::{Rbac, Ruling},
    requirement::{JwtRule, Reader},
};

/// Whether a document is a filter's configuration by itself.
pub(super) fn is_filter(tree: &Tree) -> bool {
    tree.is_typed("JwtAuthentication")
        || (tree.get("providers").is_some() && tree.get("rules").is_some())
}

/// Reads a configuration.
///
/// # Errors
///
/// There is no `jwt_authn` in it, or several.
pub(super) fn import(
    tree: &Tree,
    options: &Options,
    files: &Files,
) -> Result<(Draft, Vec<Remark>), String> {
    let mut filters: Vec<&Tree> = Vec::new();
    if is_filter(tree) {
        filters.push(tree);
    } else {
        tree.walk(&mut |node| {
            if node.is_typed("JwtAuthentication") {
                filters.push(node);
            }
        });
    }
    let filter = match filters.as_slice() {
        [one] => *one,
        [] => return Err("found no filter jwt_authn, expected one".to_owned()),
        several => {
            let lines: Vec<String> = several.iter().map(|one| one.line.to_string()).collect();
            return Err(format!(
                "found {} filters jwt_authn, in lines {}, expected one; give each in a file of its own",
                several.len(),
                lines.join(", ")
            ));
        }
    };

    let mut remarks = Remarks::default();
    let mut draft = Draft::default();
    for (name, value) in filter.members() {
        match name.as_str() {
            "@type" | "providers" | "rules" | "requirement_map" => {}
            "bypass_cors_preflight" => draft.allow_preflight = value.is_true(),
            "strip_failure_response" => {
                remarks.add(
                    value.line,
                    Kind::Stays,
                    "the gate tells callers no more than RFC 6750 asks; see `reply`",
                );
            }
            other => remarks.add(
                value.line,
                Kind::NotCarried,
                format!("the field `{other}` of jwt_authn"),
            ),
        }
    }
    let providers: Vec<(String, Provider)> = filter
        .get("providers")
        .map(Tree::members)
        .unwrap_or_default()
        .iter()
        .map(|(name, tree)| {
            (name.clone(), provider::read(name, tree, &mut draft, options, files, &mut remarks))
        })
        .collect();
    if providers.is_empty() {
        return Err("found a jwt_authn without providers, expected one at least".to_owned());
    }
    let payloads: Vec<String> =
        providers.iter().filter_map(|(_, provider)| provider.payload.clone()).collect();
    let rbacs = rbac_filters(tree, filter, &payloads, &mut remarks);
    elsewhere(tree, &mut remarks);

    let mut reader =
        Reader { filter, providers: &providers, remarks: &mut remarks, draft: &mut draft };
    let rules = reader.rules();
    assemble(&rules, &rbacs, &mut draft, &mut remarks);
    if !draft.claims.is_empty() || draft.payload.is_some() {
        let text = "a client that sends a header which the gate writes gets 400, where Envoy takes the header \
                    away; `on_spoofed_header: strip` does the same, but read what Envoy does to routes then";
        remarks.add(0, Kind::Changed, text);
    }
    let text = "`.a..b.c` is no token here, names do not stand twice, `crit` and `cnf` are looked at, and a \
                request with two tokens is refused";
    remarks.add(0, Kind::Closed, text);
    Ok((draft, remarks.sorted()))
}

/// The RBAC filters of the chain that the token's filter is in.
fn rbac_filters(
    tree: &Tree,
    filter: &Tree,
    payloads: &[String],
    remarks: &mut Remarks,
) -> Vec<Rbac> {
    let mut chain: &[Tree] = tree.items();
    tree.walk(&mut |node| {
        let filters = node.list("http_filters");
        let is_ours =
            |one: &Tree| one.get("typed_config").is_some_and(|config| std::ptr::eq(config, filter));
        if filters.iter().any(is_ours) {
            chain = filters;
        }
    });
    let configs = chain.iter().filter_map(|one| one.get("typed_config"));
    configs
        .filter(|config| config.is_typed("RBAC"))
        .filter_map(|config| Rbac::read(config, payloads, remarks))
        .collect()
}

/// What routes say for themselves.
fn elsewhere(tree: &Tree, remarks: &mut Remarks) {
    tree.walk(&mut |node| {
        if node.is_typed("PerRouteConfig") || node.is_typed("RBACPerRoute") {
            let text = "a route of its own mind: the gate reads `metadata.filter_metadata.jwt_gate` of the route \
                        instead, with `route_metadata: true`";
            remarks.add(node.line, Kind::NotCarried, text);
        }
    });
}

/// What becomes of the requests of a cell.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Asks(Asks),
    /// No rule, so Envoy lets them pass.
    Open,
}

fn assemble(rules: &[JwtRule], rbacs: &[Rbac], draft: &mut Draft, remarks: &mut Remarks) {
    let of_rules = rules.iter().flat_map(|rule| &rule.regions).flat_map(Region::sets);
    let of_rbacs = rbacs.iter().flat_map(Rbac::sets);
    let Some(cells) = cells(of_rules.chain(of_rbacs).cloned()) else {
        remarks.add(
            0,
            Kind::NotCarried,
            "more overlapping rules than can be told apart; all is denied",
        );
        let rule = Rule::new(Requests::default(), Asks::Deny, Vec::new());
        draft.rules = vec![rule];
        return;
    };
    let decided: Vec<(Requests, Outcome)> = cells
        .into_iter()
        .map(|cell| {
            let outcome = decide(&cell, rules, rbacs, remarks);
            (cell, outcome)
        })
        .collect();
    let rest_is_open = decided.last().is_some_and(|(_, outcome)| *outcome == Outcome::Open);
    for (requests, outcome) in without_repeats(decided, &Outcome::Open) {
        let line = speaking(&requests, rules).map(|rule| rule.line);
        let comments =
            line.map(|line| format!("From the rule in line {line}.")).into_iter().collect();
        let asks = match outcome {
            Outcome::Asks(asks) => asks,
            Outcome::Open => {
                draft.rules.push(Rule::opens(requests, "Envoy"));
                continue;
            }
        };
        if let (Asks::Public, PathSet::All) = (&asks, &requests.path) {
            let text = "every request of this rule passes without a token, on every path, also on those that are \
                        added later. Name the paths that are meant";
            remarks.add(line.unwrap_or(0), Kind::Open, text);
        }
        draft.rules.push(Rule::new(requests, asks, comments));
    }
    if rest_is_open {
        draft.rules.push(Rule::opens(Requests::default(), "Envoy"));
    }
    if draft.rules.iter().any(|rule| rule.left_out) {
        let text = "Envoy lets every request pass that no rule matches; here it is denied. The rule that opens them \
                    again stands in the policy as a comment";
        remarks.add(0, Kind::Closed, text);
    }
    if draft.rules.iter().all(|rule| rule.left_out) {
        let rule = Rule::new(Requests::default(), Asks::Deny, Vec::new());
        draft.rules.push(rule);
    }
    let by_path = rules
        .iter()
        .flat_map(|rule| &rule.regions)
        .any(|region| region.within.path != PathSet::All);
    if by_path {
        let text = "`//x`, `/./x`, `/x%2F..` and `/x;a` are not `/x` to Envoy's rules unless its connection manager \
                    is told to normalise them; here such paths are refused (400) or decoded before they are compared";
        remarks.add(0, Kind::Closed, text);
    }
}

fn speaking<'r>(cell: &Requests, rules: &'r [JwtRule]) -> Option<&'r JwtRule> {
    rules.iter().find(|rule| rule.regions.iter().any(|region| region.holds(cell)))
}

fn decide(cell: &Requests, rules: &[JwtRule], rbacs: &[Rbac], remarks: &mut Remarks) -> Outcome {
    let mut asks = match speaking(cell, rules).map(|rule| &rule.asks) {
        None => None,
        Some(Ok(asks)) => Some(asks.clone()),
        Some(Err(_)) => return Outcome::Asks(Asks::Deny),
    };
    for rbac in rbacs {
        match rbac.ruling(cell) {
            Ruling::Nothing => {}
            Ruling::Denied => return Outcome::Asks(Asks::Deny),
            Ruling::Inexpressible(line) => {
                let text =
                    "what RBAC asks of some requests cannot be said in one rule; they are denied";
                remarks.add(line, Kind::NotCarried, text);
                return Outcome::Asks(Asks::Deny);
            }
            Ruling::Needs(wanted) => {
                asks = Some(match asks {
                    // Without a checked token there is nothing that RBAC could find.
                    None | Some(Asks::Public | Asks::Deny) => Asks::Deny,
                    Some(Asks::Optional) => Asks::Token(wanted),
                    Some(Asks::Token(mut before)) => match before.and(&wanted) {
                        true => Asks::Token(before),
                        false => Asks::Deny,
                    },
                });
            }
        }
    }
    asks.map_or(Outcome::Open, Outcome::Asks)
}
