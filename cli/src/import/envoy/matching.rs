//! Envoy's ways to say which requests and which values are meant.

use crate::{
    import::requests::{PathSet, Requests},
    tree::Tree,
};

/// Requests in one set and in none of others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Region {
    pub(super) within: Requests,
    pub(super) outside: Vec<Requests>,
}

impl Region {
    /// Whether the requests that are decided in a cell are of this region.
    pub(super) fn holds(&self, cell: &Requests) -> bool {
        self.within.covers(cell) && !self.outside.iter().any(|set| set.covers(cell))
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = &Requests> {
        std::iter::once(&self.within).chain(&self.outside)
    }

    fn and(&self, other: &Self) -> Option<Self> {
        let within = self.within.intersection(&other.within)?;
        let outside = [self.outside.clone(), other.outside.clone()].concat();
        Some(Self { within, outside })
    }
}

/// Alternatives, one of which must hold; what is not understood is an error text.
pub(super) type Regions = Result<Vec<Region>, String>;

/// A `StringMatcher`, as far as it means one text.
pub(super) enum Texts {
    Exact(String),
    Prefix(String),
    Contains(String),
    /// In words.
    Other(String),
}

pub(super) fn string_match(tree: &Tree) -> Texts {
    if !tree.get("ignore_case").is_some_and(Tree::is_true) {
        let text = |name: &str| tree.text_of(name).map(str::to_owned);
        let exact = text("exact").map(Texts::Exact);
        let known = exact
            .or_else(|| text("prefix").map(Texts::Prefix))
            .or_else(|| text("contains").map(Texts::Contains));
        if let Some(known) = known {
            return known;
        }
    }
    let names: Vec<&str> = tree.members().iter().map(|(name, _)| name.as_str()).collect();
    Texts::Other(names.join(" and "))
}

/// A `RouteMatch`: path, and headers that stand for method and host.
pub(super) fn route(tree: &Tree, notes: &mut Vec<(usize, String)>) -> Regions {
    let mut region = Region::default();
    for (name, value) in tree.members() {
        let text = value.text();
        match (name.as_str(), text) {
            ("prefix", Some(prefix)) => {
                if prefix != "/" && !prefix.ends_with('/') {
                    let text = format!(
                        "`prefix: {prefix}` takes {prefix}x too; here a prefix ends where a segment does"
                    );
                    notes.push((value.line, text));
                }
                region.within.path = PathSet::prefix(prefix);
            }
            ("path_separated_prefix", Some(prefix)) => region.within.path = PathSet::prefix(prefix),
            ("path", Some(path)) => region.within.path = PathSet::Exact(path.to_owned()),
            ("case_sensitive", _) if value.is_true() => {}
            ("case_sensitive", _) => {
                notes.push((
                    value.line,
                    "paths compare without case there; here case counts".to_owned(),
                ));
            }
            ("headers", _) => {
                for header in value.items() {
                    let also = self::header(header)?;
                    // Of one header there is one alternative.
                    let both = also.first().and_then(|also| region.and(also));
                    let Some(both) = both else { return Ok(Vec::new()) };
                    region = both;
                }
            }
            (other, _) => return Err(format!("`{other}` of a match")),
        }
    }
    Ok(vec![region])
}

/// A `HeaderMatcher`.
pub(super) fn header(tree: &Tree) -> Regions {
    let name = tree.text_of("name").unwrap_or_default();
    let wanted = match (tree.text_of("exact_match"), tree.get("string_match")) {
        (Some(text), _) => Texts::Exact(text.to_owned()),
        (None, Some(matcher)) => string_match(matcher),
        (None, None) => Texts::Other("another comparison".to_owned()),
    };
    let requests = match (name, wanted) {
        (":method", Texts::Exact(method)) => Requests::of_methods([method.as_str()]),
        (":authority" | "host", Texts::Exact(host)) => Requests::of_host(&host),
        (":path", Texts::Exact(path)) if !path.contains('?') => {
            Requests::of_path(PathSet::Exact(path))
        }
        (":path", Texts::Prefix(path)) if !path.contains('?') => {
            Requests::of_path(PathSet::prefix(&path))
        }
        (name, Texts::Other(how)) => return Err(format!("the header {name} by {how}")),
        (name, _) => return Err(format!("the header {name}")),
    };
    Ok(match tree.get("invert_match").is_some_and(Tree::is_true) {
        true => vec![Region { within: Requests::default(), outside: vec![requests] }],
        false => vec![Region { within: requests, outside: Vec::new() }],
    })
}

/// A `Permission` of RBAC.
pub(super) fn permission(tree: &Tree, notes: &mut Vec<(usize, String)>) -> Regions {
    let Some((kind, value)) = tree.members().first() else { return Err("nothing".to_owned()) };
    match kind.as_str() {
        "any" if value.is_true() => Ok(vec![Region::default()]),
        "header" => header(value),
        "url_path" => {
            let path = value.get("path").map(string_match);
            let path = match path {
                Some(Texts::Exact(path)) => PathSet::Exact(path),
                Some(Texts::Prefix(prefix)) => {
                    if !prefix.ends_with('/') {
                        let text = format!(
                            "`prefix: {prefix}` takes {prefix}x too; here a prefix ends where a segment does"
                        );
                        notes.push((value.line, text));
                    }
                    PathSet::prefix(&prefix)
                }
                Some(Texts::Contains(_)) => return Err("a path by a part of it".to_owned()),
                Some(Texts::Other(how)) => return Err(format!("a path by {how}")),
                None => return Err("a path".to_owned()),
            };
            Ok(vec![Region { within: Requests::of_path(path), outside: Vec::new() }])
        }
        "and_rules" => {
            let mut all = vec![Region::default()];
            for rule in value.list("rules") {
                let some = permission(rule, notes)?;
                all =
                    all.iter().flat_map(|one| some.iter().filter_map(|two| one.and(two))).collect();
                few(&all)?;
            }
            Ok(all)
        }
        "or_rules" => {
            let mut any = Vec::new();
            for rule in value.list("rules") {
                any.extend(permission(rule, notes)?);
                few(&any)?;
            }
            Ok(any)
        }
        // Of one set only: the negation of several parts is several alternatives.
        "not_rule" => match permission(value, notes)?.as_slice() {
            [Region { within, outside }] if outside.is_empty() => {
                Ok(vec![Region { within: Requests::default(), outside: vec![within.clone()] }])
            }
            _ => Err("`not_rule` of several".to_owned()),
        },
        other => Err(format!("`{other}`")),
    }
}

fn few(regions: &[Region]) -> Result<(), String> {
    if regions.len() > 64 {
        Err("more alternatives than can be told apart".to_owned())
    } else {
        Ok(())
    }
}
