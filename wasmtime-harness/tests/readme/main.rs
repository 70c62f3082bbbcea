//! Holds `README.md` against what it describes, so that neither can change without the other.
//!
//! - Blocks under `<!-- file: … -->` are those files.
//! - Blocks under `<!-- example: … -->` are the first example in the documentation of these sources.
//! - Blocks under `<!-- output: … -->` are what these commands print.
//! - The fields that it lists are those of the scenario format, and the options those of the commands.
//!
//! With `BLESS=1` the blocks are written anew.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod page;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    process::Command,
};

use page::Page;

/// Where a filter of the tutorial is built, and where ours of it is.
const MODULES: [(&str, &str); 1] = [(
    "module = \"../../../../target/examples/hello.wasm\"",
    "module = \"target/wasm32-wasip1/release/hello.wasm\"",
)];

/// What a marked block must hold.
fn expected(kind: &str, what: &str) -> String {
    match kind {
        "file" => file(what),
        "example" => example(what),
        "output" => output(what),
        _ => panic!("found the marker `{kind}`, expected `file`, `example` or `output`"),
    }
}

/// A file below the harness, as the reader of the tutorial has it.
fn file(name: &str) -> String {
    let text = fs::read_to_string(page::folder().join(name));
    let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
    // The one line that only this checkout needs.
    let lint = "#![allow(missing_docs, reason = \"the SDK's `main!` makes a public function without a text\")]\n\n";
    MODULES.iter().fold(text.replace(lint, ""), |text, (ours, theirs)| text.replace(ours, theirs))
}

/// The first example in the documentation of a source file, as documentation shows it.
fn example(name: &str) -> String {
    let text = file(name);
    let lines = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line));
    let code = lines.skip_while(|line| !line.starts_with("```")).skip(1);
    let code = code.take_while(|line| *line != "```").filter(|line| !line.starts_with("# "));
    code.collect::<Vec<_>>().join("\n")
}

/// A command and what it prints, played in the root of the checkout, or for `hello.…` in a folder
/// like that of the tutorial.
fn output(what: &str) -> String {
    let (command, change) = match what.split_once(" (") {
        Some((command, change)) => (command, change.strip_suffix(')')),
        None => (what, None),
    };
    let tutorial = tempfile::tempdir().expect("a folder");
    let root = page::folder().join("..");
    let folder = if command.contains(" hello.") { tutorial.path() } else { &root };
    let release = tutorial.path().join("target/wasm32-wasip1/release");
    fs::create_dir_all(&release).expect("a folder");
    let module = root.join("target/examples/hello.wasm");
    for copy in [release.join("hello.wasm"), tutorial.path().join("hello.wasm")] {
        fs::copy(&module, copy).expect("build the module first: cargo xtask examples");
    }
    let mut scenario = file("examples/hello/scenarios/hello.toml");
    if let Some(word) = change {
        scenario = scenario.replace("sesame", word);
    }
    fs::write(tutorial.path().join("hello.toml"), scenario).expect("writable");
    let output = Command::new(env!("CARGO_BIN_EXE_wasmtime-harness"))
        .args(command.split(' '))
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("it starts");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let complained = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(complained, "", "{command}");
    format!("$ wasmtime-harness {command}\n{printed}")
}

#[test]
fn blocks_are_what_their_markers_say() {
    let page = Page::read();
    let mut text = String::new();
    let (mut blocks, mut off) = (0, Vec::new());
    let mut lines = page.text.lines();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        let marker = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        let Some((kind, what)) = marker.and_then(|marker| marker.split_once(": ")) else {
            continue;
        };
        let fence = lines.next().expect("a block below its marker");
        assert!(fence.starts_with("```"), "{line}: found {fence:?}, expected a block");
        let found: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let expected = expected(kind, what);
        let expected = expected.trim_end();
        if found.join("\n") != expected {
            off.push(format!("{line}\n{expected}\n"));
        }
        text.push_str(&format!("{fence}\n{expected}\n```\n"));
        blocks += 1;
    }
    assert!(blocks > 4, "found {blocks} marked blocks, expected more");
    if env::var_os("BLESS").is_some() {
        fs::write(Page::path(), text).expect("writable");
    } else {
        assert!(off.is_empty(), "run again with BLESS=1 if this is meant:\n\n{}", off.join("\n"));
    }
}

#[test]
fn links_lead_somewhere() {
    let page = Page::read();
    let anchors = page.anchors();
    let mut links = 0;
    for (number, line) in page.prose() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            links += 1;
            let place = format!("README.md:{number}: {target}");
            match target.strip_prefix('#') {
                Some(anchor) => assert!(anchors.contains(anchor), "{place}: none of {anchors:#?}"),
                None if target.starts_with("https://") => {}
                None => assert!(page::folder().join(target).exists(), "{place}: no such file"),
            }
        }
    }
    assert!(links > 20, "{links}");
}

