//! The rules of a policy, and the way to the first that speaks for a request.

use crate::{
    path::CanonicalPath,
    request::Head,
    rule::Rule,
    tree::{NONE, Tree},
};

/// Rules in the order of the document, and a tree of their paths.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    list: Vec<Rule>,
    tree: Tree,
}

impl Rules {
    /// Rules in the order in which they decide.
    pub(crate) fn new(list: Vec<Rule>) -> Self {
        let mut tree = Tree::new();
        for (number, rule) in list.iter().enumerate() {
            // A rule without a matcher is reached by its name only.
            if let Some(matcher) = &rule.matcher {
                tree.plant(number, matcher);
            }
        }
        Self { list, tree }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The rule at a place.
    pub(crate) fn get(&self, place: usize) -> Option<&Rule> {
        self.list.get(place)
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.list.iter()
    }

    /// Their names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|rule| rule.name.as_str())
    }

    /// The first rule that speaks for a request.
    pub(crate) fn first(&self, head: &Head<'_>, path: &CanonicalPath<'_>) -> Option<&Rule> {
        let first = self.tree.search(head.host.as_deref(), path.as_str(), |numbers, best| {
            for &number in numbers.iter().take_while(|number| **number < *best) {
                if self.takes_method(number, head.method) {
                    *best = number;
                    return;
                }
            }
        });
        if first == NONE { None } else { self.list.get(first) }
    }

    fn takes_method(&self, number: usize, method: &[u8]) -> bool {
        let matcher = self.list.get(number).and_then(|rule| rule.matcher.as_ref());
        matcher.is_some_and(|matcher| matcher.takes_method(method))
    }
}

#[cfg(test)]
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(crate) mod tests;
