//! RBAC filters behind the token's check: who may do what.

use serde_json::Value;

use crate::{
    import::{
        draft::{Condition, Test, Wanted},
        remark::{Kind, Remarks},
        requests::Requests,
    },
    tree::{Node, Tree},
};

use super::matching::{Region, Texts, permission, string_match};

/// One filter.
pub(super) struct Rbac {
    /// Whether its policies allow; else they deny.
    allows: bool,
    policies: Vec<Policy>,
}

struct Policy {
    line: usize,
    regions: Vec<Region>,
    who: Who,
}

/// Whom a policy means.
#[derive(Clone, Debug, PartialEq)]
enum Who {
    Everybody,
    /// Those whose token has one of these.
    With(Vec<Wanted>),
    /// Those whose token has not.
    Without(Wanted),
}

/// What RBAC asks of the requests of a cell, beside a token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ruling {
    Nothing,
    Denied,
    Needs(Wanted),
    Inexpressible(usize),
}

impl Rbac {
    /// Reads `typed_config` of a filter.
    pub(super) fn read(config: &Tree, payloads: &[String], remarks: &mut Remarks) -> Option<Self> {
        for (name, value) in config.members() {
            if name.starts_with("shadow_") {
                remarks.add(
                    value.line,
                    Kind::Stays,
                    "shadow rules decide nothing; `mode: report` is the gate's way",
                );
            } else if !matches!(name.as_str(), "@type" | "rules" | "track_per_rule_stats") {
                remarks.add(value.line, Kind::NotCarried, format!("`{name}` of RBAC"));
            }
        }
        let rules = config.get("rules")?;
        let allows = match rules.text_of("action") {
            None | Some("ALLOW") => true,
            Some("DENY") => false,
            Some(other) => {
                remarks.add(rules.line, Kind::Stays, format!("`action: {other}` decides nothing"));
                return None;
            }
        };
        let mut policies = Vec::new();
        for (name, policy) in rules.get("policies").map(Tree::members).unwrap_or_default() {
            match Policy::read(policy, payloads, remarks) {
                Ok(policy) => policies.push(policy),
                Err(problem) if allows => {
                    let text = format!(
                        "policy `{name}`: the gate cannot say {problem}; whom it alone allows is denied"
                    );
                    remarks.add(policy.line, Kind::NotCarried, text);
                }
                Err(problem) => {
                    let text = format!(
                        "policy `{name}`: the gate cannot say {problem}; keep this RBAC filter"
                    );
                    remarks.add(policy.line, Kind::NotCarried, text);
                }
            }
        }
        Some(Self { allows, policies })
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = &Requests> {
        self.policies.iter().flat_map(|policy| &policy.regions).flat_map(Region::sets)
    }

    /// What is asked of the requests of a cell.
    pub(super) fn ruling(&self, cell: &Requests) -> Ruling {
        let speaking = self
            .policies
            .iter()
            .filter(|policy| policy.regions.iter().any(|region| region.holds(cell)));
        if self.allows { allowed(speaking) } else { denied(speaking) }
    }
}

/// Any of these policies is enough.
fn allowed<'p>(policies: impl Iterator<Item = &'p Policy>) -> Ruling {
    let mut either: Option<Wanted> = None;
    for policy in policies {
        let line = policy.line;
        match &policy.who {
            Who::Everybody => return Ruling::Nothing,
            Who::With(wanted) => {
                for one in wanted {
                    either = match &either {
                        None => Some(one.clone()),
                        Some(before) => match before.or(one) {
                            Some(both) => Some(both),
                            None => return Ruling::Inexpressible(line),
                        },
                    };
                }
            }
            Who::Without(_) => return Ruling::Inexpressible(line),
        }
    }
    either.map_or(Ruling::Denied, Ruling::Needs)
}

/// None of these policies may hold.
fn denied<'p>(policies: impl Iterator<Item = &'p Policy>) -> Ruling {
    let mut needed: Option<Wanted> = None;
    for policy in policies {
        match &policy.who {
            Who::Everybody => return Ruling::Denied,
            Who::Without(wanted) => {
                if !needed.get_or_insert_default().and(wanted) {
                    return Ruling::Inexpressible(policy.line);
                }
            }
            Who::With(_) => return Ruling::Inexpressible(policy.line),
        }
    }
    needed.map_or(Ruling::Nothing, Ruling::Needs)
}

impl Policy {
    fn read(policy: &Tree, payloads: &[String], remarks: &mut Remarks) -> Result<Self, String> {
        for (name, value) in policy.members() {
            if !matches!(name.as_str(), "permissions" | "principals") {
                return Err(format!("`{name}` in line {}", value.line));
            }
        }
        let mut notes = Vec::new();
        let mut regions = Vec::new();
        for one in policy.list("permissions") {
            regions.extend(permission(one, &mut notes)?);
        }
        let mut who = Who::With(Vec::new());
        for one in policy.list("principals") {
            who = either(who, principal(one, payloads, remarks)?)?;
        }
        for (line, text) in notes {
            remarks.add(line, Kind::Changed, text);
        }
        Ok(Self { line: policy.line, regions, who })
    }
}

fn either(one: Who, other: Who) -> Result<Who, String> {
    match (one, other) {
        (Who::Everybody, _) | (_, Who::Everybody) => Ok(Who::Everybody),
        (Who::With(one), Who::With(other)) => Ok(Who::With([one, other].concat())),
        (Who::With(none), without) if none.is_empty() => Ok(without),
        _ => Err("`not_id` beside others".to_owned()),
    }
}

