//! `wasmtime-harness run`, as a person and as a machine use it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

/// A filter that refuses requests without a header `key`, and marks the others. One with
/// seven headers keeps it busy for ever, as does a configuration of seven bytes.
const GATE: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_send_local_response"
        (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value"
        (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value"
        (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "no key\n")
    (data (i32.const 16) "x-seen")
    (data (i32.const 32) "yes")
    (data (i32.const 48) "a request")
    (data (i32.const 64) "key")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
    (func $busy (param i32)
        (loop $again (br_if $again (i32.eq (local.get 0) (i32.const 7)))))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (call $busy (local.get 1))
        (local.get 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $busy (local.get 1))
        (drop (call $log (i32.const 2) (i32.const 48) (i32.const 9)))
        (if (result i32) (call $get (i32.const 0) (i32.const 64) (i32.const 3)
                (i32.const 80) (i32.const 84))
            (then
                (drop (call $reply (i32.const 401) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 0) (i32.const -1)))
                (i32.const 1))
            (else
                (drop (call $add (i32.const 0) (i32.const 16) (i32.const 6)
                    (i32.const 32) (i32.const 3)))
                (i32.const 0)))))"#;

const PASSES: &str = r#"why = "A request without a key is refused"
module = "gate.wasm"
configuration = "x"

[[step]]
request = "GET /"
expect = { reply = { status = 401, body = '''
no key
''' }, logs = ["info: a request"] }

[[step]]
why = "a key is enough"
request = "GET /"
headers = { key = "1" }
expect = { upstream = { add = { x-seen = "yes" } } }
"#;

const FAILS: &str = r#"why = "Nothing is refused"
module = "gate.wasm"
configuration = "x"

[[step]]
why = "not even <this> & that"
request = "GET /"
expect = { reply = 403 }
"#;

/// A folder with the filter and some scenarios.
struct Folder(TempDir);

/// What one call of the command gave.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path("gate.wasm"), wat::parse_str(GATE).unwrap()).unwrap();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// Calls the command in the folder, so that paths in what it says are short.
    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasmtime-harness"));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        let command = command.arg("run").args(arguments).envs(variables.iter().copied());
        let output = command.current_dir(self.0.path()).output().expect("starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    #[track_caller]
    fn is(&self, code: i32, out: &str, err: &str) {
        let found = (self.code, self.out.as_str(), self.err.as_str());
        assert_eq!(found, (Some(code), out, err));
    }
}

#[test]
fn one_line_a_step_and_a_summary() {
    let folder = Folder::new(&[("a.toml", PASSES)]);
    let expected = "\
a.toml  A request without a key is refused
  ok    start -> accepted
  ok    GET / -> reply 401
  ok    GET / -> upstream, 200  a key is enough
1 passed, 0 failed
";
    folder.run(&["a.toml"]).is(0, expected, "");
}

#[test]
fn a_failure_tells_where_and_what() {
    let folder = Folder::new(&[("b.toml", FAILS)]);
    let expected = "\
b.toml  Nothing is refused
  ok    start -> accepted
  FAIL  GET / -> reply 401  not even <this> & that  line 5
        reply.status
          expected 403
          found    401
0 passed, 1 failed
";
    folder.run(&["b.toml"]).is(1, expected, "");
}

#[test]
fn a_start_that_fails_ends_the_scenario() {
    let refused = PASSES.replace("configuration = \"x\"", "");
    let folder = Folder::new(&[("a.toml", &refused)]);
    let expected = "\
a.toml  A request without a key is refused
  FAIL  start -> refused
        the configuration
          expected accepted
          found    refused
0 passed, 1 failed
";
    folder.run(&["a.toml"]).is(1, expected, "");
}

