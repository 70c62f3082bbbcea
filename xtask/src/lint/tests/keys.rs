//! Keys that are fetched; each bad configuration differs from a good one by one edit.

use super::{findings, one};
use crate::lint::{Document, Finding, lint};

/// Two issuers, three clusters, and nothing to find.
const GOOD: &str = r#"
bootstrap_extensions:
- name: envoy.bootstrap.wasm
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.wasm.v3.WasmService
    config:
      vm_config: { vm_id: jwt-gate-1 }
      configuration: { "@type": type.googleapis.com/google.protobuf.StringValue, value: '{"issuers":[{"issuer":"https://issuer.test/","keys":{"discovery":{"cluster":"issuer"}}}]}' }
static_resources:
  listeners:
  - "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
    normalize_path: true
    merge_slashes: true
    path_with_escaped_slashes_action: REJECT_REQUEST
    route_config: { virtual_hosts: [] }
    http_filters:
    - name: gate
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
        config:
          failure_policy: FAIL_RELOAD
          vm_config: { vm_id: jwt-gate-2 }
          configuration:
            "@type": type.googleapis.com/google.protobuf.Struct
            value:
              issuers:
              - { issuer: https://issuer.test/, keys: { discovery: { cluster: issuer, jwks_cluster: keys } } }
              - { issuer: urn:other, keys: { remote: { uri: "https://other.test:8443/keys", cluster: other } } }
              rules: []
  clusters:
  - name: issuer
    transport_socket:
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: issuer.test
        common_tls_context:
          validation_context:
            trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
            match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: issuer.test } }]
  - name: keys
    transport_socket:
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: keys.test
        auto_sni_san_validation: true
        common_tls_context:
          combined_validation_context:
            default_validation_context: {}
            validation_context_sds_secret_config: { name: roots }
  - name: other
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true }
    transport_socket:
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.http_11_proxy.v3.Http11ProxyUpstreamTransport
        transport_socket:
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
            common_tls_context: { validation_context: { trusted_ca: { filename: other.pem } } }
  secrets:
  - name: roots
    validation_context: { trusted_ca: { filename: roots.pem } }
"#;

/// Where the cluster `issuer` has its TLS.
const CONTEXT: &str = "static_resources.clusters[0].transport_socket.typed_config: ";

/// The findings after `from` in the good text became `to`.
#[track_caller]
fn after(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "the good configuration has no `{from}`");
    findings(&GOOD.replace(from, to))
}

#[test]
fn a_good_configuration_has_no_findings() {
    assert_eq!(findings(GOOD), [""; 0]);
}

#[test]
fn a_cluster_must_be_there() {
    let found = after("- name: other\n", "- name: another\n");
    one(&found, &["error: ", "issuers[1].keys.remote.cluster: found no cluster `other`"]);
    let found = after("jwks_cluster: keys", "jwks_cluster: kyes");
    one(&found, &["error: ", "keys.discovery.jwks_cluster: found no cluster `kyes`"]);
    let cds = format!("dynamic_resources: {{ cds_config: {{ ads: {{}} }} }}{GOOD}");
    assert_eq!(findings(&cds), [""; 0]);
    let found = findings(&cds.replace("- name: other\n", "- name: another\n"));
    one(&found, &["warning: ", "cluster `other` is in none of the files"]);
}

