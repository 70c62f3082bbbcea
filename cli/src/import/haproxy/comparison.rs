//! One test of a condition: a fetch, how it is compared, and with which values.

use crate::import::{
    draft::{Condition, Test},
    requests::{PathSet, Requests},
};

use super::{
    condition::{Literal, Notes},
    sample::{Meaning, Variables, meaning},
};

/// How values are compared.
struct Comparison<'w> {
    /// `-m`; empty for what the fetch does by itself.
    method: &'w str,
    any_case: bool,
    from_file: bool,
    values: Vec<&'w str>,
}

fn comparison<'w>(criterion: &'w str, words: &'w [String]) -> Comparison<'w> {
    let mut comparison =
        Comparison { method: "", any_case: false, from_file: false, values: Vec::new() };
    // `path_beg` and `hdr_dom(host)` say how in their names.
    let name = criterion.split('(').next().unwrap_or_default();
    for method in ["beg", "dir", "dom", "end", "len", "reg", "sub", "cnt", "ip"] {
        if name.strip_suffix(method).is_some_and(|rest| rest.ends_with('_')) {
            comparison.method = method;
        }
    }
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-m" => comparison.method = words.next().map_or("", String::as_str),
            "-i" => comparison.any_case = true,
            "-n" | "-u" => {}
            "-f" | "-M" => {
                comparison.from_file = true;
                words.next();
            }
            "--" => comparison.values.extend(words.by_ref().map(String::as_str)),
            value => comparison.values.push(value),
        }
    }
    comparison
}

/// The fetch behind a criterion's name: `path` of `path_beg`, `hdr(host)` of `hdr_dom(host)`.
fn fetch(criterion: &str) -> String {
    let (name, arguments) = match criterion.find('(') {
        Some(place) => criterion.split_at_checked(place).unwrap_or((criterion, "")),
        None => (criterion, ""),
    };
    let suffixes = ["_beg", "_dir", "_dom", "_end", "_len", "_reg", "_sub"];
    let name = match name {
        // The address as a whole, of which these are not.
        "path_beg" | "path_dir" | "path_dom" | "path_end" | "path_len" | "path_reg"
        | "path_sub" | "hdr_beg" | "hdr_dir" | "hdr_dom" | "hdr_end" | "hdr_len" | "hdr_reg"
        | "hdr_sub" => suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name),
        name => name,
    };
    format!("{name}{arguments}")
}

/// Reads a test: a fetch, how it is compared, and values.
pub(super) fn test(words: &[String], variables: &Variables, notes: &mut Notes) -> Literal {
    let unknown = || Literal::Unknown(format!("{{ {} }}", words.join(" ")));
    let Some((criterion, rest)) = words.split_first() else { return unknown() };
    let comparison = comparison(criterion, rest);
    let meaning = meaning(&fetch(criterion), variables);
    if comparison.from_file {
        return match of_token(&meaning) {
            true => Literal::OfToken(format!("{criterion} with values from a file")),
            false => unknown(),
        };
    }
    if comparison.any_case
        && matches!(meaning, Meaning::Path { .. } | Meaning::Claim(..) | Meaning::LuaScopes)
    {
        notes.push(format!("`{criterion} -i` compares without case; here case counts"));
    }
    compared(&meaning, &comparison, notes).unwrap_or_else(|| match of_token(&meaning) {
        true => Literal::OfToken(words.join(" ")),
        false => unknown(),
    })
}

fn of_token(meaning: &Meaning) -> bool {
    meaning.is_read_from_token() || matches!(meaning, Meaning::Flag(_))
}

