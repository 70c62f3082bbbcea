//! Sets of requests, and how overlapping ones become rules of which the first that matches decides.

use std::{cmp::Reverse, collections::BTreeSet};

/// More sets than any configuration has that a person wrote; each is compared with each.
const MOST_CELLS: usize = 400;

/// The requests of some paths, methods and hosts.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Requests {
    pub(super) path: PathSet,
    /// `None`: all.
    pub(super) methods: Option<BTreeSet<String>>,
    /// `None`: all.
    pub(super) hosts: Option<BTreeSet<String>>,
}

/// Paths, as rules know them: a prefix covers whole segments.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum PathSet {
    #[default]
    All,
    Prefix(String),
    Exact(String),
}

impl PathSet {
    /// The paths below a prefix; `/` is all of them.
    pub(super) fn prefix(text: &str) -> Self {
        if text == "/" || text.is_empty() { Self::All } else { Self::Prefix(text.to_owned()) }
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Prefix(prefix), Self::Prefix(path) | Self::Exact(path)) => {
                path.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')
                })
            }
            (Self::Exact(one), Self::Exact(other)) => one == other,
            (Self::Prefix(_) | Self::Exact(_), _) => false,
        }
    }
}

impl Requests {
    pub(super) fn of_methods<'m>(methods: impl IntoIterator<Item = &'m str>) -> Self {
        let methods = methods.into_iter().map(str::to_owned).collect();
        Self { methods: Some(methods), ..Self::default() }
    }

    pub(super) fn of_path(path: PathSet) -> Self {
        Self { path, ..Self::default() }
    }

    pub(super) fn of_host(host: &str) -> Self {
        Self { hosts: Some(BTreeSet::from([host.to_ascii_lowercase()])), ..Self::default() }
    }

    /// Whether every request of the other is in this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let within = |wide: &Option<BTreeSet<String>>, narrow: &Option<BTreeSet<String>>| match (
            wide, narrow,
        ) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wide), Some(narrow)) => narrow.is_subset(wide),
        };
        self.path.covers(&other.path)
            && within(&self.methods, &other.methods)
            && within(&self.hosts, &other.hosts)
    }

    /// By which sets are sorted: one that another covers comes before it.
    fn narrowness(&self) -> (u8, Reverse<usize>, &str, usize, usize, &Self) {
        let (kind, path) = match &self.path {
            PathSet::Exact(path) => (0, path.as_str()),
            PathSet::Prefix(path) => (1, path.as_str()),
            PathSet::All => (2, ""),
        };
        let size = |set: &Option<BTreeSet<String>>| set.as_ref().map_or(usize::MAX, BTreeSet::len);
        (kind, Reverse(path.len()), path, size(&self.hosts), size(&self.methods), self)
    }

    /// The requests in both; `None` if there are none.
    pub(super) fn intersection(&self, other: &Self) -> Option<Self> {
        let path = if self.path.covers(&other.path) {
            other.path.clone()
        } else if other.path.covers(&self.path) {
            self.path.clone()
        } else {
            return None;
        };
        let both = |one: &Option<BTreeSet<String>>, other: &Option<BTreeSet<String>>| {
            let both = match (one, other) {
                (None, set) | (set, None) => return Some(set.clone()),
                (Some(one), Some(other)) => one & other,
            };
            (!both.is_empty()).then_some(Some(both))
        };
        let methods = both(&self.methods, &other.methods)?;
        let hosts = both(&self.hosts, &other.hosts)?;
        Some(Self { path, methods, hosts })
    }
}

/// The sets and all their intersections, narrow ones before those that cover them.
///
/// Where the first set that holds a request decides, each of the given sets either covers a set of
/// this list whole, or holds none of the requests that are decided there. So what a statement says
/// of its set can be said of the sets in the list that it covers.
///
/// `None` if there would be too many.
pub(super) fn cells(sets: impl IntoIterator<Item = Requests>) -> Option<Vec<Requests>> {
    let mut cells: Vec<Requests> = vec![Requests::default()];
    for set in sets {
        let mut new = Vec::new();
        for known in &cells {
            if let Some(both) = known.intersection(&set)
                && !cells.contains(&both)
                && !new.contains(&both)
            {
                new.push(both);
            }
        }
        cells.extend(new);
        if cells.len() > MOST_CELLS {
            return None;
        }
    }
    cells.sort_by(|one, other| one.narrowness().cmp(&other.narrowness()));
    Some(cells)
}

