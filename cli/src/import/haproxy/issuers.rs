//! Who may issue tokens, by the lines that check them.

use serde_json::json;

use jwt_gate_core::Algorithm as Known;

use crate::import::{
    Options,
    draft::{Draft, Issuer, Keys, Place},
    keys::{self, Files},
    remark::{Kind, Remarks},
};

use super::{lines::Section, sample::Algorithm, section::Said, statement::Check};

/// Fills in the issuers and where their tokens stand.
pub(super) fn fill(
    draft: &mut Draft,
    said: &Said,
    sections: &[Section],
    options: &Options,
    files: &Files,
    remarks: &mut Remarks,
) {
    let mut names: Vec<Option<String>> = Vec::new();
    let library = Library::of(said, sections);
    for (line, check, only) in &said.checks {
        match check {
            Check::Issuer(found) => {
                for name in found {
                    placeholder("issuer", name, *line, remarks);
                    push(&mut names, Some(name.clone()));
                }
            }
            _ => only.iter().flatten().for_each(|name| push(&mut names, Some(name.clone()))),
        }
    }
    if let Some((line, name)) = &library.issuer {
        placeholder("issuer", name, *line, remarks);
        push(&mut names, Some(name.clone()));
    }
    if names.is_empty() {
        match &options.issuer {
            Some(name) => push(&mut names, Some(name.clone())),
            None => {
                let text = "no line compares the issuer, so that any token by this key would do; the \
                            policy needs the `iss` of its tokens: --issuer ISS";
                remarks.add(0, Kind::Missing, text);
                names.push(None);
            }
        }
    }
    for name in names {
        let issuer = issuer(name, draft, said, &library, options, files, remarks);
        draft.issuers.push(issuer);
    }
    for (_, check, _) in &said.checks {
        if let Check::Signature { places, .. } = check {
            places.iter().for_each(|place| push(&mut draft.places, place.clone()));
        }
    }
    if draft.places.is_empty() {
        draft.places.push(Place::usual());
    }
}

/// What the Lua library is told by the environment.
#[derive(Default)]
struct Library {
    /// Where it is called.
    line: Option<usize>,
    key: Option<(usize, String)>,
    issuer: Option<(usize, String)>,
    audience: Option<(usize, String)>,
    secret: Option<(usize, String)>,
}

impl Library {
    fn of(said: &Said, sections: &[Section]) -> Self {
        if said.lua.is_none() {
            return Self::default();
        }
        let mut library = Self { line: said.lua, ..Self::default() };
        let lines = sections.iter().flat_map(|section| &section.lines);
        for line in lines.filter(|line| matches!(line.word(0), "setenv" | "presetenv")) {
            let value = Some((line.number, line.word(2).to_owned()));
            match line.word(1) {
                "OAUTH_PUBKEY_PATH" => library.key = value,
                "OAUTH_ISSUER" => library.issuer = value,
                "OAUTH_AUDIENCE" => library.audience = value,
                "OAUTH_HMAC_SECRET" => library.secret = value,
                _ => {}
            }
        }
        library
    }
}

fn issuer(
    name: Option<String>,
    draft: &Draft,
    said: &Said,
    library: &Library,
    options: &Options,
    files: &Files,
    remarks: &mut Remarks,
) -> Issuer {
    // What is asked of all issuers, and of this one.
    let checks = said.checks.iter().filter(|(_, _, only)| {
        only.as_ref().is_none_or(|only| name.as_ref().is_some_and(|name| only.contains(name)))
    });
    let mut issuer =
        Issuer { name: label(name.as_deref(), draft), issuer: name.clone(), ..Issuer::default() };
    let mut audiences: Vec<String> = Vec::new();
    let mut fixed: Option<(usize, Vec<String>)> = None;
    for (line, check, _) in checks {
        match check {
            Check::Algorithm(names) => {
                let both = |(_, before): &(usize, Vec<String>)| -> Vec<String> {
                    before.iter().filter(|name| names.contains(name)).cloned().collect()
                };
                // Each of several lines must let a token pass.
                let both = fixed.as_ref().map(both).filter(|both| !both.is_empty());
                fixed = Some((*line, both.unwrap_or_else(|| names.clone())));
            }
            Check::Type(names) => issuer.types.clone_from(names),
            Check::Audience { names, .. } => {
                for name in names {
                    placeholder("audience", name, *line, remarks);
                    push(&mut audiences, name.clone());
                }
            }
            Check::Signature { algorithm, key, .. } => {
                if let Algorithm::Fixed(name) = algorithm
                    && fixed.is_none()
                {
                    fixed = Some((*line, vec![name.clone()]));
                }
                issuer.keys = keys(key, algorithm, *line, files, remarks);
            }
            _ => {}
        }
    }
    if let Some(line) = library.line {
        by_library(&mut issuer, &mut audiences, library, line, files, remarks);
        fixed.get_or_insert((
            line,
            vec![match library.secret {
                Some(_) => "HS256".to_owned(),
                None => "RS256".to_owned(),
            }],
        ));
    }
    issuer.algorithms = algorithms(fixed, &issuer.keys, remarks);
    if issuer.keys == Keys::None {
        remarks.add(
            0,
            Kind::Missing,
            "no line says which key signs the tokens; put it into the policy",
        );
    }
    if audiences.is_empty() {
        audiences.clone_from(&options.audience);
    }
    if audiences.is_empty() {
        let text = "no line compares the audience, so that tokens made for any other service of the \
                    issuer open this one: `audiences: any` says so in as many words. Name your API's: \
                    --audience AUD";
        remarks.add(0, Kind::Open, text);
    } else {
        issuer.audiences = Some(audiences);
    }
    issuer
}

