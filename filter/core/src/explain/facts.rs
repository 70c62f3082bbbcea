//! What each stage reads and compares.

use crate::{
    bearer::Bearer,
    issuer::{Issuer, IssuerId},
    key::KeyRing,
    path::{CanonicalPath, split_query},
    policy::{Mode, Policy},
    reject::Reject,
    request::{Head, Request},
    rule::{Access, Rule},
    tape::Tape,
    time::UnixTime,
};

use super::{Fact, Stage, words};

/// Rules that are shown one by one although their path does not fit.
const FAR_RULES: usize = 10;

/// A request on its way, and what was made of it so far.
pub(super) struct Road<'a, 'r> {
    pub(super) policy: &'a Policy,
    pub(super) keys: &'r KeyRing,
    pub(super) request: &'r Request<'a>,
    pub(super) now: UnixTime,
    pub(super) spell: &'r dyn Fn(UnixTime) -> String,
    pub(super) reject: Option<Reject>,
    pub(super) head: Option<(Head<'a>, CanonicalPath<'a>)>,
    pub(super) rule: Option<&'a Rule>,
    pub(super) bearer: Option<Bearer<'a>>,
    pub(super) claims: Option<Tape>,
    pub(super) typ: Option<String>,
    pub(super) issuer: Option<(IssuerId, &'a Issuer)>,
}

impl<'a, 'r> Road<'a, 'r> {
    pub(super) fn new(
        policy: &'a Policy,
        keys: &'r KeyRing,
        request: &'r Request<'a>,
        now: UnixTime,
        spell: &'r dyn Fn(UnixTime) -> String,
        reject: Option<Reject>,
    ) -> Self {
        Self {
            policy,
            keys,
            request,
            now,
            spell,
            reject,
            head: None,
            rule: None,
            bearer: None,
            claims: None,
            typ: None,
            issuer: None,
        }
    }

    /// What a stage read and compared; `None` if it is not on this road.
    pub(super) fn facts(&mut self, stage: Stage) -> Option<Vec<Fact>> {
        if self.policy.mode == Mode::Invalid {
            let fact = Fact::failed("policy", "an invalid document", "one that compiles");
            return (stage == Stage::Rule).then(|| vec![fact]);
        }
        match stage {
            Stage::Request => Some(self.request()),
            Stage::Spoofing => self.spoofing(),
            Stage::Preflight => self.preflight(),
            Stage::Rule => self.find_rule(),
            Stage::Bearer => self.find_bearer(),
            Stage::Parse => self.parse(),
            Stage::Issuer => self.find_issuer(),
            Stage::Algorithm => self.algorithm(),
            Stage::Keys => self.find_keys(),
            Stage::Signature => self.signature(),
            Stage::Type => self.of_type(),
            Stage::Times => self.times(),
            Stage::Audience => self.audience(),
            Stage::Binding => self.binding(),
            Stage::Forward => self.forward(),
            Stage::RuleIssuers => self.rule_issuers(),
            Stage::Scopes => self.scopes(),
            Stage::Claims => self.conditions(),
        }
    }

    /// Whether a request that passes does so at this stage.
    pub(super) fn ends_at(&self, stage: Stage) -> bool {
        match stage {
            Stage::Preflight => true,
            Stage::Rule => self.rule.is_some_and(|rule| rule.access == Access::Public),
            Stage::Bearer => self.bearer.is_none(),
            Stage::Claims => true,
            _ => false,
        }
    }

    fn request(&mut self) -> Vec<Fact> {
        let Ok(head) = self.request.head() else {
            let found = "not so: one is missing, comes twice, or cannot be one";
            return vec![Fact::failed("method, path and host", found, "one of each at most")];
        };
        let mut facts = vec![Fact::read("method", words::text(head.method))];
        facts.extend(
            head.host.as_ref().map(|host| Fact::read("host", words::text(host.as_bytes()))),
        );
        match CanonicalPath::parse(head.target, &self.policy.paths) {
            Ok(path) => {
                facts.push(Fact::held("path", path.to_string(), "a path that reads one way only"));
                self.head = Some((head, path));
            }
            Err(kind) => {
                // Without the query, in which a token may stand.
                let path = words::text(split_query(head.target).0);
                let found = format!("{path}, which has {}", words::ambiguity(kind));
                facts.push(Fact::failed("path", found, "a path that every server reads alike"));
            }
        }
        facts
    }

    fn spoofing(&self) -> Option<Vec<Fact>> {
        self.head.as_ref()?;
        let guarded = &self.policy.forward.guarded;
        if guarded.is_empty() {
            return None;
        }
        let wanted = format!("none of {}", list(&guarded.names()));
        let sent: Vec<String> =
            self.policy.forward.spoofed(self.request).map(words::text).collect();
        let mut fact = Fact::held("sent by the client", list(&sent), wanted);
        if self.policy.forward.refuse_spoofed(self.request).is_err() {
            fact.holds = Some(false);
        } else if !sent.is_empty() {
            fact.found.push_str(", which is taken away (`on_spoofed_header: strip`)");
            fact.holds = None;
        }
        Some(vec![fact])
    }

