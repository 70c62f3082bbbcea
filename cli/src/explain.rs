//! `jwt-gate explain`.

mod answer;
mod json;
mod request;
mod text;

use std::{fs, path::PathBuf};

use clap::Args;
use jwt_gate_core::{
    Compiled, Document, Outlook, Problem, Request, RouteRule, UnixTime, Verdict, compile, explain,
};

use crate::{
    check,
    command::{BAD, GOOD},
    source::{self, Source},
    time, words,
};

use self::{answer::Answer, request::Sent};

/// Tell how a policy decides one request, stage by stage
///
/// What was read, what was compared with what, which rule decided, what the caller gets and what the upstream sees. The decision is that of the filter itself. No signature is printed.
///
/// Exit code 0: the request passes, 1: it is refused, 2: the policy or the request cannot be read.
#[derive(Args)]
pub(crate) struct Explain {
    /// The policy, or an Envoy configuration with one in it
    #[arg(value_name = "POLICY")]
    file: PathBuf,
    /// The filter whose policy is meant, if the file has several
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// The request: a method and a path, or an address with its host
    #[arg(long, value_name = "METHOD PATH", default_value = "GET /")]
    request: String,
    /// A header of the request, as often as needed
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = request::header)]
    headers: Vec<(String, String)>,
    /// The token, put where the policy looks first; --token-file keeps it out of the shell's history
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,
    /// The file with the token; `-` for standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The time at which it happens, such as 2018-11-07T12:00:00Z; now, if left out
    #[arg(long, value_name = "TIME", value_parser = time::parse, allow_hyphen_values = true)]
    now: Option<UnixTime>,
    /// The key set of an issuer whose keys are fetched; with a name if there are several such issuers
    #[arg(long, value_name = "[ISSUER=]FILE")]
    jwks: Vec<String>,
    /// What the route says in its metadata under `jwt_gate`, such as '{rule: NAME}'
    #[arg(long, value_name = "YAML")]
    route_metadata: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) fn run(self) -> Result<u8, String> {
        let source = source::load_one(&self.file, self.filter.as_deref())?;
        let Compiled { policy, mut keys, .. } = compiled(&source)?;
        let now = self.now.unwrap_or_else(time::now);
        let mut brought = false;
        let fetching: Vec<String> = policy
            .outline(&keys, now)
            .issuers
            .into_iter()
            .filter_map(|issuer| issuer.fetched.map(|_| issuer.name))
            .collect();
        for option in &self.jwks {
            let (issuer, file) = jwks(option, &fetching)?;
            let set =
                fs::read(&file).map_err(|e| format!("--jwks: {file}: cannot be read: {e}"))?;
            keys.bring(&policy, &issuer, &set).map_err(|problem| {
                format!("--jwks: {file}: found {problem}, expected a key set")
            })?;
            brought = true;
        }

        let mut sent = Sent::parse(&self.request, &self.headers)?;
        if let Some(token) = self.token()? {
            policy.place_token(token.as_bytes(), &mut sent.headers);
            sent.secret = Some(token);
        }
        let route = match &self.route_metadata {
            Some(_) if !policy.reads_route_metadata() => {
                return Err("--route-metadata: found a policy without `route_metadata: true`, \
                            expected one with it: the filter reads no routes otherwise"
                    .to_owned());
            }
            Some(text) => Some(route(&policy, text)?),
            None => None,
        };

        let headers: Vec<(&[u8], &[u8])> =
            sent.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let request = Request::new(&headers, route.as_ref());
        let explanation = explain(&policy, &keys, &request, now, &time::spell);
        let awaits = matches!(explanation.decision.verdict, Verdict::AwaitKeys(_));
        let outlook = if brought { Outlook::Current } else { Outlook::Pending };
        let answer = Answer::of(explanation.decision.settle(&outlook), &sent, awaits);
        if self.json {
            let document = json::document(&sent, now, &explanation.steps, &answer);
            anstream::println!("{document:#}");
        } else {
            anstream::print!("{}", text::page(&sent, now, &explanation.steps, &answer));
            if awaits && !brought {
                anstream::println!(
                    "\nThe issuer's keys are fetched while the proxy runs. Download them and give them by\n\
                     --jwks FILE to see how the token fares with them."
                );
            }
        }
        Ok(if answer.passes { GOOD } else { BAD })
    }

    fn token(&self) -> Result<Option<String>, String> {
        let text = match (&self.token, &self.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => source::read(file)?,
            (None, None) => return Ok(None),
        };
        // What `curl` and `jq -r` leave around it.
        Ok(Some(text.trim().to_owned()))
    }
}

/// Compiles, or says all that is in the way.
fn compiled(source: &Source) -> Result<Compiled, String> {
    let problems: Vec<Problem> = match &source.document {
        Ok(document) => match compile(document) {
            Ok(compiled) => return Ok(compiled),
            Err(errors) => errors.problems().to_vec(),
        },
        Err(problems) => problems.clone(),
    };
    let lines = problems.iter().map(|problem| {
        let line = source.line_of(&problem.path);
        let problem_text = words::plain(&problem.to_string());
        format!("\n{}:{line}: {problem_text}{}", source.file, check::hint(problem))
    });
    Err(format!("{}: found a policy that is not good:{}", source.file, lines.collect::<String>()))
}

/// Reads `ISSUER=FILE`, or `FILE` where there is only one issuer to give keys to.
fn jwks(option: &str, fetching: &[String]) -> Result<(String, String), String> {
    // An issuer's name may be an address with `=` in it.
    let named = fetching.iter().find_map(|name| {
        let file = option.strip_prefix(name.as_str())?.strip_prefix('=')?;
        Some((name.clone(), file.to_owned()))
    });
    match (named, fetching) {
        (Some(named), _) => Ok(named),
        (None, [only]) => Ok((only.clone(), option.to_owned())),
        (None, []) => {
            Err("--jwks: found no issuer whose keys are fetched, expected one".to_owned())
        }
        (None, several) => {
            let found = option.split('=').next().unwrap_or_default();
            let hint = words::suggestion(found, several.iter().map(String::as_str));
            let known = words::one_of(several);
            Err(format!("--jwks: found {option:?}, expected NAME=FILE, NAME {known}{hint}"))
        }
    }
}

fn route(policy: &jwt_gate_core::Policy, text: &str) -> Result<RouteRule, String> {
    let tree = crate::tree::Tree::parse(text)
        .map_err(|(_, problem)| format!("--route-metadata: found no YAML: {problem}"))?;
    let document = Document::parse(tree.value().to_string().as_bytes());
    document
        .and_then(|document| policy.compile_route_document(&document))
        .map_err(|errors| format!("--route-metadata: {errors}"))
}
