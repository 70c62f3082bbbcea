//! An issuer whose metadata say where its keys are.

use proxy_host_model::{LogLevel, ServiceAnswer, Spawn};
use serde_json::{Value, json};

use super::{HOUR, MINUTE, PASSED, SECOND};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, get},
    issuer::{body, page},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "discovery",
            why: "The metadata are fetched from the issuer (OpenID Connect Discovery 4), the keys \
                  from the address that they name, through the cluster that the operator names",
            traps: false,
            setting: Setting::discovery,
            play: openid,
        },
        Story {
            name: "discovery by RFC 8414",
            why: "The well-known address of an authorization server is another one",
            traps: false,
            setting: || Setting::discovery().with("issuers[0].keys.discovery.metadata", "oauth"),
            play: oauth,
        },
        Story {
            name: "metadata that are not believed",
            why: "Metadata of another issuer would let it speak for ours (RFC 8414 6.2), and keys \
                  over plain text are anybody's: neither is taken, and what is in force stays",
            traps: false,
            setting: Setting::discovery,
            play: not_believed,
        },
        Story {
            name: "a jwks_uri elsewhere",
            why: "The metadata choose the address and never the connection: whatever host they \
                  name, the request goes through the operator's cluster",
            traps: false,
            setting: Setting::discovery,
            play: elsewhere,
        },
    ]
}

/// Where the fetches since the last time went.
fn ways<S: Spawn>(stage: &mut Stage<S>) -> Vec<String> {
    let way = |fetch: &crate::story::Fetch| format!("{} {}", fetch.cluster, fetch.address);
    stage.fetches().iter().map(way).collect()
}

const KEYS: &str = "keys issuer.test/jwks.json";

fn openid<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    let answer = stage.ask(0, get(&token));
    assert_eq!(answer.what, PASSED);
    assert!(answer.waited <= 300, "{answer:?}");
    let both = ["issuer issuer.test/.well-known/openid-configuration", KEYS];
    assert_eq!(ways(stage), both);
    stage.pass(MINUTE);
    stage.issuer.publish(&["rsa-1", "rsa-2"]);
    assert_eq!(stage.ask(1, get(&Token::by("rsa-2").mint())).what, PASSED);
    assert_eq!(ways(stage), both);
    stage.sleep(HOUR);
    let ways = ways(stage);
    assert!((12..=16).contains(&ways.len()) && ways.len().is_multiple_of(2), "{ways:#?}");
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new());
}

fn oauth<S: Spawn>(stage: &mut Stage<S>) {
    assert_eq!(stage.ask(0, get(&Token::by("rsa-1").mint())).what, PASSED);
    assert_eq!(ways(stage), ["issuer issuer.test/.well-known/oauth-authorization-server", KEYS]);
}

fn not_believed<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.pass(SECOND);
    stage.fetches();
    let good = stage.issuer.metadata.clone();
    let bad: [(&str, Value, &str); 11] = [
        ("issuer", json!("https://evil.test/"), "metadata_issuer"),
        ("issuer", json!("https://issuer.test"), "metadata_issuer"),
        ("issuer", json!("HTTPS://issuer.test/"), "metadata_issuer"),
        ("issuer", json!(["https://issuer.test/"]), "metadata_issuer"),
        ("issuer", json!(null), "metadata_issuer"),
        ("jwks_uri", json!("http://issuer.test/jwks.json"), "metadata_jwks_uri"),
        ("jwks_uri", json!("/jwks.json"), "metadata_jwks_uri"),
        ("jwks_uri", json!("file:///etc/passwd"), "metadata_jwks_uri"),
        ("jwks_uri", json!("https://user:pw@issuer.test/jwks.json"), "metadata_jwks_uri"),
        ("jwks_uri", json!("https://issuer.test/jwks.json\r\nx: y"), "metadata_jwks_uri"),
        ("jwks_uri", json!(null), "metadata_jwks_uri"),
    ];
    for (name, value, cause) in bad {
        let line = format!("fetch failed: {cause}");
        let logged = stage.logged(&line);
        stage.issuer.metadata.insert(name.to_owned(), value.clone());
        stage.sleep(MINUTE * 12);
        stage.pass(SECOND);
        let ways = ways(stage);
        assert!((5..=12).contains(&ways.len()), "{value}: {} tries", ways.len());
        let metadata = |way: &String| way.contains("/.well-known/");
        assert!(ways.iter().all(metadata), "{value}: the keys are asked for: {ways:#?}");
        assert_eq!(stage.logged(&line) - logged, ways.len(), "{value}");
        assert_eq!(stage.ask(0, get(&token)).what, PASSED, "{value}");
        stage.issuer.metadata = good.clone();
        stage.sleep(MINUTE * 2);
        assert_eq!(self::ways(stage).len(), 2, "{value}");
    }
    for (answer, cause) in
        [(page(404), "status"), (page(200), "not_json"), (body(b"3"), "not_json")]
    {
        stage.issuer.metadata_trouble = Some(answer);
        stage.sleep(MINUTE * 12);
        assert!(stage.logged(&format!("fetch failed: {cause}")) > 0, "{cause}");
        assert_eq!(stage.ask(1, get(&token)).what, PASSED);
        stage.issuer.metadata_trouble = None;
        stage.sleep(MINUTE * 2);
    }
    assert_eq!(stage.lines_from(LogLevel::Error), Vec::<&str>::new());
}

fn elsewhere<S: Spawn>(stage: &mut Stage<S>) {
    let uri = "https://keys.elsewhere.test:8443/jwks.json";
    stage.issuer.metadata.insert("jwks_uri".to_owned(), uri.into());
    let token = Token::by("rsa-1").mint();
    assert_eq!(stage.ask(0, get(&token)).what, PASSED);
    let first = "issuer issuer.test/.well-known/openid-configuration";
    assert_eq!(ways(stage), [first, "keys keys.elsewhere.test:8443/jwks.json"]);
    // The second step fails alone: the whole is tried again later.
    stage.issuer.trouble = Some(ServiceAnswer::status(503));
    stage.sleep(MINUTE * 15);
    stage.pass(SECOND);
    let failed = stage.logged("fetch failed: status");
    assert!(failed >= 4, "{failed}");
    assert_eq!(ways(stage).len(), failed * 2);
    assert_eq!(stage.ask(1, get(&token)).what, PASSED);
}
