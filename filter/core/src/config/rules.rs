//! The section `rules`, and rule bodies wherever they stand.

use std::borrow::Cow;

use crate::{
    claims::ClaimPath,
    forward::{Forward, comparable},
    host,
    json::Json,
    path::{Allowances, CanonicalPath},
    pattern::{PathPattern, Template},
    rule::{Access, Condition, Matcher, Rule, Scopes, Test},
};

use super::{
    names::{LABEL, SCOPE, is_label, is_scope, is_token},
    order::Order,
    problem::Problems,
    reader::{Fields, Node, one_of, quote},
    sections::header_name,
};

/// What a rule body may refer to.
pub(crate) struct Surroundings<'s> {
    pub(crate) issuers: &'s [&'s str],
    pub(crate) forward: &'s Forward,
}

pub(crate) fn read(
    node: &Node<'_>,
    issuers: &[&str],
    forward: &Forward,
    allowed: &Allowances,
    route_metadata: bool,
    sink: &mut Problems,
) -> Option<Vec<Rule>> {
    let around = Surroundings { issuers, forward };
    let mut order = Order::new();
    let mut paths: Vec<String> = Vec::new();
    for (place, node) in node.list("rules", sink)?.iter().enumerate() {
        let Some(fields) = node.object(sink) else {
            continue;
        };
        let Some(rule) = read_one(fields, place, &around, allowed, route_metadata, sink) else {
            continue;
        };
        let name = quote(&rule.name);
        for clash in order.add(rule) {
            if clash.is_namesake {
                let found = format!("{name} a second time");
                sink.error(&format!("{}.name", node.path), found, "each name once");
            }
            // First match decides, so a rule behind a wider one never speaks; if it was meant to
            // be the stricter of the two, it protects nothing.
            if clash.covers {
                let path = paths.get(clash.earlier).map(String::as_str).unwrap_or_default();
                sink.error(
                    &format!("{}.match", node.path),
                    format!("a rule that {path} covers whole"),
                    "narrower rules before wider ones",
                );
            }
        }
        paths.push(node.path.clone());
    }
    Some(order.into_rules())
}

fn read_one(
    mut fields: Fields<'_>,
    place: usize,
    around: &Surroundings<'_>,
    allowed: &Allowances,
    route_metadata: bool,
    sink: &mut Problems,
) -> Option<Rule> {
    let name = fields.optional("name").and_then(|node| node.text_where(is_label, LABEL, sink));
    let matching = fields.optional("match");
    let matcher = match &matching {
        None if route_metadata => Some(None),
        None => {
            let expected = "an object with one of path, prefix, template \
                            (only rules for `route_metadata: true` have none)";
            sink.error(&format!("{}.match", fields.path), "nothing", expected);
            None
        }
        Some(node) => node.object(sink).and_then(|fields| matcher(fields, allowed, sink)).map(Some),
    };
    let pattern = matcher.as_ref().and_then(|m| m.as_ref()).map(|m| &m.path);
    let name = name.map_or_else(|| format!("rule-{place}"), str::to_owned);
    let body = body(&mut fields, pattern, around, sink);
    fields.finish(sink);
    let (access, issuers, scopes, claims) = body?;
    Some(Rule { name, matcher: matcher?, access, issuers, scopes, claims })
}

fn matcher(mut fields: Fields<'_>, allowed: &Allowances, sink: &mut Problems) -> Option<Matcher> {
    let before = sink.errors.len();
    let path = fields
        .exactly_one(&["path", "prefix", "template"], sink)
        .and_then(|(kind, node)| pattern(kind, &node, allowed, sink));
    let methods = match fields.optional("methods") {
        None => Some(Vec::new()),
        Some(node) => {
            // Methods are case-sensitive; `get` is a method that nobody sends.
            let fits = |text: &str| is_token(text) && !text.bytes().any(|b| b.is_ascii_lowercase());
            node.texts(fits, "a method in capitals, such as GET", sink)
        }
    };
    let hosts = match fields.optional("hosts") {
        None => Some(Vec::new()),
        Some(node) => {
            let fits = |text: &str| host::parse(text.as_bytes()).is_some();
            node.texts(fits, "a host name, without wildcards", sink)
        }
    };
    fields.finish(sink);
    // With a misspelt part left out, it would seem wider than it is meant and cover other rules.
    if sink.errors.len() > before {
        return None;
    }
    Some(Matcher {
        path: path?,
        methods: methods?,
        hosts: hosts?
            .iter()
            .filter_map(|host| host::parse(host.as_bytes()))
            .map(Cow::into_owned)
            .collect(),
    })
}

