//! Whole requests. The input reads like one: a line for each header, `name: value`; the byte 0x01
//! stands for the real token, and a line `@SECONDS` says the time.
#![no_main]

use std::sync::LazyLock;

use jwt_gate_core::{Compiled, HeaderOp, Verdict};
use jwt_gate_core_fuzz::{Headers, THEN, apply, gate, judge, token};
use libfuzzer_sys::fuzz_target;

const SECTIONS: &str = r#"
    "token": { "from": [
        { "header": "authorization" }, { "header": "x-access-token", "scheme": "none" },
        { "cookie": "app.at" }, { "query": "access_token" }
    ] },
    "rules": [
        { "name": "public", "match": { "prefix": "/public" }, "access": "public" },
        { "name": "optional", "match": { "prefix": "/optional" }, "access": "optional" },
        { "name": "nobody", "match": { "path": "/nobody" }, "access": "deny" },
        { "name": "scope", "match": { "prefix": "/scope" }, "require": { "scopes": { "all": ["write:hamsters"] } } },
        { "name": "admin", "match": { "prefix": "/admin" }, "require": { "scopes": { "all": ["admin"] } } },
        {
            "name": "own", "match": { "template": "/own/{user}/**", "hosts": ["api.test"] },
            "require": { "claims": [{ "claim": ["sub"], "equals_path": "user" }] }
        },
        { "name": "token", "match": { "prefix": "/", "methods": ["GET", "POST"] }, "access": "token" }
    ],
    "forward": {
        "payload": "x-jwt-payload",
        "claims": [{ "claim": ["sub"], "header": "x-user", "filter_state": "sub" }],
        "remove_headers": ["x-ssl-client-cn"]
    },
    "on_spoofed_header": "strip",
    "cors_preflight": "allow""#;
const GUARDED: [&[u8]; 3] = [b"x-jwt-payload", b"x-user", b"x-ssl-client-cn"];

static ENFORCING: LazyLock<Compiled> = LazyLock::new(|| gate(SECTIONS));
static REPORTING: LazyLock<Compiled> =
    LazyLock::new(|| gate(&format!(r#"{SECTIONS}, "mode": "report""#)));

fuzz_target!(|data: &[u8]| {
    let (headers, now) = read(data);
    let holds_token = holds(&headers, token().as_bytes());
    let (reject, rule) = judge(&ENFORCING, &headers, now, |decision| match &decision.verdict {
        Verdict::AwaitKeys(_) => panic!("the keys are all there"),
        Verdict::Allow(permit) => {
            let needs_token = !matches!(permit.rule(), None | Some("public" | "optional"));
            let had_token = permit.issuer().is_some();
            assert!(had_token || !needs_token);
            assert!(permit.rule() != Some("nobody") && permit.rule() != Some("admin"));
            if had_token {
                assert!(holds_token && now < 1_541_626_038 + 60, "at {now}");
                // Behind another gate like this one, the request has no token left.
                let upstream = apply(&decision.patch, &headers);
                judge(&ENFORCING, &upstream, now, |decision| {
                    if let Verdict::Allow(permit) = &decision.verdict {
                        assert_eq!(permit.issuer(), None, "the token goes on");
                    }
                });
            }
            (None, permit.rule().map(str::to_owned))
        }
        Verdict::Deny(denial) => {
            assert!(decision.patch.headers.is_empty() && decision.patch.filter_state.is_empty());
            let reply = denial.reply();
            assert!((400..=503).contains(&reply.status));
            assert!(!reply.body.windows(20).any(|part| part == &token().as_bytes()[..20]));
            (Some(denial.reject()), denial.rule().map(str::to_owned))
        }
        Verdict::Report(_) => panic!("not in report mode"),
    });
    judge(&REPORTING, &headers, now, |decision| {
        let reported = match &decision.verdict {
            Verdict::AwaitKeys(_) => panic!("the keys are all there"),
            Verdict::Allow(permit) => (None, permit.rule().map(str::to_owned)),
            Verdict::Report(denial) => (Some(denial.reject()), denial.rule().map(str::to_owned)),
            Verdict::Deny(denial) => panic!("{:?} in report mode", denial.reject()),
        };
        assert_eq!(reported, (reject, rule), "report mode decides the same");
        for (name, value) in apply(&decision.patch, &headers) {
            let comparable: Vec<u8> = name
                .iter()
                .map(|byte| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() })
                .collect();
            if GUARDED.contains(&comparable.as_slice()) {
                assert!(decision.patch.headers.contains(&HeaderOp::Set(name.into(), value.into())));
                assert!(holds_token);
            }
        }
    });
});

fn holds(headers: &Headers, token: &[u8]) -> bool {
    headers.iter().any(|(_, value)| value.windows(token.len()).any(|part| part == token))
}

fn read(data: &[u8]) -> (Headers, i64) {
    let mut headers = Vec::new();
    let mut now = THEN;
    for line in data.split(|byte| *byte == b'\n') {
        if let Some(time) = line.strip_prefix(b"@") {
            let time = std::str::from_utf8(time).ok().and_then(|time| time.parse().ok());
            now = time.unwrap_or(now);
            continue;
        }
        // Pseudo headers begin with the character that ends a name.
        let end =
            line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |at| at + 1);
        let (name, value) = line.split_at(end);
        let value = value.strip_prefix(b": ").or(value.strip_prefix(b":")).unwrap_or(value);
        let mut filled = Vec::new();
        for byte in value {
            match byte {
                1 => filled.extend_from_slice(token().as_bytes()),
                _ => filled.push(*byte),
            }
        }
        headers.push((name.to_vec(), filled));
    }
    (headers, now)
}
