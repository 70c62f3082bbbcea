//! Our own filter in the agent: policies, keys, tokens.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use scenario_corpus::{Key, mint};
use serde_json::{Map, Value, json};
use tokio_rustls::rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{
    client::{Client, body, framed, message_of, number, strings, text},
    program::{Agent, PATIENCE, check, filter, gate},
};

/// A policy whose tokens are signed by these keys.
fn policy(keys: &Value) -> String {
    json!({
        "issuers": [{
            "name": "test",
            "issuer": "https://issuer.test/",
            "audiences": ["api"],
            "algorithms": ["RS256"],
            "keys": keys,
        }],
        "token": { "from": [{ "header": "authorization" }, { "query": "access_token" }] },
        "rules": [
            { "match": { "prefix": "/public" }, "access": "public" },
            { "match": { "prefix": "/api" }, "access": "token" },
        ],
        "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
        "metrics": true,
    })
    .to_string()
}

fn token(key: &Key, changes: &Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut claims: Map<String, Value> = Map::new();
    for (name, value) in [
        ("iss", json!("https://issuer.test/")),
        ("aud", json!("api")),
        ("sub", json!("alice")),
        ("exp", json!(now + 3600)),
    ] {
        claims.insert(name.to_owned(), value);
    }
    claims.extend(changes.as_object().unwrap().clone());
    mint(key, &Map::new(), &claims)
}

fn ask(client: &mut Client, path: &str, headers: &[(&str, &str)]) -> crate::client::Variables {
    client.send(&framed(&body(3, 1, 1, 1, &message_of("GET", path, headers))));
    client.read().unwrap().variables()
}

#[test]
fn a_good_token_opens_the_door_and_is_taken_away() {
    let key = Key::load("rsa-1").unwrap();
    let agent = Agent::guarding(&policy(&json!({ "jwks": { "keys": [key.jwk()] } })), &[]);
    let mut client = agent.connect();
    let good = token(&key, &json!({}));
    let bearer = format!("Bearer {good}");

    let allowed = ask(&mut client, "/api", &[("authorization", &bearer), ("x-b", "1")]);
    assert_eq!(text(&allowed, "verdict"), "allow");
    assert_eq!(strings(&allowed, "del"), ["authorization", ""]);
    assert_eq!(strings(&allowed, "add"), ["x-user", "alice", "", ""]);
    assert_eq!(number(&allowed, "ops"), 2);

    let query = format!("/api?a=1&access_token={good}&b=2");
    let allowed = ask(&mut client, &query, &[]);
    assert_eq!(text(&allowed, "path"), "/api?a=1&b=2");
    assert_eq!(text(&allowed, "cache_control"), "private");

    let denied = ask(&mut client, "/api", &[]);
    assert_eq!((text(&denied, "verdict"), number(&denied, "status")), ("deny".to_owned(), 401));
    assert_eq!(text(&denied, "challenge"), "Bearer realm=\"api\"");
    assert_eq!(text(&denied, "reason"), "jwt_gate.token_missing");
    assert_eq!(text(&denied, "type"), "application/json");
    assert_eq!(text(&denied, "body"), "{\"status\":401}");

    let expired = format!("Bearer {}", token(&key, &json!({ "exp": 1 })));
    let denied = ask(&mut client, "/api", &[("authorization", &expired)]);
    assert_eq!(text(&denied, "reason"), "jwt_gate.expired");
    let spoofed = ask(&mut client, "/public", &[("x-user", "root")]);
    assert_eq!(number(&spoofed, "status"), 400);
    let grpc = ask(&mut client, "/api", &[("content-type", "application/grpc")]);
    assert_eq!(number(&grpc, "status"), 200);
    assert_eq!(text(&grpc, "grpc_status"), "16");

    let metrics = agent.health("/metrics");
    let counted =
        "jwt_gate_counter_total{name=\"jwt_gate.denied.reason.expired.rule.rule-1.issuer.test\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    for part in good.split('.') {
        assert!(!agent.log().contains(part) && !metrics.contains(part), "a token was told");
    }
}