fn pattern(
    kind: &str,
    node: &Node<'_>,
    allowed: &Allowances,
    sink: &mut Problems,
) -> Option<PathPattern> {
    const EXPECTED: &str = "a path from / on, without query and without ambiguous forms";
    let text = node.text(EXPECTED, sink)?;
    // A policy may write `/café`; requests carry it encoded.
    let canonical = |text: &str| {
        let encoded: Vec<u8> = text
            .bytes()
            .flat_map(|byte| {
                if byte.is_ascii() { vec![byte] } else { format!("%{byte:02X}").into_bytes() }
            })
            .collect();
        if text.contains('?') {
            return None;
        }
        CanonicalPath::parse(&encoded, allowed).ok().map(CanonicalPath::into_owned)
    };
    if kind == "template" {
        // Each literal segment by itself, as if it were a path of one.
        let segment = |part: &str| {
            if part.is_empty() {
                // The empty last segment of `/a/`; `//` is found by the whole below.
                return Some(String::new());
            }
            let path = canonical(&format!("/{part}"))?;
            path.segments().next().map(str::to_owned)
        };
        if text.contains("//") {
            node.wrong(EXPECTED, sink);
            return None;
        }
        return match Template::parse(text, segment) {
            Ok(template) => Some(PathPattern::Template(template)),
            Err(problem) => {
                let expected = "a template such as /t/{tenant}/**";
                sink.error(&node.path, format!("{} ({problem})", quote(text)), expected);
                None
            }
        };
    }
    let Some(path) = canonical(text) else {
        node.wrong(EXPECTED, sink);
        return None;
    };
    Some(if kind == "path" { PathPattern::Exact(path) } else { PathPattern::Prefix(path) })
}

/// Access, issuers, scopes and claim conditions.
pub(crate) type Body = (Access, Vec<String>, Scopes, Vec<Condition>);

/// Reads `access` and `require`, of which a rule has at least one.
pub(crate) fn body(
    fields: &mut Fields<'_>,
    pattern: Option<&PathPattern>,
    around: &Surroundings<'_>,
    sink: &mut Problems,
) -> Option<Body> {
    let words = [
        ("public", Access::Public),
        ("optional", Access::Optional),
        ("token", Access::Token),
        ("deny", Access::Deny),
    ];
    let access = fields.optional("access");
    let require = fields.optional("require");
    let chosen = access.as_ref().map(|node| node.choice(&words, sink));
    let Some(require) = require else {
        if access.is_none() {
            sink.error(&fields.path, "neither access nor require", "one of them");
        }
        return Some((chosen??, Vec::new(), Scopes::default(), Vec::new()));
    };
    if let (Some(access), Some(Some(chosen))) = (&access, chosen)
        && chosen != Access::Token
    {
        access.wrong("token, as the rule has `require`", sink);
        return None;
    }
    let conditions =
        require.object(sink).and_then(|fields| requirements(fields, pattern, around, sink));
    if access.is_some() {
        chosen??;
    }
    let (issuers, scopes, claims) = conditions?;
    Some((Access::Token, issuers, scopes, claims))
}