fn by_library(
    issuer: &mut Issuer,
    audiences: &mut Vec<String>,
    library: &Library,
    line: usize,
    files: &Files,
    remarks: &mut Remarks,
) {
    if let Some((line, audience)) = &library.audience {
        placeholder("audience", audience, *line, remarks);
        push(audiences, audience.clone());
    }
    issuer.keys = match (&library.key, &library.secret) {
        (Some((line, path)), _) => of_file(path, *line, files, remarks),
        (None, Some((line, secret))) => of_secret(secret, "HS256", *line, remarks),
        (None, None) => {
            let text =
                "found no OAUTH_PUBKEY_PATH in the file; put the issuer's key into the policy";
            remarks.add(line, Kind::Missing, text);
            Keys::Missing("the file that OAUTH_PUBKEY_PATH names".to_owned())
        }
    };
}

fn keys(
    key: &str,
    algorithm: &Algorithm,
    line: usize,
    files: &Files,
    remarks: &mut Remarks,
) -> Keys {
    match algorithm {
        Algorithm::Fixed(name) if name.starts_with("HS") => of_secret(key, name, line, remarks),
        _ => of_file(key, line, files, remarks),
    }
}

fn of_file(path: &str, line: usize, files: &Files, remarks: &mut Remarks) -> Keys {
    let text = files.read(path);
    if let Some(pem) = text.as_deref().and_then(keys::pem) {
        return Keys::Pem(pem);
    }
    let found = if text.is_some() { "no public key in" } else { "no file" };
    let text = format!(
        "found {found} {path}; say where it is: --path {path}=FILE, or put the key into the policy"
    );
    remarks.add(line, Kind::Missing, text);
    Keys::Missing(format!("the public key in {path}"))
}

fn of_secret(secret: &str, algorithm: &str, line: usize, remarks: &mut Remarks) -> Keys {
    let least = match algorithm {
        "HS384" => 48,
        "HS512" => 64,
        _ => 32,
    };
    if secret.contains('/') && secret.ends_with(".pem") {
        let text = "HAProxy takes the file's name for the secret, not what is in the file: whoever \
                    guesses the name makes tokens. Nothing was carried over; put a real secret into the policy";
        remarks.add(line, Kind::Missing, text);
        return Keys::Missing("a secret that is none of a file's names".to_owned());
    }
    if secret.len() < least {
        let text = format!(
            "the secret for {algorithm} has {} bytes, expected {least} at least (RFC 7518 section 3.2): \
             shorter ones can be guessed from one token",
            secret.len()
        );
        remarks.add(line, Kind::Missing, text);
        return Keys::Missing(format!("a secret of {least} bytes or more"));
    }
    remarks.add(
        line,
        Kind::Open,
        "the secret of the tokens stands in the policy; keep the file like one",
    );
    Keys::Set(keys::secret(secret, algorithm))
}

fn algorithms(
    fixed: Option<(usize, Vec<String>)>,
    keys: &Keys,
    remarks: &mut Remarks,
) -> Vec<String> {
    if let Some((line, names)) = fixed {
        let (known, unknown): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| Known::from_name(name).is_some());
        if !unknown.is_empty() {
            let text = format!("{} is no algorithm that the gate takes", unknown.join(", "));
            remarks.add(line, Kind::NotCarried, text);
        }
        if !known.is_empty() {
            return known;
        }
    }
    let fitting = match keys {
        Keys::Pem(pem) => keys::algorithms(&json!({ "pem": pem })),
        _ => Vec::new(),
    };
    if fitting.is_empty() { vec!["RS256".to_owned()] } else { fitting }
}

/// A label made of the issuer's host, of which no other issuer has the same.
fn label(issuer: Option<&str>, draft: &Draft) -> String {
    let text = issuer.unwrap_or("issuer");
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let mut label: String = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .take(100)
        .collect();
    if matches!(label.as_str(), "" | "none" | "route") {
        label = "issuer".to_owned();
    }
    let taken = |label: &str| draft.issuers.iter().any(|known| known.name == label);
    let base = label.clone();
    let mut number = 2_usize;
    while taken(&label) {
        label = format!("{base}-{number}");
        number = number.saturating_add(1);
    }
    label
}

/// What stands in a text as a placeholder is no value.
fn placeholder(what: &str, value: &str, line: usize, remarks: &mut Remarks) {
    if (value.starts_with('<') && value.ends_with('>')) || value.starts_with('$') {
        remarks.add(
            line,
            Kind::Missing,
            format!("{value} stands for your {what}; put it into the policy"),
        );
    }
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