#[test]
fn a_policy_is_taken_over_when_the_file_changes_and_a_bad_one_is_not() {
    let key = Key::load("rsa-1").unwrap();
    let keys = json!({ "jwks": { "keys": [key.jwk()] } });
    let agent = Agent::guarding(&policy(&keys), &[]);
    let mut client = agent.connect();
    let mut verdict = |path: &str| text(&ask(&mut client, path, &[]), "verdict");
    assert_eq!([verdict("/public"), verdict("/new")], ["allow", "deny"]);

    fs::write(agent.policy(), "issuers: 5\nrules: nothing\nwhat: 1\n").unwrap();
    let log = agent.wait_for("the policy is refused; the one before stays in force");
    for field in ["issuers", "rules", "what"] {
        assert!(log.lines().any(|line| line.contains("policy: ") && line.contains(field)), "{log}");
    }
    assert_eq!([verdict("/public"), verdict("/new")], ["allow", "deny"]);

    // Another file in its place, as deployments do it.
    let yaml = policy(&keys).replace("/public", "/new");
    let fresh = agent.folder.path().join("fresh");
    fs::write(&fresh, yaml).unwrap();
    fs::rename(&fresh, agent.policy()).unwrap();
    agent.wait_for("the new policy is in force");
    assert_eq!([verdict("/public"), verdict("/new")], ["deny", "allow"]);

    fs::remove_file(agent.policy()).unwrap();
    agent.signal("HUP");
    agent.wait_for("cannot read");
    assert_eq!(verdict("/new"), "allow");
    let reloads = |outcome: &str| {
        agent.metric(&format!("jwt_gate_agent_reloads_total{{outcome=\"{outcome}\"}}"))
    };
    assert_eq!(["taken", "refused"].map(reloads), [1.0, 2.0]);
}

#[test]
fn a_check_tells_all_problems() {
    let key = Key::load("rsa-1").unwrap();
    let good = check(&gate(), &policy(&json!({ "jwks": { "keys": [key.jwk()] } })));
    assert!(good.status.success(), "{good:?}");
    assert!(String::from_utf8_lossy(&good.stdout).contains("policy in force: issuers=1 rules=2"));

    let bad = check(&gate(), "issuers: 5\nrules: nothing\nwhat: 1\n");
    assert_eq!(bad.status.code(), Some(1));
    let told = String::from_utf8_lossy(&bad.stderr).into_owned();
    for field in ["issuers", "rules", "what"] {
        assert!(told.contains(field), "{told}");
    }
    let broken = check(&gate(), "a: [");
    assert_eq!(broken.status.code(), Some(1));
    assert!(!broken.stderr.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let refused = check(&filter(folder.path()), "{}");
    assert_eq!(refused.status.code(), Some(1));
    let why = "the filter refuses it and does not say why\n";
    assert_eq!(String::from_utf8_lossy(&refused.stderr), why);
    let none = check(Path::new("/nowhere.wasm"), "{}");
    assert_eq!(none.status.code(), Some(1));
}

/// A server of key sets, over TLS if it has a configuration: how often it was asked is counted.
struct Issuer {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn start(keys: Vec<Value>, delay: Duration, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                thread::sleep(delay);
                let set = keys.get(number).or(keys.last()).unwrap().to_string();
                let response = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{set}",
                    set.len()
                );
                // A client that does not trust the server ends the handshake.
                let _ = match &tls {
                    None => answer(stream, &response),
                    Some(tls) => {
                        let session = ServerConnection::new(Arc::clone(tls)).unwrap();
                        answer(StreamOwned::new(session, stream), &response)
                    }
                };
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: impl Read + Write, response: &str) -> io::Result<()> {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let size = stream.read(&mut part)?;
        if size == 0 {
            return Ok(());
        }
        request.extend(&part[..size]);
    }
    assert!(request.starts_with(b"GET /keys HTTP/1.1\r\n"));
    stream.write_all(response.as_bytes())?;
    stream.flush()
}

