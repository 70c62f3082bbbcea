//! Playing a scenario on the model of a proxy, whatever runs the filter under it.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use proxy_host_model::{
    Clock, Guest, Headers, Host, LogLevel, LogLine, MetricKind, MetricValue, OpenStream, Outcome,
    Profile, Request,
};

use crate::{
    Exchange, Failure, Fate, Form, Header, Reason, Reply, Scenario, Seen, SeenConfiguration,
    VERIFY_SIGNATURE, Verdict, verify_signature,
};

/// What begins each line that the gate logs about its configuration.
const POLICY_LINE: &str = "jwt-gate: policy: ";

/// What begins the response-code details of every denial; the reason follows.
const DETAILS: &str = "jwt_gate.";

/// How often the gate looks after keys that it fetches.
const TICK: Duration = Duration::from_millis(100);

/// Ten seconds: twice as long as the gate holds a request by default.
const HELD_TICKS: u32 = 100;

/// The property in which Envoy hands over the metadata of the route.
const ROUTE_METADATA: &[&str] = &["xds", "route_metadata"];

/// Plays the scenario on a proxy that has loaded the filter and not started it.
///
/// What a proxy without metadata of routes lets through of a scenario with some is no excess: see
/// [`tells_route`].
///
/// # Errors
///
/// All that differs from what the scenario expects, a line each.
pub fn play<G: Guest>(host: &mut Host<G>, scenario: &Scenario, form: Form) -> Result<(), Failure> {
    let (mut found, startup) = start(host, scenario, form);
    let mut excess = Vec::new();
    if startup {
        let told = tells_route(&host.model(|model| model.profile), scenario);
        for (i, (exchange, seen)) in exchanges(host, scenario).into_iter().enumerate() {
            let differences = exchange.differences(&seen, &[]);
            found.extend(differences.iter().map(|d| exchange.place(i, d)));
            if told {
                excess.extend(exchange.excess(&seen).iter().map(|e| exchange.place(i, e)));
            }
        }
    }
    found.extend(scenario.counter_differences(&host.model(|model| {
        let counters = model.metrics.iter().filter_map(|(kind, name, value)| match value {
            MetricValue::Number(number) if kind == MetricKind::Counter => {
                Some((String::from_utf8_lossy(name).into_owned(), number))
            }
            _ => None,
        });
        counters.collect::<BTreeMap<_, _>>()
    })));
    Failure::of(found, excess)
}

/// Whether a host of this profile can tell the gate what the scenario's route says.
pub fn tells_route(profile: &Profile, scenario: &Scenario) -> bool {
    scenario.route_metadata_bytes.is_none() || profile.has_property(&ROUTE_METADATA.join("."))
}

/// Which of the scenario's requests went on, of those that were sent before the filter ended.
pub fn passed<G: Guest>(host: &mut Host<G>, scenario: &Scenario, form: Form) -> Vec<bool> {
    start(host, scenario, form);
    let exchanges = exchanges(host, scenario);
    exchanges.iter().map(|(_, seen)| matches!(seen.fate, Fate::Passed { .. })).collect()
}

/// What differs in the start, and whether the filter lives.
fn start<G: Guest>(host: &mut Host<G>, scenario: &Scenario, form: Form) -> (Vec<String>, bool) {
    let now = Clock::at_nanos(scenario.now);
    host.model(|model| {
        model.clock = now;
        model.callouts.services = scenario.services.clone();
        // Unless the test has one of its own.
        model.foreign.entry(VERIFY_SIGNATURE.to_vec()).or_insert_with(verify_signature);
    });
    let startup = host.start(b"", scenario.policy.bytes(form));
    let mut found = scenario.configuration_differences(&SeenConfiguration {
        accepted: startup.accepted,
        problems: Some(policy_lines(&startup.logs, LogLevel::Error)),
        warnings: Some(policy_lines(&startup.logs, LogLevel::Warn)),
    });
    let lives = startup.trap.is_none();
    if let Some(trap) = startup.trap {
        found.push(format!("the filter ended at its start: {trap}"));
    }
    (found, lives)
}

/// The requests as the proxy shows them to the filter, and what became of each.
fn exchanges<'a, G: Guest>(
    host: &mut Host<G>,
    scenario: &'a Scenario,
) -> Vec<(Cow<'a, Exchange>, Seen)> {
    let mut found = Vec::new();
    for exchange in &scenario.exchanges {
        let request = request(scenario, exchange);
        let exchange = as_shown(host, exchange, request.headers.clone());
        let stream = host.open_whole(request);
        if !scenario.services.is_empty() {
            let_wait(host, &stream);
        }
        let outcome = host.finish(stream);
        found.push((exchange, seen(&outcome)));
        if outcome.trap.is_some() {
            break;
        }
    }
    found
}

