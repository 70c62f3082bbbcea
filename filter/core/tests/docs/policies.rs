//! The examples.

use std::fs;

use serde_json::Value;

use crate::{
    forms,
    markdown::{Block, Page, root},
};

/// An example, made whole.
pub(crate) struct Example {
    pub(crate) place: String,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// A policy.
    Policy(Value),
    /// Envoy routes, of which some carry rules.
    Routes(Vec<Value>),
    /// Envoy clusters, by which keys are fetched.
    Clusters(Vec<Value>),
}

/// The pages for providers, in the order of their names.
pub(crate) fn provider_pages() -> Vec<String> {
    let folder = fs::read_dir(root().join("docs/providers")).expect("a folder");
    let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md"));
    let mut pages: Vec<_> = pages.map(|name| format!("docs/providers/{name}")).collect();
    pages.sort();
    pages
}

/// The first policy of `docs/policy.md`, into which the shorter examples are put.
pub(crate) fn base() -> Value {
    let block = yaml_blocks("docs/policy.md").swap_remove(0);
    parse(&block)
}

/// Every YAML block of a page.
pub(crate) fn examples(page: &str) -> Vec<Example> {
    yaml_blocks(page)
        .into_iter()
        .map(|block| {
            let value = parse(&block);
            let list = |name: &str| value.get(name)?.as_array().cloned();
            let kind = match (list("routes"), list("clusters")) {
                (Some(routes), _) => Kind::Routes(routes),
                (None, Some(clusters)) => Kind::Clusters(clusters),
                (None, None) => Kind::Policy(whole(value)),
            };
            Example { place: block.place, kind }
        })
        .collect()
}

fn yaml_blocks(page: &str) -> Vec<Block> {
    let mut blocks = Page::read(page).blocks();
    // The filter in its chain says where the policy goes; the policies have blocks of their own.
    blocks.retain(|block| block.language == "yaml" && !block.text.starts_with("http_filters:"));
    blocks
}

fn parse(block: &Block) -> Value {
    serde_saphyr::from_str(&block.text).unwrap_or_else(|e| panic!("{}: {e}", block.place))
}

/// Puts the sections of a shorter example into the first policy. What an example's issuer leaves
/// out is taken from there too: most examples are not about keys.
fn whole(example: Value) -> Value {
    if example.get("issuers").is_some() && example.get("rules").is_some() {
        return example;
    }
    let mut policy = base();
    for (name, section) in example.as_object().expect("a mapping") {
        if name == "issuers" {
            let model = policy["issuers"][0].clone();
            let issuers = section.as_array().expect("a list").iter().map(|issuer| {
                let mut whole = model.clone();
                for (field, value) in issuer.as_object().expect("a mapping") {
                    whole[field] = value.clone();
                }
                whole
            });
            policy["issuers"] = issuers.collect();
        } else {
            policy[name] = section.clone();
        }
    }
    policy
}

#[test]
fn every_example_compiles_in_both_forms() {
    let mut policies = 0;
    let mut metadata = 0;
    let mut pages = vec!["README.md".to_owned(), "docs/policy.md".to_owned()];
    pages.extend(provider_pages());
    for example in pages.iter().flat_map(|page| examples(page)) {
        let place = example.place;
        match example.kind {
            Kind::Policy(policy) => {
                let compiled = forms::compile_both(&policy);
                let compiled = compiled.unwrap_or_else(|problems| panic!("{place}:\n{problems}"));
                assert_eq!(compiled.warnings, [], "{place}");
                policies += 1;
            }
            Kind::Routes(routes) => {
                let mut policy = base();
                policy["route_metadata"] = true.into();
                let policy = forms::compile_both(&policy).expect("compiles").policy;
                for route in routes {
                    let bytes = forms::metadata(&route["metadata"]["filter_metadata"]);
                    let rule = policy.compile_route(&bytes);
                    let rule = rule.unwrap_or_else(|problems| panic!("{place}:\n{problems}"));
                    assert!(rule.is_some(), "{place}: no rule for this filter in {route}");
                    metadata += 1;
                }
            }
            // Theirs is a test of their own, beside the pages for providers.
            Kind::Clusters(_) => {}
        }
    }
    assert!(policies > 10 && metadata > 2, "{policies} policies, {metadata} routes");
}
