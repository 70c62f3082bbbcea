//! The paths of rules as a tree of their segments.
//!
//! A path is held against the tree from segment to segment, and not against one rule after the other:
//! what that costs does not depend on how many rules there are that do not fit.

use crate::{
    bytes::position,
    names::Names,
    pattern::{PathPattern, Step, Tail},
    rule::Matcher,
};

/// Rules by their hosts and paths. They have numbers, which are planted in ascending order.
///
/// There is one tree for the rules that name no host, and one for each host that a rule names.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// The next node, by the place of a node and a literal segment.
    segments: Names<usize>,
    /// The first node of each host's tree.
    hosts: Names<usize>,
}

/// The rules whose paths begin with the same segments.
#[derive(Clone, Debug)]
struct Node {
    /// Those whose path ends here.
    here: Vec<usize>,
    /// Those that one segment at least must follow.
    below: Vec<usize>,
    /// Those that any number of segments may follow, none included.
    open: Vec<usize>,
    /// The next node for any segment that is not empty.
    free: Option<usize>,
    /// Whether there is a next node for some literal segment.
    is_parent: bool,
    /// The first of all rules here and further down.
    first: usize,
}

/// Greater than the number of any rule.
pub(crate) const NONE: usize = usize::MAX;

/// The first node for rules that name no host.
const ANY_HOST: usize = 0;

impl Tree {
    /// A tree without rules.
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::new()], segments: Names::default(), hosts: Names::default() }
    }

    /// Adds a rule, whose number is greater than those of all before it.
    pub(crate) fn plant(&mut self, number: usize, matcher: &Matcher) {
        if matcher.hosts.is_empty() {
            self.plant_path(ANY_HOST, number, &matcher.path);
        }
        for host in &matcher.hosts {
            let next = self.nodes.len();
            let root = *self.hosts.entry(0, host.as_bytes(), || next);
            self.grow(root);
            self.plant_path(root, number, &matcher.path);
        }
    }

    /// Shows the rules whose host and path fit to `take`, in lists of ascending numbers, and gives
    /// the number that `take` left as the best, [`NONE`] if it left none.
    ///
    /// Where no rule is better than the best so far, nothing is shown.
    pub(crate) fn search(
        &self,
        host: Option<&str>,
        path: &str,
        mut take: impl FnMut(&[usize], &mut usize),
    ) -> usize {
        let mut best = NONE;
        self.walk(ANY_HOST, path, &mut best, &mut take);
        if let Some(root) = host.and_then(|host| self.hosts.get(0, host.as_bytes())) {
            self.walk(*root, path, &mut best, &mut take);
        }
        best
    }

    fn plant_path(&mut self, root: usize, number: usize, path: &PathPattern) {
        let (steps, tail) = path.steps();
        let mut place = root;
        for step in steps {
            self.note(place, number);
            place = self.child(place, &step);
        }
        self.note(place, number);
        let Some(node) = self.nodes.get_mut(place) else {
            return;
        };
        let list = match tail {
            Tail::Nothing => &mut node.here,
            Tail::Some => &mut node.below,
            Tail::Any => &mut node.open,
        };
        // A host that a rule names twice is one host.
        if list.last() != Some(&number) {
            list.push(number);
        }
    }

    fn note(&mut self, place: usize, number: usize) {
        if let Some(node) = self.nodes.get_mut(place) {
            node.first = node.first.min(number);
        }
    }

    /// The node behind a step, which is made if it is not there.
    fn child(&mut self, place: usize, step: &Step<'_>) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(place) else {
            return place;
        };
        let child = match step {
            Step::Free => *node.free.get_or_insert(next),
            Step::Literal(segment) => {
                node.is_parent = true;
                *self.segments.entry(place, segment.as_bytes(), || next)
            }
        };
        self.grow(child);
        child
    }

    /// Makes a node of this place if it is the next one.
    fn grow(&mut self, place: usize) {
        if place == self.nodes.len() {
            self.nodes.push(Node::new());
        }
    }

    /// Holds a path against one tree.
    ///
    /// A segment can be literal to some rules and free to others. Then one of the two ways is kept for
    /// later: never more than there are nodes, and each node is come to once.
    fn walk(
        &self,
        root: usize,
        path: &str,
        best: &mut usize,
        take: &mut impl FnMut(&[usize], &mut usize),
    ) {
        let mut later: Vec<(usize, &[u8])> = Vec::new();
        let mut way = Some((root, path.as_bytes()));
        while let Some((place, rest)) = way.or_else(|| later.pop()) {
            way = None;
            let Some(node) = self.nodes.get(place).filter(|node| node.first < *best) else {
                continue;
            };
            take(&node.open, best);
            // What is left is nothing, or begins with a slash.
            let Some((_, rest)) = rest.split_first() else {
                take(&node.here, best);
                continue;
            };
            take(&node.below, best);
            if !node.is_parent && node.free.is_none() {
                continue;
            }
            let length = position(rest, b'/').unwrap_or(rest.len());
            let (segment, rest) = rest.split_at_checked(length).unwrap_or((rest, b""));
            let literal = if node.is_parent { self.segments.get(place, segment) } else { None };
            let literal = literal.map(|next| (*next, rest));
            let free = node.free.filter(|_| !segment.is_empty()).map(|next| (next, rest));
            way = literal.or(free);
            if literal.is_some() {
                later.extend(free);
            }
        }
    }
}

impl Node {
    fn new() -> Self {
        Self {
            here: Vec::new(),
            below: Vec::new(),
            open: Vec::new(),
            free: None,
            is_parent: false,
            first: NONE,
        }
    }
}
