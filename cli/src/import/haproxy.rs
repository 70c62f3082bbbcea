//! HAProxy: `jwt_verify` and the lines around it, and the Lua library `jwtverify`.

mod comparison;
mod condition;
mod headers;
mod issuers;
mod lines;
mod sample;
mod section;
mod statement;
mod weakness;

use std::collections::BTreeMap;

use crate::words;

use super::{
    Options, Remark,
    draft::{Asks, Condition, Draft, Rule, Wanted},
    keys::Files,
    remark::{Kind, Remarks},
    requests::{Requests, cells, without_repeats},
};

use self::{
    lines::{SECTIONS, Section},
    section::Said,
    statement::{Effect, Statement},
};

/// Whether a text looks like a configuration of HAProxy, whole or in part.
pub(super) fn is_config(text: &str) -> bool {
    text.lines().any(|line| {
        let word = line.split_whitespace().next().unwrap_or_default();
        SECTIONS.contains(&word) || matches!(word, "http-request" | "acl" | "setenv" | "lua-load")
    })
}

/// Reads a configuration; gives the section that was taken too.
///
/// # Errors
///
/// No section checks tokens, or it must be said which.
pub(super) fn import(
    text: &str,
    options: &Options,
    files: &Files,
) -> Result<(Draft, Vec<Remark>, String), String> {
    let sections = lines::sections(text);
    let section = chosen(&sections, options)?;
    let mut remarks = Remarks::default();
    let mut said = Said::default();
    let mut others = BTreeMap::new();
    section::read(section, &mut said, &mut others, &mut remarks);

    let mut draft = Draft::default();
    settle(&mut said);
    issuers::fill(&mut draft, &said, &sections, options, files, &mut remarks);
    rules(&mut draft, &said, &mut remarks);
    forward(&mut draft, &said);
    body(&mut draft, &said, &mut remarks);
    weakness::name(&draft, &said, &mut remarks);

    let unread: Vec<String> = sections
        .iter()
        .filter(|other| !std::ptr::eq(*other, section) && !other.lines.is_empty())
        // Of it, the environment was read.
        .filter(|other| other.kind != "global")
        .map(Section::title)
        .collect();
    if !unread.is_empty() {
        let text =
            format!("other sections stay in HAProxy and were not read: {}", unread.join(", "));
        remarks.add(0, Kind::Stays, text);
    }
    if !others.is_empty() {
        let words: Vec<&str> = others.keys().map(String::as_str).collect();
        let lines = words::count(others.values().copied().fold(0, usize::saturating_add), "line");
        let text = format!("{lines} that say nothing of who may do what: {}", words.join(", "));
        remarks.add(0, Kind::Stays, text);
    }
    Ok((draft, remarks.sorted(), section.title()))
}

/// The section that checks tokens.
fn chosen<'s>(sections: &'s [Section], options: &Options) -> Result<&'s Section, String> {
    if let Some(wanted) = &options.section {
        let titles: Vec<String> =
            sections.iter().filter(|one| !one.lines.is_empty()).map(Section::title).collect();
        return sections.iter().find(|one| one.title() == *wanted).ok_or_else(|| {
            let hint = words::suggestion(wanted, titles.iter().map(String::as_str));
            format!("--section: found {wanted:?}, expected {}{hint}", words::one_of(&titles))
        });
    }
    let with_tokens: Vec<&Section> = sections.iter().filter(|one| checks_tokens(one)).collect();
    match with_tokens.as_slice() {
        [one] => Ok(one),
        [] => Err("found no line that checks a token, expected `jwt_verify` or \
                   `http-request lua.jwtverify`"
            .to_owned()),
        several => {
            let titles: Vec<String> = several.iter().map(|one| one.title()).collect();
            Err(format!(
                "several sections check tokens, expected --section, {}",
                words::one_of(&titles)
            ))
        }
    }
}

fn checks_tokens(section: &Section) -> bool {
    section.lines.iter().any(|line| {
        line.word(0) != "lua-load"
            && line.words.iter().any(|word| {
                ["jwt_verify", "jwt_payload_query", "jwt_header_query", "lua.jwtverify"]
                    .iter()
                    .any(|name| word.contains(name))
            })
    })
}

/// Takes the conditions on issuer and audience out of rules where all lines ask for the same: the
/// issuer's entry does then.
fn settle(said: &mut Said) {
    for claim in ["iss", "aud"] {
        let mut asked: Vec<&Condition> = Vec::new();
        for statement in &said.statements {
            let (Effect::Need(wanted) | Effect::AllowWith(wanted)) = &statement.effect else {
                continue;
            };
            for condition in wanted.claims.iter().filter(|condition| condition.claim == [claim]) {
                if !asked.contains(&condition) {
                    asked.push(condition);
                }
            }
        }
        if asked.len() > 1 {
            continue;
        }
        for statement in &mut said.statements {
            if let Effect::Need(wanted) | Effect::AllowWith(wanted) = &mut statement.effect {
                wanted.claims.retain(|condition| condition.claim != [claim]);
            }
        }
    }
}

/// What becomes of the requests of a cell.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Asks(Asks),
    /// They pass, as no line says anything of them.
    Open,
    /// What is asked of them cannot be said in one rule.
    Inexpressible,
}

