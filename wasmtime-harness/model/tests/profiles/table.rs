//! The table of profiles in the documents.

use std::{env, fs};

use proxy_host_model::Profile;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/profiles.md");

/// What stands around the table, which is made from the data.
const BEGIN: &str = "<!-- the table is made by a test, from the data -->\n";
const END: &str = "<!-- end of the table -->\n";

#[test]
fn the_document_has_the_table_of_the_data() {
    let text = fs::read_to_string(DOCUMENT).expect("docs/profiles.md");
    let (before, rest) = text.split_once(BEGIN).expect("the line before the table");
    let (found, after) = rest.split_once(END).expect("the line after the table");
    let expected = Profile::table(&Profile::ALL);
    if env::var_os("BLESS").is_some() {
        let blessed = [before, BEGIN, &expected, END, after].concat();
        fs::write(DOCUMENT, blessed).expect("docs/profiles.md is written");
        return;
    }
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "run `BLESS=1 cargo test --package proxy-host-model`");
    }
    let lines = (found.lines().count(), expected.lines().count());
    assert_eq!(lines.0, lines.1, "run `BLESS=1 cargo test --package proxy-host-model`");
}
