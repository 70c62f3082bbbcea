//! Policy documents: both forms mean the same, problems fit into a log, and no document that
//! compiles lets a request through that its rules do not, or has anything fetched from where it
//! does not say.
#![no_main]

use std::time::Duration;

use jwt_gate_core::{
    Command, Document, Event, Fetch, Followed, Keeper, UnixTime, Verdict, compile,
    stages::{JsonLimits, parse_json, read_struct},
};
use jwt_gate_core_fuzz::judge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = Document::parse(data) else {
        return;
    };
    let json = read_struct(data).or_else(|| parse_json(data, JsonLimits::DOCUMENT).ok());
    let json = json.expect("what is a document is a Struct or JSON");
    let text = json.to_string();
    let again = Document::parse(text.as_bytes()).expect("what was read can be written");

    let (compiled, again) = match (compile(&document), compile(&again)) {
        (Ok(compiled), Ok(again)) => (compiled, again),
        (Err(errors), Err(again)) => {
            assert_eq!(errors, again, "the same document as JSON: {text}");
            assert!(!errors.problems().is_empty());
            for problem in errors.problems() {
                // A line break would be a line of its own in the log.
                assert!(!problem.to_string().chars().any(char::is_control), "{problem:?}");
            }
            return;
        }
        (one, other) => panic!("{:?} but {:?}: {text}", one.err(), other.err()),
    };
    assert_eq!(compiled.policy.size(), again.policy.size());
    let mut keeper = Keeper::new(&compiled.policy, compiled.keys.clone());
    let followed = keeper.followed().len();
    let (issuers, _) = compiled.policy.size();
    assert!(compiled.keys.len() + followed >= issuers, "an issuer without a key");
    for issuer in keeper.followed().to_vec() {
        match first_fetch(&mut keeper, issuer) {
            Some(fetch) => check_fetch(&fetch, &text),
            None => assert!(text.contains("\"fetch\":false"), "nothing is fetched: {text}"),
        }
    }

    // Nobody signed this token, so only rules that ask for none let it pass.
    let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let headers = vec![
        header(":method", "GET"),
        header(":path", "/a"),
        header(":authority", "a"),
        header("authorization", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.AAAA"),
    ];
    judge(&compiled, &headers, 0, |decision| match &decision.verdict {
        Verdict::AwaitKeys(_) => assert!(followed > 0, "the keys are all there: {text}"),
        Verdict::Allow(permit) => {
            assert_eq!(permit.issuer(), None, "{text}");
            assert!(text.contains("\"public\"") || text.contains("\"optional\""), "{text}");
        }
        Verdict::Report(_) => assert!(text.contains("\"report\""), "{text}"),
        Verdict::Deny(denial) => {
            let reply = denial.reply();
            for (name, value) in &reply.headers {
                assert!(
                    value.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                    "{name}: {value:?}"
                );
            }
        }
    });
});

/// What is sent first on a host without shared data.
fn first_fetch(keeper: &mut Keeper, issuer: Followed) -> Option<Fetch> {
    let now = UnixTime::from_secs(1_700_000_000);
    let mut commands = keeper.handle(issuer, Event::Tick, now);
    for _ in 0..8 {
        let mut next = Vec::new();
        for command in commands {
            match command {
                Command::Fetch(fetch) => return Some(fetch),
                Command::ReadBoard => next.extend(keeper.handle(issuer, Event::Board(None), now)),
                Command::Report(_) | Command::Wake => {}
                command => panic!("a host without shared data cannot {command:?}"),
            }
        }
        commands = next;
    }
    None
}

/// A request goes to the cluster and the host that the document names, and is a request.
fn check_fetch(fetch: &Fetch, text: &str) {
    assert!(!fetch.cluster.is_empty());
    assert!(
        fetch.timeout >= Duration::from_millis(100) && fetch.timeout <= Duration::from_secs(60)
    );
    assert!((1024..=4_194_304).contains(&fetch.max_bytes));
    for (name, value) in &fetch.headers {
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}: {value:?}");
    }
    let value = |wanted: &str| {
        let mut named = fetch.headers.iter().filter(|(name, _)| name == wanted);
        let (_, value) = named.next().expect("the header is there");
        assert!(named.next().is_none(), "{wanted} twice");
        value.as_str()
    };
    assert_eq!(value(":method"), "GET");
    assert!(["http", "https"].contains(&value(":scheme")));
    assert!(value(":path").starts_with('/'));
    let authority = value(":authority");
    assert!(!authority.is_empty() && !authority.contains(['/', '@', '?', '#', ' ']), "{authority}");
    assert!(text.to_ascii_lowercase().contains(authority), "{authority} is not in {text}");
}