fn rules(draft: &mut Draft, said: &Said, remarks: &mut Remarks) {
    let sets = said.statements.iter().flat_map(|statement| {
        std::iter::once(&statement.region.within).chain(&statement.region.outside)
    });
    let Some(cells) = cells(sets.cloned()) else {
        remarks.add(
            0,
            Kind::NotCarried,
            "more overlapping conditions than can be told apart; all is denied",
        );
        let rule = Rule::new(Requests::default(), Asks::Deny, Vec::new());
        draft.rules = vec![rule];
        return;
    };
    let decided = cells.into_iter().map(|cell| {
        let outcome = decide(&cell, &said.statements);
        (cell, outcome)
    });
    for (requests, outcome) in without_repeats(decided.collect(), &Outcome::Open) {
        let lines = lines_of(&requests, &said.statements);
        let comments: Vec<String> =
            (!lines.is_empty()).then(|| said_in(&lines)).into_iter().collect();
        let asks = match outcome {
            Outcome::Asks(asks) => asks,
            Outcome::Open => {
                draft.rules.push(Rule::opens(requests, "HAProxy"));
                continue;
            }
            Outcome::Inexpressible => {
                let line = lines.last().copied().unwrap_or(0);
                let text =
                    "what is asked of some requests cannot be said in one rule; they are denied";
                remarks.add(line, Kind::NotCarried, text);
                Asks::Deny
            }
        };
        draft.rules.push(Rule::new(requests, asks, comments));
    }
    let rest = Requests::default();
    if decide(&rest, &said.statements) == Outcome::Open {
        draft.rules.push(Rule::opens(rest, "HAProxy"));
    }
    if draft.rules.iter().any(|rule| rule.left_out) {
        let text = "HAProxy lets every request pass that no line refuses, without a token; here a \
                    request without a rule is denied. The rule that opens them again stands in the \
                    policy as a comment";
        remarks.add(0, Kind::Closed, text);
    }
    if draft.rules.iter().all(|rule| rule.left_out) {
        // A policy has a rule; this one says what the file says: nothing.
        let rule = Rule::new(Requests::default(), Asks::Deny, Vec::new());
        draft.rules.push(rule);
    }
}

/// Runs the lines for the requests of a cell.
fn decide(cell: &Requests, statements: &[Statement]) -> Outcome {
    let mut needed: Option<Wanted> = None;
    let mut optional = false;
    let mut alternatives: Vec<&Wanted> = Vec::new();
    for statement in statements.iter().filter(|statement| statement.region.holds(cell)) {
        match &statement.effect {
            Effect::Allow => {
                return match (needed, optional) {
                    (Some(wanted), _) => Outcome::Asks(Asks::Token(wanted)),
                    (None, true) => Outcome::Asks(Asks::Optional),
                    (None, false) => Outcome::Asks(Asks::Public),
                };
            }
            Effect::AllowWith(wanted) => alternatives.push(wanted),
            Effect::Deny => {
                let Some((first, rest)) = alternatives.split_first() else {
                    return Outcome::Asks(Asks::Deny);
                };
                let either = rest.iter().try_fold((*first).clone(), |sum, one| sum.or(one));
                let mut wanted = needed.unwrap_or_default();
                return match either {
                    Some(either) if wanted.and(&either) => Outcome::Asks(Asks::Token(wanted)),
                    _ => Outcome::Inexpressible,
                };
            }
            Effect::Need(wanted) => {
                if !needed.get_or_insert_default().and(wanted) {
                    return Outcome::Inexpressible;
                }
            }
            Effect::Optional => optional = true,
        }
    }
    match (needed, optional) {
        (Some(wanted), _) => Outcome::Asks(Asks::Token(wanted)),
        (None, true) => Outcome::Asks(Asks::Optional),
        (None, false) => Outcome::Open,
    }
}

/// The lines that decide in a cell, up to the last that is run.
fn lines_of(cell: &Requests, statements: &[Statement]) -> Vec<usize> {
    let mut lines = Vec::new();
    for statement in statements.iter().filter(|statement| statement.region.holds(cell)) {
        lines.push(statement.line);
        if matches!(statement.effect, Effect::Allow | Effect::Deny) {
            break;
        }
    }
    lines.dedup();
    lines
}

fn said_in(lines: &[usize]) -> String {
    let numbers: Vec<String> = lines.iter().map(usize::to_string).collect();
    format!("From {} {}.", if lines.len() == 1 { "line" } else { "lines" }, numbers.join(", "))
}

fn forward(draft: &mut Draft, said: &Said) {
    for (_, forwarded) in &said.forwarded {
        if !draft.claims.iter().any(|known| known.header == forwarded.header) {
            draft.claims.push(forwarded.clone());
        }
    }
    let is_set =
        |name: &String| draft.claims.iter().any(|claim| alike(&claim.header) == alike(name));
    let mut names: Vec<String> = Vec::new();
    for name in said.guarded.keys() {
        if !is_set(name) && !names.iter().any(|known| alike(known) == alike(name)) {
            names.push(name.clone());
        }
    }
    draft.remove_headers = names;
}

/// A header name as the gate compares it.
fn alike(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn body(draft: &mut Draft, said: &Said, remarks: &mut Remarks) {
    let Some((line, media_type, text)) = said.bodies.first() else { return };
    let same = said.bodies.iter().all(|(_, _, other)| other == text);
    // The gate fills in braces; a text that has some is not copied.
    if same && !text.contains('{') {
        draft.body = Some((media_type.clone(), text.clone()));
        return;
    }
    draft.detail = true;
    draft.body = Some((media_type.clone(), "{reason}".to_owned()));
    let text = "each refusal has its own text here too (`detail: true`), in the gate's words; callers \
                learn which check failed";
    remarks.add(*line, Kind::Changed, text);
}
