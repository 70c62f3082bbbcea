//! Hosts that check signatures in place of the filter, well and badly.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use host_tests::native;
use proxy_host_model::{Clock, Fate, Fault, Foreign, LogLevel, Model, Profile, Status};
use scenario_corpus::{Form, Scenario, VERIFY_SIGNATURE, load, play, verify_signature};

/// Signatures over the test's message that the filter asks about: one good and two bad.
const QUESTIONS: usize = 3;

fn scenario(name: &str) -> Scenario {
    let case = load().unwrap().into_iter().find(|case| case.name() == name);
    case.unwrap_or_else(|| panic!("no scenario {name}")).mint(0).unwrap()
}

/// What came of a scenario on one host.
struct Run {
    passed: Vec<bool>,
    /// How often the host was asked about a signature.
    asked: usize,
    /// What the filter logged about signatures.
    logs: Vec<(LogLevel, String)>,
}

/// A host's function, told which call it is.
type Answers = dyn Fn(usize, &[u8]) -> Result<Vec<u8>, Status> + Send + Sync;

fn run(scenario: &Scenario, answers: Arc<Answers>) -> Run {
    run_on(Model::default(), scenario, answers)
}

fn run_on(mut model: Model, scenario: &Scenario, answers: Arc<Answers>) -> Run {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let function =
        Foreign::new(move |arguments| answers(count.fetch_add(1, Ordering::Relaxed), arguments));
    model.foreign.insert(VERIFY_SIGNATURE.to_vec(), function);
    model.clock = Clock::at_nanos(scenario.now);
    let (passed, logs) = native::run(model, |mut host| {
        let startup = host.start(b"", scenario.policy.bytes(Form::Struct));
        assert!(startup.accepted, "{:?}", startup.logs);
        let (mut passed, mut logs) = (Vec::new(), startup.logs);
        for exchange in &scenario.exchanges {
            let outcome = host.request(exchange.headers.iter().map(|(n, v)| (n, v)).collect());
            passed.push(outcome.fate == Fate::Continued);
            logs.extend(outcome.logs);
        }
        (passed, logs)
    });
    let logs = logs.into_iter().map(|line| (line.level, line.text));
    let logs = logs.filter(|(_, text)| text.starts_with("jwt-gate: signatures:")).collect();
    Run { passed, asked: asked.load(Ordering::Relaxed), logs }
}

fn honest() -> Arc<Answers> {
    let function = verify_signature();
    Arc::new(move |_, arguments| function.call(arguments))
}

fn silent() -> Arc<Answers> {
    Arc::new(|_, _| panic!("nobody is to be asked"))
}

/// The line about one configuration.
fn only_line(run: &Run) -> (LogLevel, &str) {
    let [(level, line)] = run.logs.as_slice() else { panic!("{:?}", run.logs) };
    (*level, line)
}

#[test]
fn the_host_is_asked_once_for_each_signature_that_has_its_form() {
    let rsa = run(&scenario("verify/host-rsa"), honest());
    let line = "jwt-gate: signatures: verify=host host=RS256,RS384,RS512";
    assert_eq!(only_line(&rsa), (LogLevel::Info, line));
    // All but those that say PSS.
    assert_eq!(rsa.asked, 3 * QUESTIONS + 8);

    let elliptic = run(&scenario("verify/host-elliptic"), honest());
    let line = "jwt-gate: signatures: verify=host host=ES256,ES384,ES512";
    assert_eq!(only_line(&elliptic), (LogLevel::Info, line));
    // Three good ones, three that are flipped, and one over other claims.
    assert_eq!(elliptic.asked, 3 * QUESTIONS + 7);

    let lengths = run(&scenario("verify/host-lengths"), honest());
    // A number of zeros is below the modulus.
    assert_eq!(lengths.asked, QUESTIONS + 1);
}

#[test]
fn with_auto_envoy_is_asked_where_it_is_faster() {
    let scenario = scenario("verify/auto");
    let envoy = run(&scenario, honest());
    // Natively RSA has the slower arithmetic, so it is the host's as well.
    let line = "jwt-gate: signatures: verify=auto host=RS256,ES384,ES512";
    assert_eq!(only_line(&envoy), (LogLevel::Info, line));
    assert_eq!(envoy.asked, 3 * QUESTIONS + 6);

    for profile in Profile::ALL.into_iter().filter(|profile| *profile != Profile::ENVOY_1_40) {
        let mut model = Model::default();
        model.profile = profile;
        let other = run_on(model, &scenario, silent());
        let line = "jwt-gate: signatures: verify=auto host=none: \
                    this host is not known to check signatures";
        assert_eq!(only_line(&other), (LogLevel::Info, line), "{}", profile.name);
        assert_eq!(other.passed, envoy.passed, "{}", profile.name);
    }
}

/// One has the function and one has not; the third, nginx, ends the filter.
#[test]
fn with_host_the_verdicts_are_the_same_in_other_hosts() {
    for name in ["verify/host-rsa", "verify/host-elliptic", "verify/host-lengths"] {
        let scenario = scenario(name);
        let envoy = run(&scenario, honest());
        for (profile, has_it) in [(Profile::SPEC_STRICT, true), (Profile::HOSTILE, false)] {
            let mut model = Model::default();
            model.profile = profile;
            let other = run_on(model, &scenario, honest());
            assert_eq!(other.passed, envoy.passed, "{name}, {}", profile.name);
            assert_eq!(
                other.asked,
                if has_it { envoy.asked } else { 0 },
                "{name}, {}",
                profile.name
            );
        }
    }
}

