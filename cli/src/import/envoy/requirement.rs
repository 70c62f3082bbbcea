//! The rules of `jwt_authn` and what they require.

use crate::{
    import::{
        draft::{Asks, Condition, Draft, Test, Wanted},
        remark::{Kind, Remarks},
    },
    tree::Tree,
    words::suggestion,
};

use super::{
    matching::{Region, route},
    provider::{Provider, label},
};

/// What a rule asks; in `Err` what cannot be said.
pub(super) type Asked = Result<Asks, String>;

/// A rule and the requests that it speaks for.
pub(super) struct JwtRule {
    pub(super) line: usize,
    pub(super) regions: Vec<Region>,
    pub(super) asks: Asked,
}

/// Reads the rules of a filter.
pub(super) struct Reader<'r> {
    pub(super) filter: &'r Tree,
    pub(super) providers: &'r [(String, Provider)],
    pub(super) remarks: &'r mut Remarks,
    pub(super) draft: &'r mut Draft,
}

impl Reader<'_> {
    pub(super) fn rules(&mut self) -> Vec<JwtRule> {
        let mut rules = Vec::new();
        for rule in self.filter.list("rules") {
            let mut notes = Vec::new();
            let regions = match rule.get("match") {
                None => Err("a rule without a match".to_owned()),
                Some(matching) => route(matching, &mut notes),
            };
            for (line, text) in notes {
                self.remarks.add(line, Kind::Changed, text);
            }
            match regions {
                Ok(regions) => {
                    let asks = self.requirement_of(rule);
                    if let Err(problem) = &asks {
                        let text =
                            format!("the policy cannot say {problem}; these requests are denied");
                        self.remarks.add(rule.line, Kind::NotCarried, text);
                    }
                    rules.push(JwtRule { line: rule.line, regions, asks });
                }
                Err(problem) => {
                    // What it would have matched falls under the rules behind it, which may ask for
                    // less; so nothing behind it is carried over.
                    let text = format!(
                        "the policy cannot match by {problem}, and the rules behind this one may ask for less \
                         of the same requests: what no rule before it matches is denied"
                    );
                    self.remarks.add(rule.line, Kind::NotCarried, text);
                    let regions = vec![Region::default()];
                    rules.push(JwtRule { line: rule.line, regions, asks: Ok(Asks::Deny) });
                    break;
                }
            }
        }
        rules
    }

    fn requirement_of(&mut self, rule: &Tree) -> Asked {
        match (rule.get("requires"), rule.text_of("requirement_name")) {
            (Some(requirement), _) => self.requirement(requirement),
            (None, Some(name)) => match self.filter.at(&["requirement_map", name]) {
                Some(requirement) => self.requirement(requirement),
                None => Err(format!("a requirement {name} that is not in the map")),
            },
            (None, None) => Ok(Asks::Public),
        }
    }

    fn requirement(&mut self, tree: &Tree) -> Asked {
        let Some((kind, value)) = tree.members().first() else {
            // One without a type asks for nothing.
            return Ok(Asks::Public);
        };
        match kind.as_str() {
            "provider_name" => self.provider(value.text().unwrap_or_default()),
            "provider_and_audiences" => self.audiences(value),
            "requires_any" => self.any(value),
            "requires_all" => match value.list("requirements") {
                [one] => self.requirement(one),
                _ => Err("that several tokens are needed at once".to_owned()),
            },
            "allow_missing" => {
                let text = "`allow_missing` by itself lets every request without a token pass";
                self.remarks.add(value.line, Kind::Open, text);
                Ok(Asks::Optional)
            }
            "allow_missing_or_failed" => {
                let text = "`allow_missing_or_failed` lets requests pass whose token is forged or has expired, and the \
                            server cannot tell; here a token that is there must be good (`access: optional`)";
                self.remarks.add(value.line, Kind::Closed, text);
                Ok(Asks::Optional)
            }
            "extract_only_without_validation" => {
                let text = "claims of unchecked tokens reach the server as if they were checked; the gate has no such mode";
                self.remarks.add(value.line, Kind::Closed, text);
                Ok(Asks::Optional)
            }
            other => Err(format!("`{other}`")),
        }
    }

    fn provider(&mut self, name: &str) -> Asked {
        let Some((_, provider)) = self.providers.iter().find(|(known, _)| known == name) else {
            let hint = suggestion(name, self.providers.iter().map(|(name, _)| name.as_str()));
            return Err(format!("a provider {name:?} that is not there{hint}"));
        };
        let mut wanted = Wanted::default();
        match &provider.subject {
            Ok(condition) => wanted.claims.extend(condition.clone()),
            Err(()) => return Err("its `subjects`".to_owned()),
        }
        // With one issuer there is no other to keep out.
        if self.providers.len() > 1 {
            wanted.issuers.push(provider.name.clone());
        }
        Ok(Asks::Token(wanted))
    }

    fn audiences(&mut self, tree: &Tree) -> Asked {
        let name = tree.text_of("provider_name").unwrap_or_default();
        let asks = self.provider(name)?;
        let audiences: Vec<&str> = tree.list("audiences").iter().filter_map(Tree::text).collect();
        let Asks::Token(mut wanted) = asks else { return Ok(asks) };
        match audiences.as_slice() {
            [] => {}
            [audience] => {
                let test = Test::Contains((*audience).into());
                wanted.claims.push(Condition { claim: vec!["aud".to_owned()], test });
            }
            _ => return Err("several audiences of which one rule takes any".to_owned()),
        }
        // A token for it must get as far as the rule.
        let label = label(name);
        for issuer in self.draft.issuers.iter_mut().filter(|issuer| issuer.name == label) {
            if let Some(known) = &mut issuer.audiences {
                for audience in &audiences {
                    if !known.iter().any(|one| one == audience) {
                        known.push((*audience).to_owned());
                        let text = format!(
                            "{audience} is an audience of one rule alone: the issuer takes it, and rules without an \
                             audience of their own take its tokens too"
                        );
                        self.remarks.add(tree.line, Kind::Open, text);
                    }
                }
            }
        }
        Ok(Asks::Token(wanted))
    }

    fn any(&mut self, tree: &Tree) -> Asked {
        let mut either: Option<Wanted> = None;
        let mut optional = false;
        for one in tree.list("requirements") {
            // `allow_missing` beside others is what makes a token optional.
            if one.get("allow_missing").is_some() {
                optional = true;
                continue;
            }
            match self.requirement(one)? {
                Asks::Public => return Ok(Asks::Public),
                Asks::Optional => optional = true,
                Asks::Deny => {}
                Asks::Token(wanted) => {
                    either = Some(match either {
                        None => wanted,
                        Some(before) => before.or(&wanted).ok_or("either of two such tokens")?,
                    });
                }
            }
        }
        let wanted = either.unwrap_or_default();
        // An issuer that is not among these must not pass as one of them.
        let all = wanted.issuers.is_empty() || wanted.issuers.len() == self.providers.len();
        match (optional, all && wanted.all.is_empty() && wanted.claims.is_empty()) {
            (false, true) => Ok(Asks::Token(Wanted { issuers: Vec::new(), ..wanted })),
            (false, false) => Ok(Asks::Token(wanted)),
            (true, true) => Ok(Asks::Optional),
            (true, false) => {
                let text = "a token is needed here, as an optional one cannot be held to its issuer or claims";
                self.remarks.add(tree.line, Kind::Changed, text);
                Ok(Asks::Token(wanted))
            }
        }
    }
}
