//! What is wrong with what was seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Answer, Exchange, Fate, Header, Reason, Reply, Scenario, Seen, SeenConfiguration, Upstream,
    Verdict,
};

impl Exchange {
    /// Everything in which `seen` differs from what was expected; empty if nothing does.
    ///
    /// `host_headers` names the headers that the host itself adds or rewrites: they are looked at
    /// only where the scenario names them.
    pub fn differences(&self, seen: &Seen, host_headers: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        match (&self.verdict, &seen.fate) {
            (_, Fate::Broken(what)) => found.push(format!("the request came to no end: {what}")),
            (Verdict::Reply(answer), Fate::Replied(reply)) => {
                reply_differences(answer, reply, &self.secrets, &mut found);
            }
            (Verdict::Upstream(upstream), Fate::Passed { headers, answer, filter_state }) => {
                self.upstream_differences(upstream, headers, host_headers, &mut found);
                if let Some(answer) = answer {
                    named_headers(
                        &upstream.answer.has,
                        &upstream.answer.lacks,
                        answer,
                        "answer",
                        &mut found,
                    );
                }
                if let Some(filter_state) = filter_state
                    && *filter_state != upstream.filter_state
                {
                    found.push(format!(
                        "filter state: found {}, expected {}",
                        shown_map(filter_state),
                        shown_map(&upstream.filter_state)
                    ));
                }
            }
            (Verdict::Upstream(_), Fate::Replied(reply)) => found.push(format!(
                "found a reply with status {:?}, expected that the request goes on; {}",
                reply.status,
                shown_headers(&reply.headers)
            )),
            (Verdict::Reply(answer), Fate::Passed { .. }) => found.push(format!(
                "the request went on, expected a reply with status {}",
                answer.status
            )),
        }
        self.reason_difference(&seen.reason, &mut found);
        for line in &seen.logs {
            if self.secrets.iter().any(|secret| contains(line.as_bytes(), secret)) {
                found.push(format!("part of a token is in the log line {line:?}"));
            }
        }
        found
    }

    /// What was let through beyond what was expected: a request that should have been answered, or
    /// a header that says more of the caller, or another thing, than it should.
    ///
    /// Whatever a host does differently, a gate may not open: these are part of the differences, and
    /// the part that nothing excuses.
    pub fn excess(&self, seen: &Seen) -> Vec<String> {
        let Fate::Passed { headers, .. } = &seen.fate else {
            return Vec::new();
        };
        match &self.verdict {
            Verdict::Reply(answer) => {
                vec![format!("the request went on, expected a reply with status {}", answer.status)]
            }
            Verdict::Upstream(upstream) => {
                let mut found = Vec::new();
                // A header that is not set gives nobody anything.
                let set = upstream.has.iter().filter(|(name, _)| !values(headers, name).is_empty());
                let set = set.map(|(name, values)| (name.clone(), values.clone())).collect();
                named_headers(&set, &upstream.lacks, headers, "upstream", &mut found);
                found
            }
        }
    }

    fn reason_difference(&self, seen: &Reason, found: &mut Vec<String>) {
        let expected = match &self.reason {
            Some(reason) => Reason::Is(reason.clone()),
            None => Reason::None,
        };
        if *seen != Reason::Unseen && *seen != expected {
            found.push(format!("reason: found {seen:?}, expected {expected:?}"));
        }
    }

    /// The request must arrive as it was sent but for what is named, and no token with it.
    fn upstream_differences(
        &self,
        upstream: &Upstream,
        arrived: &[Header],
        host_headers: &[&str],
        found: &mut Vec<String>,
    ) {
        named_headers(&upstream.has, &upstream.lacks, arrived, "upstream", found);
        let names: BTreeSet<String> = self.headers.iter().chain(arrived).map(name).collect();
        for name in names {
            let named = upstream.has.contains_key(&name) || upstream.lacks.contains(&name);
            if named || host_headers.contains(&name.as_str()) {
                continue;
            }
            let sent = values(&self.headers, &name);
            let got = values(arrived, &name);
            if sent != got {
                found.push(format!(
                    "upstream {name}: found {}, sent {}",
                    shown(&got),
                    shown(&sent)
                ));
            }
            if got.iter().any(|value| self.secrets.iter().any(|s| contains(value, s))) {
                found.push(format!(
                    "upstream {name}: carries part of a token that nothing in `has` names"
                ));
            }
        }
    }
}

impl Scenario {
    /// Everything that is wrong with what became of the configuration.
    pub fn configuration_differences(&self, seen: &SeenConfiguration) -> Vec<String> {
        let mut found = Vec::new();
        if seen.accepted == self.refused.is_some() {
            let how = |accepted| if accepted { "accepted" } else { "refused" };
            found.push(format!(
                "configuration: found {}, expected {}; problems: {:?}",
                how(seen.accepted),
                how(!seen.accepted),
                seen.problems
            ));
        }
        if let Some(problems) = &seen.problems {
            let expected = self.refused.as_deref().unwrap_or_default();
            beginnings("problem", expected, problems, &mut found);
        }
        if let Some(warnings) = &seen.warnings {
            beginnings("warning", &self.warned, warnings, &mut found);
        }
        let texts = seen.problems.iter().chain(&seen.warnings).flatten();
        for text in texts {
            // What stands where a key belongs may be a private key by mistake.
            if self.policy.long_lines().iter().any(|line| text.contains(line.as_str())) {
                found.push(format!("a whole line of the policy, as of a key, is in {text:?}"));
            }
        }
        found
    }