/// Leaves out what the next set that holds the same requests says as well, and at the end what
/// `default` says of requests without a rule.
pub(super) fn without_repeats<T: PartialEq>(
    cells: Vec<(Requests, T)>,
    default: &T,
) -> Vec<(Requests, T)> {
    let mut kept: Vec<(Requests, T)> = Vec::new();
    for (cell, outcome) in cells.into_iter().rev() {
        let mut said = None;
        // `kept` runs backwards: the last one is looked at first.
        for (later, same) in kept.iter().rev() {
            if later.intersection(&cell).is_none() {
                continue;
            }
            if *same != outcome {
                said = Some(false);
                break;
            }
            if later.covers(&cell) {
                said = Some(true);
                break;
            }
        }
        if !said.unwrap_or(outcome == *default) {
            kept.push((cell, outcome));
        }
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(path: &str, methods: &[&str]) -> Requests {
        let path = match path.strip_prefix('=') {
            Some(path) => PathSet::Exact(path.to_owned()),
            None => PathSet::prefix(path),
        };
        let mut set = Requests::of_path(path);
        if !methods.is_empty() {
            set.methods = Requests::of_methods(methods.iter().copied()).methods;
        }
        set
    }

    #[test]
    fn sets_meet_where_all_parts_do() {
        let api = set("/api", &["GET", "POST"]);
        assert_eq!(api.intersection(&set("/api/x", &["POST"])), Some(set("/api/x", &["POST"])));
        assert_eq!(api.intersection(&set("/apix", &[])), None);
        assert_eq!(api.intersection(&set("/", &["PUT"])), None);
        assert_eq!(api.intersection(&set("=/api", &[])), Some(set("=/api", &["GET", "POST"])));
        assert!(set("/", &[]).covers(&api) && !api.covers(&set("/", &[])));
        assert!(set("/api", &[]).covers(&set("/api/", &[])));
        assert!(!set("/api/", &[]).covers(&set("/api", &[])));
    }

    /// For each request the first cell that holds it is covered by a set if and only if the set
    /// holds the request.
    #[test]
    fn a_statement_can_be_made_of_whole_cells() {
        let sets = [
            set("/api", &[]),
            set("/", &["GET", "HEAD"]),
            set("/api/x", &["POST", "GET"]),
            set("=/api/x", &["POST", "DELETE"]),
            set("/api/x/", &[]),
        ];
        let cells = cells(sets.clone()).unwrap();
        for path in ["/", "/api", "/apix", "/api/x", "/api/x/", "/api/x/y", "/q"] {
            for method in ["GET", "HEAD", "POST", "DELETE", "PUT"] {
                let request = set(&format!("={path}"), &[method]);
                let cell = cells.iter().find(|cell| cell.covers(&request)).unwrap();
                for set in &sets {
                    assert_eq!(set.covers(cell), set.covers(&request), "{method} {path} {set:?}");
                }
            }
        }
    }

    #[test]
    fn a_set_comes_before_those_that_cover_it() {
        let sets = [
            set("/api", &["GET"]),
            set("=/api", &[]),
            set("/api/x", &["GET", "PUT"]),
            set("/z", &["PUT"]),
            set("/", &["GET", "HEAD"]),
        ];
        let cells = cells(sets).unwrap();
        assert!(cells.len() > 8, "{cells:?}");
        for (place, cell) in cells.iter().enumerate() {
            assert!(!cells[..place].iter().any(|before| before.covers(cell)), "{cell:?}");
        }
    }

    #[test]
    fn what_is_said_twice_is_said_once() {
        let cells = vec![
            (set("/api/x", &["POST"]), 1),
            (set("/api/x", &[]), 2),
            (set("/api", &["POST"]), 1),
            (set("/api", &[]), 1),
            (set("/", &[]), 0),
        ];
        let kept = without_repeats(cells, &0);
        assert_eq!(
            kept,
            [(set("/api/x", &["POST"]), 1), (set("/api/x", &[]), 2), (set("/api", &[]), 1)]
        );
    }
}