/// The long options that `--help` of a command lists.
fn options(command: &str) -> Vec<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_wasmtime-harness"))
        .args([command, "--help"])
        .output()
        .expect("it starts");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let words = help.lines().filter_map(|line| {
        let line = line.trim_start();
        // `-h, --help`, or `--config <FILE>`.
        let line = line.get(..2).filter(|_| line.starts_with('-')).map_or("", |short| {
            if short == "--" { line } else { line.get(4..).unwrap_or_default() }
        });
        line.split([' ', '=']).next().filter(|word| word.starts_with("--"))
    });
    let mut names: Vec<String> = words.map(str::to_owned).collect();
    names.retain(|name| name != "--help");
    names.sort();
    names
}

#[test]
fn options_are_those_of_the_commands() {
    let page = Page::read();
    let mut commands = 0;
    for table in page.tables_of("option") {
        let command = table.subject.expect("a command in the heading");
        commands += 1;
        let mut listed = Vec::new();
        for row in &table.rows {
            let codes = page::code(&row[0]);
            listed.extend(
                codes.iter().map(|code| code.split(' ').next().unwrap_or_default().to_owned()),
            );
        }
        listed.retain(|option| option.starts_with("--"));
        listed.sort();
        assert_eq!(listed, options(&command), "{command}");
    }
    assert!(commands > 3, "{commands}");
}

/// Which table of the page lists the fields of which kinds of tables.
const KINDS: [(&str, &[&str]); 19] = [
    ("The file", &["scenario"]),
    ("`fleet`", &["fleet"]),
    ("`limits`", &["limits"]),
    ("`every`", &["every"]),
    ("`service`", &["service"]),
    ("An answer", &["answer"]),
    ("`grpc_service`", &["grpc_service"]),
    ("A gRPC event", &["grpc event"]),
    ("`foreign`", &["foreign"]),
    ("`fault`", &["fault"]),
    ("A response", &["response"]),
    ("`expect` of a request", &["expect of a request"]),
    ("Changes", &["upstream", "response expected"]),
    ("`reply`", &["reply"]),
    ("`expect` of a stream", &["expect of a stream"]),
    ("`expect` of a connection", &["expect of a connection"]),
    ("`expect` of a configuration", &["expect of a configuration"]),
    ("`expect` of any step", &["expect"]),
    ("A waiting call", &["waiting call"]),
];

/// The fields that each table of the page lists, by the heading above it.
fn listed(page: &Page) -> BTreeMap<String, BTreeSet<String>> {
    let tables = page.tables_of("field").into_iter();
    let fields = |rows: &[Vec<String>]| rows.iter().flat_map(|row| page::code(&row[0])).collect();
    tables.map(|table| (table.heading, fields(&table.rows))).collect()
}

#[test]
fn the_fields_listed_are_those_that_there_are() {
    let page = Page::read();
    let mut listed = listed(&page);
    let known = proxy_scenario::fields();
    let of = |kind: &str| -> BTreeSet<String> {
        let fields = known.get(kind).unwrap_or_else(|| panic!("no kind {kind}"));
        fields.iter().map(|field| (*field).to_owned()).collect()
    };
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (heading, kinds) in KINDS.into_iter().chain([("`check`", &["check"][..])]) {
        let fields: BTreeSet<String> = kinds.iter().flat_map(|kind| of(kind)).collect();
        assert_eq!(listed.remove(heading), Some(fields), "{heading}");
        seen.extend(kinds);
    }

    // Steps: fields of their own, and those of tables that they name.
    let request = listed.remove("A request").expect("a table");
    assert!(listed.remove("Steps").is_some());
    assert!(listed.is_empty(), "tables of no kind: {listed:?}");
    let (answer, event) = (of("answer"), of("grpc event"));
    for row in
        &page.tables_of("field").iter().find(|table| table.heading == "Steps").expect("it").rows
    {
        let name = page::code(&row[0]).remove(0);
        let (with, without) = row[1].split_once(" without ").unwrap_or((&row[1], ""));
        let mut fields: BTreeSet<String> = page::code(with).into_iter().collect();
        if with.contains("(#a-request)") {
            fields.extend(request.clone());
        }
        if with.contains("(#an-answer)") {
            fields.extend(answer.clone());
        }
        if with.contains("(#a-grpc-event)") {
            fields.extend(event.clone());
        }
        for field in page::code(without) {
            assert!(fields.remove(&field), "{name}: it has no `{field}` to be without");
        }
        if row[2] != "none" {
            fields.insert("expect".to_owned());
        }
        fields.extend([name.clone(), "why".to_owned()]);
        let kind = format!("step {name}");
        assert_eq!(fields, of(&kind), "{kind}");
        seen.insert(known.get_key_value(kind.as_str()).expect("it was found").0);
    }

    // Of one field each, described in the table of the field that holds them.
    seen.extend(["on_trap", "grpc answer"]);
    assert_eq!((of("on_trap").len(), of("grpc answer").len()), (1, 1));
    assert!(page.text.contains("`{ reload = ") && page.text.contains("a table with `events`"));
    let forgotten: Vec<&&str> = known.keys().filter(|kind| !seen.contains(*kind)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
