//! The policies that stand for other gateways decide as those do.

use anyhow::{Context, Result, ensure};
use e2e_wire::http1;
use serde_json::{Value, json};

use crate::{API, Running, start, token};

/// What must come of a request: the status, and for one that goes on what the stand-in has seen.
type Expected = (u16, &'static [(&'static str, &'static str)]);

fn gateway(policy: &str) -> Running {
    start("gateways", policy, API).expect("the gateway")
}

impl Running {
    fn expect(&self, what: &str, headers: &[(&str, &str)], expected: Expected) {
        self.sends(headers, expected).with_context(|| what.to_owned()).expect("as that gateway");
    }

    fn sends(&self, headers: &[(&str, &str)], (status, seen): Expected) -> Result<()> {
        let reply = http1::send(self.shipped.port(API)?, headers)?;
        ensure!(reply.status == status, "expected {status}, found {reply:?} {}", reply.text());
        if !seen.is_empty() {
            let found = reply.json()?;
            for (name, value) in seen {
                ensure!(found[name] == *value, "{name}: expected {value:?}, found {found}");
            }
        }
        Ok(())
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn amazon() {
    let gate = gateway("amazon.yaml");
    let with = |claims: Value| {
        let mut whole = json!({ "client_id": "orders-app", "aud": null });
        for (name, value) in claims.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        bearer(&token(("https://cognito.example/pool", ""), whole))
    };
    let (get, post) = ((":method", "GET"), (":method", "POST"));
    let path = (":path", "/orders/7");
    let read = with(json!({ "scope": "orders/read" }));
    gate.expect("no token", &[path], (401, &[]));
    gate.expect(
        "one of the scopes",
        &[get, path, ("authorization", &read)],
        (200, &[("x-user", "alice"), ("authorization", "")]),
    );
    let admin = with(json!({ "scope": "orders/admin" }));
    gate.expect("the other one", &[get, path, ("authorization", &admin)], (200, &[]));
    gate.expect("not for this route", &[post, path, ("authorization", &read)], (403, &[]));
    let write = with(json!({ "scp": ["orders/write"] }));
    gate.expect("scopes as a list", &[post, path, ("authorization", &write)], (200, &[]));
    let other = with(json!({ "scope": "orders/read", "client_id": "other-app" }));
    gate.expect("another client", &[get, path, ("authorization", &other)], (403, &[]));
    gate.expect(
        "no such route",
        &[get, (":path", "/invoices"), ("authorization", &read)],
        (403, &[]),
    );
}

#[test]
fn kong() {
    let gate = gateway("kong.yaml");
    let of = |issuer: &str| token((issuer, "any"), json!({}));
    let (shop, report) = (of("https://shop.example"), of("https://report.example"));
    let path = (":path", "/things");
    let seen: &[(&str, &str)] = &[("x-credential-identifier", "https://shop.example")];
    gate.expect("in the header", &[path, ("authorization", &bearer(&shop))], (200, seen));
    gate.expect("in the query", &[(":path", &format!("/things?jwt={shop}&a=b"))], (200, seen));
    gate.expect(
        "in a cookie",
        &[path, ("cookie", &format!("a=b; session={shop}"))],
        (200, &[("cookie", "a=b")]),
    );
    gate.expect(
        "in two places",
        &[path, ("authorization", &bearer(&shop)), ("cookie", &format!("session={shop}"))],
        (400, &[]),
    );
    let reports = (":path", "/reports/1");
    gate.expect("another consumer's", &[reports, ("authorization", &bearer(&shop))], (403, &[]));
    gate.expect("the consumer's own", &[reports, ("authorization", &bearer(&report))], (200, &[]));
    let old = token(("https://shop.example", "any"), json!({ "exp": 1_700_000_000 }));
    gate.expect("expired", &[path, ("authorization", &bearer(&old))], (401, &[]));
    let now = e2e_wire::tokens::now().expect("the clock");
    let long = token(("https://shop.example", "any"), json!({ "exp": now + 7200 }));
    gate.expect("for two hours", &[path, ("authorization", &bearer(&long))], (401, &[]));
    gate.expect(
        "a consumer's name from outside",
        &[path, ("authorization", &bearer(&shop)), ("x-consumer-username", "root")],
        (400, &[]),
    );
    let preflight = [
        (":method", "OPTIONS"),
        path,
        ("origin", "https://a.example"),
        ("access-control-request-method", "PUT"),
    ];
    gate.expect("a preflight request", &preflight, (200, &[("x-credential-identifier", "")]));
}

#[test]
fn hasura() {
    let gate = gateway("hasura.yaml");
    let with = |claims: Value| {
        let namespace = json!({ "https://hasura.io/jwt/claims": claims });
        format!("session={}", token(("https://auth.example", "graphql"), namespace))
    };
    let user = with(json!({
        "x-hasura-user-id": "7", "x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user"],
    }));
    let admin = with(json!({
        "x-hasura-user-id": "1", "x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user", "admin"],
    }));
    let query = [(":method", "POST"), (":path", "/v1/graphql"), ("x-csrf-user", "alice")];
    let send =
        |cookie: &str, more: &[(&'static str, &'static str)], expected: Expected, what: &str| {
            let mut headers: Vec<(&str, &str)> = query.to_vec();
            headers.push(("cookie", cookie));
            headers.extend(more);
            gate.expect(what, &headers, expected);
        };
    let seen: &[(&str, &str)] =
        &[("x-hasura-user-id", "7"), ("x-hasura-role", "user"), ("cookie", "")];
    send(&user, &[], (200, seen), "session variables as headers");
    send(&user, &[("x-hasura-role", "admin")], (400, &[]), "a role from outside");
    send(
        &user,
        &[("x-hasura-admin-secret", "guess")],
        (400, &[]),
        "the admin's secret from outside",
    );
    send(&with(json!({ "x-hasura-user-id": "7" })), &[], (403, &[]), "without a default role");
    let metadata = (":path", "/v1/metadata");
    gate.expect("not an admin", &[metadata, ("cookie", &user)], (403, &[]));
    gate.expect("an admin", &[metadata, ("cookie", &admin)], (200, &[("x-hasura-user-id", "1")]));
    gate.expect(
        "a form on another site's page",
        &[query[0], query[1], ("cookie", &user)],
        (403, &[]),
    );
    gate.expect(
        "the token in the header",
        &[query[0], query[1], query[2], ("authorization", "Bearer x")],
        (401, &[]),
    );
}

#[test]
fn ngrok() {
    let gate = gateway("ngrok.yaml");
    let key = e2e_wire::tokens::key().expect("the key");
    let now = e2e_wire::tokens::now().expect("the clock");
    let minted = |kind: &str, claims: Value| {
        let mut whole = json!({ "iss": "https://auth.example", "aud": "https://api.example/v2", "sub": "alice", "exp": now + 300 });
        for (name, value) in claims.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        let header = json!({ "typ": kind });
        let object = |value: &Value| value.as_object().cloned().expect("an object");
        scenario_corpus::mint(&key, &object(&header), &object(&whole))
    };
    let path = (":path", "/things");
    let good = minted("at+jwt", json!({}));
    let payload = good.split('.').nth(1).expect("three parts").to_owned();
    gate.expect("a good token", &[path, ("x-api-token", &good)], (200, &[]));
    let reply =
        http1::send(gate.shipped.port(API).expect("a port"), &[path, ("x-api-token", &good)]);
    assert_eq!(reply.expect("an answer").json().expect("JSON")["x-jwt-payload"], payload);
    gate.expect("of another type", &[path, ("x-api-token", &minted("JWT", json!({})))], (401, &[]));
    let elsewhere = minted("at+jwt", json!({ "aud": "https://api.example" }));
    gate.expect("for none of the audiences", &[path, ("x-api-token", &elsewhere)], (401, &[]));
    gate.expect("in the usual header", &[path, ("authorization", &bearer(&good))], (400, &[]));
    let admin = (":path", "/admin/x");
    gate.expect("not an admin", &[admin, ("x-api-token", &good)], (403, &[]));
    let root = minted("at+jwt", json!({ "roles": ["admin"] }));
    gate.expect("an admin", &[admin, ("x-api-token", &root)], (200, &[]));
}
