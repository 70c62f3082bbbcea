//! What comes back from an issuer: a line for each header, `name: value`, an empty line, the body.
//! Whatever it is, it is taken for keys or for a failure, told in one plain line, and followed by no
//! storm of fetches.
#![no_main]

use std::sync::LazyLock;

use jwt_gate_core::{
    Answer, Command, Compiled, Document, Event, Fetch, Keeper, Notice, Outlook, UnixTime, compile,
};
use jwt_gate_core_fuzz::Headers;
use libfuzzer_sys::fuzz_target;

const ISSUER: &str = "https://issuer.test/";

static REMOTE: LazyLock<Compiled> = LazyLock::new(|| {
    gate(r#""remote": { "uri": "https://issuer.test/jwks.json", "cluster": "issuer" }"#)
});
static DISCOVERY: LazyLock<Compiled> =
    LazyLock::new(|| gate(r#""discovery": { "cluster": "issuer", "jwks_cluster": "keys" }"#));

fn gate(keys: &str) -> Compiled {
    let document = format!(
        r#"{{
            "issuers": [{{
                "issuer": "{ISSUER}",
                "audiences": ["https://api.test"],
                "algorithms": ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"],
                "keys": {{ {keys} }}
            }}],
            "rules": [{{ "match": {{ "prefix": "/" }}, "access": "token" }}],
            "shared_data": {{ "use": false }}
        }}"#
    );
    compile(&Document::parse(document.as_bytes()).expect("a document")).expect("a policy")
}

fuzz_target!(|data: &[u8]| {
    let (headers, body) = read(data);
    let is_good = headers.iter().find(|(name, _)| name == b":status");
    let is_good = is_good.is_some_and(|(_, status)| status == b"200");
    let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let answer = || Answer::Response { headers: headers.clone(), body: Some(body.clone()) };

    let mut keys = Vm::new(&REMOTE);
    keys.take_in(Event::Tick, 0);
    assert_eq!(keys.fetches.len(), 1);
    keys.take_in(Event::Answer(answer()), 0);
    let found = keys.count(0);
    if found > 0 {
        let entries = json.as_ref().and_then(|set| set["keys"].as_array());
        assert!(is_good && entries.is_some_and(|entries| found <= entries.len()));
        // In force until the longest end there is, and no longer.
        assert_eq!(keys.count(600 + 24 * 3600), 0);
        // Without a new reason nothing is fetched for most of the shortest lifetime.
        assert_eq!(keys.outlook(23), Outlook::Pending, "an unknown kid is worth a fetch");
        keys.take_in(Event::Tick, 23);
        assert_eq!(keys.fetches.len(), 1);
    } else {
        assert!(matches!(keys.outlook(0), Outlook::Failing(_)));
        assert_eq!(keys.failures, 1);
        keys.take_in(Event::Wanted, 0);
        keys.take_in(Event::Tick, 0);
        assert_eq!(keys.fetches.len(), 1, "a fetch without a wait");
        keys.take_in(Event::Tick, 1);
        assert_eq!(keys.fetches.len(), 2);
    }

    let mut metadata = Vm::new(&DISCOVERY);
    metadata.take_in(Event::Tick, 0);
    metadata.take_in(Event::Answer(answer()), 0);
    let Some(second) = metadata.fetches.get(1) else {
        assert_eq!(metadata.failures, 1);
        return;
    };
    let json = json.expect("metadata");
    assert!(is_good && json["issuer"] == ISSUER);
    assert_eq!(second.cluster, "keys");
    let value = |name: &str| {
        let header = second.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str()).expect("a header")
    };
    assert_eq!((value(":method"), value(":scheme")), ("GET", "https"));
    assert!(!value(":authority").is_empty() && value(":path").starts_with('/'));
    for (name, value) in &second.headers {
        assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{name}: {value:?}");
    }
});

/// A VM without shared data.
struct Vm {
    keeper: Keeper,
    fetches: Vec<Fetch>,
    failures: usize,
}

impl Vm {
    fn new(gate: &Compiled) -> Self {
        let keeper = Keeper::new(&gate.policy, gate.keys.clone());
        Self { keeper, fetches: Vec::new(), failures: 0 }
    }

    fn take_in(&mut self, event: Event, secs: i64) {
        let issuer = self.keeper.followed()[0];
        for command in self.keeper.handle(issuer, event, UnixTime::from_secs(secs)) {
            match command {
                Command::Fetch(fetch) => self.fetches.push(fetch),
                Command::Report(notice) => {
                    let line = notice.to_string();
                    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
                    assert!(line.bytes().all(is_plain) && line.len() < 2000, "{line:?}");
                    self.failures += usize::from(matches!(notice, Notice::Failed { .. }));
                }
                Command::Wake => {}
                other => panic!("shared data are not to be used: {other:?}"),
            }
        }
    }

    fn count(&self, secs: i64) -> usize {
        self.keeper.status(self.keeper.followed()[0], UnixTime::from_secs(secs)).keys
    }

    fn outlook(&self, secs: i64) -> Outlook {
        self.keeper.outlook(self.keeper.followed()[0], UnixTime::from_secs(secs))
    }
}

fn read(data: &[u8]) -> (Headers, Vec<u8>) {
    let mut headers = Headers::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if line.is_empty() {
            return (headers, rest.to_vec());
        }
        let split = line.windows(2).position(|pair| pair == b": ").unwrap_or(line.len());
        let value = line.get(split + 2..).unwrap_or_default();
        headers.push((line[..split].to_vec(), value.to_vec()));
    }
    (headers, rest.to_vec())
}
