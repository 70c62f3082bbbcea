//! The routes behind a JWT Gate filter.

use super::{Level, Report, gate::Gate, node::Node};

/// Checks one route table against one filter.
pub(super) fn check(table: &Node<'_>, gate: &Gate, report: &mut Report) {
    table.walk(&mut |node| {
        match node.key() {
            // What other filters are told per route does not choose a route.
            "typed_per_filter_config" | "typedPerFilterConfig" => {
                check_override(node, gate, report);
                return false;
            }
            "match" => check_match(node, gate, report),
            "metadata" => {
                check_metadata(node, gate, report);
                return false;
            }
            _ => {}
        }
        // A virtual host's `matcher` tree asks for headers and parameters through these.
        if let Some(name) = input(node, "HttpRequestHeaderMatchInput", "header_name") {
            check_header(&name, gate, report);
        }
        if let Some(name) = input(node, "HttpRequestQueryParamMatchInput", "query_param") {
            check_parameter(&name, gate, report);
        }
        true
    });
}

fn input<'a>(node: &Node<'a>, kind: &str, field: &str) -> Option<Node<'a>> {
    node.typed(kind)?.get(field)
}

/// The match of a route.
fn check_match(route: &Node<'_>, gate: &Gate, report: &mut Report) {
    for header in route.items("headers") {
        if let Some(name) = header.get("name") {
            check_header(&name, gate, report);
        }
    }
    for parameter in route.items("query_parameters") {
        if let Some(name) = parameter.get("name") {
            check_parameter(&name, gate, report);
        }
    }
    for cookie in route.items("cookies") {
        let Some(name) = cookie.get("name") else {
            continue;
        };
        if gate.token_cookies.iter().any(|known| Some(known.as_str()) == name.text()) {
            report.add(
                Level::Error,
                &name,
                format!(
                    "found a route match on the cookie `{}`, which JWT Gate reads the token from \
                     and removes; expected none: {AGAIN}",
                    name.text().unwrap_or_default()
                ),
            );
        }
    }
}

/// Why a match on something that the filter changes is wrong.
const AGAIN: &str = "Envoy picks the route again once it is changed, after the verdict";

fn check_header(name: &Node<'_>, gate: &Gate, report: &mut Report) {
    let Some(header) = name.text() else { return };
    if let Some(used) = gate.use_of_header(header) {
        report.add(
            Level::Error,
            name,
            format!(
                "found a route match on the header `{header}`, which JWT Gate {used}; expected \
                 none: {AGAIN}"
            ),
        );
    }
}

fn check_parameter(name: &Node<'_>, gate: &Gate, report: &mut Report) {
    let Some(parameter) = name.text() else { return };
    if gate.token_parameters.iter().any(|known| known == parameter) {
        report.add(
            Level::Error,
            name,
            format!(
                "found a route match on the query parameter `{parameter}`, which JWT Gate reads \
                 the token from and removes; expected none: {AGAIN}"
            ),
        );
    }
}

/// What a route says to the filter of our name.
fn check_override(overrides: &Node<'_>, gate: &Gate, report: &mut Report) {
    let Some(own) = overrides.fields().into_iter().find(|field| field.key() == gate.name) else {
        return;
    };
    if own.typed("Wasm").is_some() {
        report.add(
            Level::Error,
            &own,
            "found a Wasm filter's configuration, expected metadata.filter_metadata.jwt_gate: \
             Envoy takes none per route for Wasm filters and would not start",
        );
    }
    let config = own.typed("FilterConfig");
    if config.and_then(|config| config.get("disabled")).is_some_and(|value| value.is_true()) {
        report.add(
            Level::Note,
            &own,
            format!("filter `{}` is switched off here: requests pass unchecked, with the client's identity headers", gate.name),
        );
    }
}

/// A rule that a route names.
fn check_metadata(metadata: &Node<'_>, gate: &Gate, report: &mut Report) {
    let Some(own) = metadata.at(&["filter_metadata", "jwt_gate"]) else {
        return;
    };
    if !gate.reads_routes {
        report.add(
            Level::Error,
            &own,
            "found a rule for JWT Gate, expected `route_metadata: true` in the policy: without it \
             the rule is not read",
        );
        return;
    }
    let Some(rule) = own.get("rule") else { return };
    let name = rule.text().unwrap_or_default();
    if !gate.rules.iter().any(|known| known == name) {
        report.add(
            Level::Error,
            &rule,
            format!("found rule `{name}`, expected one of the policy's: {}", gate.rules.join(", ")),
        );
    }
}
