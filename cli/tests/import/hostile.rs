//! Files that nobody wrote, and every cut of those that somebody did: no panic, and an answer.

use std::{fs, path::Path};

use jwt_gate_cli::import::{Options, import};

use crate::fixture;

const FIXTURES: [&str; 4] = ["fusionauth.cfg", "oauth-lua.cfg", "everything.cfg", "jwt-authn.yaml"];

/// What stands in a word's place.
const ODD: [&str; 12] =
    ["", "}", "{", "!", "'", "\"", "((", "$.", "%[", "\u{0}é\u{2028}", "- - -", "if"];

fn survive(text: &str) {
    if let Ok(imported) = import(Path::new("x"), text, &Options::default()) {
        assert!(!imported.policy.is_empty());
    }
}

#[test]
fn every_line_can_be_missing_or_come_twice() {
    for name in FIXTURES {
        let text = fs::read_to_string(fixture(name)).expect("a fixture");
        let lines: Vec<&str> = text.lines().collect();
        for place in 0..lines.len() {
            let mut less = lines.clone();
            less.remove(place);
            survive(&less.join("\n"));
            let mut more = lines.clone();
            more.insert(place, lines[place]);
            survive(&more.join("\n"));
        }
    }
}

#[test]
fn every_word_can_be_missing_or_nonsense() {
    for name in FIXTURES {
        let text = fs::read_to_string(fixture(name)).expect("a fixture");
        let lines: Vec<&str> = text.lines().collect();
        for (place, line) in lines.iter().enumerate() {
            let words: Vec<&str> = line.split(' ').collect();
            for word in 0..words.len() {
                // Two of them for each word: each meets many words, and the test ends.
                let turn = (place + word) % ODD.len();
                for odd in [ODD[turn], ODD[(turn + 5) % ODD.len()]] {
                    let mut changed = words.clone();
                    changed[word] = odd;
                    let mut all = lines.clone();
                    let changed = changed.join(" ");
                    all[place] = &changed;
                    survive(&all.join("\n"));
                }
            }
        }
    }
}

#[test]
fn large_and_deep_files_end() {
    let many =
        "http-request deny if { path_beg /a } { method GET POST } !{ var(txn.x) 1 }\n".repeat(2000);
    survive(&format!("http-request lua.jwtverify\n{many}"));
    let different: String = (0..2000)
        .map(|n| format!("http-request deny if {{ path_beg /a{n} }} {{ method M{n} }} !{{ var(txn.authorized) -m bool }}\n"))
        .collect();
    survive(&format!("http-request lua.jwtverify\n{different}"));
    let nested =
        format!("http-request lua.jwtverify\nhttp-request deny if {} a\n", "!{ ".repeat(5000));
    survive(&nested);
    let ors = format!(
        "http-request lua.jwtverify\nhttp-request deny unless {}\n",
        "METH_GET METH_PUT or ".repeat(500)
    );
    survive(&ors);
    survive(&"[".repeat(100_000));
    survive(&format!("providers: {}\nrules: []\n", "{a: ".repeat(2000)));
    survive(&"a: &a [*a, *a]\n".repeat(10));
}
