//! What is minted is what was described.

use jwt_compact::{
    AlgorithmExt as _, UntrustedToken,
    alg::{Rsa, RsaPublicKey},
};
use rsa::pkcs8::DecodePublicKey as _;

use super::*;

fn tokens_file(text: &str) -> BTreeMap<String, TokenFile> {
    toml::from_str(text).unwrap()
}

fn text_of(tokens: &Tokens<'_>, name: &str) -> String {
    String::from_utf8(tokens.get(name).unwrap()).unwrap()
}

/// The claims, if jwt-compact accepts the signature of `rsa-1`.
fn verified(token: &str) -> Option<Map<String, Value>> {
    let pem = Key::load("rsa-1").unwrap().public_pem();
    let key = RsaPublicKey::from_public_key_pem(&pem).unwrap();
    let token = UntrustedToken::new(token).ok()?;
    let token = Rsa::rs256().validator::<Map<String, Value>>(&key).validate(&token).ok()?;
    Some(token.claims().custom.clone())
}

const GOOD: &str = r#"
    [good]
    key = "rsa-1"
    claims = { sub = "alice", exp = 1_700_000_300 }
"#;

#[test]
fn an_independent_reader_accepts_what_is_minted() {
    let shared = tokens_file(GOOD);
    let own = BTreeMap::new();
    let tokens = Tokens::new(&shared, &own, 1_700_000_000, 0);
    assert_eq!(verified(&text_of(&tokens, "good")).unwrap()["sub"], "alice");

    let Value::Object(claims) = json!({"sub": "bob"}) else { panic!("an object") };
    let token = mint(&Key::load("rsa-1").unwrap(), &Map::new(), &claims);
    assert_eq!(verified(&token).unwrap()["sub"], "bob");
}

#[test]
fn times_near_now_move_with_the_clock() {
    let shared = tokens_file(
        r#"
        [t]
        key = "rsa-1"
        claims = { exp = 1_700_000_300, nbf = 0, iat = 1_699_999_999.5, other = 1_700_000_000 }
        "#,
    );
    let own = BTreeMap::new();
    let tokens = Tokens::new(&shared, &own, 1_700_000_000, 1_000);
    let payload = tokens.placeholder("t.payload").unwrap();
    let payload = base64url::decode(std::str::from_utf8(&payload).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(
        claims,
        json!({"exp": 1_700_001_300, "nbf": 0, "iat": 1_700_000_999.5, "other": 1_700_000_000})
    );
    assert_eq!(tokens.placeholder("time:5").unwrap(), b"1005");
}

#[test]
fn damage_is_done_to_a_good_token() {
    let shared = tokens_file(GOOD);
    let own = tokens_file(
        r#"
        flipped = { like = "good", flip = ["payload", 9] }
        stray = { like = "good", stray_bits = "signature" }
        padded = { like = "good", input = "${good.header}=.${good.payload}" }
        unsigned = { like = "good", sign = "none" }
        confused = { like = "good", sign = "HS256", secret = "${pem:rsa-1}" }
        long = { like = "good", pad_to = 2001 }
        longer = { like = "good", pad_to = 2002 }
        "#,
    );
    let tokens = Tokens::new(&shared, &own, 1_700_000_000, 0);
    let good = text_of(&tokens, "good");
    for name in ["flipped", "stray", "unsigned", "confused"] {
        let token = text_of(&tokens, name);
        assert_ne!(token, good, "{name}");
        assert!(verified(&token).is_none(), "{name}");
    }
    assert!(text_of(&tokens, "unsigned").ends_with('.'));
    assert!(text_of(&tokens, "padded").contains("=."));
    assert_eq!(text_of(&tokens, "long").len(), 2001);
    assert_eq!(text_of(&tokens, "longer").len(), 2002);
    assert!(verified(&text_of(&tokens, "longer")).is_some());
}

#[test]
fn mistakes_name_the_token() {
    let shared = tokens_file(
        r#"
        a = { like = "b" }
        b = { like = "a" }
        keyless = { claims = {} }
        loop = { text = "${loop}" }
        unkeyed = { key = "nobody" }
        "#,
    );
    let own = BTreeMap::new();
    let tokens = Tokens::new(&shared, &own, 0, 0);
    for name in ["a", "keyless", "loop", "unkeyed", "absent"] {
        let problem = tokens.get(name).unwrap_err();
        assert!(problem.starts_with(&format!("token.{name}: ")), "{problem}");
    }
}

#[test]
fn the_real_tokens_are_here() {
    assert!(real_token("auth0").unwrap().starts_with("eyJ"));
    assert!(real_token("nobody").is_err());
}
