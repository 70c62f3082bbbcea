//! Policy documents: both forms mean the same, problems fit into a log, and no document that
//! compiles lets a request through that its rules do not.
#![no_main]

use jwt_gate_core::{
    Document, Keeper, Verdict, compile,
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
    let followed = Keeper::new(&compiled.policy, compiled.keys.clone()).followed().len();
    let (issuers, _) = compiled.policy.size();
    assert!(compiled.keys.len() + followed >= issuers, "an issuer without a key");

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
