//! What the pages point at.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::markdown::{Page, code, root};

/// Every page for users, below the root of the checkout.
fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned()];
    names.push("wasmtime-harness/README.md".to_owned());
    for (folder, depth) in
        [("docs", 1), ("envoy", 0), ("envoy/examples", 1), ("wasmtime-harness/examples", 1)]
    {
        let mut folders = vec![(root().join(folder), depth)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() && depth > 0 {
                    folders.push((path, depth - 1));
                } else if path.extension().is_some_and(|end| end == "md") {
                    let name = path.strip_prefix(root()).expect("below the root");
                    names.push(name.to_str().expect("a plain name").to_owned());
                }
            }
        }
    }
    names.iter().map(|name| Page::read(name)).collect()
}

/// The anchor that a heading gets where the pages are shown.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(page: &Page) -> BTreeSet<String> {
    let lines = page.prose();
    lines.iter().filter(|(_, line)| line.starts_with('#')).map(|(_, line)| anchor(line)).collect()
}

/// The targets of `[text](target)`.
pub(crate) fn targets(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// Without `..`, which a plain join would leave in.
fn resolve(page: &str, target: &str) -> PathBuf {
    let folder = Path::new(page).parent().expect("a page has a folder");
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{page}: {target} leaves the checkout"),
            part => path.push(part),
        }
    }
    path
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for page in pages() {
        for (number, line) in page.prose() {
            for target in targets(line) {
                if target.starts_with("https://") {
                    continue;
                }
                links += 1;
                let place = format!("{}:{number}: {target}", page.name);
                let (file, wanted) = target.split_once('#').unwrap_or((target, ""));
                let file = match file {
                    "" => PathBuf::from(&page.name),
                    file => resolve(&page.name, file),
                };
                assert!(root().join(&file).exists(), "{place}: no such file");
                if !wanted.is_empty() {
                    let there = anchors(&Page::read(file.to_str().expect("a plain name")));
                    assert!(there.contains(wanted), "{place}: none of {there:#?}");
                }
            }
        }
    }
    assert!(links > 20, "{links}");
}

#[test]
fn every_source_file_in_the_text_exists() {
    let mut files = 0;
    // The harness's tutorial is about a filter of the reader's own.
    for page in pages().iter().filter(|page| !page.name.starts_with("wasmtime-harness/")) {
        for (number, line) in page.prose() {
            for name in code(line).iter().filter(|name| name.ends_with(".rs")) {
                files += 1;
                let folders = ["", "filter/src", "filter/core/src"];
                let exists = folders.iter().any(|folder| root().join(folder).join(name).is_file());
                assert!(exists, "{}:{number}: {name} is in none of {folders:?}", page.name);
            }
        }
    }
    assert!(files > 30, "{files}");
}

#[test]
fn every_path_in_a_table_of_the_readme_exists() {
    let readme = Page::read("README.md");
    let table = readme.tables_of("where").remove(0);
    for row in &table.rows {
        for path in code(&row.cells[0]) {
            assert!(root().join(&path).exists(), "{}: {path}", row.place);
        }
    }
    assert!(table.rows.len() > 5);
}

#[test]
fn the_readme_names_the_commands_that_there_are() {
    let source = fs::read_to_string(root().join("xtask/src/main.rs")).expect("the commands");
    let known: BTreeSet<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","))
        .map(str::to_owned)
        .collect();
    let table = Page::read("README.md").tables_of("command").remove(0);
    let named: BTreeSet<String> = table
        .rows
        .iter()
        .flat_map(|row| code(&row.cells[0]))
        .filter_map(|line| line.strip_prefix("cargo xtask ")?.split(' ').next().map(str::to_owned))
        .collect();
    assert_eq!(named, known);
}

#[test]
fn the_readme_shows_requests_of_the_demonstration() {
    let cases = fs::read_to_string(root().join("xtask/demo/src/cases.rs")).expect("the cases");
    let blocks = Page::read("README.md").blocks();
    let shown = blocks.iter().find(|block| block.text.contains("came back")).expect("the table");
    let mut lines = shown.text.lines();
    let header = lines.next().expect("a header");
    let column = |name: &str| header.find(name).expect("a column");
    let (what, came, why) = (column("what it is"), column("came back"), column("why"));
    let mut rows = 0;
    for line in lines.take_while(|line| !line.is_empty()) {
        let sent = format!("\"{}\"", line[what..came].trim());
        assert!(cases.contains(&sent), "{}: no case {sent}", shown.place);
        let details = match &line[why..] {
            "allowed" => "details: ALLOWED".to_owned(),
            reason => format!("\"jwt_gate.{reason}\""),
        };
        assert!(cases.contains(&details), "{}: no case with {details}", shown.place);
        rows += 1;
    }
    assert!(rows > 10, "{rows}");
}