fn remote() -> String {
    policy(&json!({ "remote": { "uri": "https://issuer.test/keys", "cluster": "issuer" } }))
}

fn set(key: &Key, kid: &str) -> Value {
    let mut jwk = key.jwk();
    jwk["kid"] = json!(kid);
    json!({ "keys": [jwk] })
}

#[test]
fn keys_are_fetched_before_the_first_request_and_once_for_all_threads() {
    let key = Key::load("rsa-1").unwrap();
    let issuer = Issuer::start(vec![set(&key, "rsa-1")], Duration::ZERO, None);
    let cluster = format!("issuer=http://127.0.0.1:{}", issuer.port);
    let agent = Agent::guarding(&remote(), &["--cluster", &cluster, "--threads", "4"]);
    assert_eq!(issuer.asked(), 1, "it says that it listens when it has keys");
    let bearer = format!("Bearer {}", token(&key, &json!({})));
    for _ in 0..8 {
        let mut client = agent.connect();
        let answer = ask(&mut client, "/api", &[("authorization", &bearer)]);
        assert_eq!(text(&answer, "verdict"), "allow", "{}", agent.log());
    }
    assert_eq!(issuer.asked(), 1);
}

#[test]
fn a_request_waits_for_a_key_that_is_new() {
    let (old, new) = (Key::load("rsa-1").unwrap(), Key::load("mallory").unwrap());
    let sets = vec![set(&old, "rsa-1"), set(&new, "two")];
    let issuer = Issuer::start(sets, Duration::from_millis(300), None);
    let cluster = format!("issuer=http://127.0.0.1:{}", issuer.port);
    let agent = Agent::guarding(&remote(), &["--cluster", &cluster]);
    let mut client = agent.connect();
    let header = json!({ "kid": "two" }).as_object().unwrap().clone();
    let claims = json!({
        "iss": "https://issuer.test/", "aud": "api", "sub": "alice", "exp": 4_000_000_000_u64,
    });
    let bearer = format!("Bearer {}", mint(&new, &header, claims.as_object().unwrap()));
    let start = Instant::now();
    let answer = ask(&mut client, "/api", &[("authorization", &bearer)]);
    assert_eq!(text(&answer, "verdict"), "allow", "{}", agent.log());
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(issuer.asked(), 2);
}

#[test]
fn an_issuer_is_believed_over_verified_tls_only() {
    let key = Key::load("rsa-1").unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).unwrap();
    let chain: Vec<_> = chain.collect::<Result<_, _>>().unwrap();
    let own = PrivateKeyDer::from_pem_file(folder.join("server.key.pem")).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, own)
        .unwrap();
    let issuer = Issuer::start(vec![set(&key, "rsa-1")], Duration::ZERO, Some(Arc::new(tls)));
    let bearer = format!("Bearer {}", token(&key, &json!({})));
    let ca = folder.join("ca.pem");
    let ca = ["--ca", ca.to_str().unwrap()];
    for (host, trusted, verdict) in
        [("localhost", &ca[..], "allow"), ("127.0.0.1", &ca, "deny"), ("localhost", &[], "deny")]
    {
        let cluster = format!("issuer=https://{host}:{}", issuer.port);
        let arguments = [&["--cluster", &cluster], trusted].concat();
        let agent = Agent::guarding(&remote(), &arguments);
        let answer = ask(&mut agent.connect(), "/api", &[("authorization", &bearer)]);
        assert_eq!(text(&answer, "verdict"), verdict, "{host} {trusted:?}\n{}", agent.log());
        if verdict == "deny" {
            assert_eq!(number(&answer, "status"), 503);
            assert!(agent.log().contains("TLS: "), "{}", agent.log());
        }
    }
}
