//! The tables that say what is decided.

use std::collections::BTreeSet;

use jwt_gate_core::{Decision, HeaderOp, Reject, Request, UnixTime, Verdict, decide};
use serde_json::{Value, json};

use crate::{
    forms,
    markdown::{Page, code},
    policies,
};

const PAGE: &str = "docs/policy.md";
/// A token of the issuer in the page's first policy, as published with the article that the
/// hamsters come from.
const TOKEN: &str = include_str!("../../../../host-tests/vectors/auth0-access-token.jwt");
/// 2018-11-07T12:00:00Z, when that token was good.
const THEN: i64 = 1_541_592_000;

/// What becomes of a request, told by `see`.
fn judge<T>(policy: &Value, headers: &[(&str, &str)], see: impl FnOnce(Decision<'_>) -> T) -> T {
    let compiled = forms::compile_json(policy).unwrap_or_else(|e| panic!("{policy}: {e}"));
    let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let request = Request::new(&headers, None);
    see(decide(&compiled.policy, &compiled.keys, &request, UnixTime::from_secs(THEN)))
}

/// The reason why a `GET` of a path is refused, without a token.
fn refusal(policy: &Value, path: &str) -> Option<Reject> {
    let headers = [(":method", "GET"), (":authority", "api.test"), (":path", path)];
    judge(policy, &headers, |decision| match decision.verdict {
        Verdict::Allow(_) | Verdict::AwaitKeys(_) => None,
        Verdict::Deny(denial) | Verdict::Report(denial) => Some(denial.reject()),
    })
}

fn public(matching: Value) -> Value {
    let mut policy = policies::base();
    policy["rules"] = json!([{ "match": matching, "access": "public" }]);
    policy
}

#[test]
fn patterns_match_what_the_table_says() {
    let table = Page::read(PAGE).tables_of("pattern").remove(0);
    assert_eq!(table.header, ["pattern", "matches", "does not match"]);
    for row in table.rows {
        let pattern = &code(&row.cells[0])[0];
        let policy = public(serde_saphyr::from_str(pattern).expect("a pattern in YAML"));
        for path in code(&row.cells[1]) {
            assert_eq!(refusal(&policy, &path), None, "{}: {path}", row.place);
        }
        for path in code(&row.cells[2]) {
            assert_eq!(refusal(&policy, &path), Some(Reject::NoRule), "{}: {path}", row.place);
        }
    }
}

#[test]
fn paths_are_ambiguous_as_the_table_says() {
    let table = Page::read(PAGE).tables_of("kind").remove(0);
    let kinds: BTreeSet<String> = table.rows.iter().flat_map(|row| code(&row.cells[0])).collect();
    let policy = |allowed: Vec<&String>| {
        let mut policy = public(json!({ "prefix": "/" }));
        if !allowed.is_empty() {
            policy["on_ambiguous_path"] = json!({ "allow": allowed });
        }
        policy
    };
    let ambiguous = Some(Reject::PathAmbiguous);
    for row in &table.rows {
        let path = &code(&row.cells[1])[0];
        let place = &row.place;
        assert_eq!(refusal(&policy(Vec::new()), path), ambiguous, "{place}");
        match code(&row.cells[0]).first() {
            Some(kind) => {
                let others = kinds.iter().filter(|other| *other != kind).collect();
                assert_eq!(refusal(&policy(others), path), ambiguous, "{place}");
                assert_eq!(refusal(&policy(vec![kind]), path), None, "{place}");
            }
            None => {
                assert_eq!(row.cells[0], "never allowed");
                let all = kinds.iter().collect();
                assert_eq!(refusal(&policy(all), path), ambiguous, "{place}");
            }
        }
    }
    // The reader names the kinds that there are.
    let mut unknown = policy(Vec::new());
    unknown["on_ambiguous_path"] = json!({ "allow": ["?"] });
    let errors = forms::compile_json(&unknown).expect_err("no such kind");
    let expected = &errors.problems()[0].expected;
    let known = expected.strip_prefix("one of ").expect("a list of kinds").split(", ");
    assert_eq!(kinds, known.map(str::to_owned).collect());
}

#[test]
fn access_is_given_as_the_table_says() {
    let table = Page::read(PAGE).tables_of("`access`").remove(0);
    assert_eq!(table.header, ["`access`", "no token", "good token", "bad token"]);
    let good = format!("Bearer {}", TOKEN.trim());
    // Its time is signed too, so a changed last letter but one breaks the signature.
    let bad = format!("{}A{}", &good[..good.len() - 2], &good[good.len() - 1..]);
    assert_ne!(good, bad);
    for row in table.rows {
        let mut policy = policies::base();
        let access = &code(&row.cells[0])[0];
        policy["rules"] = json!([{ "match": { "prefix": "/" }, "access": access }]);
        for (cell, token) in row.cells[1..].iter().zip([None, Some(&good), Some(&bad)]) {
            let mut headers = vec![(":method", "GET"), (":path", "/")];
            headers.extend(token.map(|token| ("authorization", token.as_str())));
            let came = judge(&policy, &headers, |decision| {
                let ops = &decision.patch.headers;
                let sets =
                    ops.iter().any(|op| matches!(op, HeaderOp::Set(n, _) if **n == *b"x-user"));
                let takes = ops.contains(&HeaderOp::Remove(b"authorization".into()));
                match decision.verdict {
                    Verdict::Allow(_) if sets && takes => {
                        "passes, with identity headers".to_owned()
                    }
                    Verdict::Allow(_) if sets || takes => "one without the other".to_owned(),
                    Verdict::Allow(_) => "passes".to_owned(),
                    Verdict::AwaitKeys(_) => "waits".to_owned(),
                    Verdict::Deny(denial) | Verdict::Report(denial) => {
                        denial.reject().status().to_string()
                    }
                }
            });
            let plain = ["passes, without identity headers", "passes; not read, not taken out"];
            let said = if plain.contains(&cell.as_str()) { "passes" } else { cell };
            assert_eq!(said, came, "{}: {access}, {token:?}", row.place);
        }
    }
}

/// The error code that the caller is told, by the replies that the core's own tests recorded.
fn error(reason: &str) -> Option<String> {
    const REPLIES: &str = include_str!("../../../../host-tests/golden/replies.txt");
    let start = format!("==== {reason}\n\n-- plain\n");
    let (_, rest) = REPLIES.split_once(&start).unwrap_or_else(|| panic!("no reply for {reason}"));
    let reply = rest.split("\n\n").next().expect("the head of a reply");
    let (_, error) = reply.split_once("error=\"")?;
    error.split('"').next().map(str::to_owned)
}

#[test]
fn every_reason_is_listed_with_its_status_and_error() {
    let table = Page::read(PAGE).tables_of("reason").remove(0);
    let mut listed = BTreeSet::new();
    for row in &table.rows {
        let reason = &code(&row.cells[0])[0];
        let reject = Reject::ALL.into_iter().find(|reject| reject.reason() == reason);
        let reject = reject.unwrap_or_else(|| panic!("{}: no such reason", row.place));
        assert_eq!(row.cells[1], reject.status().to_string(), "{}", row.place);
        assert_eq!(code(&row.cells[2]).first().cloned(), error(reason), "{}", row.place);
        assert!(listed.insert(reject), "{}: listed twice", row.place);
        assert!(!row.cells[3].is_empty(), "{}: no meaning", row.place);
    }
    let missing: Vec<_> = Reject::ALL.iter().filter(|reject| !listed.contains(reject)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