#[test]
fn a_cluster_may_be_in_another_file() {
    let (main, clusters) = GOOD.split_at(GOOD.find("  clusters:\n").unwrap());
    let others = format!("static_resources:\n{clusters}");
    let watched = r#"
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: other
"#;
    let check = |files: &[(&str, &str)]| -> Vec<String> {
        let documents: Vec<Document> = files
            .iter()
            .map(|(file, text)| Document {
                file: (*file).into(),
                value: serde_saphyr::from_str(text).unwrap(),
            })
            .collect();
        let report = lint(&documents);
        let lines = report.findings.iter().map(Finding::to_string);
        lines.filter(|line| !line.contains("nothing was checked")).collect()
    };
    assert_eq!(check(&[("main.yaml", main), ("clusters.yaml", &others)]), [""; 0]);
    // A file's own cluster is the one that counts, whatever another file calls by its name.
    assert_eq!(check(&[("main.yaml", GOOD), ("cds.yaml", watched)]), [""; 0]);
    let without = GOOD.replace("- name: other\n", "- name: another\n");
    one(
        &check(&[("main.yaml", &without), ("cds.yaml", watched)]),
        &["cds.yaml: error: resources[0]: found no transport_socket"],
    );
}

#[test]
fn an_https_address_needs_tls() {
    let plain = GOOD.replacen("transport_socket:", "metadata:", 1);
    one(
        &findings(&plain),
        &["error: static_resources.clusters[0]: found no transport_socket", "plain text"],
    );
    let raw = GOOD.replacen("tls.v3.UpstreamTlsContext", "raw_buffer.v3.RawBuffer", 1);
    let place = "static_resources.clusters[0].transport_socket: found no UpstreamTlsContext";
    one(&findings(&raw), &["error: ", place]);
    let matches = "transport_socket_matches: [{ match: {}, transport_socket: { name: raw } }]";
    one(
        &after("  - name: issuer\n", &format!("  - name: issuer\n    {matches}\n")),
        &["error: ", "clusters[0].transport_socket_matches[0].transport_socket: found no Upstream"],
    );
    // An address without TLS needs none, and is the graver matter.
    let http = GOOD.replace("https://other", "http://other").replace("other.pem }", "}");
    one(&findings(&http), &["warning: ", "issuers[1].keys.remote.uri: found keys over http"]);
    for local in ["http://localhost:8443", "http://127.0.0.1", "http://[::1]:80"] {
        let local = GOOD.replace("https://other.test:8443", local).replace("trusted_ca", "crl");
        assert!(!findings(&local).iter().any(|line| line.contains("over http")), "{local}");
    }
}

#[test]
fn tls_must_verify_the_certificate() {
    let ca = "            trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }\n";
    let missing = ["error: ", CONTEXT, "found no trusted_ca", "any certificate"];
    one(&after(ca, ""), &missing);
    one(&after(ca, "            system_root_certs: {}\n"), &["error: ", "found system_root_certs"]);
    let untrusted = format!("{ca}            trust_chain_verification: ACCEPT_UNTRUSTED\n");
    one(&after(ca, &untrusted), &["error: ", "trust_chain_verification: found ACCEPT_UNTRUSTED"]);
    one(&after(ca, &untrusted.replace("ACCEPT_UNTRUSTED", "1")), &["error: ", "ACCEPT_UNTRUSTED"]);
    let verified = untrusted.replace("ACCEPT_UNTRUSTED", "VERIFY_TRUST_CHAIN");
    assert_eq!(after(ca, &verified), [""; 0]);
    // A pin names the one certificate; a validator of its own is beyond this command.
    let pin =
        "            verify_certificate_spki: [NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A=]\n";
    assert_eq!(after(ca, pin), [""; 0]);
    one(&after(ca, "            custom_validator_config: {}\n"), &["note: ", "was not checked"]);
    let none = GOOD.replacen("common_tls_context:", "session:", 1);
    one(&findings(&none), &["error: ", CONTEXT, "found no common_tls_context"]);
    // What a secret of the files holds counts, and one that comes from elsewhere is told.
    one(&after("- name: roots", "- name: roofs"), &["note: ", "secret `roots` is in none"]);
    one(
        &after("trusted_ca: { filename: roots", "crl: { filename: roots"),
        &["error: ", "clusters[1]", "found no trusted_ca"],
    );
}

