//! The tree finds the rule that trying one after the other finds.

use proptest::prelude::*;

use super::*;
use crate::{
    path::Allowances,
    pattern::{PathPattern, Template},
    rule::{Access, Matcher, Scopes},
};

/// The first rule that fits, found by trying all of them.
fn tried<'r>(rules: &'r [Rule], head: &Head<'_>, path: &CanonicalPath<'_>) -> Option<&'r Rule> {
    rules.iter().find(|rule| rule.matcher.as_ref().is_some_and(|m| m.matches(head, path)))
}

fn canonical(text: &str) -> CanonicalPath<'static> {
    let mut doubled = Allowances::default();
    doubled.allow(crate::path::Ambiguity::DoubleSlash);
    CanonicalPath::parse(text.as_bytes(), &doubled).unwrap().into_owned()
}

pub(crate) fn rule(number: usize, matcher: Option<Matcher>) -> Rule {
    Rule {
        name: number.to_string(),
        matcher,
        access: Access::Public,
        issuers: Vec::new(),
        scopes: Scopes::default(),
        claims: Vec::new(),
    }
}

/// Few segments, so that rules and paths meet often; an empty one makes `//` and a slash at the end.
fn segments(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(of), 1..5)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn pattern() -> impl Strategy<Value = PathPattern> {
    const PLAIN: &[&str] = &["a", "b", "aa", ""];
    let template = segments(&["a", "b", "", "{x}", "{y}", "{z}"]);
    prop_oneof![
        segments(PLAIN).prop_map(|text| PathPattern::Exact(canonical(&text))),
        segments(PLAIN).prop_map(|text| PathPattern::Prefix(canonical(&text))),
        (template, any::<bool>()).prop_filter_map("a name twice", |(text, open)| {
            let text = if open { format!("{text}/**") } else { text };
            Template::parse(&text, |part| Some(part.to_owned())).ok().map(PathPattern::Template)
        }),
    ]
}

fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(words).prop_map(str::to_owned), 0..3)
}

pub(crate) fn matcher() -> impl Strategy<Value = Matcher> {
    (pattern(), some_of(&["GET", "POST", "DELETE"]), some_of(&["one.test", "two.test"]))
        .prop_map(|(path, methods, hosts)| Matcher { path, methods, hosts })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(target_family = "wasm") { 200 } else { 3000 }))]
    #[test]
    fn the_tree_finds_what_trying_one_after_the_other_finds(
        matchers in prop::collection::vec(prop::option::weighted(0.95, matcher()), 0..12),
        paths in prop::collection::vec(segments(&["a", "b", "aa", "c", ""]), 1..8),
        method in prop::sample::select(&["GET", "POST", "PUT"][..]),
        host in prop::sample::select(&[None, Some("one.test"), Some("two.test"), Some("three.test")][..]),
    ) {
        let list: Vec<Rule> =
            matchers.into_iter().enumerate().map(|(number, matcher)| rule(number, matcher)).collect();
        let rules = Rules::new(list.clone());
        for path in &paths {
            let path = canonical(path);
            let host = host.map(std::borrow::Cow::Borrowed);
            let head = Head { method: method.as_bytes(), target: b"", host };
            let name = |rule: Option<&Rule>| rule.map(|rule| rule.name.clone());
            prop_assert_eq!(
                name(rules.first(&head, &path)),
                name(tried(&list, &head, &path)),
                "{}", path
            );
        }
    }
}

/// Every segment is both literal and free at every depth: the most ways that so many rules allow.
#[test]
fn a_path_that_fits_everywhere_comes_to_each_node_once() {
    let list: Vec<Rule> = (0..256_usize)
        .map(|number| {
            let name = |place: usize| {
                if number >> place & 1 == 1 { "a".to_owned() } else { format!("{{x{place}}}") }
            };
            let text = format!("/{}/end", (0..8).map(name).collect::<Vec<_>>().join("/"));
            let template = Template::parse(&text, |part| Some(part.to_owned())).unwrap();
            let path = PathPattern::Template(template);
            rule(number, Some(Matcher { path, methods: Vec::new(), hosts: Vec::new() }))
        })
        .collect();
    let rules = Rules::new(list);
    let head = Head { method: b"GET", target: b"", host: None };
    let found = rules.first(&head, &canonical("/a/a/a/a/a/a/a/a/end")).unwrap();
    assert_eq!(found.name, "0");
    assert!(rules.first(&head, &canonical("/a/a/a/a/a/a/a/a/other")).is_none());
    let long = format!("/{}", "a/".repeat(5000));
    assert!(rules.first(&head, &canonical(&long)).is_none());
}