    fn preflight(&self) -> Option<Vec<Fact>> {
        self.head.as_ref()?;
        let passes = self.policy.allow_preflight && self.request.is_preflight();
        let found = "OPTIONS with Origin and Access-Control-Request-Method";
        passes.then(|| vec![Fact::held("CORS preflight", found, "`cors_preflight: allow`")])
    }

    fn find_rule(&mut self) -> Option<Vec<Fact>> {
        let (head, path) = self.head.as_ref()?;
        let chosen = self.policy.rule_for(self.request, head, path);
        let mut facts = Vec::new();
        if self.request.route().is_some() {
            facts.push(Fact::read("chosen by", "the metadata of the route, not by matching"));
        } else {
            self.passed_over(head, path, chosen.as_ref().ok().copied(), &mut facts);
        }
        match chosen {
            Ok(rule) => {
                let requests = rule.matcher.as_ref().map(words::requests);
                let access = access(rule);
                let holds = (rule.access != Access::Deny).then_some(true).or(Some(false));
                let found = requests.unwrap_or_else(|| "no match of its own".to_owned());
                let subject = format!("rule {}", rule.name);
                facts.push(Fact { subject, found, wanted: access.to_owned(), holds });
                self.rule = Some(rule);
            }
            Err(Reject::NoRule) => {
                facts.push(Fact::failed("rule", "none", "one that speaks for the request"));
            }
            Err(_) => {
                facts.push(Fact::failed("route metadata", "invalid", "a rule that compiles"));
            }
        }
        Some(facts)
    }

    /// The rules before the one that speaks, and why they do not: those first whose path fits.
    fn passed_over(
        &self,
        head: &Head<'_>,
        path: &CanonicalPath<'_>,
        chosen: Option<&Rule>,
        facts: &mut Vec<Fact>,
    ) {
        let is_chosen = |rule: &Rule| chosen.is_some_and(|chosen| std::ptr::eq(chosen, rule));
        let before = self.policy.rules.iter().take_while(|rule| !is_chosen(rule));
        let mut far = Vec::new();
        for rule in before {
            let Some(matcher) = &rule.matcher else { continue };
            let near = matcher.path.matches(path);
            let why = match words::mismatch(matcher, head) {
                Some(why) if near => why,
                _ => format!("path {path}"),
            };
            let fact = Fact {
                subject: format!("not {}", rule.name),
                found: why,
                wanted: words::requests(matcher),
                holds: None,
            };
            if near { facts.push(fact) } else { far.push(fact) }
        }
        if far.len() > FAR_RULES {
            let found = format!("{} rules, whose paths do not fit", far.len());
            facts.push(Fact::read("passed over", found));
        } else {
            facts.extend(far);
        }
    }

    fn find_bearer(&mut self) -> Option<Vec<Fact>> {
        let rule = self.rule?;
        if matches!(rule.access, Access::Public | Access::Deny) {
            return None;
        }
        let sources = &self.policy.sources;
        let places: Vec<String> = sources.iter().map(|source| source.to_string()).collect();
        let wanted = places.join(", or ");
        let found = Bearer::find(sources, self.request, |_| None);
        Some(vec![match found {
            Ok(Some(bearer)) if bearer.is_usable() => {
                let found = format!("{} bytes in the {}", bearer.token.len(), bearer.source());
                self.bearer = Some(bearer);
                Fact::held("token", found, wanted)
            }
            Ok(None) if rule.access == Access::Optional => {
                Fact::held("token", "none", "none, or a good one (`access: optional`)")
            }
            Ok(None) => Fact::failed("token", "none", wanted),
            Err(Reject::TokenAmbiguous) => {
                Fact::failed("token", "more than one, or more than one place for it", "exactly one")
            }
            Ok(Some(_)) | Err(_) => {
                let found = "credentials with characters that no token has";
                Fact::failed("token", found, "the scheme Bearer, blanks, and a token")
            }
        }])
    }
}

impl Fact {
    pub(super) fn read(subject: &str, found: impl Into<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            found: found.into(),
            wanted: String::new(),
            holds: None,
        }
    }

    pub(super) fn held(subject: &str, found: impl Into<String>, wanted: impl Into<String>) -> Self {
        let (subject, found, wanted) = (subject.to_owned(), found.into(), wanted.into());
        Self { subject, found, wanted, holds: Some(true) }
    }

    pub(super) fn failed(
        subject: &str,
        found: impl Into<String>,
        wanted: impl Into<String>,
    ) -> Self {
        Self { holds: Some(false), ..Self::held(subject, found, wanted) }
    }
}

fn access(rule: &Rule) -> &'static str {
    match rule.access {
        Access::Deny => "nobody passes (`access: deny`)",
        Access::Optional => "no token, or a good one (`access: optional`)",
        Access::Public => "everybody passes (`access: public`)",
        Access::Token => "a good token",
    }
}

pub(super) fn list(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