fn requirements(
    mut fields: Fields<'_>,
    pattern: Option<&PathPattern>,
    around: &Surroundings<'_>,
    sink: &mut Problems,
) -> Option<(Vec<String>, Scopes, Vec<Condition>)> {
    let path = fields.path.clone();
    let issuers = fields.optional("issuers").map(|node| {
        let known = |text: &str| around.issuers.contains(&text);
        let expected = format!("the name of an issuer, {}", one_of(around.issuers.iter().copied()));
        node.texts(known, &expected, sink)
    });
    let scopes = fields
        .optional("scopes")
        .map(|node| node.object(sink).and_then(|fields| self::scopes(fields, sink)));
    let claims = fields.optional("claims").map(|node| {
        let items = node.list("claim conditions", sink)?;
        let conditions = items.iter().filter_map(|node| {
            node.object(sink).and_then(|fields| condition(fields, pattern, around, sink))
        });
        Some(conditions.collect())
    });
    fields.finish(sink);
    if issuers.is_none() && scopes.is_none() && claims.is_none() {
        sink.error(&path, "nothing required", "at least one of issuers, scopes, claims");
    }
    Some((
        issuers.unwrap_or_else(|| Some(Vec::new()))?,
        scopes.unwrap_or_else(|| Some(Scopes::default()))?,
        claims.unwrap_or_else(|| Some(Vec::new()))?,
    ))
}

fn scopes(mut fields: Fields<'_>, sink: &mut Problems) -> Option<Scopes> {
    let all = fields.optional("all").map(|node| node.texts(is_scope, SCOPE, sink));
    let any = fields.optional("any").map(|node| node.texts(is_scope, SCOPE, sink));
    if all.is_none() && any.is_none() {
        sink.error(&fields.path, "no scopes", "one of all, any with a list of scopes");
    }
    fields.finish(sink);
    Some(Scopes {
        all: all.unwrap_or_else(|| Some(Vec::new()))?,
        any: any.unwrap_or_else(|| Some(Vec::new()))?,
    })
}

/// Reads a claim path: a list of names from the outside in.
pub(crate) fn claim_path(node: &Node<'_>, sink: &mut Problems) -> Option<ClaimPath> {
    if node.value.as_str().is_some() {
        // A text would leave open whether its dots separate.
        node.wrong("a list of names, from the outside in", sink);
        return None;
    }
    node.texts(|_| true, "the name of a claim", sink).map(ClaimPath)
}

fn condition(
    mut fields: Fields<'_>,
    pattern: Option<&PathPattern>,
    around: &Surroundings<'_>,
    sink: &mut Problems,
) -> Option<Condition> {
    const TESTS: [&str; 6] =
        ["equals", "one_of", "contains", "equals_path", "equals_header", "present"];
    let claim = fields
        .required("claim", "a list of names, from the outside in", sink)
        .and_then(|node| claim_path(&node, sink));
    let test = fields.exactly_one(&TESTS, sink);
    fields.finish(sink);
    let (kind, node) = test?;
    let test = match kind {
        "equals" => scalar(&node, sink).map(|value| Test::OneOf(vec![value])),
        "one_of" => node
            .list("values", sink)
            .map(|items| Test::OneOf(items.iter().filter_map(|node| scalar(node, sink)).collect())),
        "contains" => scalar(&node, sink).map(Test::Contains),
        "equals_path" => segment(&node, pattern, sink),
        "equals_header" => {
            let name = header_name(&node, sink)?;
            if around.forward.guarded.contains(&comparable(&name)) {
                node.wrong("a header that clients may send", sink);
                return None;
            }
            Some(Test::EqualsHeader(name))
        }
        _ => match node.boolean(sink)? {
            true => Some(Test::Present),
            false => {
                node.wrong("true", sink);
                None
            }
        },
    };
    Some(Condition { claim: claim?, test: test? })
}

/// A text, a number or a boolean.
fn scalar(node: &Node<'_>, sink: &mut Problems) -> Option<Json> {
    match node.value {
        Json::Bool(_) | Json::Number(_) | Json::String(_) => Some(node.value.clone()),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            node.wrong("a text, a number, true or false", sink);
            None
        }
    }
}

fn segment(node: &Node<'_>, pattern: Option<&PathPattern>, sink: &mut Problems) -> Option<Test> {
    let name = node.text("the name of a template's segment", sink)?;
    let place = match pattern {
        Some(PathPattern::Template(template)) => template.place(name),
        Some(PathPattern::Exact(_) | PathPattern::Prefix(_)) | None => None,
    };
    if place.is_none() {
        node.wrong(format!("a name that stands as {{{name}}} in the rule's template"), sink);
    }
    place.map(Test::EqualsSegment)
}