/// Lets time pass for as long as the request is held, and no longer than any should be.
fn let_wait<G: Guest>(host: &mut Host<G>, stream: &OpenStream) {
    for _ in 0..HELD_TICKS {
        if host.fate(stream) != proxy_host_model::Fate::Paused {
            return;
        }
        host.advance(TICK);
    }
}

/// The reason code in the gate's response-code details; `None` if they are not the gate's.
pub fn reason_in_details(details: &str) -> Option<&str> {
    details.strip_prefix(DETAILS)
}

/// The reason code of the one log line that says `jwt-gate: VERDICT: reason=…`.
pub fn reason_in_logs<'a>(verdict: &str, lines: impl Iterator<Item = &'a str>) -> Reason {
    let beginning = format!("jwt-gate: {verdict}: reason=");
    let mut reasons = lines.filter_map(|line| line.strip_prefix(&beginning));
    match (reasons.next(), reasons.next()) {
        (None, _) => Reason::None,
        (Some(rest), None) => {
            let code = rest.split(' ').next().unwrap_or_default();
            Reason::Is(code.to_owned())
        }
        (Some(_), Some(_)) => Reason::Is("(several log lines give a reason)".to_owned()),
    }
}

/// The exchange with the request as this proxy shows it to a filter, which is what the filter has to
/// let through: a proxy may have words of its own for what was sent.
fn as_shown<'a, G: Guest>(
    host: &mut Host<G>,
    exchange: &'a Exchange,
    sent: Headers,
) -> Cow<'a, Exchange> {
    let (shown, profile) =
        host.model(|model| (model.arriving(sent.clone()).unwrap_or(sent.clone()), model.profile));
    if shown == sent {
        return Cow::Borrowed(exchange);
    }
    let mut exchange = Exchange { headers: owned(&shown), ..exchange.clone() };
    if let Verdict::Upstream(upstream) = &mut exchange.verdict {
        for name in profile.joined_headers {
            if let Some(values) = upstream.has.get_mut(*name) {
                *values = vec![values.join(&b',')];
            }
        }
    }
    Cow::Owned(exchange)
}

fn request(scenario: &Scenario, exchange: &Exchange) -> Request {
    let request: Request = exchange.headers.iter().map(|(n, v)| (n, v)).collect();
    match &scenario.route_metadata_bytes {
        Some(bytes) => request.property(ROUTE_METADATA, bytes),
        None => request,
    }
}

fn seen(outcome: &Outcome) -> Seen {
    use proxy_host_model::Fate as Ended;

    let lines = || outcome.logs.iter().map(|line| line.text.as_str());
    let (fate, reason) = match outcome.fate {
        Ended::Continued => {
            let fate = Fate::Passed {
                headers: owned(&outcome.request_headers),
                answer: outcome.response.as_ref().map(owned),
                filter_state: Some(texts(&outcome.published)),
            };
            (fate, reason_in_logs("would deny", lines()))
        }
        Ended::Replied => match &outcome.reply {
            Some(reply) => {
                let details = String::from_utf8_lossy(&reply.details);
                let in_details = match reason_in_details(&details) {
                    Some(code) => Reason::Is(code.to_owned()),
                    None => Reason::None,
                };
                let in_logs = reason_in_logs("denied", lines());
                let reason = if in_logs == in_details {
                    in_details
                } else {
                    Reason::Is(format!("{in_details:?} in the details, {in_logs:?} in the log"))
                };
                let fate = Fate::Replied(Reply {
                    status: u16::try_from(reply.status).ok(),
                    headers: owned(&reply.headers),
                    body: reply.body.clone(),
                    grpc_status: reply.grpc_status,
                });
                (fate, reason)
            }
            None => (Fate::Broken("a reply that is not there".to_owned()), Reason::Unseen),
        },
        Ended::Paused | Ended::Reset | Ended::Trapped => {
            let what = match &outcome.trap {
                Some(trap) => format!("{:?}: {trap}", outcome.fate),
                None => format!("{:?}", outcome.fate),
            };
            (Fate::Broken(what), Reason::Unseen)
        }
    };
    Seen { fate, reason, logs: lines().map(str::to_owned).collect() }
}

fn policy_lines(logs: &[LogLine], level: LogLevel) -> Vec<String> {
    logs.iter()
        .filter(|line| line.level == level)
        .filter_map(|line| line.text.strip_prefix(POLICY_LINE))
        .map(str::to_owned)
        .collect()
}

fn owned(headers: &Headers) -> Vec<Header> {
    let owned = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
    headers.iter().map(owned).collect()
}

fn texts(map: &BTreeMap<Vec<u8>, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    map.iter()
        .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.clone()))
        .collect()
}
