//! The shipped configurations do what their README files promise.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use envoy_e2e::readme::{commands, shell};
use envoy_e2e::shipped::Shipped;
use envoy_e2e::{Clock, Envoy, Place, checkout, http1, tokens};
use serde_json::{Value, json};

/// The issuer and the audience of the Auth0 examples.
const AUTH0: (&str, &str) = ("https://nickram44.auth0.com/", "https://api.mywebsite.com");
/// The same of the FusionAuth example.
const FUSIONAUTH: (&str, &str) =
    ("https://local.fusionauth.io", "63b73f76-7400-487d-b122-5705b848da80");

fn token((issuer, audience): (&str, &str), claims: Value) -> String {
    let mut whole = json!({ "iss": issuer, "aud": audience });
    for (name, value) in claims.as_object().expect("claims are an object") {
        whole[name] = value.clone();
    }
    tokens::token(whole).expect("a token")
}

/// Starts an example with the tests' key in place of its own and runs its README.
fn example(name: &str, values: &[(&'static str, String)]) -> Result<(Place, Envoy)> {
    let folder = format!("envoy/examples/{name}");
    let place = Place::new(&format!("example-{name}"))?;
    let shipped =
        Shipped::read(&format!("{folder}/envoy.yaml"))?.with_key(&tokens::key()?.public_pem())?;
    let envoy = shipped.start(&place)?;

    let mut values: BTreeMap<&str, String> = values.iter().cloned().collect();
    // In place of the published tokens, whose keys the tests do not have: the same claims, signed
    // with the key that has taken the place of the published one.
    let article = token(
        AUTH0,
        json!({ "iat": 1_541_539_638, "exp": 1_541_626_038, "scope": "write:hamsters read:hamsters" }),
    );
    values.insert("$(cat host-tests/vectors/auth0-access-token.jwt)", article);
    let elsewhere = token(("https://fusionauth.ritza.co", FUSIONAUTH.1), json!({}));
    values.insert("$(cat host-tests/vectors/fusionauth-access-token.jwt)", elsewhere);
    let readme = std::fs::read_to_string(checkout().join(&folder).join("README.md"))?;
    let commands = commands(&readme);
    ensure!(commands.len() > 2, "{name}: found {} commands in the README", commands.len());
    for command in commands {
        command.run(&values, |written| shipped.port(written))?;
    }
    Ok((place, envoy))
}

#[test]
fn hamsters() {
    let values = [
        ("$READER", token(AUTH0, json!({ "scope": "read:hamsters" }))),
        ("$WRITER", token(AUTH0, json!({ "scope": "read:hamsters write:hamsters" }))),
    ];
    let (place, envoy) = example("hamsters", &values).expect("the README's promises");
    let log = || place.read("envoy.log");

    let line = "DELETE /api/hamsters/turbo 401 jwt_gate.expired -";
    envoy.wait_for(line, || log().contains(line).then_some(())).expect("the access log");
    let line = "DELETE /api/hamsters/turbo 200 via_upstream alice";
    envoy.wait_for(line, || log().contains(line).then_some(())).expect("the access log");
}

/// The article's own token and certificate, nothing replaced but ports and paths: good when it was
/// issued, expired a day later, and never good with one character changed.
#[test]
fn hamsters_with_the_articles_own_token() {
    const ISSUED: u64 = 1_541_539_638;
    const EXPIRES: u64 = 1_541_626_038;
    const SKEW: u64 = 60;
    let place = Place::new("example-hamsters-auth0").expect("a folder");
    let clock = Clock::new(&place, nanos(ISSUED)).expect("a clock");
    let shipped = Shipped::read("envoy/examples/hamsters/envoy.yaml").expect("the example");
    let envoy = shipped.start_at(&place, &clock).expect("Envoy with the article's certificate");
    let port = shipped.port(8080).expect("the port");

    let article = checkout().join("host-tests/vectors/auth0-access-token.jwt");
    let article = std::fs::read_to_string(article).expect("the article's token");
    let (signed, signature) = article.trim().rsplit_once('.').expect("a signature");
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{other}{}", &signature[1..]);

    let delete = |token: &str, at: u64, line: &str| {
        clock.set(at).expect("the clock is set");
        let mark = envoy.log_mark().expect("the log");
        let bearer = format!("Bearer {token}");
        let path = (":path", "/api/hamsters/turbo");
        let reply = http1::send(port, &[(":method", "DELETE"), path, ("authorization", &bearer)]);
        let found = || {
            let log = envoy.log_since(mark).ok()?;
            log.iter().any(|l| l.starts_with(&format!("DELETE {} {line}", path.1))).then_some(())
        };
        envoy.wait_for(line, found).expect("the access log");
        reply.expect("an answer").status
    };
    let subject = "200 via_upstream 4Jz2n2OhL92DRYh2ngcW1YlJfzxqERV7@clients";
    assert_eq!(delete(article.trim(), nanos(1_541_592_000), subject), 200);
    assert_eq!(delete(&forged, nanos(1_541_592_000), "401 jwt_gate.signature_invalid"), 401);
    assert_eq!(delete(article.trim(), nanos(EXPIRES + SKEW) - 1, subject), 200);
    assert_eq!(delete(article.trim(), nanos(EXPIRES + SKEW), "401 jwt_gate.expired"), 401);
    assert_eq!(delete(article.trim(), nanos(1_795_000_000), "401 jwt_gate.expired"), 401);
    assert_eq!(delete(&forged, nanos(1_795_000_000), "401 jwt_gate.signature_invalid"), 401);
}

fn nanos(seconds: u64) -> u64 {
    seconds * 1_000_000_000
}

#[test]
fn fusionauth() {
    let values = [("$TOKEN", token(FUSIONAUTH, json!({ "roles": [] })))];
    example("fusionauth", &values).expect("the README's promises");
}

#[test]
fn fusionauth_without_the_key_does_not_start_and_says_why() {
    let place = Place::new("example-fusionauth-placeholder").expect("a folder");
    let shipped = Shipped::read("envoy/examples/fusionauth/envoy.yaml").expect("the example");
    let (taken, log) = shipped.validate(&place).expect("Envoy ran");
    assert!(!taken, "a policy without a key was taken:\n{log}");
    assert!(log.contains("issuers[0].keys.pem: found "), "no problem named in:\n{log}");
}

#[test]
fn per_route() {
    let values = [
        ("$READER", token(AUTH0, json!({ "scope": "read:orders" }))),
        ("$REPORTER", token(AUTH0, json!({ "scope": "read:reports" }))),
    ];
    example("per-route", &values).expect("the README's promises");
}

#[test]
fn cookie() {
    let values =
        [("$TOKEN", token(AUTH0, json!({}))), ("$OTHER", token(AUTH0, json!({ "sub": "bob" })))];
    example("cookie", &values).expect("the README's promises");
}

#[test]
fn report() {
    let values = [("$WRITER", token(AUTH0, json!({ "scope": "write:hamsters" })))];
    example("report", &values).expect("the README's promises");
}

/// A client certificate, alone and with a token; over TLS, so it is curl that is run.
#[test]
fn client_certificate() {
    let folder = "envoy/examples/client-certificate";
    let place = Place::new("example-client-certificate").expect("a folder");
    let certificates = place.path("certificates").display().to_string();
    let script = checkout().join("haproxy/examples/client-certificate/certificates.sh");
    let made = std::process::Command::new("sh").arg(script).arg(&certificates).output();
    let made = made.expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let shipped = Shipped::read(&format!("{folder}/envoy.yaml"))
        .and_then(|s| s.with_key(&tokens::key()?.public_pem()))
        .and_then(|s| s.with("target/certificates", &certificates))
        .expect("the example");
    let _envoy = shipped.start(&place).expect("Envoy");
    let port = format!("127.0.0.1:{}", shipped.port(8443).expect("the port"));
    let values =
        [("ALICE", token(AUTH0, json!({}))), ("CAROL", token(AUTH0, json!({ "sub": "carol" })))];
    let readme = std::fs::read_to_string(checkout().join(folder).join("README.md"));
    let commands = commands(&readme.expect("the README"));
    assert!(commands.len() > 8, "found {} commands in the README", commands.len());
    for command in commands {
        let line = command.line.replace("target/certificates", &certificates);
        let came = shell(&line.replace("127.0.0.1:8443", &port), &values).expect("curl");
        command.compare_lines(&came).expect("the README's promises");
    }
}

/// The reference configuration with its upstream, as `compose.yaml` runs them, in one Envoy each.
#[test]
fn reference() {
    let upstream = Shipped::read_upstream("envoy/upstream.yaml").expect("the upstream's file");
    let upstream_place = Place::new("reference-upstream").expect("a folder");
    let _upstream = upstream.start(&upstream_place).expect("the upstream");

    let place = Place::new("reference").expect("a folder");
    let shipped = Shipped::read("envoy/envoy.yaml")
        .and_then(|s| s.with_key(&tokens::key()?.public_pem()))
        .and_then(|s| {
            let port = s.port(8080)?;
            let written = format!("address: upstream, port_value: {port}");
            s.with(&written, &format!("address: 127.0.0.1, port_value: {}", upstream.port(8080)?))
        })
        .expect("the reference configuration");
    let envoy = shipped.start(&place).expect("Envoy");
    let port = shipped.port(8080).expect("the port");
    let send = |headers: &[(&str, &str)]| http1::send(port, headers).expect("an answer");

    let writer = token(AUTH0, json!({ "scope": ["read:hamsters", "write:hamsters"] }));
    let bearer = format!("Bearer {writer}");
    let path = (":path", "/api/hamsters/turbo?name=secret");
    let delete = (":method", "DELETE");

    assert_eq!(send(&[path]).status, 200, "reading is public");
    assert_eq!(send(&[delete, path]).status, 401);
    assert_eq!(send(&[delete, path, ("x_user", "root")]).status, 400, "underscores are refused");
    assert_eq!(send(&[delete, (":path", "/api%5Chamsters")]).status, 400);
    let reply = send(&[delete, path, ("authorization", &bearer), ("x-user", "root")]);
    let received = reply.json().expect("the upstream's answer");
    assert_eq!(received["x-user"], "alice", "{reply:?}");
    assert_eq!(received["x-scopes"], "read:hamsters,write:hamsters", "{reply:?}");
    assert_eq!(received["authorization"], Value::Null, "{reply:?}");

    let access_log = |what: &str| {
        let found = || {
            let log = place.read("envoy.log");
            let line =
                log.lines().rev().find(|line| line.starts_with('{') && line.contains(what))?;
            serde_json::from_str::<Value>(line).ok()
        };
        envoy.wait_for(what, found).expect("a line in the access log")
    };
    let denied = access_log("jwt_gate.token_missing");
    assert_eq!((&denied["status"], &denied["subject"]), (&json!(401), &Value::Null));
    assert_eq!(denied["path"], "/api/hamsters/turbo", "the query may hold a token");
    assert_eq!(access_log("\"subject\":\"alice\"")["details"], "via_upstream");

    let counters = http1::get(shipped.port(9902).expect("the port"), "/stats/prometheus");
    let counters = counters.expect("the counters").text();
    for line in [
        r#"jwt_gate_allowed{rule="list-hamsters",issuer="none"} 1"#,
        r#"jwt_gate_allowed{rule="change-hamsters",issuer="auth0"} 1"#,
        r#"jwt_gate_denied{reason="token_missing",rule="change-hamsters",issuer="none"} 1"#,
    ] {
        assert!(counters.lines().any(|l| l == line), "no line {line} in:\n{counters}");
    }
    let admin = http1::get(shipped.port(9902).expect("the port"), "/config_dump");
    assert_eq!(admin.expect("an answer").status, 404, "only the counters are public");
}

/// Every shipped configuration keeps the lines that close a way around the check.
#[test]
fn hardening_is_in_every_file() {
    let mut files = vec!["envoy/envoy.yaml".to_owned()];
    for entry in std::fs::read_dir(checkout().join("envoy/examples")).expect("the examples") {
        let name = entry.expect("an entry").file_name();
        files.push(format!("envoy/examples/{}/envoy.yaml", name.to_string_lossy()));
    }
    assert!(files.len() > 5, "found only {files:?}");
    for file in files {
        let text = std::fs::read_to_string(checkout().join(&file)).expect("the file");
        for line in [
            "failure_policy: FAIL_RELOAD",
            "normalize_path: true",
            "merge_slashes: true",
            "path_with_escaped_slashes_action: REJECT_REQUEST",
            "headers_with_underscores_action: REJECT_REQUEST",
            "use_remote_address: true",
        ] {
            assert!(text.contains(line), "{file}: no `{line}`");
        }
        let header = |line: &str| line.split(" header: ").nth(1).map(|h| h.trim().to_owned());
        let written = text.lines().filter(|l| l.contains("- { claim:")).filter_map(header);
        for name in written.filter_map(|h| Some(h.split([',', ' ', '}']).next()?.to_owned())) {
            let removal = format!("- remove: {name}");
            assert!(text.contains(&removal), "{file}: no `{removal}` before the routes");
        }
        for ours in ["fail_open", "FAIL_OPEN\n", "allow_on_headers_stop_iteration: true"] {
            assert!(!text.contains(ours), "{file}: {ours}");
        }
    }
}
