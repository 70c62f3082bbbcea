//! Our own filter, guarding the example's API.

use std::time::{SystemTime, UNIX_EPOCH};

use scenario_corpus::{Key, mint};
use serde_json::{Map, Value, json};

use crate::server::Server;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/jwt_gate.wasm");

/// The policy of the hamsters example, with a key that the test has.
fn policy(key: &Key) -> String {
    json!({
        "issuers": [{
            "name": "test",
            "issuer": "https://issuer.test/",
            "audiences": ["https://api.mywebsite.com"],
            "algorithms": ["RS256"],
            "keys": { "jwks": { "keys": [key.jwk()] } },
        }],
        "rules": [
            {
                "name": "list-hamsters",
                "match": { "prefix": "/api/hamsters", "methods": ["GET"] },
                "access": "public",
            },
            {
                "name": "change-hamsters",
                "match": { "prefix": "/api/hamsters", "methods": ["POST", "DELETE"] },
                "require": { "scopes": { "all": ["write:hamsters"] } },
            },
        ],
        "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
    })
    .to_string()
}

/// A token with this scope that ends so many seconds from now.
fn token(key: &Key, scope: &str, life: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let claims: Map<String, Value> = [
        ("iss", json!("https://issuer.test/")),
        ("aud", json!("https://api.mywebsite.com")),
        ("sub", json!("alice")),
        ("iat", json!(now - 7200)),
        ("exp", json!(now + life)),
        ("scope", json!(scope)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    format!("Bearer {}", mint(key, &Map::new(), &claims))
}

#[test]
fn the_hamsters_are_guarded() {
    let key = Key::load("rsa-1").unwrap();
    let server = Server::start(MODULE, &["--config-text", &policy(&key)]);
    let hamster = "/api/hamsters/turbo";

    let list = server.get("/api/hamsters", &[("X-User", "root")]);
    assert_eq!(list.json()["headers"].get("x-user"), None);

    let without = server.request("POST", hamster, &[], "");
    assert_eq!(without.status(), 401);
    assert_eq!(without.header("www-authenticate"), Some("Bearer realm=\"api\""));
    assert_eq!(without.body(), "{\"status\":401}");

    let delete = |scope: &str, life: i64| {
        let token = token(&key, scope, life);
        server.request("DELETE", hamster, &[("Authorization", &token)], "")
    };
    let token = token(&key, "write:hamsters", 3600);
    let spoofed = [("Authorization", token.as_str()), ("X-User", "root")];
    assert_eq!(server.request("DELETE", hamster, &spoofed, "").status(), 400);
    assert_eq!(delete("read:hamsters", 3600).status(), 403);
    let expired = delete("write:hamsters", -3600);
    assert_eq!(expired.status(), 401);
    let challenge = expired.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    let good = delete("write:hamsters", 3600);
    assert_eq!(good.status(), 200);
    assert_eq!(good.json()["headers"]["x-user"], "alice");
    assert_eq!(good.json()["headers"].get("authorization"), None);

    assert_eq!(server.get("/api/gerbils", &[]).status(), 403);
    // Nothing has made the path plain before the filter, as the example's Envoy does.
    assert_eq!(server.request("DELETE", "/x/..//api/hamsters/turbo", &[], "").status(), 400);
    let log = server.wait_for("DELETE /x/..//api/hamsters/turbo 400, answered by the filter");
    assert!(!log.contains("eyJ"), "a token in the log\n{log}");
}
