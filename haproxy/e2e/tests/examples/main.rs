//! The examples do what their README files promise.

mod certificate;
mod gateways;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use e2e_wire::readme::commands;
use e2e_wire::{Clock, Place, checkout, http1, tokens};
use haproxy_e2e::shipped::Shipped;
use haproxy_e2e::{Agent, HaProxy, Options, Outcome};
use scenario_corpus::Key;
use serde_json::{Value, json};

/// The ports that the examples write.
const API: u16 = 8080;
const AGENT: u16 = 9000;

/// The issuer and the audience of the examples.
const AUTH0: (&str, &str) = ("https://nickram44.auth0.com/", "https://api.mywebsite.com");
const FUSIONAUTH: (&str, &str) =
    ("https://local.fusionauth.io", "63b73f76-7400-487d-b122-5705b848da80");

fn token((issuer, audience): (&str, &str), claims: Value) -> String {
    let mut whole = json!({ "iss": issuer, "aud": audience });
    for (name, value) in claims.as_object().expect("claims are an object") {
        whole[name] = value.clone();
    }
    tokens::token(whole).expect("a token")
}

/// An example that runs, with the tests' key in place of its own.
struct Running {
    shipped: Shipped,
    /// In this order: HAProxy goes first.
    _haproxy: HaProxy,
    _agent: Agent,
    _place: Place,
}

fn start(name: &str, policy: &str, written: u16) -> Result<Running> {
    let folder = format!("haproxy/examples/{name}");
    let place = Place::new(&format!(
        "haproxy-{}",
        policy.trim_end_matches(".yaml").replace("policy", name)
    ))?;
    let shipped = Shipped::read(&folder, &["haproxy.cfg", policy])?
        .with_key(policy, &Key::load("rsa-1").map_err(anyhow::Error::msg)?.public_pem())?;
    shipped.write(&place)?;
    let agent = Agent::start(&place, policy, shipped.port(AGENT)?)?;
    let haproxy = shipped.start(&place, "haproxy.cfg", written)?;
    Ok(Running { shipped, _haproxy: haproxy, _agent: agent, _place: place })
}

