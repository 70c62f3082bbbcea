//! `docs/cli.md` shows what the program prints, and lists the options that there are.
//!
//! In a block marked `console`, a line `$ jwt-gate ...` is run at the root of the checkout, and the
//! lines behind it are what it prints, on both streams unless one is sent away. `BLESS=1` writes them.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test helpers outside of test functions; clippy.toml excuses the functions alone"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a root").to_path_buf()
}

fn page() -> String {
    fs::read_to_string(root().join("docs/cli.md")).expect("the page")
}

fn run(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jwt-gate"));
    command.args(words).current_dir(root()).env("NO_COLOR", "1").env("COLUMNS", "100");
    command.output().expect("it starts")
}

/// What a command of the page prints.
fn printed(line: &str) -> String {
    let words = shlex::split(line).expect("balanced quotes");
    let words: Vec<&str> = words.iter().map(String::as_str).skip(1).collect();
    let (mut out, mut err) = (true, true);
    let arguments: Vec<&str> = words
        .into_iter()
        .filter(|word| match *word {
            "2>/dev/null" => {
                err = false;
                false
            }
            ">/dev/null" => {
                out = false;
                false
            }
            _ => true,
        })
        .collect();
    let output = run(&arguments);
    let text = |wanted: bool, bytes: Vec<u8>| {
        if wanted { String::from_utf8(bytes).expect("UTF-8") } else { String::new() }
    };
    let both = text(out, output.stdout) + &text(err, output.stderr);
    both.trim_end().to_owned()
}

#[test]
fn the_page_shows_what_is_printed() {
    let page = page();
    let mut text = String::new();
    let (mut commands, mut off) = (0, Vec::new());
    let mut lines = page.lines().peekable();
    let mut console = false;
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        if line.starts_with("```") {
            console = line == "```console";
        }
        let Some(command) = line.strip_prefix("$ ").filter(|_| console) else { continue };
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| *line != "```" && !line.starts_with("$ ")) {
            shown.push(line);
        }
        // `…` stands for lines that are left out.
        let expected = printed(command);
        let is_cut = shown.last() == Some(&"…");
        let shown_text = shown.join("\n");
        let holds = match shown_text.strip_suffix("…").filter(|_| is_cut) {
            Some(start) => format!("{expected}\n").starts_with(start),
            None => shown_text.trim_end() == expected,
        };
        if !holds {
            off.push(format!("$ {command}\n{expected}\n"));
        }
        text.push_str(if holds && is_cut { &shown_text } else { &expected });
        text.push('\n');
        commands += 1;
    }
    assert!(commands > 5, "{commands} commands");
    if env::var_os("BLESS").is_some() {
        fs::write(root().join("docs/cli.md"), text).expect("writable");
    } else {
        assert!(off.is_empty(), "run again with BLESS=1 if this is meant:\n\n{}", off.join("\n"));
    }
}

/// The long options that `--help` of a command lists.
fn options(command: &str) -> Vec<String> {
    let help = String::from_utf8(run(&[command, "--help"]).stdout).expect("UTF-8");
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let names = lines.filter_map(|line| {
        let start = line.find("--")?;
        line[start..].split([' ', '=', ',']).next().map(str::to_owned)
    });
    let mut names: Vec<String> = names.filter(|name| name != "--help").collect();
    names.sort();
    names
}

#[test]
fn the_page_lists_the_options_that_there_are() {
    let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut command = String::new();
    for line in page().lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let name = heading.split('`').nth(1).unwrap_or_default();
            command = name.strip_prefix("jwt-gate ").unwrap_or_default().to_owned();
        }
        let option = line.strip_prefix("| `--").and_then(|rest| rest.split(['`', ' ', '=']).next());
        if let Some(option) = option {
            listed.entry(command.clone()).or_default().push(format!("--{option}"));
        }
    }
    for (command, mut found) in listed.clone() {
        found.sort();
        assert_eq!(found, options(&command), "{command}");
    }
    assert_eq!(listed.keys().collect::<Vec<_>>(), ["check", "explain", "import"]);
}

#[test]
fn exit_codes_are_those_of_the_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writable");
        path.to_str().expect("a plain path").to_owned()
    };
    let good = "envoy/examples/hamsters/envoy.yaml";
    let bad = file("bad.yaml", "issuers: []\nrules: []\n");
    let broken = file("broken.yaml", "issuers: [\n");
    let binary = folder.path().join("binary");
    fs::write(&binary, [0xff, 0xfe]).expect("writable");
    let binary = binary.to_str().expect("a plain path");
    let token = "host-tests/vectors/auth0-access-token.jwt";
    let then = "2018-11-07T12:00:00Z";
    let delete = "DELETE /api/hamsters/turbo";
    let config = "cli/tests/fixtures/oauth-lua.cfg";
    let key = "/usr/local/etc/haproxy/pem/pubkey.pem=host-tests/vectors/auth0-public-key.pem";
    for (words, code) in [
        (vec!["check", good], 0),
        (vec!["check", &bad], 1),
        (vec!["check", good, &bad], 1),
        (vec!["check", good, "haproxy/examples/oauth/policy.yaml"], 0),
        (vec!["check"], 2),
        (vec!["check", &broken], 2),
        (vec!["check", binary], 2),
        (vec!["check", "/nowhere"], 2),
        (vec!["check", "envoy/compose.yaml"], 1),
        (vec!["chek", good], 2),
        (vec!["explain", good, "--request", delete, "--token-file", token, "--now", then], 0),
        (vec!["explain", good, "--request", delete, "--token-file", token], 1),
        (vec!["explain", good, "--request", delete], 1),
        (vec!["explain", good, "--request", "DELETE"], 2),
        (vec!["explain", good, "--now", "soon"], 2),
        (vec!["explain", good, "--header", "x"], 2),
        (vec!["explain", good, "--jwks", token], 2),
        (vec!["explain", good, "--filter", "jwt_gat"], 2),
        (vec!["explain", good, "--route-metadata", "{rule: x}"], 2),
        (vec!["explain", &bad], 2),
        (vec!["import", config, "--path", key], 0),
        (vec!["import", config], 1),
        (vec!["import", good], 2),
        (vec!["import", "README.md"], 2),
        (vec!["import", config, "--path", "x"], 2),
    ] {
        let output = run(&words);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {told}");
        if code == 2 {
            assert!(!told.is_empty() && output.stdout.is_empty(), "{words:?}");
        }
    }
}