fn compared(meaning: &Meaning, how: &Comparison<'_>, notes: &mut Notes) -> Option<Literal> {
    let values = || how.values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let exact = matches!(how.method, "" | "str");
    let sets = |sets: Vec<Requests>| (!sets.is_empty()).then_some(Literal::Requests(sets));
    match meaning {
        Meaning::Path { changed } => {
            let path = |text: &str| match (how.method, text.starts_with('/')) {
                ("" | "str", true) => Some(PathSet::Exact(text.to_owned())),
                ("beg", true) => Some(PathSet::prefix(text)),
                _ => None,
            };
            let paths: Option<Vec<_>> = how.values.iter().map(|text| path(text)).collect();
            if *changed {
                notes.push("the path is changed before it is compared; here it is compared decoded, with case".to_owned());
            }
            if how.method == "beg"
                && let Some(prefix) = how.values.iter().find(|text| !text.ends_with('/'))
            {
                notes.push(format!(
                    "`path_beg {prefix}` takes {prefix}x too; here a prefix ends where a segment does, and \
                     {prefix}x falls under the other rules"
                ));
            }
            sets(paths?.into_iter().map(Requests::of_path).collect())
        }
        Meaning::Method if exact => sets(vec![Requests::of_methods(how.values.iter().copied())]),
        Meaning::Host if exact => {
            let hosts = how.values.iter().map(|host| Requests::of_host(host));
            sets(hosts.collect())
        }
        Meaning::Header(name) if how.method == "found" => {
            (name == "authorization").then_some(Literal::TokenPresent)
        }
        Meaning::Token(_) if how.method == "found" => Some(Literal::TokenPresent),
        Meaning::TokenHeader(_, field) if exact && !how.values.is_empty() => match field.as_str() {
            "alg" => Some(Literal::Algorithm(values())),
            "typ" => Some(Literal::Type(values())),
            _ => None,
        },
        Meaning::Verified { places, algorithm, key } if is_true(how) => Some(Literal::Signed {
            places: places.clone(),
            algorithm: algorithm.clone(),
            key: key.clone(),
        }),
        Meaning::LuaAuthorized if is_true(how) => Some(Literal::Authorized),
        Meaning::Flag(terms) if is_true(how) || how.method == "found" => {
            Some(Literal::Flag(terms.clone()))
        }
        Meaning::LuaScopes => scope(how),
        Meaning::Left => match (how.method, how.values.as_slice()) {
            ("int", ["le", "0"] | ["lt", "0" | "1"]) => Some(Literal::Expired(true)),
            ("int", ["gt", "0"] | ["ge", "0" | "1"]) => Some(Literal::Expired(false)),
            _ => None,
        },
        Meaning::Claim(_, claim) => self::claim(claim, how),
        _ => None,
    }
}

fn claim(claim: &[String], how: &Comparison<'_>) -> Option<Literal> {
    let values = || how.values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let exact = matches!(how.method, "" | "str") && !how.values.is_empty();
    let name = match claim {
        [name] => name.as_str(),
        _ => "",
    };
    let part = how.method == "sub" && !how.values.is_empty();
    match name {
        "iss" if exact => return Some(Literal::Issuer(values())),
        "iss" => return None,
        "aud" if exact || part => return Some(Literal::Audience { names: values(), part }),
        "aud" => return None,
        "exp" if how.method == "found" => return Some(Literal::HasExpiry),
        "exp" | "nbf" | "iat" => return None,
        "scope" | "scp" | "scopes" if how.method != "found" => return scope(how),
        _ => {}
    }
    let test = match (how.method, how.values.as_slice()) {
        ("found", []) => Test::Present,
        ("bool", [] | ["1" | "true"]) => Test::OneOf(vec![true.into()]),
        ("int", [number]) | ("int", ["eq", number]) => {
            Test::OneOf(vec![number.parse::<i64>().ok()?.into()])
        }
        ("sub", [value]) => Test::Contains((*value).into()),
        _ if exact => Test::OneOf(how.values.iter().map(|value| (*value).into()).collect()),
        _ => return None,
    };
    Some(Literal::Claim { condition: Condition { claim: claim.to_vec(), test }, part })
}

fn scope(how: &Comparison<'_>) -> Option<Literal> {
    let is_scope = |text: &&str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b))
    };
    if how.values.is_empty() || !how.values.iter().all(is_scope) {
        return None;
    }
    let names = how.values.iter().map(|value| (*value).to_owned()).collect();
    match how.method {
        "sub" => Some(Literal::Scope { names, part: true }),
        "" | "str" => Some(Literal::Scope { names, part: false }),
        _ => None,
    }
}

/// `-m bool`, `-m int 1`, `1`.
fn is_true(how: &Comparison<'_>) -> bool {
    matches!(
        (how.method, how.values.as_slice()),
        ("bool", [] | ["1" | "true"]) | ("int" | "", ["1"] | ["eq", "1"]) | ("", [])
    )
}