fn principal(tree: &Tree, payloads: &[String], remarks: &mut Remarks) -> Result<Who, String> {
    let Some((kind, value)) = tree.members().first() else { return Err("nobody".to_owned()) };
    match kind.as_str() {
        "any" if value.is_true() => Ok(Who::Everybody),
        "metadata" => metadata(value, payloads, remarks).map(|wanted| Who::With(vec![wanted])),
        "sourced_metadata" => {
            let matcher = value.get("metadata_matcher").ok_or("`sourced_metadata`")?;
            metadata(matcher, payloads, remarks).map(|wanted| Who::With(vec![wanted]))
        }
        "or_ids" => {
            let mut who = Who::With(Vec::new());
            for one in value.list("ids") {
                who = either(who, principal(one, payloads, remarks)?)?;
            }
            Ok(who)
        }
        "and_ids" => {
            let mut all = vec![Wanted::default()];
            for one in value.list("ids") {
                match principal(one, payloads, remarks)? {
                    Who::Everybody => {}
                    Who::With(some) => {
                        let mut both = Vec::new();
                        for wanted in &all {
                            for also in &some {
                                let mut wanted = wanted.clone();
                                if !wanted.and(also) {
                                    return Err("all of several lists of scopes".to_owned());
                                }
                                both.push(wanted);
                            }
                        }
                        all = both;
                        if all.len() > 64 {
                            return Err("so many alternatives".to_owned());
                        }
                    }
                    Who::Without(_) => return Err("`not_id` beside others".to_owned()),
                }
            }
            Ok(Who::With(all))
        }
        "not_id" => match principal(value, payloads, remarks)? {
            Who::With(wanted) => match wanted.as_slice() {
                [wanted] => Ok(Who::Without(wanted.clone())),
                [first, rest @ ..] => {
                    let either = rest.iter().try_fold(first.clone(), |sum, one| sum.or(one));
                    either.map(Who::Without).ok_or("`not_id` of several".to_owned())
                }
                [] => Ok(Who::Everybody),
            },
            Who::Everybody | Who::Without(_) => Err("`not_id` of everybody".to_owned()),
        },
        other => Err(format!("the principal `{other}`")),
    }
}

/// A `MetadataMatcher` on what `jwt_authn` published.
fn metadata(tree: &Tree, payloads: &[String], remarks: &mut Remarks) -> Result<Wanted, String> {
    if tree.text_of("filter") != Some("envoy.filters.http.jwt_authn") {
        return Err("the metadata of another filter".to_owned());
    }
    if tree.get("invert").is_some_and(Tree::is_true) {
        return Err("`invert`".to_owned());
    }
    let path: Vec<String> = tree
        .list("path")
        .iter()
        .filter_map(|part| part.text_of("key"))
        .map(str::to_owned)
        .collect();
    let claim = match path.split_first() {
        Some((payload, claim)) if payloads.contains(payload) && !claim.is_empty() => claim.to_vec(),
        _ => return Err(format!("the metadata {}, which no provider publishes", path.join("."))),
    };
    let value = tree.get("value").ok_or("metadata without a value")?;
    let (kind, how) = match &value.node {
        Node::Mapping(members) => members.first().map(|(kind, how)| (kind.as_str(), how)),
        _ => None,
    }
    .ok_or("metadata without a value")?;
    let is_scope =
        claim.len() == 1 && claim.iter().all(|name| ["scope", "scp"].contains(&name.as_str()));
    let name = claim.join(".");
    let wanted = |test: Test, text: Option<&str>| match text {
        Some(text) if is_scope && !text.is_empty() && !text.contains([' ', '"', '\\']) => {
            Wanted { all: vec![text.to_owned()], ..Wanted::default() }
        }
        _ => {
            let claims = vec![Condition { claim: claim.clone(), test }];
            Wanted { claims, ..Wanted::default() }
        }
    };
    match kind {
        "string_match" => match string_match(how) {
            Texts::Exact(text) => {
                if is_scope {
                    let text = format!(
                        "compares all of `{name}` with one text; here {text} may be one of several scopes"
                    );
                    remarks.add(how.line, Kind::Changed, text);
                }
                Ok(wanted(Test::OneOf(vec![text.clone().into()]), Some(&text)))
            }
            Texts::Contains(text) => {
                let told = format!(
                    "`contains` looks for a part of the text: `{text}` is also in `{text}-admin` and in \
                     `no{text}`; here whole words are compared"
                );
                remarks.add(how.line, Kind::Closed, told);
                Ok(wanted(Test::Contains(text.clone().into()), Some(&text)))
            }
            Texts::Prefix(text) => Err(format!("that the claim {name} begins with {text}")),
            Texts::Other(how) => Err(format!("the claim {name} by {how}")),
        },
        "list_match" => match how.at(&["one_of", "string_match"]).map(string_match) {
            Some(Texts::Exact(text)) => {
                Ok(wanted(Test::Contains(text.clone().into()), Some(&text)))
            }
            _ => Err(format!("a list in the claim {name}, by such a comparison")),
        },
        "bool_match" => Ok(wanted(Test::OneOf(vec![Value::Bool(how.is_true())]), None)),
        "present_match" if how.is_true() => Ok(wanted(Test::Present, None)),
        other => Err(format!("the claim {name} by `{other}`")),
    }
}
