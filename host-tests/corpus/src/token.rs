//! Tokens, minted as a scenario describes them: good ones, and every kind of bad one.

mod shape;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Map, Number, Value, json};

use crate::{
    base64url,
    file::TokenFile,
    key::{self, Key, SigningAlgorithm},
    text,
};

use self::shape::{Padding, damaged, padded_to};

/// A claim further than this from the scenario's `now` is no time that should move with it.
const NEAR_SECONDS: i64 = 10 * 365 * 24 * 3600;

/// How deep `like` and `text` may refer to other tokens.
const MAX_DEPTH: usize = 8;

/// A token signed RS256 with the key, its header completed with `alg`, `typ` and `kid` where
/// `header` does not say otherwise.
///
/// # Panics
///
/// The key is not an RSA key.
pub fn mint(key: &Key, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
    let signed = |input: &[u8]| key.sign(jwt_compact::alg::Rsa::rs256(), input);
    minted(SigningAlgorithm::RS256, key.name(), header, claims, signed)
        .expect("RS256 is signed with an RSA key")
}

/// The same, signed as `algorithm` says with a key of `host-tests/keys`.
///
/// # Errors
///
/// There is no such key, it does not go with the algorithm, or the algorithm needs a secret.
pub fn mint_as(
    algorithm: SigningAlgorithm,
    key: &str,
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
) -> Result<String, String> {
    minted(algorithm, key, header, claims, |input| algorithm.sign(key, None, input))
}

fn minted(
    algorithm: SigningAlgorithm,
    kid: &str,
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, String>,
) -> Result<String, String> {
    let mut whole = default_header(algorithm, kid);
    whole.extend(header.clone());
    let input = format!(
        "{}.{}",
        base64url::encode(Value::Object(whole).to_string()),
        base64url::encode(Value::Object(claims.clone()).to_string())
    );
    let signature = sign(input.as_bytes())?;
    Ok(format!("{input}.{}", base64url::encode(signature)))
}

/// A token that others published: `auth0` or `fusionauth`, from `host-tests/vectors`.
///
/// # Errors
///
/// There is no such file.
pub fn real_token(name: &str) -> Result<String, String> {
    let text = key::read("vectors", &format!("{name}-access-token.jwt"))?;
    Ok(text.trim().to_owned())
}

