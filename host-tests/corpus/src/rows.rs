//! Requests for two gates at once: what one text says a proxy does, and what this one does.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;

use crate::{
    Error, Header,
    case::shared_tokens,
    file::{RequestFile, TokenFile},
    scenario::{self, DEFAULT_NOW},
    text,
    token::Tokens,
};

/// One request for both.
#[derive(Clone, Debug)]
pub struct Row {
    /// The request in words.
    pub what: String,
    /// Its headers in the order in which they are sent, pseudo-headers included.
    pub headers: Vec<Header>,
    /// How the two are expected to differ.
    pub differs: Differs,
}

/// How two gates differ about a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Differs {
    /// They agree: both let it pass, or both refuse it.
    No,
    /// The other one lets it pass and this one does not: the weakness in words.
    Weakness(String),
    /// The other one refuses it and this one does not: why it is a good one.
    Good(String),
}

/// Reads a file of requests, with the tokens minted as of now.
///
/// It has tables `[token.NAME]` as a scenario has, and `[[request]]` with `what`, with `send`, `host`,
/// `token` and `headers` as there, and with `weakness` or `good` where the two gates differ.
///
/// # Errors
///
/// The file cannot be read or is not of that shape; a token cannot be minted or is used by no request.
pub fn rows(path: &Path) -> Result<Vec<Row>, Error> {
    let file = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|e| Error::file(&file, e))?;
    let list: List = toml::from_str(&text).map_err(|e| Error::file(&file, e))?;
    let shared = shared_tokens()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|e| Error::file(&file, e))?;
    let now = i64::try_from(now.as_secs()).map_err(|e| Error::file(&file, e))?;
    let tokens = Tokens::new(&shared, &list.token, DEFAULT_NOW, now - DEFAULT_NOW);
    let mut unused: Vec<&String> = list.token.keys().collect();
    let mut rows = Vec::new();
    for request in list.request {
        let row = row(request, &tokens).map_err(|(what, e)| Error::field(&file, what, e))?;
        let used = tokens.take_used();
        unused.retain(|name| !used.contains(name.as_str()));
        rows.push(row);
    }
    match unused.first() {
        Some(name) => Err(Error::field(file, format!("token.{name}"), "no request uses it")),
        None => Ok(rows),
    }
}

fn row(row: RowFile, tokens: &Tokens<'_>) -> Result<Row, (String, String)> {
    let RowFile { what, send, host, token, headers, weakness, good } = row;
    let differs = match (weakness, good) {
        (None, None) => Differs::No,
        (Some(weakness), None) => Differs::Weakness(weakness),
        (None, Some(good)) => Differs::Good(good),
        (Some(_), Some(_)) => {
            return Err((what, "found `weakness` and `good`, expected one of them".to_owned()));
        }
    };
    let request = RequestFile { send, host, token, headers, ..RequestFile::default() };
    let bytes = |text: &str| text::bytes(text, &|name: &str| tokens.placeholder(name));
    match scenario::headers(&request, &bytes) {
        Ok(headers) => Ok(Row { what, headers, differs }),
        Err(error) => Err((what, error)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    token: BTreeMap<String, TokenFile>,
    request: Vec<RowFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowFile {
    what: String,
    send: Option<String>,
    host: Option<String>,
    token: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    weakness: Option<String>,
    good: Option<String>,
}
