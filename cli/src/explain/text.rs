//! An explanation for people.

use jwt_gate_core::{Fact, Outcome, Stage, Step, UnixTime};

use super::{
    answer::{Answer, Upstream},
    request::Sent,
};
use crate::{
    time,
    words::{BAD, BOLD, DIM, GOOD, ODD, paint, plain},
};

pub(super) fn page(sent: &Sent, now: UnixTime, steps: &[Step], answer: &Answer) -> String {
    let line = format!("{} {}", sent.method, sent.without_signature(&sent.target));
    let mut page = format!("{} at {}\n\n", paint(BOLD, &plain(&line)), time::spell(now));
    for step in steps {
        page.push_str(&self::step(step));
    }
    page.push('\n');
    page.push_str(&end(answer));
    page
}

fn step(step: &Step) -> String {
    let (mark, style) = match step.outcome {
        Outcome::GoesOn | Outcome::Allows => ("ok", GOOD),
        Outcome::Awaits(_) => ("..", ODD),
        Outcome::Rejects(_) => ("NO", BAD),
    };
    let name = format!("{:10}", step.stage.name());
    let facts = if step.facts.is_empty() { vec!["nothing asked".to_owned()] } else { facts(step) };
    let mut text = String::new();
    for (place, line) in facts.iter().enumerate() {
        match place {
            0 => text.push_str(&format!("{} {}{line}\n", paint(style, mark), paint(BOLD, &name))),
            _ => text.push_str(&format!("   {:10}{line}\n", "")),
        }
    }
    text
}

fn facts(step: &Step) -> Vec<String> {
    let lines = step.facts.iter().map(|fact| {
        let Fact { subject, found, wanted, holds } = fact;
        let found = plain(found);
        match (holds, wanted.is_empty()) {
            // A rule that does not speak: why, and for what it would.
            (None, false) if step.stage == Stage::Rule => {
                paint(DIM, &format!("{subject}: {found} is not in {}", plain(wanted)))
            }
            (_, true) => format!("{subject}: {found}"),
            (Some(false), false) => {
                let expected = format!("expected {}", plain(wanted));
                format!("{subject}: {}, {expected}", paint(BAD, &found))
            }
            (_, false) => format!(
                "{subject}: {found}{}",
                paint(DIM, &format!(", expected {}", plain(wanted)))
            ),
        }
    });
    lines.collect()
}

fn end(answer: &Answer) -> String {
    let by = match (&answer.rule, &answer.issuer) {
        (Some(rule), Some(issuer)) => format!(" (rule {rule}, issuer {issuer})"),
        (Some(rule), None) => format!(" (rule {rule})"),
        (None, _) => String::new(),
    };
    let (style, verdict) = match (answer.verdict, answer.reason) {
        ("awaits keys", Some(reason)) => {
            (ODD, format!("waits for the issuer's keys; if they do not come: {reason}"))
        }
        (verdict, Some(reason)) => {
            (if answer.passes { ODD } else { BAD }, format!("{verdict}: {reason}"))
        }
        (verdict, None) => (GOOD, verdict.to_owned()),
    };
    let mut text = format!("{}{by}\n", paint(style, &verdict));
    if let Some(reply) = &answer.reply {
        let gets = if answer.passes { "would get" } else { "gets" };
        text.push_str(&format!("\nThe caller {gets}:\n  {}\n", reply.status));
        if let Some(status) = reply.grpc_status {
            text.push_str(&format!("  grpc-status: {status}\n"));
        }
        for (name, value) in &reply.headers {
            text.push_str(&format!("  {name}: {}\n", plain(value)));
        }
        let body = String::from_utf8_lossy(&reply.body);
        for line in body.lines() {
            text.push_str(&format!("  {}\n", plain(line)));
        }
    }
    if let Some(upstream) = &answer.upstream {
        text.push_str(&self::upstream(upstream));
    }
    text
}

fn upstream(upstream: &Upstream) -> String {
    let mut text = "\nThe upstream sees:\n".to_owned();
    let pseudo = |name: &str| {
        let found = upstream.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    text.push_str(&format!("  {} {}\n", plain(pseudo(":method")), plain(pseudo(":path"))));
    for (name, value) in &upstream.headers {
        if !matches!(name.as_str(), ":method" | ":path" | ":scheme") {
            text.push_str(&format!("  {}: {}\n", plain(name), plain(value)));
        }
    }
    if !upstream.removed.is_empty() {
        text.push_str(&format!("without {}\n", plain(&upstream.removed.join(", "))));
    }
    for (name, value) in &upstream.filter_state {
        text.push_str(&format!("filter state {name}: {}\n", plain(value)));
    }
    if upstream.private_response {
        text.push_str("and its response gets cache-control: private\n");
    }
    text
}