/// The tokens that a scenario can name, minted when they are first asked for.
pub(crate) struct Tokens<'a> {
    shared: &'a BTreeMap<String, TokenFile>,
    own: &'a BTreeMap<String, TokenFile>,
    now: i64,
    shift: i64,
    minted: RefCell<BTreeMap<String, Vec<u8>>>,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Tokens<'a> {
    /// `now` is the scenario's time in seconds; times near it move by `shift` seconds.
    pub(crate) fn new(
        shared: &'a BTreeMap<String, TokenFile>,
        own: &'a BTreeMap<String, TokenFile>,
        now: i64,
        shift: i64,
    ) -> Self {
        Self { shared, own, now, shift, minted: RefCell::default(), used: RefCell::default() }
    }

    /// What a placeholder of a scenario stands for: `NAME`, `NAME.header`, `NAME.payload`,
    /// `NAME.signature`, `standard:` before any of these, `time:SECONDS`, `repeat:TEXT:COUNT`, or
    /// a key's text.
    pub(crate) fn placeholder(&self, name: &str) -> Result<Vec<u8>, String> {
        self.placeholder_at(name, 0)
    }

    /// The names of the tokens asked for since the last call.
    pub(crate) fn take_used(&self) -> BTreeSet<String> {
        self.used.take()
    }

    /// The whole token.
    pub(crate) fn get(&self, name: &str) -> Result<Vec<u8>, String> {
        self.get_at(name, 0)
    }

    fn placeholder_at(&self, name: &str, depth: usize) -> Result<Vec<u8>, String> {
        if let Some(seconds) = name.strip_prefix("time:") {
            let seconds: i64 = seconds
                .parse()
                .map_err(|_| format!("found ${{{name}}}, expected ${{time:SECONDS}}"))?;
            return Ok((seconds + self.shift).to_string().into_bytes());
        }
        if let Some(inner) = name.strip_prefix("standard:") {
            let mut text = self.placeholder_at(inner, depth)?;
            for byte in &mut text {
                match *byte {
                    b'-' => *byte = b'+',
                    b'_' => *byte = b'/',
                    _ => {}
                }
            }
            return Ok(text);
        }
        if let Some(text) = text::repeated(name).or_else(|| key::placeholder(name)) {
            return text;
        }
        let (token, part) = match name.split_once('.') {
            None => (name, None),
            Some((token, part)) => (token, Some(part)),
        };
        let whole = self.get_at(token, depth)?;
        let Some(part) = part else {
            return Ok(whole);
        };
        let index = match part {
            "header" => 0,
            "payload" => 1,
            "signature" => 2,
            _ => return Err(format!("found ${{{name}}}: a token has no part {part:?}")),
        };
        let part = whole.split(|b| *b == b'.').nth(index);
        part.map(<[u8]>::to_vec).ok_or_else(|| format!("token {token} has no part {index}"))
    }

    fn get_at(&self, name: &str, depth: usize) -> Result<Vec<u8>, String> {
        self.used.borrow_mut().insert(name.to_owned());
        if let Some(minted) = self.minted.borrow().get(name) {
            return Ok(minted.clone());
        }
        let token = self
            .whole(name, depth)
            .and_then(|description| self.make(&description, depth))
            .map_err(|problem| format!("token.{name}: {problem}"))?;
        self.minted.borrow_mut().insert(name.to_owned(), token.clone());
        Ok(token)
    }

    /// The description, laid over the one that it is `like`.
    fn whole(&self, name: &str, depth: usize) -> Result<TokenFile, String> {
        if depth > MAX_DEPTH {
            return Err("it refers to itself".to_owned());
        }
        let own = self
            .own
            .get(name)
            .or_else(|| self.shared.get(name))
            .ok_or("there is no such token here or in tokens.toml")?;
        let Some(like) = &own.like else {
            return Ok(own.clone());
        };
        self.used.borrow_mut().insert(like.clone());
        let base = self.whole(like, depth + 1)?;
        Ok(laid_over(base, own.clone()))
    }

    fn make(&self, token: &TokenFile, depth: usize) -> Result<Vec<u8>, String> {
        if let Some(name) = &token.real {
            return real_token(name).map(String::into_bytes);
        }
        let lookup = |name: &str| self.placeholder_at(name, depth + 1);
        if let Some(text) = &token.text {
            return text::bytes(text, &lookup);
        }
        let algorithm = token.sign.unwrap_or_default();
        let key = token.key.as_deref().ok_or("it has no `key`")?;
        let secret =
            token.secret.as_ref().map(|secret| text::bytes(secret, &lookup)).transpose()?;

        let sign = |padding: &Padding| -> Result<Vec<u8>, String> {
            let input = match &token.input {
                Some(input) => text::bytes(input, &lookup)?,
                None => {
                    let header = self.header(token, algorithm, key, padding, &lookup)?;
                    let claims = self.claims(token, padding, &lookup)?;
                    format!("{}.{}", base64url::encode(header), base64url::encode(claims))
                        .into_bytes()
                }
            };
            let signature = algorithm.sign(key, secret.as_deref(), &input)?;
            Ok([&input, ".".as_bytes(), base64url::encode(signature).as_bytes()].concat())
        };
        let whole = match token.pad_to {
            None => sign(&Padding::default())?,
            Some(length) => padded_to(length, sign)?,
        };
        damaged(whole, token)
    }

    fn header(
        &self,
        token: &TokenFile,
        algorithm: SigningAlgorithm,
        key: &str,
        padding: &Padding,
        lookup: &text::Lookup<'_>,
    ) -> Result<Vec<u8>, String> {
        if let Some(raw) = &token.raw_header {
            return text::bytes(raw, lookup);
        }
        let mut header = default_header(algorithm, key);
        for (name, value) in &token.header {
            header.insert(name.clone(), expanded(value, lookup)?);
        }
        for name in token.without.iter().filter_map(|n| n.strip_prefix("header.")) {
            header.remove(name).ok_or_else(|| format!("without: the header has no {name:?}"))?;
        }
        if padding.header > 0 {
            header.insert("pad".to_owned(), "x".repeat(padding.header).into());
        }
        Ok(Value::Object(header).to_string().into_bytes())
    }

    fn claims(
        &self,
        token: &TokenFile,
        padding: &Padding,
        lookup: &text::Lookup<'_>,
    ) -> Result<Vec<u8>, String> {
        if let Some(raw) = &token.raw_claims {
            return text::bytes(raw, lookup);
        }
        let mut claims = token.claims.clone();
        for name in token.without.iter().filter(|n| !n.starts_with("header.")) {
            claims.remove(name).ok_or_else(|| format!("without: the claims have no {name:?}"))?;
        }
        for name in ["exp", "nbf", "iat"] {
            if let Some(Value::Number(time)) = claims.get_mut(name) {
                *time = self.shifted(time);
            }
        }
        if let Some(length) = padding.claims {
            claims.insert("pad".to_owned(), "x".repeat(length).into());
        }
        Ok(Value::Object(claims).to_string().into_bytes())
    }

    fn shifted(&self, time: &Number) -> Number {
        if let Some(seconds) = time.as_i64() {
            let near = seconds.abs_diff(self.now) < NEAR_SECONDS.unsigned_abs();
            return if near { (seconds + self.shift).into() } else { time.clone() };
        }
        let near = |t: &f64| (t - self.now as f64).abs() < NEAR_SECONDS as f64;
        time.as_f64()
            .filter(near)
            .and_then(|t| Number::from_f64(t + self.shift as f64))
            .unwrap_or_else(|| time.clone())
    }
}

fn default_header(algorithm: SigningAlgorithm, kid: &str) -> Map<String, Value> {
    let Value::Object(header) = json!({"alg": algorithm.name(), "typ": "JWT", "kid": kid}) else {
        return Map::new();
    };
    header
}

fn laid_over(base: TokenFile, own: TokenFile) -> TokenFile {
    let mut header = base.header;
    header.extend(own.header);
    let mut claims = base.claims;
    claims.extend(own.claims);
    let mut without = base.without;
    without.extend(own.without);
    TokenFile {
        like: None,
        real: own.real.or(base.real),
        text: own.text.or(base.text),
        key: own.key.or(base.key),
        sign: own.sign.or(base.sign),
        secret: own.secret.or(base.secret),
        header,
        claims,
        without,
        raw_header: own.raw_header.or(base.raw_header),
        raw_claims: own.raw_claims.or(base.raw_claims),
        input: own.input.or(base.input),
        pad_to: own.pad_to.or(base.pad_to),
        flip: own.flip.or(base.flip),
        stray_bits: own.stray_bits.or(base.stray_bits),
    }
}

/// Placeholders in the strings of a header value, so that a token can carry a key.
fn expanded(value: &Value, lookup: &text::Lookup<'_>) -> Result<Value, String> {
    let Value::String(text) = value else {
        return Ok(value.clone());
    };
    let out = text::plain(text, lookup)?;
    let is_jwk = text::sole_placeholder(text).is_some_and(|name| name.starts_with("jwk:"));
    if is_jwk {
        serde_json::from_str(&out).map_err(|e| e.to_string())
    } else {
        Ok(Value::String(out))
    }
}
