//! How the cost of a request grows inside the module: units of fuel under wasmtime, which are the
//! same in every run and on every machine.

use std::{
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use envoy_e2e::{Place, module};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tokens::{AUDIENCE, ISSUER, Pool, SCOPE, SIGNERS, Signer};

/// Requests that the harness sends, all the same.
const REQUESTS: usize = 9;
/// How the harness calls it that a request goes on.
const PASSES: &str = "continued";

/// What grows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Axis {
    /// Rules, of which the last one fits; no token is asked for.
    Rules,
    /// Keys of the issuer, of which the last one signed.
    Keys,
    /// Issuers, of which the last one signed.
    Issuers,
    /// Bytes of the token.
    TokenBytes,
    /// Tokens that come in turn and are all remembered.
    Remembered,
    /// Tokens that the policy lets the cache remember, in a cache that is full.
    Entries,
}

/// The cost at one size.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) axis: Axis,
    pub(crate) size: usize,
    /// Fuel of the first request.
    pub(crate) first: u64,
    /// Fuel of the same request once more.
    pub(crate) again: u64,
    /// Both with a forged token, where that was measured.
    pub(crate) forged: Option<(u64, u64)>,
    /// Fuel until the first request: starting, and compiling the policy.
    pub(crate) start: u64,
}

impl Axis {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 6] =
        [Self::Rules, Self::Keys, Self::Issuers, Self::TokenBytes, Self::Remembered, Self::Entries];

    /// What it counts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Keys => "keys",
            Self::Issuers => "issuers",
            Self::TokenBytes => "bytes of token",
            Self::Remembered => "tokens remembered",
            Self::Entries => "cache_entries, all in use",
        }
    }

    fn sizes(self, is_quick: bool) -> &'static [usize] {
        match (self, is_quick) {
            (Self::Rules | Self::Keys, false) => &[1, 10, 100, 1000],
            (Self::Issuers, false) => &[1, 10, 100],
            (Self::TokenBytes, false) => &[1000, 2000, 4000, 8000],
            (Self::Remembered, false) => &[1, 100, 1000],
            (Self::Entries, false) => &[10, 100, 1000, 4000],
            (Self::Rules | Self::Keys | Self::Issuers, true) => &[10],
            (Self::Remembered | Self::Entries, true) => &[10],
            (Self::TokenBytes, true) => &[2000],
        }
    }
}

/// Measures all sizes with the harness's binary.
///
/// # Errors
///
/// The module is not built, a policy is refused, or a request does not pass.
pub(crate) fn measure(harness: &Path, is_quick: bool) -> Result<Vec<Point>> {
    let place = Place::new("bench-growth")?;
    let mut points = Vec::new();
    for axis in Axis::ALL {
        for size in axis.sizes(is_quick) {
            let point = point(harness, &place, axis, *size);
            points.push(point.with_context(|| format!("{size} {}", axis.name()))?);
        }
    }
    Ok(points)
}

/// The part of the harness's report that is read here.
#[derive(Deserialize)]
struct Report {
    fuel: Fuel,
    outcomes: Value,
}

#[derive(Deserialize)]
struct Fuel {
    start: u64,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    median: u64,
    max: u64,
}

fn point(harness: &Path, place: &Place, axis: Axis, size: usize) -> Result<Point> {
    let signer = SIGNERS[0];
    let run = |path: &str, tokens: &[String], warm_up: usize, outcome: &str| {
        let policy = policy(axis, size, signer)?;
        let scenario = place.write("growth.toml", &scenario(&policy, path, tokens, outcome)?)?;
        run(harness, &scenario, warm_up, outcome)
    };
    let whole = |fuel: Fuel, forged: Option<Request>| Point {
        axis,
        size,
        first: fuel.request.max,
        again: fuel.request.median,
        forged: forged.map(|request| (request.max, request.median)),
        start: fuel.start,
    };
    let path = path(size);
    match axis {
        Axis::Rules => Ok(whole(run(&path, &[], 0, PASSES)?, None)),
        Axis::Keys | Axis::Issuers | Axis::TokenBytes => {
            let token = token(if axis == Axis::TokenBytes { size } else { 0 }, signer)?;
            let forged = forged(&token, signer)?;
            let good = run(&path, &[token], 0, PASSES)?;
            Ok(whole(good, Some(run(&path, &[forged], 0, "replied 401")?.request)))
        }
        Axis::Entries => {
            // Each of twice as many is gone when it comes again; of so many, none is.
            let tokens = Pool::open(signer, "new")?.first(2 * size)?;
            let new = run(&path, &tokens, 2 * size, PASSES)?;
            let known = run(&path, &tokens[..size], size, PASSES)?.request;
            if new.request.median < 2 * known.max {
                bail!("found {} units of fuel for a token that should be known", known.max);
            }
            let (first, again) = (new.request.median, known.median);
            Ok(Point { first, again, ..whole(new, None) })
        }
        Axis::Remembered => {
            let tokens = Pool::open(signer, "new")?.first(size)?;
            // In the first turn each is new; the next one is measured.
            let again = run(&path, &tokens, size, PASSES)?.request.median;
            Ok(Point { again, ..whole(run(&path, &tokens, 0, PASSES)?, None) })
        }
    }
}

