//! Every scenario on the pure core: compile, decide, apply the patch. No host is in between, so what
//! fails here is the core's own fault.

use std::{borrow::Cow, collections::BTreeMap, path::Path, process::ExitCode};

use jwt_gate_core::{
    Compiled, ConfigErrors, Decision, Document, HeaderOp, KeyRing, Patch, Policy, Request,
    RouteRule, UnixTime, Verdict, compile, decide,
};
use libtest_mimic::Arguments;
use scenario_corpus::{
    Exchange, Fate, Form, Header, Reason, Reply, Scenario, Seen, SeenConfiguration, Way,
    reason_in_details, suite,
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let ways = Form::ALL.map(|form| Way::new(form.name(), move |scenario| run(scenario, form)));
    let exceptions = Path::new(env!("CARGO_MANIFEST_DIR")).join("lanes/core.toml");
    match suite(&exceptions, &ways) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(scenario: &Scenario, form: Form) -> Result<(), String> {
    let compiled = Document::parse(scenario.policy.bytes(form)).and_then(|d| compile(&d));
    let mut found = scenario.configuration_differences(&seen_configuration(&compiled));
    let (policy, keys) = match compiled {
        Ok(compiled) => (compiled.policy, compiled.keys),
        Err(_) => (Policy::deny_all(), KeyRing::default()),
    };
    for (i, exchange) in scenario.exchanges.iter().enumerate() {
        let seen = judge(&policy, &keys, scenario, exchange);
        let differences = exchange.differences(&seen, &[]);
        found.extend(differences.iter().map(|d| exchange.place(i, d)));
    }
    if !scenario.counters.is_empty() {
        found.push("the core counts nothing".to_owned());
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

fn seen_configuration(compiled: &Result<Compiled, ConfigErrors>) -> SeenConfiguration {
    let (problems, warnings) = match compiled {
        Ok(compiled) => (&[][..], compiled.warnings.as_slice()),
        Err(errors) => (errors.problems(), &[][..]),
    };
    SeenConfiguration {
        accepted: compiled.is_ok(),
        problems: Some(problems.iter().map(ToString::to_string).collect()),
        warnings: Some(warnings.iter().map(ToString::to_string).collect()),
    }
}

fn judge(policy: &Policy, keys: &KeyRing, scenario: &Scenario, exchange: &Exchange) -> Seen {
    let headers: Vec<(&[u8], &[u8])> =
        exchange.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    let route = route(policy, scenario);
    let request = Request::new(&headers, route.as_ref());
    let now = UnixTime::from_nanos(scenario.now);
    let Decision { patch, verdict } = decide(policy, keys, &request, now);
    match verdict {
        Verdict::Allow(_) => passed(exchange, patch, Reason::None),
        Verdict::AwaitKeys(_) => Seen {
            fate: Fate::Broken("it waits for keys".to_owned()),
            reason: Reason::Unseen,
            logs: Vec::new(),
        },
        Verdict::Deny(denial) => replied(denial.reply()),
        Verdict::Report(denial) => {
            passed(exchange, patch, Reason::Is(denial.reject().reason().to_owned()))
        }
    }
}

fn route(policy: &Policy, scenario: &Scenario) -> Option<RouteRule> {
    let metadata = scenario.route_metadata_bytes.as_ref()?;
    if !policy.reads_route_metadata() {
        return None;
    }
    policy.compile_route(metadata).unwrap_or_else(|_| Some(RouteRule::invalid()))
}

fn passed(exchange: &Exchange, patch: Patch<'_>, reason: Reason) -> Seen {
    let mut headers = exchange.headers.clone();
    for op in patch.headers {
        match op {
            HeaderOp::Remove(name) => remove(&mut headers, &name),
            HeaderOp::Set(name, value) => {
                remove(&mut headers, &name);
                headers.push((name.into_owned(), value.into_owned()));
            }
        }
    }
    let owned =
        |(name, value): (Cow<'_, str>, Cow<'_, [u8]>)| (name.into_owned(), value.into_owned());
    let mut answer = vec![(b":status".to_vec(), b"200".to_vec())];
    if patch.private_response {
        answer.push((b"cache-control".to_vec(), b"private".to_vec()));
    }
    Seen {
        fate: Fate::Passed {
            headers,
            answer: Some(answer),
            filter_state: Some(
                patch.filter_state.into_iter().map(owned).collect::<BTreeMap<_, _>>(),
            ),
        },
        reason,
        logs: Vec::new(),
    }
}

fn replied(reply: jwt_gate_core::Reply) -> Seen {
    let reason = match reason_in_details(&reply.details) {
        Some(code) => Reason::Is(code.to_owned()),
        None => Reason::None,
    };
    let bytes = |(name, value): (String, String)| (name.into_bytes(), value.into_bytes());
    Seen {
        fate: Fate::Replied(Reply {
            status: Some(reply.status),
            headers: reply.headers.into_iter().map(bytes).collect(),
            body: reply.body,
            grpc_status: reply.grpc_status,
        }),
        reason,
        logs: Vec::new(),
    }
}

fn remove(headers: &mut Vec<Header>, name: &[u8]) {
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
}
