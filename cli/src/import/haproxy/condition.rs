//! Conditions: `if { path_beg /api } !auth or ...`, as lists of alternatives.

use std::collections::BTreeMap;

use crate::import::{
    draft::{Condition, Place},
    requests::Requests,
};

use super::{
    comparison::test,
    sample::{Algorithm, Variables},
};

/// Alternatives that are looked at for one line; more are no longer read by people either.
const MOST_TERMS: usize = 64;

/// Something that holds for a request or does not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Always(bool),
    /// One of these sets holds the request.
    Requests(Vec<Requests>),
    /// A token, or at least a header for one, is there.
    TokenPresent,
    /// The signature is good.
    Signed {
        places: Vec<Place>,
        algorithm: Algorithm,
        key: String,
    },
    /// The Lua library takes the token.
    Authorized,
    Algorithm(Vec<String>),
    Type(Vec<String>),
    Issuer(Vec<String>),
    /// The audience is one of these; `part`: has one of these in it.
    Audience {
        names: Vec<String>,
        part: bool,
    },
    /// `exp` has passed; the other way round with `false`.
    Expired(bool),
    /// There is an `exp`.
    HasExpiry,
    /// One of these scopes; `part`: as a part of the text.
    Scope {
        names: Vec<String>,
        part: bool,
    },
    Claim {
        condition: Condition,
        part: bool,
    },
    /// One of these alternatives; taken apart where it is used.
    Flag(Vec<Term>),
    /// Of a token, and not to be said in a policy.
    OfToken(String),
    /// Not of a token, and not to be said in a policy.
    Unknown(String),
}

/// A literal or its negation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Signed {
    pub(super) holds: bool,
    pub(super) literal: Literal,
}

/// All of these.
pub(super) type Term = Vec<Signed>;

/// Named ACLs as they are written; a name that stands twice means either. Read where they are used,
/// since what is in a variable then is what counts.
pub(super) type Acls = BTreeMap<String, Vec<Vec<String>>>;

/// Remarks on how something was read.
pub(super) type Notes = Vec<String>;

/// Reads what stands behind an action: `if` or `unless` and the condition, as alternatives of which
/// one must hold; `None` if there are too many.
pub(super) fn condition(
    words: &[String],
    acls: &Acls,
    variables: &Variables,
    notes: &mut Notes,
) -> Option<Vec<Term>> {
    let (word, rest) = match words.split_first() {
        None => return Some(vec![Vec::new()]),
        Some((word, rest)) => (word.as_str(), rest),
    };
    let terms = terms(rest, acls, variables, notes)?;
    match word {
        "if" => Some(terms),
        "unless" => negation(&terms),
        _ => None,
    }
}

/// A disjunction of conjunctions, each literal perhaps several alternatives.
fn terms(
    words: &[String],
    acls: &Acls,
    variables: &Variables,
    notes: &mut Notes,
) -> Option<Vec<Term>> {
    let mut alternatives: Vec<Term> = Vec::new();
    let mut term: Vec<Term> = vec![Vec::new()];
    let mut words = words.iter().peekable();
    let mut negated = false;
    while let Some(word) = words.next() {
        let mut word = word.as_str();
        if word == "||" || word.eq_ignore_ascii_case("or") {
            alternatives.extend(std::mem::replace(&mut term, vec![Vec::new()]));
            negated = false;
            continue;
        }
        while let Some(rest) = word.strip_prefix('!') {
            negated = !negated;
            word = rest;
        }
        if word.is_empty() {
            continue;
        }
        let literals = if word == "{" {
            let mut inner = Vec::new();
            for word in words.by_ref() {
                if word == "}" {
                    break;
                }
                inner.push(word.clone());
            }
            vec![test(&inner, variables, notes)]
        } else {
            named(word, acls, variables, notes)
        };
        // Of several tests of one name one must hold; negated, none may.
        let mut any: Vec<Term> = Vec::new();
        for literal in literals {
            match literal {
                Literal::Flag(terms) => any.extend(terms),
                literal => any.push(vec![Signed { holds: true, literal }]),
            }
        }
        if negated {
            any = negation(&any)?;
        }
        term = term
            .iter()
            .flat_map(|one| any.iter().map(move |more| [one.clone(), more.clone()].concat()))
            .collect();
        negated = false;
        if alternatives.len().saturating_add(term.len()) > MOST_TERMS {
            return None;
        }
    }
    alternatives.extend(term);
    Some(alternatives)
}

/// Alternatives that hold when none of the given does.
fn negation(terms: &[Term]) -> Option<Vec<Term>> {
    let mut negated: Vec<Term> = vec![Vec::new()];
    for term in terms {
        let mut next = Vec::new();
        for one in &negated {
            for Signed { holds, literal } in term {
                let other = Signed { holds: !holds, literal: literal.clone() };
                next.push([one.clone(), vec![other]].concat());
            }
        }
        if next.len() > MOST_TERMS {
            return None;
        }
        negated = next;
    }
    Some(negated)
}

/// The tests of a name: the configuration's own, or one of those that HAProxy brings.
fn named(name: &str, acls: &Acls, variables: &Variables, notes: &mut Notes) -> Vec<Literal> {
    if let Some(tests) = acls.get(name) {
        return tests.iter().map(|words| test(words, variables, notes)).collect();
    }
    let methods = |methods: &[&str]| {
        vec![Literal::Requests(vec![Requests::of_methods(methods.iter().copied())])]
    };
    match name {
        "TRUE" | "HTTP" => vec![Literal::Always(true)],
        "FALSE" => vec![Literal::Always(false)],
        // HAProxy's own definition takes HEAD for GET.
        "METH_GET" => methods(&["GET", "HEAD"]),
        "METH_HEAD" => methods(&["HEAD"]),
        "METH_POST" => methods(&["POST"]),
        "METH_PUT" => methods(&["PUT"]),
        "METH_DELETE" => methods(&["DELETE"]),
        "METH_PATCH" => methods(&["PATCH"]),
        "METH_OPTIONS" => methods(&["OPTIONS"]),
        "METH_CONNECT" => methods(&["CONNECT"]),
        "METH_TRACE" => methods(&["TRACE"]),
        _ => vec![Literal::Unknown(name.to_owned())],
    }
}