    /// Everything that is wrong with the counters at the end; only those that the scenario
    /// names, and only if it names any.
    pub fn counter_differences(&self, seen: &BTreeMap<String, u64>) -> Vec<String> {
        self.counters
            .iter()
            .filter(|(name, expected)| seen.get(*name).copied().unwrap_or(0) != **expected)
            .map(|(name, expected)| format!("counter {name}: expected {expected}, found {seen:?}"))
            .collect()
    }
}

fn reply_differences(answer: &Answer, reply: &Reply, secrets: &[Vec<u8>], found: &mut Vec<String>) {
    if let Some(status) = reply.status
        && status != answer.status
    {
        found.push(format!("status: found {status}, expected {}", answer.status));
    }
    if reply.grpc_status != answer.grpc_status {
        found.push(format!(
            "gRPC status: found {:?}, expected {:?}",
            reply.grpc_status, answer.grpc_status
        ));
    }
    if let Some(body) = &answer.body
        && *body != reply.body
    {
        found.push(format!(
            "body: found {:?}, expected {:?}",
            String::from_utf8_lossy(&reply.body),
            String::from_utf8_lossy(body)
        ));
    }
    named_headers(&answer.has, &answer.lacks, &reply.headers, "reply", found);
    reply_rules(answer, reply, found);
    let texts = reply.headers.iter().map(|(_, value)| value).chain([&reply.body]);
    for text in texts {
        if secrets.iter().any(|secret| contains(text, secret)) {
            found.push(format!(
                "part of a token is in the reply: {:?}",
                String::from_utf8_lossy(text)
            ));
        }
    }
}

/// What holds for every reply of the gate, so that no scenario need say it.
fn reply_rules(answer: &Answer, reply: &Reply, found: &mut Vec<String>) {
    let challenges = values(&reply.headers, "www-authenticate");
    let bearer =
        challenges.len() == 1 && challenges.iter().all(|c| c.starts_with(b"Bearer realm="));
    match answer.status {
        // RFC 9110 15.5.2: a 401 has a challenge. RFC 6750 3.1: a 400 of ours has one too.
        400 | 401 if !bearer => {
            found.push(format!(
                "challenge: found {}, expected one `Bearer realm=…`",
                shown(&challenges)
            ));
        }
        503 if !challenges.is_empty() => {
            found.push(format!("challenge: found {} on a 503", shown(&challenges)));
        }
        _ => {}
    }
    // A cached denial would outlive the token that it was about, or the lack of one.
    let cached = values(&reply.headers, "cache-control");
    if cached != [b"no-store"] {
        found.push(format!("cache-control: found {}, expected no-store", shown(&cached)));
    }
    for (name, value) in &reply.headers {
        // Envoy writes CR and LF in a reply's header out as they are: response splitting.
        if !value.iter().all(|b| (b' '..=b'~').contains(b)) {
            found.push(format!(
                "reply {}: {:?} is not visible ASCII",
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            ));
        }
    }
}

fn named_headers(
    has: &BTreeMap<String, Vec<Vec<u8>>>,
    lacks: &[String],
    arrived: &[Header],
    place: &str,
    found: &mut Vec<String>,
) {
    for (name, expected) in has {
        let got = values(arrived, name);
        if !got.iter().copied().eq(expected.iter().map(Vec::as_slice)) {
            let expected: Vec<&[u8]> = expected.iter().map(Vec::as_slice).collect();
            found.push(format!(
                "{place} {name}: found {}, expected {}",
                shown(&got),
                shown(&expected)
            ));
        }
    }
    for name in lacks {
        let got = values(arrived, name);
        if !got.is_empty() {
            found.push(format!("{place} {name}: found {}, expected none", shown(&got)));
        }
    }
}

/// Each text must begin as one of `expected` says, and each of `expected` must be met.
fn beginnings(what: &str, expected: &[String], texts: &[String], found: &mut Vec<String>) {
    let mut left: Vec<&String> = texts.iter().collect();
    for beginning in expected {
        match left.iter().position(|text| text.starts_with(beginning.as_str())) {
            Some(at) => {
                left.remove(at);
            }
            None => found.push(format!("{what}: none begins {beginning:?}; found {texts:?}")),
        }
    }
    found.extend(left.iter().map(|text| format!("{what}: not expected: {text:?}")));
}

fn name((name, _): &Header) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

fn values<'a>(headers: &'a [Header], wanted: &str) -> Vec<&'a [u8]> {
    headers
        .iter()
        .filter(|header| name(header) == wanted)
        .map(|(_, value)| value.as_slice())
        .collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

fn shown(values: &[&[u8]]) -> String {
    match values {
        [] => "none".to_owned(),
        values => values
            .iter()
            .map(|value| format!("`{}`", value.escape_ascii()))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn shown_map(map: &BTreeMap<String, Vec<u8>>) -> String {
    let entries: Vec<String> =
        map.iter().map(|(name, value)| format!("{name}=`{}`", value.escape_ascii())).collect();
    format!("{{{}}}", entries.join(", "))
}

fn shown_headers(headers: &[Header]) -> String {
    headers
        .iter()
        .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()))
        .collect::<Vec<_>>()
        .join("; ")
}
