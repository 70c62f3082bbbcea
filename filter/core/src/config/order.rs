//! Rules that never speak, and names that are there twice.

use crate::{
    names::Names,
    pattern::PathPattern,
    rule::{Matcher, Rule},
    tree::Tree,
};

/// The rules read so far, by name and by path: a document has a thousand, and holding each against
/// each other one would take longer than all the rest of it.
pub(crate) struct Order {
    rules: Vec<Rule>,
    names: Names<Vec<usize>>,
    tree: Tree,
}

/// What an earlier rule is to a later one.
pub(crate) struct Clash {
    /// The place of the earlier one.
    pub(crate) earlier: usize,
    /// Both have the same name.
    pub(crate) is_namesake: bool,
    /// The later one never speaks.
    pub(crate) covers: bool,
}

impl Order {
    /// No rule yet.
    pub(crate) fn new() -> Self {
        Self { rules: Vec::new(), names: Names::default(), tree: Tree::new() }
    }

    /// Adds a rule; gives what is wrong between it and those before it, in their order.
    pub(crate) fn add(&mut self, rule: Rule) -> Vec<Clash> {
        let number = self.rules.len();
        let namesakes = self.names.entry(0, rule.name.as_bytes(), Vec::new);
        let mut near = namesakes.clone();
        namesakes.push(number);
        if let Some(matcher) = &rule.matcher {
            near.extend(self.around(matcher));
            self.tree.plant(number, matcher);
        }
        near.sort_unstable();
        near.dedup();
        let clash = |earlier: usize| {
            let known = self.rules.get(earlier)?;
            let is_namesake = known.name == rule.name;
            let covers = covers(known, &rule);
            (is_namesake || covers).then_some(Clash { earlier, is_namesake, covers })
        };
        let clashes = near.into_iter().filter_map(clash).collect();
        self.rules.push(rule);
        clashes
    }

    /// The rules, in order.
    pub(crate) fn into_rules(self) -> Vec<Rule> {
        self.rules
    }

    /// The earlier rules that may cover one.
    fn around(&self, narrow: &Matcher) -> Vec<usize> {
        let path = match &narrow.path {
            PathPattern::Exact(path) | PathPattern::Prefix(path) => path.as_str(),
            // Only what covers every path is seen to cover a template.
            PathPattern::Template(_) => "/",
        };
        // A rule that names hosts covers only what names no other ones, so the first one tells.
        let host = narrow.hosts.first().map(String::as_str);
        let mut near = Vec::new();
        self.tree.search(host, path, |numbers, _| near.extend_from_slice(numbers));
        near
    }
}

/// Whether every request of `narrow` is one of `wide` too, as far as that is plain to see.
fn covers(wide: &Rule, narrow: &Rule) -> bool {
    let (Some(wide), Some(narrow)) = (&wide.matcher, &narrow.matcher) else {
        return false;
    };
    let within = |wide: &[String], narrow: &[String]| {
        wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
    };
    within(&wide.methods, &narrow.methods)
        && within(&wide.hosts, &narrow.hosts)
        && match (&wide.path, &narrow.path) {
            (PathPattern::Exact(wide), PathPattern::Exact(narrow)) => wide == narrow,
            (
                wide @ PathPattern::Prefix(_),
                PathPattern::Exact(path) | PathPattern::Prefix(path),
            ) => wide.matches(path),
            (PathPattern::Prefix(prefix), PathPattern::Template(_)) => prefix.as_str() == "/",
            (PathPattern::Exact(_) | PathPattern::Template(_), _) => false,
        }
}

#[cfg(test)]
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::tests::{matcher, rule};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(target_family = "wasm") { 100 } else { 2000 }))]
        #[test]
        fn a_rule_clashes_with_those_that_all_comparisons_find(
            matchers in prop::collection::vec(prop::option::weighted(0.9, matcher()), 0..14),
        ) {
            let mut order = Order::new();
            let mut before: Vec<Rule> = Vec::new();
            for (number, matcher) in matchers.into_iter().enumerate() {
                // Some names come again.
                let rule = rule(number % 9, matcher);
                let expected: Vec<(usize, bool, bool)> = before
                    .iter()
                    .enumerate()
                    .map(|(place, known)| (place, known.name == rule.name, covers(known, &rule)))
                    .filter(|(_, is_namesake, covers)| *is_namesake || *covers)
                    .collect();
                let clashes = order.add(rule.clone()).into_iter();
                let found: Vec<_> =
                    clashes.map(|clash| (clash.earlier, clash.is_namesake, clash.covers)).collect();
                prop_assert_eq!(found, expected);
                before.push(rule);
            }
            prop_assert_eq!(order.into_rules().len(), before.len());
        }
    }
}