#[test]
fn with_module_nobody_is_asked() {
    let module = run(&scenario("algorithm/elliptic"), silent());
    assert_eq!(module.logs, []);
    assert!(module.passed.contains(&true));
}

/// What a host makes of an honest answer, told which call it is.
type Lie = dyn Fn(usize, Vec<u8>) -> Result<Vec<u8>, Status> + Send + Sync;

/// Hosts that get something wrong, told which question it is and what an honest host answers.
fn liars() -> Vec<(String, Arc<Answers>)> {
    let honest = verify_signature();
    let mut liars: Vec<(String, Arc<Answers>)> = Vec::new();
    let mut add = |name: String, lie: Box<Lie>| {
        let honest = honest.clone();
        let answers = move |call, arguments: &[u8]| lie(call, honest.call(arguments)?);
        liars.push((name, Arc::new(answers)));
    };
    for status in (1..=12).chain([77, u32::MAX]) {
        add(format!("status {status}"), Box::new(move |_, _| Err(Status(status))));
    }
    for answer in [
        &b"\x08\x01"[..], // yes to all
        b"\x12\x02no",    // no to all
        b"",
        b"\x08",
        b"\x08\x00",
        b"\x08\x02",
        b"\x12",
        b"\x12\x05no",
        b"\x08\x01\x12\x02no",
        b"\x08\x01\x08\x01",
        b"\x1a\x00\x08\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        &[0x08; 70_000],
    ] {
        let name = format!("{:02x?}", &answer[..answer.len().min(12)]);
        add(name, Box::new(move |_, _| Ok(answer.to_vec())));
    }
    add("truncated".to_owned(), Box::new(|_, answer| Ok(answer[..answer.len() - 1].to_vec())));
    add("more behind".to_owned(), Box::new(|_, answer| Ok([&answer[..], b"\x00"].concat())));
    for wrong in 0..QUESTIONS {
        add(
            format!("wrong in question {wrong}"),
            Box::new(move |call, answer| match (call % QUESTIONS == wrong, answer.first()) {
                (false, _) => Ok(answer),
                (true, Some(0x08)) => Ok(b"\x12\x02no".to_vec()),
                (true, _) => Ok(b"\x08\x01".to_vec()),
            }),
        );
    }
    liars
}

#[test]
fn a_host_that_fails_its_test_is_not_asked_again() {
    for name in ["verify/host-elliptic", "verify/auto", "verify/host-lengths"] {
        let scenario = scenario(name);
        let expected = run(&scenario, honest());
        for (lie, answers) in liars() {
            // Every algorithm is asked about once at least, and none once more than it takes.
            let liar = run(&scenario, Arc::clone(&answers));
            assert_eq!(liar.passed, expected.passed, "{name}: {lie}");
            assert!(liar.asked <= 3 * QUESTIONS, "{name}: {lie}: {}", liar.asked);
            let (level, line) = only_line(&liar);
            assert_eq!(level, LogLevel::Warn, "{name}: {lie}: {line}");
            assert!(line.contains("host=none: the module checks "), "{name}: {lie}: {line}");
        }
    }
}

#[test]
fn a_host_that_cannot_tell_later_is_stood_in_for() {
    let scenario = scenario("verify/host-elliptic");
    let expected = run(&scenario, honest());
    for failure in [Err(Status::NOT_FOUND), Err(Status(77)), Ok(Vec::new()), Ok(b"\x08".to_vec())] {
        let honest = verify_signature();
        let answers = move |call, arguments: &[u8]| {
            if call < 3 * QUESTIONS { honest.call(arguments) } else { failure.clone() }
        };
        let later = run(&scenario, Arc::new(answers));
        assert_eq!(later.passed, expected.passed);
        assert_eq!(later.asked, expected.asked, "each signature is a question of its own");
        let [_, (level, line)] = later.logs.as_slice() else { panic!("{:?}", later.logs) };
        assert_eq!(*level, LogLevel::Warn);
        assert!(line.contains("the module checks what the host cannot"), "{line}");
    }
}

/// What `docs/security.md` says of `verify: host`: who passes the test is trusted from then on.
#[test]
fn a_host_that_lies_after_its_test_is_believed() {
    let scenario = scenario("verify/host-elliptic");
    let expected = run(&scenario, honest());
    for (answer, verdict) in [(&b"\x08\x01"[..], true), (b"\x12\x02no", false)] {
        let honest = verify_signature();
        let answers = move |call, arguments: &[u8]| {
            if call < 3 * QUESTIONS { honest.call(arguments) } else { Ok(answer.to_vec()) }
        };
        let liar = run(&scenario, Arc::new(answers));
        assert_eq!(liar.asked, expected.asked);
        let passed = liar.passed.iter().filter(|passed| **passed).count();
        let asked = expected.asked - 3 * QUESTIONS;
        assert_eq!(passed, if verdict { asked } else { 0 });
    }
}

/// Where the list of capabilities lacks the call, or the property.
#[test]
fn a_host_that_forbids_the_call_changes_no_verdict() {
    let denied = |function: &'static str| {
        let mut model = Model::default();
        model.add_fault(Fault::from(0, Status::INTERNAL_FAILURE).of(function));
        model
    };
    for name in ["verify/host-rsa", "verify/host-elliptic", "verify/auto"] {
        let scenario = scenario(name);
        for function in ["proxy_call_foreign_function", "proxy_get_property"] {
            native::run(denied(function), |mut host| {
                let result = play(&mut host, &scenario, Form::Json);
                assert!(result.is_ok(), "{name} without {function}: {result:?}");
            });
        }
    }
}