#[test]
fn folders_are_searched_for_scenarios_and_nothing_else() {
    let nested = PASSES.replace("gate.wasm", "../../gate.wasm");
    let folder = Folder::new(&[
        ("s/b.toml", &PASSES.replace("gate.wasm", "../gate.wasm")),
        ("s/a/z.toml", &nested),
        ("s/Cargo.toml", "[package]\nname = 'x'"),
        ("s/other.toml", "why = 'another kind of file'\nnumber = 18446744073709551616"),
        ("s/.hidden/c.toml", PASSES),
        ("s/notes.md", "why"),
    ]);
    let ran = folder.run(&["s"]);
    let heads: Vec<_> = ran.out.lines().filter(|line| line.contains(".toml")).collect();
    let head = |path: &str| format!("{path}  A request without a key is refused");
    assert_eq!(heads, [head("s/a/z.toml"), head("s/b.toml")], "{}", ran.err);
    assert_eq!(ran.out.lines().last(), Some("2 passed, 0 failed"));

    let filtered = folder.run(&["s", "--filter", "a/z"]);
    assert_eq!(filtered.out.lines().last(), Some("1 passed, 0 failed"));
    folder.run(&["s", "--filter", "q"]).is(
        2,
        "",
        "s: found no scenario with \"q\" in its path, expected at least one of 2\n",
    );
    folder.run(&["gone"]).is(2, "", "gone: found no such file or folder\n");
    folder.run(&["s/.hidden", "s/notes"]).is(2, "", "s/notes: found no such file or folder\n");
    folder.write("broken/a.toml", "[[step]\nrequest = 'GET /'");
    let broken = folder.run(&["broken"]);
    assert_eq!(broken.code, Some(2), "a scenario that is no TOML is told");
    assert!(broken.err.contains("broken/a.toml:1:"), "{}", broken.err);
    folder.write("empty/Cargo.toml", "");
    folder.run(&["empty"]).is(2, "", "empty: found no scenario (*.toml), expected at least one\n");
}

