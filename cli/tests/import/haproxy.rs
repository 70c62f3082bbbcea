//! HAProxy's two articles, and what hand-written configurations have beside their lines.

use jwt_gate_cli::import::{Imported, Kind, Options};
use serde_json::json;

use crate::{compiled, fate, fixture, forged, imported, remarks, token, with_key};

fn import(name: &str, named: &str) -> Imported {
    let (_folder, here) = with_key("rsa-1");
    let options = Options { paths: vec![format!("{named}={here}")], ..Options::default() };
    imported(&fixture(name), &options)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Whether the remarks say all of these.
fn says(imported: &Imported, kind: Kind, parts: &[&str]) {
    let remarks = remarks(imported, kind);
    for part in parts {
        assert!(remarks.contains(part), "{part:?} is not in\n{remarks}");
    }
}

#[test]
fn fusionauths_lines_become_a_policy() {
    let imported = import("fusionauth.cfg", "/etc/haproxy/pubkey.pem");
    assert_eq!(remarks(&imported, Kind::Missing), "");
    assert_eq!(remarks(&imported, Kind::NotCarried), "");
    let policy = compiled(&imported);
    let good = json!({
        "iss": "https://local.fusionauth.io", "aud": "63b73f76-7400-487d-b122-5705b848da80",
    });
    let with = |changes: serde_json::Value| {
        let mut claims = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        bearer(&token(claims))
    };
    for (what, authorization, expected) in [
        ("good", with(json!({})), "allowed"),
        (
            "another issuer",
            with(json!({ "iss": "https://local.fusionauth.io/" })),
            "issuer_unknown",
        ),
        ("another audience", with(json!({ "aud": "other" })), "audience_mismatch"),
        ("several audiences", with(json!({ "aud": ["a", good["aud"]] })), "allowed"),
        ("expired", with(json!({ "exp": crate::NOW - 61 })), "expired"),
        // What the original lets pass.
        ("no exp", with(json!({ "exp": null })), "expiry_missing"),
        ("an exp that is no number", with(json!({ "exp": [1] })), "claim_malformed"),
        ("nbf to come", with(json!({ "nbf": crate::NOW + 3600 })), "not_yet_valid"),
        (
            "the file's name as the secret",
            bearer(&forged(&good, "/etc/haproxy/pubkey.pem")),
            "algorithm_not_allowed",
        ),
    ] {
        let found = fate(&policy, "GET /x", &[("authorization", &authorization)]);
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(fate(&policy, "GET /x", &[]), "token_missing");

    says(
        &imported,
        Kind::Closed,
        &[
            "17: a token without `exp`",
            "the text `/etc/haproxy/pubkey.pem` as its secret",
            "`nbf`",
            "of two tokens in one request",
            "the token goes on to the server",
        ],
    );
    says(&imported, Kind::Changed, &["several audiences", "401 with a challenge", "own text"]);
}

#[test]
fn the_lua_librarys_lines_become_a_policy() {
    let imported = import("oauth-lua.cfg", "/usr/local/etc/haproxy/pem/pubkey.pem");
    assert_eq!(remarks(&imported, Kind::Missing), "");
    assert_eq!(remarks(&imported, Kind::NotCarried), "");
    let policy = compiled(&imported);
    let with = |scope: &str| {
        bearer(&token(json!({
            "iss": "https://myaccount.auth0.com/", "aud": "https://api.mywebsite.com", "scope": scope,
        })))
    };
    for (line, scope, expected) in [
        ("GET /api/hamsters", None, "allowed"),
        ("GET /anything", None, "allowed"),
        ("POST /api/hamsters", None, "token_missing"),
        ("POST /api/hamsters/turbo", Some("write:hamsters read:hamsters"), "allowed"),
        ("DELETE /api/hamsters/turbo", Some("write:hamsters"), "allowed"),
        ("DELETE /api/hamsters/turbo", Some("read:hamsters"), "scope_insufficient"),
        // Only POST and DELETE need the scope, as in the original.
        ("PUT /api/hamsters/turbo", Some("read:hamsters"), "allowed"),
        ("POST /elsewhere", Some(""), "allowed"),
        // What the original lets pass.
        ("POST /api/hamsters", Some("write:hamsters-admin"), "scope_insufficient"),
        ("POST /api/hamsters", Some("nowrite:hamsters"), "scope_insufficient"),
        ("POST /%61pi/hamsters", Some("read:hamsters"), "scope_insufficient"),
        ("POST //api/hamsters", Some("read:hamsters"), "path_ambiguous"),
        ("POST /x/../api/hamsters", Some("read:hamsters"), "path_ambiguous"),
    ] {
        let authorization = scope.map(with);
        let headers: Vec<_> =
            authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        assert_eq!(fate(&policy, line, &headers), expected, "{line} {scope:?}");
    }
    says(&imported, Kind::Open, &["12: every GET request passes without a token"]);
    says(
        &imported,
        Kind::Closed,
        &[
            "`write:hamsters` is also in `write:hamsters-admin`",
            "before it has checked the signature",
            "`//x`",
        ],
    );
    says(&imported, Kind::Changed, &["`path_beg /api/hamsters` takes /api/hamstersx too"]);
}

#[test]
fn the_rest_of_a_configuration_is_carried_over_or_remarked() {
    let imported = import("everything.cfg", "/etc/haproxy/pubkey.pem");
    assert_eq!(remarks(&imported, Kind::Missing), "");
    let policy = compiled(&imported);
    let cookie = |scope: &str, roles: &[&str]| {
        let token = token(json!({
            "iss": "https://login.example.com/", "aud": "shop", "scope": scope,
            "realm_access": { "roles": roles },
        }));
        format!("app.at={token}")
    };
    let host = ("host", "shop.example.com");
    for (line, cookie, expected) in [
        ("GET /health", None, "allowed"),
        ("GET /api/x", None, "token_missing"),
        ("GET /api/x", Some(cookie("read:shop", &[])), "allowed"),
        ("HEAD /api/x", Some(cookie("admin", &[])), "allowed"),
        ("GET /api/x", Some(cookie("write:shop", &[])), "scope_insufficient"),
        ("POST /api/x", Some(cookie("write:shop", &[])), "allowed"),
        ("POST /api/x", Some(cookie("read:shop", &[])), "scope_insufficient"),
        ("POST /api/admin", Some(cookie("write:shop", &[])), "claim_condition_failed"),
        ("POST /api/admin", Some(cookie("write:shop", &["editors"])), "claim_condition_failed"),
        ("POST /api/admin", Some(cookie("write:shop", &["editor"])), "allowed"),
        // HAProxy lets what is not the API pass; nothing says that this is meant.
        ("GET /page", None, "rule_denies"),
    ] {
        let mut headers = vec![host];
        headers.extend(cookie.iter().map(|value| ("cookie", value.as_str())));
        assert_eq!(fate(&policy, line, &headers), expected, "{line} {cookie:?}");
    }
    // Another host is refused by the original too, the health check apart.
    let good = cookie("read:shop", &[]);
    assert_ne!(fate(&policy, "GET /api/x", &[("host", "other"), ("cookie", &good)]), "allowed");
    assert_eq!(fate(&policy, "GET /health", &[("host", "other")]), "allowed");
    // Neither header can be sent by a client.
    for name in ["x-user", "X_User", "x-ssl-client-cn"] {
        assert_eq!(fate(&policy, "GET /health", &[host, (name, "root")]), "header_spoofed");
    }

    says(
        &imported,
        Kind::Closed,
        &[
            "no line compares `alg`",
            "no line looks at `exp`",
            "in its cookie app.at",
            "lets every request pass that no line refuses",
        ],
    );
    says(&imported, Kind::NotCarried, &["`lua.audit`", "`frobnicate`"]);
    says(&imported, Kind::Open, &["`verify optional`"]);
    says(&imported, Kind::Changed, &["`set-path`", "`x-user` is refused"]);
    says(
        &imported,
        Kind::Stays,
        &["src 10.0.0.0/8", "read: defaults", "certificate", "use_backend"],
    );
}

#[test]
fn what_is_missing_is_said_and_denied() {
    let text =
        "http-request deny unless { http_auth_bearer,jwt_verify(txn.alg,\"/none.pem\") 1 }\n";
    let imported =
        jwt_gate_cli::import::import("x.cfg".as_ref(), text, &Options::default()).unwrap();
    says(&imported, Kind::Missing, &["/none.pem", "--issuer"]);
    says(&imported, Kind::Open, &["`audiences: any`"]);
    assert!(!imported.problems.is_empty(), "{}", imported.policy);

    let (_folder, here) = with_key("ec-1");
    let options = Options {
        issuer: Some("https://a.example/".to_owned()),
        audience: vec!["api".to_owned()],
        paths: vec![format!("/none.pem={here}")],
        section: None,
    };
    let imported = jwt_gate_cli::import::import("x.cfg".as_ref(), text, &options).unwrap();
    assert_eq!(remarks(&imported, Kind::Missing), "");
    assert!(imported.policy.contains("algorithms: [ES256]"), "{}", imported.policy);
    compiled(&imported);
}

/// The example's stand-in for the Lua library: one variable for all checks.
#[test]
fn one_variable_for_all_checks_is_taken_apart() {
    let file = fixture("../../../haproxy/examples/oauth/original.cfg");
    let (_folder, here) = with_key("rsa-1");
    let options = Options {
        paths: vec![format!("haproxy/examples/oauth/pubkey.pem={here}")],
        ..Options::default()
    };
    let imported = crate::imported(&file, &options);
    assert_eq!(remarks(&imported, Kind::Missing), "");
    assert_eq!(remarks(&imported, Kind::NotCarried), "");
    let policy = compiled(&imported);
    let with = |issuer: &str, scope: &str| {
        bearer(&token(json!({ "iss": issuer, "aud": "https://api.mywebsite.com", "scope": scope })))
    };
    let ours = "https://nickram44.auth0.com/";
    for (line, issuer, scope, expected) in [
        ("PUT /x", ours, "", "allowed"),
        ("POST /api/hamsters", ours, "write:hamsters", "allowed"),
        ("POST /api/hamsters", ours, "read:hamsters", "scope_insufficient"),
        ("PUT /x", "https://other.example/", "", "issuer_unknown"),
    ] {
        let headers = [("authorization", with(issuer, scope))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(fate(&policy, line, &headers), expected, "{line}\n{}", imported.policy);
    }
    assert_eq!(fate(&policy, "GET /x", &[]), "allowed");
    assert_eq!(fate(&policy, "PUT /x", &[]), "token_missing");
}

/// As the articles have them, before somebody fills them in.
#[test]
fn placeholders_are_no_values() {
    let text = std::fs::read_to_string(fixture("fusionauth.cfg")).unwrap();
    let text = text
        .replace("https://local.fusionauth.io", "<YOUR_FUSIONAUTH_URL>")
        .replace("63b73f76-7400-487d-b122-5705b848da80", "<YOUR_APPLICATION_ID>");
    let (_folder, here) = with_key("rsa-1");
    let options =
        Options { paths: vec![format!("/etc/haproxy/pubkey.pem={here}")], ..Options::default() };
    let imported = jwt_gate_cli::import::import("x.cfg".as_ref(), &text, &options).unwrap();
    says(
        &imported,
        Kind::Missing,
        &[
            "<YOUR_FUSIONAUTH_URL> stands for your issuer",
            "<YOUR_APPLICATION_ID> stands for your audience",
        ],
    );
    compiled(&imported);
}

/// A shared secret is taken over if it is one.
#[test]
fn secrets_are_measured() {
    let import = |secret: &str| {
        let text = format!(
            "http-request deny unless {{ http_auth_bearer,jwt_verify(HS256,\"{secret}\") 1 }}\n"
        );
        let options = Options { issuer: Some("i".to_owned()), ..Options::default() };
        jwt_gate_cli::import::import("x.cfg".as_ref(), &text, &options).unwrap()
    };
    let secret = "0123456789abcdef0123456789abcdef";
    let policy = compiled(&import(secret));
    let good = json!({ "iss": "i", "exp": crate::NOW + 60 });
    let authorization = bearer(&forged(&good, secret));
    assert_eq!(fate(&policy, "GET /", &[("authorization", &authorization)]), "allowed");
    says(&import("hunter2"), Kind::Missing, &["7 bytes, expected 32 at least"]);
    says(
        &import("/etc/haproxy/secret-key-0123456789abcdef.pem"),
        Kind::Missing,
        &["the file's name for the secret"],
    );
}

#[test]
fn a_section_is_chosen() {
    let line = "  http-request deny unless { http_auth_bearer,jwt_verify(RS256,k.pem) 1 }\n";
    let text = format!("frontend one\n{line}frontend two\n{line}");
    let import = |section: Option<&str>| {
        let options = Options { section: section.map(str::to_owned), ..Options::default() };
        jwt_gate_cli::import::import("x.cfg".as_ref(), &text, &options)
    };
    let problem = import(None).unwrap_err();
    assert!(problem.contains("one of frontend one, frontend two"), "{problem}");
    let problem = import(Some("frontend tow")).unwrap_err();
    assert!(problem.ends_with("perhaps frontend two"), "{problem}");
    assert!(import(Some("frontend two")).unwrap().policy.contains("frontend two"));
}

/// Lines, and what the policy says of a request without and with a token.
#[test]
fn overlapping_lines_add_up() {
    let head = "http-request set-var(txn.s) http_auth_bearer,jwt_payload_query('$.scope')\n\
                http-request deny unless { http_auth_bearer,jwt_verify(RS256,\"/k.pem\") 1 }\n";
    let (_folder, here) = with_key("rsa-1");
    let options = Options {
        issuer: Some("i".to_owned()),
        paths: vec![format!("/k.pem={here}")],
        ..Options::default()
    };
    for (lines, line, scope, expected) in [
        (
            "http-request deny if { path_beg /a } !{ var(txn.s) -m sub r }\n\
             http-request deny if { path_beg /a } METH_POST !{ var(txn.s) -m sub w }\n",
            "POST /a",
            "w",
            "scope_insufficient",
        ),
        (
            "http-request deny if { path_beg /a } !{ var(txn.s) -m sub r }\n\
             http-request deny if { path_beg /a } METH_POST !{ var(txn.s) -m sub w }\n",
            "POST /a",
            "w r",
            "allowed",
        ),
        // Either scope.
        ("http-request deny unless { var(txn.s) -m sub r w }\n", "GET /", "w", "allowed"),
        (
            "http-request deny if !{ var(txn.s) -m sub r } !{ var(txn.s) -m sub w }\n",
            "GET /",
            "x",
            "scope_insufficient",
        ),
        // A condition that is not understood is left out, and more is refused.
        (
            "http-request deny if { src 10.0.0.1 } !{ var(txn.s) -m sub r }\n",
            "GET /",
            "w",
            "scope_insufficient",
        ),
        // One that is about tokens and cannot be said denies.
        ("http-request deny if { var(txn.s) -m sub banned }\n", "GET /", "r", "rule_denies"),
        (
            "http-request deny if { path_beg /a } { var(txn.s) -m reg ^x }\n",
            "GET /b",
            "r",
            "allowed",
        ),
        (
            "http-request deny if { path_beg /a } { var(txn.s) -m reg ^x }\n",
            "GET /a",
            "r",
            "rule_denies",
        ),
        // Allowed with, and denied otherwise.
        (
            "http-request allow if { var(txn.s) -m sub r }\nhttp-request deny\n",
            "GET /",
            "r",
            "allowed",
        ),
        (
            "http-request allow if { var(txn.s) -m sub r }\nhttp-request deny\n",
            "GET /",
            "w",
            "scope_insufficient",
        ),
        // What is in a variable when a line is run is what counts.
        (
            "acl ok var(txn.late) -m sub r\n\
             http-request set-var(txn.late) http_auth_bearer,jwt_payload_query('$.scope')\n\
             http-request deny unless ok\n",
            "GET /",
            "w",
            "scope_insufficient",
        ),
        // Each path its own issuer or audience.
        (
            "http-request set-var(txn.i) http_auth_bearer,jwt_payload_query('$.iss')\n\
             http-request deny if { path_beg /a } !{ var(txn.i) -m str i }\n\
             http-request deny if { path_beg /b } !{ var(txn.i) -m str j }\n",
            "GET /b",
            "r",
            "claim_condition_failed",
        ),
        (
            "http-request set-var(txn.i) http_auth_bearer,jwt_payload_query('$.iss')\n\
             http-request deny if { path_beg /a } !{ var(txn.i) -m str i }\n\
             http-request deny if { path_beg /b } !{ var(txn.i) -m str j }\n",
            "GET /a",
            "r",
            "allowed",
        ),
        // A variable that says whether all of it holds.
        (
            "http-request set-var(txn.ok) bool(true) if { var(txn.s) -m sub r } METH_GET\n\
             http-request deny unless { var(txn.ok) -m bool }\n",
            "GET /",
            "w",
            "scope_insufficient",
        ),
        (
            "http-request set-var(txn.ok) bool(true) if { var(txn.s) -m sub r } METH_GET\n\
             http-request deny unless { var(txn.ok) -m bool }\n",
            "GET /",
            "r",
            "allowed",
        ),
        (
            "http-request set-var(txn.ok) bool(true) if { var(txn.s) -m sub r } METH_GET\n\
             http-request deny unless { var(txn.ok) -m bool }\n",
            "PUT /",
            "r",
            "rule_denies",
        ),
        (
            "http-request set-var(txn.ok) int(1) if { var(txn.s) -m sub r }\n\
             http-request set-var(txn.ok) int(1) if { var(txn.s) -m sub w }\n\
             http-request deny if { path_beg /a } !{ var(txn.ok) -m bool }\n",
            "GET /a",
            "w",
            "allowed",
        ),
        // A token that is there must be good.
        (
            "http-request allow if { path /o } !{ req.hdr(authorization) -m found }\n",
            "GET /o",
            "r",
            "allowed",
        ),
        ("http-request deny if TRUE\n", "GET /", "r", "rule_denies"),
        ("http-request deny if FALSE\n", "GET /", "r", "allowed"),
        ("http-request deny unless METH_GET or METH_POST\n", "PUT /", "r", "rule_denies"),
        ("http-request deny unless METH_GET || METH_POST\n", "POST /", "r", "allowed"),
    ] {
        let imported =
            jwt_gate_cli::import::import("x.cfg".as_ref(), &format!("{head}{lines}"), &options)
                .unwrap();
        let policy = compiled(&imported);
        let authorization = bearer(&token(json!({ "iss": "i", "scope": scope })));
        let found = fate(&policy, line, &[("authorization", &authorization)]);
        assert_eq!(found, expected, "{lines}{line} {scope}\n{}", imported.policy);
    }
}
