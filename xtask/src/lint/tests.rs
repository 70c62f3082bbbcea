//! Good and bad configurations; each bad one differs from the good one by one edit.

mod keys;

use std::{fs, path::PathBuf};

use super::*;
use crate::workspace;

/// A configuration with nothing to find.
const GOOD: &str = r#"
static_resources:
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          normalize_path: true
          merge_slashes: true
          path_with_escaped_slashes_action: REJECT_REQUEST
          early_header_mutation_extensions:
          - name: clean
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
              mutations:
              - remove: x-user
              - remove: X-Payload
              - remove_on_match: { key_matcher: { prefix: x-ssl- } }
          route_config:
            virtual_hosts:
            - name: api
              domains: ["*"]
              routes:
              - match: { prefix: /, headers: [{ name: x-version, string_match: { exact: "2" } }], query_parameters: [{ name: page }] }
                route:
                  cluster: api
                  rate_limits:
                  - actions: [{ header_value_match: { descriptor_value: user, headers: [{ name: x-user }] } }]
                metadata: { filter_metadata: { jwt_gate: { rule: change } } }
          http_filters:
          - name: gate
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                failure_policy: FAIL_RELOAD
                configuration:
                  "@type": type.googleapis.com/google.protobuf.Struct
                  value:
                    issuers: [{ issuer: https://issuer.test/ }]
                    token: { from: [{ header: x-token, scheme: none }, { cookie: app.at }, { query: access_token }] }
                    rules: [{ name: change, access: token }]
                    route_metadata: true
                    on_spoofed_header: strip
                    forward:
                      payload: x-payload
                      claims: [{ claim: [sub], header: x-user }]
                      remove_headers: [x-ssl-client-cn]
          - name: envoy.filters.http.router
"#;

/// The findings in a text, one a line, without the file name.
fn findings(text: &str) -> Vec<String> {
    let value = serde_saphyr::from_str(text).unwrap();
    let report = lint(&[Document { file: "envoy.yaml".into(), value }]);
    report
        .findings
        .iter()
        .map(|finding| finding.to_string().replacen("envoy.yaml: ", "", 1))
        .collect()
}

/// The findings after `from` in the good text became `to`.
#[track_caller]
fn after(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "the good configuration has no `{from}`");
    findings(&GOOD.replace(from, to))
}

/// Demands one finding that holds each of the pieces.
#[track_caller]
fn one(findings: &[String], pieces: &[&str]) {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    for piece in pieces {
        assert!(findings[0].contains(piece), "no `{piece}` in: {}", findings[0]);
    }
}

#[test]
fn a_good_configuration_has_no_findings() {
    assert_eq!(findings(GOOD), [""; 0]);
}

#[test]
fn a_file_without_the_filter_says_that_nothing_was_checked() {
    one(&findings("static_resources: {}"), &["note: found no HTTP connection manager"]);
    // A Wasm filter whose configuration is no policy is somebody else's.
    one(
        &after("issuers: [{ issuer: https://issuer.test/ }]", "colour: red"),
        &["nothing was checked"],
    );
}

#[test]
fn a_route_on_an_identity_header_is_an_error() {
    for header in ["x-user", "X-User", "x_user"] {
        one(
            &after("name: x-version", &format!("name: {header}")),
            &[
                "error: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config\
                 .virtual_hosts[0].routes[0].match.headers[0].name: ",
                &format!("the header `{header}`, which JWT Gate writes"),
                "(forward.claims)",
            ],
        );
    }
    one(&after("name: x-version", "name: x-payload"), &["(forward.payload)"]);
    one(&after("name: x-version", "name: x-ssl-client-cn"), &["removes (forward.remove_headers)"]);
}

#[test]
fn a_route_on_the_tokens_own_place_is_an_error() {
    one(&after("name: x-version", "name: x-token"), &["error: ", "reads the token from"]);
    one(&after("name: x-version", "name: cookie"), &["error: ", "a cookie"]);
    one(&after("name: page", "name: access_token"), &["error: ", "query parameter `access_token`"]);
    one(
        &after("query_parameters: [{ name: page }]", "cookies: [{ name: app.at }]"),
        &["error: ", "the cookie `app.at`"],
    );
    one(&after("name: x-version", "name: ':path'"), &["error: ", "takes the token out of"]);
    // Here the token has its own header, so that `authorization` is anybody's.
    assert_eq!(after("name: x-version", "name: authorization"), [""; 0]);
    let token = "token: { from: [{ header: x-token, scheme: none }, { cookie: app.at }, { query: access_token }] }";
    let by_default =
        GOOD.replace(token, "mode: enforce").replace("name: x-version", "name: authorization");
    one(&findings(&by_default), &["error: ", "the header `authorization`"]);
    let cookie = GOOD.replace(token, "mode: enforce").replace("name: x-version", "name: cookie");
    assert_eq!(findings(&cookie), [""; 0]);
    assert_eq!(findings(&cookie.replace("name: cookie", "name: ':path'")), [""; 0]);
}

#[test]
fn a_matcher_tree_on_an_identity_header_is_an_error() {
    let tree = r#"matcher: { matcher_tree: { input: { name: user, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x-user } } } }"#;
    one(
        &after(r#"domains: ["*"]"#, &format!("domains: [\"*\"]\n              {tree}")),
        &["error: ", "matcher_tree.input.typed_config.header_name", "`x-user`"],
    );
}

#[test]
fn camel_case_names_are_read_as_well() {
    let camel = GOOD
        .replace("route_config", "routeConfig")
        .replace("virtual_hosts", "virtualHosts")
        .replace("http_filters", "httpFilters")
        .replace("name: x-version", "name: x-user");
    one(&findings(&camel), &["error: ", "routeConfig.virtualHosts[0]"]);
}

#[test]
fn a_policy_as_json_text_is_read_as_well() {
    let text = r#"
listeners:
- "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
  normalize_path: true
  merge_slashes: true
  path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT
  route_config: { virtual_hosts: [{ routes: [{ match: { prefix: /, headers: [{ name: authorization }] } }] }] }
  http_filters:
  - name: gate
    typed_config:
      "@type": type.googleapis.com/xds.type.v3.TypedStruct
      type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
      value:
        config:
          failure_policy: FAIL_RELOAD
          configuration: { "@type": type.googleapis.com/google.protobuf.StringValue, value: '{"issuers":[]}' }
"#;
    one(&findings(text), &["error: ", "`authorization`"]);
}

#[test]
fn stripping_needs_the_early_removal() {
    for (line, header) in [
        ("remove: x-user", "x-user"),
        ("remove: X-Payload", "x-payload"),
        ("prefix: x-ssl-", "x-ssl-client-cn"),
    ] {
        let edit = format!("{}x-other", line.split_inclusive(": ").next().unwrap());
        let what = format!("remove `{header}`");
        one(&after(line, &edit), &["error: ", "early_header_mutation_extensions", &what]);
        // A policy that refuses spoofed headers needs none.
        let refuses = GOOD
            .replace(line, &edit)
            .replace("on_spoofed_header: strip", "on_spoofed_header: deny");
        assert_eq!(findings(&refuses), [""; 0]);
    }
}

#[test]
fn settings_that_switch_the_check_off_are_errors() {
    let policy = "failure_policy: FAIL_RELOAD";
    one(
        &after(policy, "failure_policy: FAIL_OPEN"),
        &["error: ", "config.failure_policy: found FAIL_OPEN"],
    );
    one(&after(policy, "failure_policy: 3"), &["error: ", "found FAIL_OPEN"]);
    one(&after(policy, "failure_policy: FAIL_SAFE"), &["error: ", "\"FAIL_SAFE\""]);
    one(&after(policy, "failure_policy: FAIL_CLOSED"), &["note: ", "found FAIL_CLOSED"]);
    one(&after(policy, "name: gate"), &["note: ", "found no failure_policy"]);
    assert_eq!(after(policy, "failure_policy: 1"), [""; 0]);
    let with = |line: &str| after(policy, &format!("{policy}\n                {line}"));
    one(&with("fail_open: true"), &["error: ", "config.fail_open"]);
    assert_eq!(with("fail_open: false"), [""; 0]);
    one(
        &with("allow_on_headers_stop_iteration: true"),
        &["error: ", "allow_on_headers_stop_iteration"],
    );
    one(
        &with("capability_restriction_config: { allowed_capabilities: { proxy_log: {} } }"),
        &["error: ", "without proxy_on_request_headers"],
    );
    let enough =
        "capability_restriction_config: { allowed_capabilities: { proxy_on_request_headers: {} } }";
    assert_eq!(with(enough), [""; 0]);
    assert_eq!(with("capability_restriction_config: { allowed_capabilities: {} }"), [""; 0]);
}

#[test]
fn missing_path_hardening_is_a_warning() {
    one(&after("normalize_path: true", "normalize_path: false"), &["warning: ", "normalize_path"]);
    one(&after("merge_slashes: true", "stat_prefix: api"), &["warning: ", "merge_slashes"]);
    let action = "path_with_escaped_slashes_action: ";
    for weak in ["KEEP_UNCHANGED", "IMPLEMENTATION_SPECIFIC_DEFAULT", "1"] {
        let edit = format!("{action}{weak}");
        one(&after(&format!("{action}REJECT_REQUEST"), &edit), &["warning: ", "escaped_slashes"]);
    }
}

#[test]
fn a_route_that_switches_the_filter_off_is_noted() {
    let metadata = "metadata: { filter_metadata: { jwt_gate: { rule: change } } }";
    let off = |name: &str| {
        format!(
            "typed_per_filter_config: {{ {name}: {{ \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true }} }}"
        )
    };
    one(
        &after(metadata, &off("gate")),
        &["note: ", "routes[0].typed_per_filter_config.gate", "switched off"],
    );
    assert_eq!(after(metadata, &off("other")), [""; 0]);
    let refused =
        off("gate").replace("config.route.v3.FilterConfig", "extensions.filters.http.wasm.v3.Wasm");
    one(&after(metadata, &refused), &["error: ", "Envoy takes none per route"]);
    one(
        &after("- name: gate", "- name: gate\n            disabled: true"),
        &["note: ", "filter `gate` is disabled here"],
    );
}

#[test]
fn a_rule_that_a_route_names_must_be_there_and_be_read() {
    one(
        &after("{ rule: change }", "{ rule: chnage }"),
        &["error: ", "jwt_gate.rule: found rule `chnage`, expected one of the policy's: change"],
    );
    one(
        &after("route_metadata: true", "mode: report"),
        &["error: ", "expected `route_metadata: true`"],
    );
}

#[test]
fn routes_and_filters_in_other_files_are_found_there() {
    let inline = GOOD.find("          route_config:").unwrap();
    let filters = GOOD.find("          http_filters:").unwrap();
    let rds = "          rds: { route_config_name: table }\n";
    let main = [&GOOD[..inline], rds, &GOOD[filters..]].concat();
    one(&findings(&main), &["warning: ", "route table `table` is in none of the files"]);

    let table = r#"
resources:
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: table
  virtual_hosts: [{ routes: [{ match: { prefix: /, headers: [{ name: x-user }] } }] }]
"#;
    let documents = [("main.yaml", main.as_str()), ("rds.yaml", table)].map(|(file, text)| {
        Document { file: file.into(), value: serde_saphyr::from_str(text).unwrap() }
    });
    let found: Vec<String> = lint(&documents).findings.iter().map(Finding::to_string).collect();
    let errors: Vec<&String> = found.iter().filter(|line| line.contains(": error: ")).collect();
    assert_eq!(errors.len(), 1, "{found:#?}");
    assert!(errors[0].starts_with("rds.yaml: error: resources[0].virtual_hosts[0]"), "{found:#?}");
}

#[test]
fn a_route_table_chosen_by_an_identity_header_is_an_error() {
    let scoped = "scoped_routes: { scope_key_builder: { fragments: [{ header_value_extractor: { name: x_user } }] } }\n          route_config:";
    let found = after("route_config:", scoped);
    assert!(
        found.iter().any(|line| line.starts_with("error: ") && line.contains("`x-user`")),
        "{found:#?}"
    );
}

#[test]
fn text_that_is_no_yaml_is_refused_by_name() {
    let folder = std::env::temp_dir().join(format!("lint-envoy-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("broken.yaml");
    fs::write(&file, "a: [1").unwrap();
    let error = check(std::slice::from_ref(&file)).map(|_| ()).unwrap_err().to_string();
    fs::remove_dir_all(&folder).unwrap();
    assert!(error.contains("broken.yaml: found no YAML"), "{error}");
    let error = check(&[PathBuf::from("no-such.yaml")]).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "cannot read no-such.yaml");
}

#[test]
fn the_reference_configuration_has_no_errors() {
    let file = workspace::root().join("envoy/envoy.yaml");
    let report = check(&[file]).unwrap();
    let errors: Vec<_> = report.findings.iter().filter(|one| one.level != Level::Note).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