#[test]
fn what_cannot_be_played_is_told_and_the_rest_is_played() {
    let folder = Folder::new(&[
        ("a.toml", PASSES),
        ("b.toml", "why = 'x'\nstep = [{ requst = 'GET /' }]"),
        ("c.toml", &FAILS.replace("module = \"gate.wasm\"\n", "")),
        ("d.toml", &FAILS.replace("gate", "gone")),
        ("e.toml", FAILS),
    ]);
    let ran = folder.run(&["."]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.out.lines().last(), Some("1 passed, 1 failed, 3 could not be played"));
    let errors: Vec<_> = ran.err.lines().collect();
    let expected = [
        "error ./b.toml:2:9: step[0]: unknown field `requst`; did you mean `request`?",
        "error ./c.toml: module: found none, expected `module = \"FILE.wasm\"` in the scenario or \
         --module",
        "error ./d.toml: module: cannot read ./gone.wasm: No such file or directory (os error 2)",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn the_module_of_the_command_wins() {
    let folder = Folder::new(&[("d.toml", &PASSES.replace("gate.wasm", "gone.wasm"))]);
    let ran = folder.run(&["--module", "gate.wasm", "d.toml"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    folder.write("none.wasm", "text");
    let ran = folder.run(&["--module", "none.wasm", "d.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.starts_with("error d.toml: module: "), "{}", ran.err);
}

#[test]
fn profiles_are_chosen_by_the_scenario_or_the_command() {
    let two = format!("profiles = ['envoy-1.40', 'spec-strict']\n{PASSES}");
    let folder = Folder::new(&[("a.toml", &two)]);
    let heads = |ran: &Ran| {
        let lines = ran.out.lines().filter_map(|line| line.strip_prefix("a.toml"));
        lines.map(|line| line.split("  ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let ran = folder.run(&["a.toml"]);
    assert_eq!(heads(&ran), [" under envoy-1.40", " under spec-strict"], "{}", ran.err);
    assert_eq!(heads(&folder.run(&["a.toml", "--profile", "hostile"])), [""]);
    let all = folder.run(&["a.toml", "--profile", "all"]);
    let names = ["envoy-1.40", "ngx_wasm", "spec-strict", "hostile"];
    assert_eq!(heads(&all), names.map(|name| format!(" under {name}")));
    let wrong = folder.run(&["a.toml", "--profile", "nginx"]);
    assert_eq!(wrong.code, Some(2));
    let expected = "found the profile \"nginx\", expected one of `envoy-1.40`, `ngx_wasm`, \
                    `spec-strict`, `hostile`";
    assert!(wrong.err.contains(expected), "{}", wrong.err);
}

#[test]
fn colours_are_for_those_who_want_them() {
    let folder = Folder::new(&[("a.toml", PASSES), ("b.toml", FAILS)]);
    let plain = folder.run(&["a.toml", "b.toml"]);
    assert!(!plain.out.contains('\u{1b}'), "a pipe is no terminal");
    let forced = folder.run_with(&["a.toml", "b.toml"], &[("CLICOLOR_FORCE", "1")]);
    for coloured in ["\u{1b}[32mok  ", "\u{1b}[31mFAIL", "\u{1b}[32m403", "\u{1b}[31m401"] {
        assert!(forced.out.contains(coloured), "{coloured:?} in {}", forced.out);
    }
    let no = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    let none = folder.run_with(&["a.toml", "b.toml"], &no);
    assert_eq!(none.out, plain.out, "NO_COLOR wins");
}

#[test]
fn a_trace_shows_what_passed_between_proxy_and_filter() {
    let folder = Folder::new(&[("a.toml", PASSES)]);
    let ran = folder.run(&["--trace", "a.toml"]);
    let expected = "  ok    GET / -> reply 401
        proxy_on_context_create(2, 1)
          = not exported
        proxy_on_request_headers(2, 4, 1)
          proxy_log(2, \"a request\") -> OK
          proxy_get_header_map_value(0, \"key\") -> NOT_FOUND
          proxy_send_local_response(401, \"\", \"no key\\n\", {}, -1) -> OK
          info: a request
          = 1
";
    assert!(ran.out.contains(expected), "{}", ran.out);
}

#[test]
fn a_record_is_kept_and_then_compared() {
    let folder = Folder::new(&[("a.toml", PASSES), ("b.toml", FAILS)]);
    let blessed = folder.run(&["--bless", "."]);
    assert_eq!(blessed.code, Some(1));
    assert!(blessed.out.contains("  kept  the record\n"), "{}", blessed.out);
    assert!(!folder.path("b.record").exists(), "what fails is not kept");
    let record = folder.read("a.record");
    assert!(record.starts_with("proxy_on_context_create(1, 0)\n  = not exported\n"), "{record}");
    assert_eq!(folder.run(&["--twice", "a.toml"]).code, Some(0));

    folder.write("a.record", &record.replace("\"a request\"", "\"another\""));
    let changed = folder.run(&["a.toml"]);
    assert_eq!(changed.code, Some(1));
    let expected = "  FAIL  a.record
          - expected, + found
          @@ -7,7 +7,7 @@
";
    assert!(changed.out.contains(expected), "{}", changed.out);
    assert!(changed.out.contains("\n          -  proxy_log(2, \"another\") -> OK\n"));
    assert!(changed.out.contains("\n          +  proxy_log(2, \"a request\") -> OK\n"));
    assert_eq!(folder.run(&["--bless", "a.toml"]).code, Some(0));
    assert_eq!(folder.read("a.record"), record);
}

#[test]
fn a_profile_with_another_record_has_one_of_its_own() {
    let all = format!("profiles = ['envoy-1.40', 'spec-strict', 'ngx_wasm']\n{PASSES}");
    let all = all.replace("{ upstream = { add = { x-seen = \"yes\" } } }", "\"anything\"");
    let folder = Folder::new(&[("a.toml", &all)]);
    let blessed = folder.run(&["--bless", "a.toml"]);
    assert_eq!(blessed.code, Some(0), "{}{}", blessed.out, blessed.err);
    let common = folder.read("a.record");
    let own = folder.read("a.ngx_wasm.record");
    assert_ne!(own, common, "nginx gives contexts other numbers");
    assert_eq!(folder.run(&["a.toml"]).code, Some(0));
    folder.write("a.ngx_wasm.record", &common);
    assert_eq!(folder.run(&["a.toml"]).code, Some(1));
    // A host that the scenario does not name has nothing to do with its records.
    fs::remove_file(folder.path("a.ngx_wasm.record")).unwrap();
    folder.write("a.toml", &all.replace(", 'ngx_wasm'", ""));
    assert_eq!(folder.run(&["--profile", "ngx_wasm", "a.toml"]).code, Some(0));
}

#[test]
fn json_is_one_document() {
    let folder =
        Folder::new(&[("a.toml", PASSES), ("b.toml", FAILS), ("c.toml", "why = 5\nstep = []")]);
    let ran = folder.run(&["--json", "."]);
    assert_eq!(ran.code, Some(2));
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&document["passed"], &document["failed"]), (&1.into(), &1.into()));
    let [a, b] = [0, 1].map(|i| &document["scenarios"][i]);
    assert_eq!(a["file"], "./a.toml");
    assert_eq!(a["profile"], "envoy-1.40");
    assert_eq!(a["passed"], true);
    assert_eq!(a["steps"][1]["text"], "GET / -> reply 401");
    assert_eq!(a["steps"][2]["why"], "a key is enough");
    assert!(a["fuel"]["steps"].as_u64().unwrap() > 0);
    assert_eq!(b["passed"], false);
    let step = serde_json::json!({
        "line": 5,
        "why": "not even <this> & that",
        "text": "GET / -> reply 401",
        "passed": false,
        "differences": [{ "what": "reply.status", "expected": "403", "found": "401" }],
    });
    assert_eq!(b["steps"][1], step);
    assert_eq!(document["errors"][0]["file"], "./c.toml");
    assert_eq!(document["errors"][0]["error"], "./c.toml:1:7: why: found 5, expected text");
}

#[test]
fn junit_is_xml_that_a_reader_takes() {
    let folder =
        Folder::new(&[("a.toml", PASSES), ("b.toml", FAILS), ("c.toml", "why = 5\nstep = []")]);
    assert_eq!(folder.run(&["--junit", "out.xml", "."]).code, Some(2));
    let text = folder.read("out.xml");
    let document = roxmltree::Document::parse(&text).unwrap();
    let all = |name: &str| {
        let nodes = document.descendants().filter(|node| node.has_tag_name(name));
        nodes.collect::<Vec<_>>()
    };
    let suites = all("testsuite");
    let names: Vec<_> = suites.iter().map(|suite| suite.attribute("name").unwrap()).collect();
    assert_eq!(names, ["./a.toml (envoy-1.40)", "./b.toml (envoy-1.40)", "./c.toml"]);
    let counts: Vec<_> = suites.iter().map(|suite| suite.attribute("tests").unwrap()).collect();
    assert_eq!(counts, ["3", "2", "1"]);
    assert_eq!(suites[1].attribute("failures"), Some("1"));
    assert_eq!(all("testcase").len(), 6);
    let failures = all("failure");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].text(), Some("reply.status: found 401, expected 403"));
    let error = all("error")[0].attribute("message");
    assert_eq!(error, Some("./c.toml:1:7: why: found 5, expected text"));
    let ran = folder.run(&["--junit", "no/out.xml", "a.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.starts_with("no/out.xml: "), "{}", ran.err);
}

#[test]
fn fuel_is_kept_and_compared() {
    let folder = Folder::new(&[("a.toml", PASSES), ("b.toml", PASSES)]);
    let missing = folder.run(&["--fuel", "fuel.txt", "a.toml"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.ends_with("--bless makes the file\n"), "{}", missing.err);
    assert_eq!(folder.run(&["--fuel", "fuel.txt", "--bless", "a.toml", "b.toml"]).code, Some(0));
    let text = folder.read("fuel.txt");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let words: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(words[2..], ["a.toml", "envoy-1.40"], "{text}");
    assert_eq!(lines.len(), 2);
    assert_eq!(folder.run(&["--fuel", "fuel.txt", "--twice", "."]).code, Some(0));

    let steps: u64 = words[1].parse().unwrap();
    let figure = |steps: u64| format!("{} {steps} a.toml envoy-1.40\n", words[0]);
    folder.write("fuel.txt", &figure(steps * 2));
    let cheaper = folder.run(&["--fuel", "fuel.txt", "a.toml"]);
    assert_eq!(cheaper.code, Some(1));
    let expected = format!(
        "  FAIL  fuel.steps\n          expected {}\n          found    {steps}, cheaper\n",
        steps * 2
    );
    assert!(cheaper.out.contains(&expected), "{}", cheaper.out);
    let unknown = folder.run(&["--fuel", "fuel.txt", "b.toml"]);
    assert!(unknown.out.contains("expected a line for b.toml envoy-1.40 in fuel.txt"));
    // What was not played keeps its figure.
    folder.run(&["--fuel", "fuel.txt", "--bless", "--filter", "b.toml", "."]);
    assert!(folder.read("fuel.txt").contains(&format!("{steps} b.toml")));
    assert!(folder.read("fuel.txt").contains(&format!("{} a.toml", steps * 2)));
    folder.write("fuel.txt", "much 5 a.toml");
    folder.run(&["--fuel", "fuel.txt", "a.toml"]).is(
        2,
        "",
        "fuel.txt:1: found \"much 5 a.toml\", expected `START STEPS SCENARIO`\n",
    );
}

#[test]
fn limits_and_faults_reach_the_engine() {
    let with = |fields: &str, end: &str| {
        format!(
            "why = 'x'\nmodule = 'gate.wasm'\nconfiguration = 'x'\n{fields}\n\
                 [[step]]\nrequest = 'GET /'\nexpect = {end}"
        )
    };
    let busy = with("limits = { fuel = 500 }", "{ trapped = 'all fuel consumed' }")
        .replace("[[step]]", "[[step]]\nheaders = { a = ['1', '2', '3'] }");
    let start = "why = 'x'\nmodule = 'gate.wasm'\nconfiguration = 'seven b'\n\
                 limits = { start_fuel = 500 }\n[start]\naccepted = false\n\
                 [[step]]\ncheck = { record = ['= trap: proxy_on_configure'] }";
    let trap = "[[fault]]\nfunction = 'proxy_log'\ntrap = 'gone'";
    let folder = Folder::new(&[
        ("fuel.toml", &busy),
        ("start.toml", start),
        ("trap.toml", &with(trap, "{ trapped = 'gone' }")),
    ]);
    let ran = folder.run(&["."]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let traps = [
        "wasm trap: all fuel consumed by WebAssembly
",
        "proxy_log: gone
",
    ];
    for trap in traps.map(|why| format!("GET / -> trapped: proxy_on_request_headers: {why}")) {
        assert!(ran.out.contains(&trap), "{trap} in {}", ran.out);
    }
    folder.write(
        "memory.toml",
        &with("limits = { memory = '1KiB' }", "'anything'")
            .replace("[[step]]", "[start]\naccepted = true\n[[step]]"),
    );
    let ran = folder.run(&["memory.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.starts_with("error memory.toml: cannot link the module"), "{}", ran.err);
}

#[test]
fn help_names_every_option() {
    let help = Folder::new(&[]).run(&["--help"]).out;
    for option in
        ["module", "profile", "filter", "trace", "bless", "json", "junit", "twice", "fuel"]
    {
        assert!(help.contains(&format!("--{option}")), "--{option} in {help}");
    }
}
