//! What the stages work on: a policy, a request and tokens.

use anyhow::{Context, Result};
use bench_stages::{Input, Signed, browser_headers};
use serde_json::json;

use crate::tokens::{AUDIENCE, ISSUER, Pool, SCOPE, SIGNERS, Signer};

/// So many new tokens, twice as many forged ones, and what goes with them.
///
/// # Errors
///
/// A key cannot be read.
pub(super) fn input(tokens: usize) -> Result<Input> {
    let signer = SIGNERS[0];
    let new = Pool::open(signer, "new")?.first(tokens)?;
    let mut forged = Vec::new();
    for step in 1..3 {
        for place in 0..tokens {
            let (signed, _) = parts(&new[place])?;
            let (_, signature) = parts(&new[(place + step) % tokens])?;
            forged.push(format!("{signed}.{signature}"));
        }
    }
    let signed = |signer: Signer| {
        Ok(Signed {
            algorithm: signer.name().to_owned(),
            pem: signer.pem()?,
            jwk: signer.jwk()?,
            token: signer.mint("auth0|5bdc4d7c2d3d6a2e5e8d1a5", &json!({}))?,
        })
    };
    Ok(Input {
        policy: json!({
            "issuers": [{
                "name": "test",
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "algorithms": [signer.name()],
                "keys": { "jwks": { "keys": [signer.jwk()?] } },
            }],
            "rules": [{
                "name": "hamsters",
                "match": { "prefix": "/api/hamsters" },
                "require": { "scopes": { "all": [SCOPE] } },
            }],
            "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
            "limits": { "cache_entries": tokens / 2 },
        }),
        headers: browser_headers(PATH),
        signed: SIGNERS.into_iter().map(signed).collect::<Result<_>>()?,
        new,
        forged,
    })
}

fn parts(token: &str) -> Result<(&str, &str)> {
    token.rsplit_once('.').context("found a token without parts")
}

/// A path that has something to decode.
const PATH: &str = "/api/hamsters/turbo%3Aspeed?page=2&sort=name";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_its_outcome_again_and_again() {
        let mut stages = bench_stages::stages(input(80).unwrap());
        for stage in &mut stages {
            // More often than there are tokens, where there are many.
            let many = stage.name.starts_with("cache") || stage.name.starts_with("whole");
            stage.run(if many { 200 } else { 3 });
        }
        let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(names.len(), 19, "{names:?}");
    }

    #[test]
    #[should_panic(expected = "a forged token")]
    fn a_stage_that_accepts_what_it_should_refuse_fails() {
        let mut input = input(10).unwrap();
        input.forged.clone_from(&input.new);
        let _ = bench_stages::stages(input);
    }

    #[test]
    #[should_panic(expected = "all new tokens are remembered")]
    fn new_tokens_that_are_no_longer_new_fail() {
        let mut input = input(10).unwrap();
        input.policy["limits"]["cache_entries"] = json!(1000);
        let _ = bench_stages::stages(input);
    }
}