/// Starts an example and runs its README.
fn example(name: &str, values: &[(&'static str, String)]) -> Result<()> {
    let running = start(name, "policy.yaml", API)?;
    let mut values: BTreeMap<&str, String> = values.iter().cloned().collect();
    for (file, issuer) in [("auth0", "auth0"), ("fusionauth", "fusionauth")] {
        let real = scenario_corpus::real_token(issuer).map_err(anyhow::Error::msg)?;
        let written = match file {
            "auth0" => "$(cat host-tests/vectors/auth0-access-token.jwt)",
            _ => "$(cat host-tests/vectors/fusionauth-access-token.jwt)",
        };
        values.insert(written, real);
    }
    let readme = checkout().join(format!("haproxy/examples/{name}/README.md"));
    let commands = commands(&std::fs::read_to_string(readme)?);
    ensure!(commands.len() > 2, "{name}: found {} commands in the README", commands.len());
    for command in commands {
        command.run(&values, |written| running.shipped.port(written))?;
    }
    Ok(())
}

#[test]
fn oauth() {
    let scope = |scope: &str| token(AUTH0, json!({ "scope": scope }));
    let values = [
        ("$READER", scope("read:hamsters")),
        ("$WRITER", scope("read:hamsters write:hamsters")),
        ("$OKTA", token(AUTH0, json!({ "scp": ["read:hamsters", "write:hamsters"] }))),
    ];
    example("oauth", &values).expect("the README's promises");
}

/// The article's own token and certificate, nothing replaced but ports and paths: good when it was
/// issued, expired a day later, and never good with one character changed.
#[test]
fn oauth_with_the_articles_own_token() {
    const ISSUED: u64 = 1_541_539_638;
    const EXPIRES: u64 = 1_541_626_038;
    const SKEW: u64 = 60;
    const SECOND: u64 = 1_000_000_000;
    let place = Place::new("haproxy-oauth-article").expect("a folder");
    let clock = Clock::new(&place, ISSUED * SECOND).expect("a clock");
    let shipped = Shipped::read("haproxy/examples/oauth", &["haproxy.cfg", "policy.yaml"]);
    let shipped = shipped.expect("the example");
    shipped.write(&place).expect("files");
    let listen = format!("127.0.0.1:{}", shipped.port(AGENT).expect("a port"));
    let options = Options {
        policy: "policy.yaml",
        listen: &listen,
        clock: Some(&clock),
        module: None,
        more: &[],
    };
    let _agent = Agent::start_as(&place, options).expect("the agent");
    let haproxy = shipped.start(&place, "haproxy.cfg", API).expect("HAProxy");
    let port = shipped.port(API).expect("a port");

    let article = scenario_corpus::real_token("auth0").expect("the article's token");
    let (signed, signature) = article.rsplit_once('.').expect("a signature");
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    let delete = |token: &str, at: u64| {
        clock.set(at).expect("the clock is set");
        let mark = haproxy.process().log_mark().expect("the log");
        let bearer = format!("Bearer {token}");
        let path = (":path", "/api/hamsters/turbo");
        let reply = http1::send(port, &[(":method", "DELETE"), path, ("authorization", &bearer)]);
        let outcome = Outcome::wait(haproxy.process(), mark).expect("a line in the access log");
        (reply.expect("an answer").status, outcome.reason.unwrap_or_default())
    };
    let good = (200, String::new());
    let refused = |reason: &str| (401, reason.to_owned());
    assert_eq!(delete(&article, ISSUED * SECOND), good);
    assert_eq!(delete(&forged, ISSUED * SECOND), refused("signature_invalid"));
    assert_eq!(delete(&article, (EXPIRES + SKEW) * SECOND - 1), good);
    assert_eq!(delete(&article, (EXPIRES + SKEW) * SECOND), refused("expired"));
    assert_eq!(delete(&article, 1_795_000_000 * SECOND), refused("expired"));
    assert_eq!(delete(&forged, 1_795_000_000 * SECOND), refused("signature_invalid"));
}

#[test]
fn fusionauth() {
    let values = [("$TOKEN", token(FUSIONAUTH, json!({ "roles": [] })))];
    example("fusionauth", &values).expect("the README's promises");
}

#[test]
fn fusionauth_without_the_key_does_not_start_and_says_why() {
    let place = Place::new("haproxy-fusionauth-placeholder").expect("a folder");
    let policy = checkout().join("haproxy/examples/fusionauth/policy.yaml");
    let policy = std::fs::read_to_string(policy).expect("the policy");
    place.write("policy.yaml", &policy).expect("a file");
    let (taken, said) = Agent::check(&place, "policy.yaml").expect("the agent ran");
    assert!(!taken, "a policy without a key was taken:\n{said}");
    assert!(said.contains("issuers[0].keys.pem: found "), "no problem named in:\n{said}");
}

#[test]
fn cookie() {
    let alice = json!({ "email_verified": true, "roles": ["editor"] });
    let bob = json!({ "sub": "bob", "email_verified": false, "roles": ["editor"] });
    let values = [("$ALICE", token(FUSIONAUTH, alice)), ("$BOB", token(FUSIONAUTH, bob))];
    example("cookie", &values).expect("the README's promises");
}

/// Every example has the lines of the reference configuration that keep the door shut, in their order.
#[test]
fn the_lines_of_the_reference_are_in_every_example() {
    let read = |path: &str| std::fs::read_to_string(checkout().join(path)).expect("a file");
    let reference = read("haproxy/haproxy.cfg");
    let lines: Vec<&str> = reference
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("http-") || line.starts_with("log-format"))
        .collect();
    assert!(lines.len() > 10, "found only {lines:?}");
    let mut examples = 0;
    for entry in std::fs::read_dir(checkout().join("haproxy/examples")).expect("the examples") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let file = format!("haproxy/examples/{name}/haproxy.cfg");
        let text = read(&file);
        let mut found = text.lines().map(str::trim);
        for line in &lines {
            assert!(found.any(|l| l == *line), "{file}: not there, or not in its place: {line}");
        }
        examples += 1;
    }
    assert!(examples > 3, "found {examples} examples");
}
