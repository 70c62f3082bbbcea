//! `jwt-gate import`: from what another gate is told to a policy.

mod draft;
mod envoy;
mod haproxy;
mod keys;
mod remark;
mod requests;
mod yaml;

use std::path::{Path, PathBuf};

use clap::Args;
use jwt_gate_core::{Document, Problem, compile};
use serde_json::json;

use crate::{
    command::{BAD, GOOD},
    source,
    tree::Tree,
    words,
};

pub use self::remark::{Kind, Remark};

/// Make a policy that does what an HAProxy or Envoy configuration does
///
/// HAProxy: jwt_verify and the lines around it, or the Lua library jwtverify. Envoy: the filters jwt_authn and RBAC. The policy goes to standard output; what could not be carried over, what is different and which weaknesses are closed goes to standard error, a line each.
///
/// Exit code 0: the policy is whole, 1: something is missing in it, 2: the file cannot be read.
#[derive(Args)]
pub(crate) struct Import {
    /// The configuration; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    options: Options,
    /// Print policy and remarks as JSON
    #[arg(long)]
    json: bool,
}

/// What an import may need to be told.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// The section of an HAProxy configuration, such as `frontend api`, if several check tokens
    #[arg(long, value_name = "SECTION")]
    pub section: Option<String>,
    /// The `iss` of the tokens, where the configuration does not check it
    #[arg(long, value_name = "ISS")]
    pub issuer: Option<String>,
    /// An audience of the tokens, where the configuration does not check any; again for more
    #[arg(long, value_name = "AUD")]
    pub audience: Vec<String>,
    /// Where a file that the configuration names is on this machine, such as /etc/haproxy/pubkey.pem=key.pem
    #[arg(long = "path", value_name = "NAMED=HERE")]
    pub paths: Vec<String>,
}

/// A policy and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The policy, as YAML.
    pub policy: String,
    /// What an operator must know.
    pub remarks: Vec<Remark>,
    /// Why the policy does not compile, if something is missing.
    pub problems: Vec<Problem>,
}

/// Makes a policy from a configuration of HAProxy or Envoy.
///
/// `file` is for messages, and files that the configuration names are looked for beside it.
///
/// # Errors
///
/// It is neither, or nothing in it checks tokens.
pub fn import(file: &Path, text: &str, options: &Options) -> Result<Imported, String> {
    let name = file.display().to_string();
    let files = keys::Files::new(file, &options.paths)?;
    let (draft, remarks, from) = match kind(text) {
        Some(Config::Envoy(tree)) => {
            let (draft, remarks) = envoy::import(&tree, options, &files)
                .map_err(|problem| format!("{name}: {problem}"))?;
            (draft, remarks, name)
        }
        Some(Config::Haproxy) => {
            let (draft, remarks, section) = haproxy::import(text, options, &files)
                .map_err(|problem| format!("{name}: {problem}"))?;
            (draft, remarks, format!("{name}, {section}"))
        }
        None => {
            return Err(format!(
                "{name}: found neither, expected an HAProxy configuration (sections such as \
                 `frontend`) or an Envoy configuration in YAML or JSON"
            ));
        }
    };
    let mut remarks = remarks;
    let head = [
        format!(
            "Made by `jwt-gate import` from {from}; what it said beside this is worth reading."
        ),
        "Try it with `jwt-gate check` and `jwt-gate explain`.".to_owned(),
    ];
    let policy = yaml::write(&draft, &head);
    let problems = problems(&policy);
    for problem in &problems {
        let told = remarks.iter().any(|remark| remark.kind == Kind::Missing);
        if !told {
            let text = format!("the policy does not compile: {problem}");
            remarks.push(Remark { line: 0, kind: Kind::Missing, text });
        }
    }
    Ok(Imported { policy, remarks, problems })
}

/// What a configuration is for.
enum Config {
    Envoy(Tree),
    Haproxy,
}

fn kind(text: &str) -> Option<Config> {
    if let Ok(tree) = Tree::parse(text)
        && !tree.members().is_empty()
        && (source::is_envoy(&tree) || envoy::is_filter(&tree))
    {
        return Some(Config::Envoy(tree));
    }
    haproxy::is_config(text).then_some(Config::Haproxy)
}

/// Why a policy does not compile.
fn problems(policy: &str) -> Vec<Problem> {
    let problem =
        |found: String| Problem { path: String::new(), found, expected: "a policy".to_owned() };
    let tree = match Tree::parse(policy) {
        Ok(tree) => tree,
        Err((_, message)) => return vec![problem(format!("no YAML ({message})"))],
    };
    match Document::parse(tree.value().to_string().as_bytes())
        .and_then(|document| compile(&document))
    {
        Ok(_) => Vec::new(),
        Err(errors) => errors.problems().to_vec(),
    }
}

impl Import {
    pub(crate) fn run(self) -> Result<u8, String> {
        let text = source::read(&self.file)?;
        let imported = import(&self.file, &text, &self.options)?;
        let lines: Vec<&str> = text.lines().collect();
        let line_of = |remark: &Remark| {
            remark.line.checked_sub(1).and_then(|place| lines.get(place)).map(|line| line.trim())
        };
        let whole = imported.problems.is_empty()
            && imported.remarks.iter().all(|remark| remark.kind != Kind::Missing);
        if self.json {
            let remarks: Vec<_> = imported
                .remarks
                .iter()
                .map(|remark| {
                    json!({
                        "line": (remark.line > 0).then_some(remark.line),
                        "kind": remark.kind.name(),
                        "text": remark.text,
                        "source": line_of(remark),
                    })
                })
                .collect();
            let document = json!({ "policy": imported.policy, "whole": whole, "remarks": remarks });
            anstream::println!("{document:#}");
        } else {
            anstream::print!("{}", imported.policy);
            let file = self.file.display();
            for remark in &imported.remarks {
                let place = match remark.line {
                    0 => file.to_string(),
                    line => format!("{file}:{line}"),
                };
                let style = match remark.kind {
                    Kind::Missing | Kind::NotCarried => words::BAD,
                    Kind::Open | Kind::Changed => words::ODD,
                    Kind::Closed => words::GOOD,
                    Kind::Stays => words::DIM,
                };
                let kind = words::paint(style, remark.kind.name());
                anstream::eprintln!("{place}: {kind}: {}", words::plain(&remark.text));
            }
        }
        Ok(if whole { GOOD } else { BAD })
    }
}