/// A scenario in which each token comes in turn, or one request without any.
fn scenario(policy: &Value, path: &str, tokens: &[String], outcome: &str) -> Result<String> {
    let expect = if outcome == PASSES { "{ upstream = {} }" } else { "{ reply = 401 }" };
    let mut text = format!(
        "why = \"what a request costs\"\nmodule = {:?}\nnow = 1700000100\n\
         configuration = '''{policy}'''\n",
        module()?
    );
    let step = format!("\n[[step]]\nrequest = \"GET {path}\"\nexpect = {expect}\n");
    if tokens.is_empty() {
        text.push_str(&step);
    }
    for token in tokens {
        writeln!(text, "{step}headers = {{ authorization = 'Bearer {token}' }}")?;
    }
    Ok(text)
}

/// Sends the requests of a scenario, over and over; all that are measured have to end in one way.
fn run(harness: &Path, scenario: &Path, warm_up: usize, outcome: &str) -> Result<Fuel> {
    let count = REQUESTS.max(warm_up);
    let output = Command::new(harness)
        .args(["bench", "--json", "--warm-up", &warm_up.to_string()])
        .args(["--requests", &count.to_string(), "--scenario"])
        .arg(scenario)
        .arg(module()?)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {}", harness.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let report: Report = serde_json::from_slice(&output.stdout).context("the harness's report")?;
    // A request that ends elsewhere costs something else.
    if report.outcomes != json!({ outcome: count }) {
        bail!("found {}, expected {outcome} of all {count} requests", report.outcomes);
    }
    Ok(report.fuel)
}

/// The same token under the signature of another.
fn forged(token: &str, signer: Signer) -> Result<String> {
    let other = signer.mint("bob", &json!({}))?;
    let (signed, _) = token.rsplit_once('.').context("found a token without parts")?;
    let (_, signature) = other.rsplit_once('.').context("found a token without parts")?;
    Ok(format!("{signed}.{signature}"))
}

/// The path that the last of so many rules takes.
fn path(rules: usize) -> String {
    format!("/tenants/acme/service-{}/orders/7", rules.saturating_sub(1))
}

/// A token padded to a number of bytes, or one of the usual size.
fn token(bytes: usize, signer: Signer) -> Result<String> {
    let padded = |pad: usize| signer.mint("alice", &json!({ "pad": "x".repeat(pad) }));
    let bare = padded(0)?;
    // Four characters of base64url hold three bytes.
    match bytes.saturating_sub(bare.len()) * 3 / 4 {
        0 => Ok(bare),
        pad => padded(pad),
    }
}

fn policy(axis: Axis, size: usize, signer: Signer) -> Result<Value> {
    let count = |wanted: Axis| if axis == wanted { size } else { 1 };
    let own = signer.jwk()?;
    // Keys of other names come first; so do other issuers.
    let keys = (1..count(Axis::Keys)).map(|place| {
        let mut other = own.clone();
        other["kid"] = json!(format!("key-{place}"));
        other
    });
    let keys: Vec<Value> = keys.chain([own.clone()]).collect();
    let issuer = |name: String, issuer: String, keys: &[Value]| {
        json!({
            "name": name,
            "issuer": issuer,
            "audiences": [AUDIENCE],
            "algorithms": [signer.name()],
            "keys": { "jwks": { "keys": keys } },
        })
    };
    let others = (1..count(Axis::Issuers)).map(|place| {
        let address = format!("https://issuer-{place}.test/");
        issuer(format!("issuer-{place}"), address, std::slice::from_ref(&own))
    });
    let issuers: Vec<Value> =
        others.chain([issuer("test".to_owned(), ISSUER.to_owned(), &keys)]).collect();
    let rules: Vec<Value> = if axis == Axis::Rules {
        let rule = |place| {
            json!({
                "name": format!("rule-{place}"),
                "match": { "template": format!("/tenants/{{tenant}}/service-{place}/**") },
                "access": "public",
            })
        };
        (0..size).map(rule).collect()
    } else {
        vec![json!({
            "name": "orders",
            "match": { "prefix": "/" },
            "require": { "scopes": { "all": [SCOPE] } },
        })]
    };
    let mut policy = json!({
        "issuers": issuers,
        "rules": rules,
        "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
    });
    if axis == Axis::Entries {
        policy["limits"] = json!({ "cache_entries": size });
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_as_long_as_it_should_be() {
        for bytes in [1000, 4000, 8000] {
            let length = token(bytes, SIGNERS[0]).unwrap().len();
            assert!((bytes - 3..=bytes).contains(&length), "{length} for {bytes}");
        }
    }

    #[test]
    fn what_grows_is_what_the_axis_says() {
        let policy = policy(Axis::Keys, 10, SIGNERS[0]).unwrap();
        let keys = policy["issuers"][0]["keys"]["jwks"]["keys"].as_array().unwrap();
        assert_eq!((keys.len(), keys[9]["kid"].as_str()), (10, Some("rsa-1")));
        let policy = super::policy(Axis::Issuers, 5, SIGNERS[0]).unwrap();
        assert_eq!(policy["issuers"].as_array().unwrap().len(), 5);
        assert_eq!(policy["issuers"][4]["issuer"], ISSUER);
        let policy = super::policy(Axis::Entries, 7, SIGNERS[0]).unwrap();
        assert_eq!(policy["limits"]["cache_entries"], 7);
        let policy = super::policy(Axis::Rules, 5, SIGNERS[0]).unwrap();
        assert_eq!(policy["rules"].as_array().unwrap().len(), 5);
        assert_eq!(path(5), "/tenants/acme/service-4/orders/7");
    }
}