/// A script reads what a person reads.
#[test]
fn json_says_the_same() {
    let good = "envoy/examples/hamsters/envoy.yaml";
    let json = |words: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&run(words).stdout).expect("JSON")
    };
    let checked = json(&["check", good, "--json"]);
    assert_eq!(checked["good"], true);
    assert_eq!(checked["policies"][0]["outline"]["issuers"][0]["algorithms"][0], "RS256");
    let token = "host-tests/vectors/auth0-access-token.jwt";
    let request = ["--request", "DELETE /api/hamsters/turbo", "--token-file", token, "--json"];
    let explained = json(&[&["explain", good][..], &request].concat());
    assert_eq!(explained["verdict"], "denied");
    assert_eq!(explained["reason"], "expired");
    assert_eq!(explained["reply"]["status"], 401);
    let last = explained["steps"].as_array().and_then(|steps| steps.last()).expect("a step");
    assert_eq!((&last["stage"], &last["outcome"]), (&"times".into(), &"rejects".into()));
    let failed =
        last["facts"].as_array().expect("facts").iter().find(|fact| fact["holds"] == false);
    assert_eq!(failed.expect("one that fails")["subject"], "exp");
    // The token is the user's own; its signature is nobody's.
    let signature = fs::read_to_string(root().join(token)).expect("the token");
    let signature = signature.trim().rsplit('.').next().expect("a part").to_owned();
    assert!(!explained.to_string().contains(&signature[..20]));

    let config = "cli/tests/fixtures/oauth-lua.cfg";
    let imported = json(&["import", config, "--json"]);
    assert_eq!(imported["whole"], false);
    let remark = &imported["remarks"][0];
    assert!(remark["line"].is_u64() && remark["source"].is_string(), "{remark}");
}

#[test]
fn keys_that_are_fetched_are_given_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writable");
        path.to_str().expect("a plain path").to_owned()
    };
    let remote = |name: &str| {
        format!(
            "- name: {name}\n  issuer: https://{name}.example/\n  audiences: [api]\n  algorithms: [RS256]\n  \
             keys: {{ remote: {{ uri: https://{name}.example/jwks.json, cluster: {name} }} }}\n"
        )
    };
    let rules = "rules:\n- match: { prefix: / }\n  access: token\n";
    let one = file("one.yaml", &format!("issuers:\n{}{rules}", remote("a")));
    let two = file("two.yaml", &format!("issuers:\n{}{}{rules}", remote("a"), remote("b")));
    let key = |name: &str| scenario_corpus::Key::load(name).expect("a key");
    let set = |name: &str| serde_json::json!({ "keys": [key(name).jwk()] }).to_string();
    let (good, other) = (file("good.json", &set("rsa-1")), file("other.json", &set("rsa-2")));
    let claims = serde_json::json!({ "iss": "https://a.example/", "aud": "api", "exp": 2000 });
    let claims = claims.as_object().expect("claims");
    let token = scenario_corpus::mint(&key("rsa-1"), &serde_json::Map::new(), claims);
    let token = file("token", &token);
    let explained = |policy: &str, more: &[&str]| {
        let words = ["explain", policy, "--token-file", &token, "--now", "1000", "--json"];
        let output = run(&[&words[..], more].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        match serde_json::from_slice::<serde_json::Value>(&output.stdout) {
            Ok(found) => format!("{} {}", found["verdict"], found["reason"]).replace('"', ""),
            Err(_) => told,
        }
    };
    assert_eq!(explained(&one, &[]), "awaits keys keys_unavailable");
    assert_eq!(explained(&one, &["--jwks", &good]), "allowed null");
    assert_eq!(explained(&one, &["--jwks", &other]), "awaits keys key_unknown");
    assert_eq!(explained(&two, &["--jwks", &format!("a={good}")]), "allowed null");
    assert!(explained(&two, &["--jwks", &good]).contains("NAME=FILE, NAME one of a, b"));
    assert!(explained(&one, &["--jwks", &token]).contains("that are not JSON, expected a key set"));
    let page = run(&["explain", &one, "--token-file", &token, "--now", "1000"]);
    assert!(String::from_utf8_lossy(&page.stdout).contains("Download them and give them by"));
}
