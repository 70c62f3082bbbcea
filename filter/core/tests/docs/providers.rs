//! The pages for providers: what they say is seen exists, and no way to a key goes unverified.

use std::collections::{BTreeMap, BTreeSet};

use jwt_gate_core::{Cause, Reject};
use serde_json::Value;

use crate::{
    links,
    markdown::{Page, code},
    policies::{self, Kind},
};

const OVERVIEW: &str = "docs/providers/README.md";
const TLS: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

/// The pages of single providers.
fn pages() -> Vec<String> {
    let mut names = policies::provider_pages();
    names.retain(|name| name != OVERVIEW);
    assert!(names.len() >= 5, "{names:?}");
    names
}

/// The sources of keys on a page: where each goes, and the host that it asks for.
fn sources(page: &str) -> Vec<(String, BTreeSet<String>, String)> {
    let mut sources = Vec::new();
    for example in policies::examples(page) {
        let Kind::Policy(policy) = example.kind else { continue };
        for issuer in policy["issuers"].as_array().expect("a list") {
            for source in ["discovery", "remote"].map(|kind| &issuer["keys"][kind]) {
                if source.is_null() {
                    continue;
                }
                let clusters = ["cluster", "jwks_cluster"].map(|field| source[field].as_str());
                let clusters = clusters.into_iter().flatten().map(str::to_owned).collect();
                let address = source["uri"].as_str().or(issuer["issuer"].as_str());
                let (_, rest) = address.expect("an address").split_once("://").expect("a scheme");
                let host = rest.split('/').next().expect("a host").to_owned();
                sources.push((example.place.clone(), clusters, host));
            }
        }
    }
    sources
}

/// The clusters on a page, by their names.
fn clusters(page: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for example in policies::examples(page) {
        let Kind::Clusters(clusters) = example.kind else { continue };
        for cluster in clusters {
            let name = cluster["name"].as_str().expect("a name").to_owned();
            assert_eq!(cluster["load_assignment"]["cluster_name"], *name, "{}", example.place);
            found.insert(name, cluster);
        }
    }
    found
}

#[test]
fn each_way_to_keys_is_shown_and_verifies_the_server() {
    for page in pages() {
        let clusters = clusters(&page);
        let sources = sources(&page);
        assert!(!sources.is_empty(), "{page}: no policy that fetches keys");
        for (place, names, host) in sources {
            for name in names {
                let cluster =
                    clusters.get(&name).unwrap_or_else(|| panic!("{place}: no cluster {name}"));
                let tls = &cluster["transport_socket"]["typed_config"];
                let checks = &tls["common_tls_context"]["validation_context"];
                let names = &checks["match_typed_subject_alt_names"];
                assert_eq!(tls["@type"], TLS, "{page}: {name}");
                assert_eq!(tls["sni"], *host, "{page}: {name}");
                assert!(checks["trusted_ca"]["filename"].is_string(), "{page}: {name}");
                assert_eq!(names.as_array().map(Vec::len), Some(1), "{page}: {name}");
                assert_eq!(names[0]["san_type"], "DNS", "{page}: {name}");
                assert_eq!(names[0]["matcher"]["exact"], *host, "{page}: {name}");
            }
        }
    }
}

#[test]
fn what_is_seen_exists() {
    let mut reasons = 0;
    let mut causes = 0;
    for page in policies::provider_pages() {
        for row in Page::read(&page).tables_of("what you see").remove(0).rows {
            let seen = &row.cells[0];
            let place = &row.place;
            if let Some(rest) = seen.strip_prefix("fetch failed: ") {
                let line = code(rest).into_iter().next().expect("a cause in backquotes");
                let name = line.split(':').next().expect("a name");
                let known = Cause::ALL.iter().any(|cause| cause.code() == name);
                assert!(known, "{place}: no cause {name}");
                causes += 1;
                continue;
            }
            let pieces: Vec<&str> = seen.split('`').collect();
            for pair in pieces.chunks_exact(2) {
                let Some(status) = pair[0].split(' ').rev().nth(1).filter(|word| word.len() == 3)
                else {
                    continue;
                };
                let Ok(status) = status.parse::<u16>() else { continue };
                let reject = Reject::ALL.into_iter().find(|reject| reject.reason() == pair[1]);
                let reject = reject.unwrap_or_else(|| panic!("{place}: no reason {}", pair[1]));
                assert_eq!(reject.status(), status, "{place}: {}", pair[1]);
                reasons += 1;
            }
        }
    }
    assert!(reasons > 40 && causes > 8, "{reasons} reasons, {causes} causes");
}

#[test]
fn the_overview_lists_every_page() {
    let mut listed = BTreeSet::new();
    for row in Page::read(OVERVIEW).tables_of("provider").remove(0).rows {
        let target = links::targets(&row.cells[0]).remove(0).to_owned();
        assert!(listed.insert(format!("docs/providers/{target}")), "{}: listed twice", row.place);
    }
    assert_eq!(listed, pages().into_iter().collect());
}