#[test]
fn tls_must_ask_for_the_right_host() {
    let san = "match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: issuer.test } }]";
    let missing = ["error: ", CONTEXT, "found no match_typed_subject_alt_names"];
    one(&after(san, "match_typed_subject_alt_names: []"), &missing);
    assert_eq!(after(san, "match_subject_alt_names: [{ exact: issuer.test }]"), [""; 0]);
    one(
        &after("auto_sni_san_validation: true", "auto_sni_san_validation: false"),
        &["error: ", "clusters[1]"],
    );
    one(&after(", auto_san_validation: true", ""), &["error: ", "clusters[2]"]);
    one(&after("sni: keys.test", "auto_host_sni: false"), &["warning: ", "found no sni"]);
    assert_eq!(after("sni: keys.test", "auto_host_sni: true"), [""; 0]);
    one(&after("auto_sni: true, ", ""), &["warning: ", "clusters[2]", "found no sni"]);
    let elsewhere = after("sni: issuer.test", "sni: idp.internal");
    one(&elsewhere, &["note: ", "`sni: idp.internal`", "the host `issuer.test`"]);
}

#[test]
fn shared_keys_need_a_vm_id() {
    let id = "vm_config: { vm_id: jwt-gate-2 }";
    let path = "http_filters[0].typed_config.config: found no vm_config.vm_id";
    one(&after(id, "vm_config: { vm_id: \"\" }"), &["error: ", path]);
    one(&after(id, "name: gate"), &["error: ", path]);
    one(
        &after("vm_config: { vm_id: jwt-gate-1 }", "name: gate"),
        &["error: bootstrap_extensions[0]"],
    );
    let alone = GOOD.replace(id, "name: gate");
    let alone = alone.replace("rules: []", "rules: []\n              shared_data: { use: false }");
    assert_eq!(findings(&alone), [""; 0]);
    // Keys in the policy itself are shared with nobody.
    let given = "issuers: [{ issuer: a, keys: { jwks: { keys: [] } } }]\n              other:";
    assert_eq!(
        findings(&GOOD.replace(id, "name: gate").replace("issuers:\n", &format!("{given}\n"))),
        [""; 0]
    );
}

#[test]
fn a_filter_that_does_not_fetch_needs_a_service_that_does() {
    let waits = GOOD.replace("rules: []", "rules: []\n              shared_data: { fetch: false }");
    one(&findings(&waits), &["warning: ", "WasmService with the vm_id `jwt-gate-2`"]);
    let served = waits.replace("jwt-gate-1", "jwt-gate-2");
    assert_eq!(findings(&served), [""; 0]);
    // The clusters are the service's affair then.
    let fewer = served.replace("- name: keys\n", "- name: nobodys\n");
    assert_eq!(findings(&fewer), [""; 0]);
    let idle = served.replace(r#"{"issuers""#, r#"{"shared_data":{"fetch":false},"issuers""#);
    let found = findings(&idle);
    assert_eq!(found.len(), 2, "neither fetches: {found:#?}");
    assert!(found.iter().all(|line| line.contains("no key ever comes")), "{found:#?}");
}

#[test]
fn a_restricted_plugin_must_be_able_to_fetch() {
    let all = [
        "proxy_on_request_headers",
        "proxy_http_call",
        "proxy_on_http_call_response",
        "proxy_on_tick",
        "proxy_set_tick_period_milliseconds",
        "proxy_get_shared_data",
        "proxy_set_shared_data",
    ];
    let with = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("{name}: {{}}")).collect();
        let names = names.join(", ");
        let line =
            format!("capability_restriction_config: {{ allowed_capabilities: {{ {names} }} }}");
        after(
            "failure_policy: FAIL_RELOAD",
            &format!("failure_policy: FAIL_RELOAD\n          {line}"),
        )
    };
    assert_eq!(with(&all), [""; 0]);
    for missing in &all[1..] {
        let rest: Vec<&str> = all.into_iter().filter(|name| name != missing).collect();
        one(&with(&rest), &["warning: ", &format!("found a list without {missing}, ")]);
    }
}
