//! The section `keys` of an issuer.

use crate::{
    algorithm::Algorithm,
    jwk,
    key::{Key, KeySet, MAX_TRIES},
    key_source::KeySource,
    pem,
};

use super::{problem::Problems, reader::Node, source};

/// The keys of an issuer, or where they come from.
pub(crate) enum Keys {
    /// Those of the document that go with at least one of the issuer's algorithms.
    Given(KeySet),
    Fetched(KeySource),
}

/// Reads the section. `issuer` and `algorithms` are `None` if they could not be read, and then say
/// nothing against what stands here.
pub(crate) fn read(
    node: &Node<'_>,
    issuer: Option<&str>,
    algorithms: Option<&[Algorithm]>,
    sink: &mut Problems,
) -> Option<Keys> {
    let mut fields = node.object(sink)?;
    let chosen = fields.exactly_one(&["pem", "jwks", "remote", "discovery"], sink);
    fields.finish(sink);
    let (kind, node) = chosen?;
    let keys = match kind {
        "pem" => read_pem(&node, algorithms, sink)?,
        "jwks" => read_jwks(&node, algorithms, sink)?,
        kind => {
            refuse_secrets(&node, algorithms, sink);
            let source = match kind {
                "remote" => source::remote(&node, sink),
                _ => source::discovery(&node, issuer, sink),
            };
            return source.map(Keys::Fetched);
        }
    };
    let set = KeySet::new(keys);
    if set.has_too_many_nameless() {
        // The fifth would refuse good tokens for ever, and nobody would know why.
        let expected = format!("at most {MAX_TRIES} of them, as they are tried one by one");
        sink.error(&node.path, "too many keys without a `kid`", expected);
    }
    Some(Keys::Given(set))
}

/// Whoever can fetch an HMAC's key can sign with it, and a published set is there for everybody.
fn refuse_secrets(node: &Node<'_>, algorithms: Option<&[Algorithm]>, sink: &mut Problems) {
    let listed = algorithms.unwrap_or_default().iter();
    let secret = listed.filter(|algorithm| algorithm.needs_secret());
    let secret: Vec<&str> = secret.map(|algorithm| algorithm.name()).collect();
    if !secret.is_empty() {
        let found = format!("keys that are fetched, for {}", secret.join(", "));
        let expected =
            "pem or jwks for an HMAC, as a secret that is fetched over the network is none";
        sink.error(&node.path, found, expected);
    }
}

fn read_pem(
    node: &Node<'_>,
    algorithms: Option<&[Algorithm]>,
    sink: &mut Problems,
) -> Option<Vec<Key>> {
    const EXPECTED: &str = "PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE blocks";
    let Some(text) = node.value.as_str() else {
        node.wrong(EXPECTED, sink);
        return None;
    };
    // Never the text itself: it may be a private key in the wrong place.
    let problems = match pem::read_keys(text) {
        Ok(keys) => {
            let unfit = keys.iter().zip(1_usize..).filter_map(|(key, block)| {
                let problem = key.admitted_by(algorithms?).err()?;
                Some(format!("in block {block}: {problem}"))
            });
            let unfit: Vec<String> = unfit.collect();
            if unfit.is_empty() {
                return Some(keys);
            }
            unfit
        }
        Err(problems) => problems,
    };
    for problem in problems {
        sink.error(&node.path, problem, EXPECTED);
    }
    None
}

fn read_jwks(
    node: &Node<'_>,
    algorithms: Option<&[Algorithm]>,
    sink: &mut Problems,
) -> Option<Vec<Key>> {
    const EXPECTED: &str = "a key set with at least one key for a listed algorithm";
    let set = match jwk::read_set(node.value) {
        Ok(set) => set,
        Err(problem) => {
            sink.error(&node.path, problem, EXPECTED);
            return None;
        }
    };
    let set = match algorithms {
        Some(listed) => set.for_algorithms(listed),
        None => set,
    };
    let keys: Vec<Key> = set.keys.into_iter().map(|(_, key)| key).collect();
    let none_left = keys.is_empty();
    for (place, problem) in &set.skipped {
        let path = format!("{}.keys[{place}]", node.path);
        if none_left {
            sink.error(&path, problem, EXPECTED);
        } else {
            sink.warn(&path, problem, "a key for a listed algorithm; this one is passed over");
        }
    }
    if none_left && set.skipped.is_empty() {
        sink.error(&node.path, "an empty key set", EXPECTED);
    }
    (!none_left).then_some(keys)
}
