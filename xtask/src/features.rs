//! Which features cargo chooses for the crates that the harness is made of.
//!
//! Cargo compiles a crate once for each set of features. A test's dependency that asks one crate
//! below wasmtime for one feature more than the harness does costs a second wasmtime, ten minutes,
//! whenever somebody changes between `cargo run` and `cargo test`.

use std::collections::{BTreeMap, BTreeSet};

/// The features of each crate, by name and version.
///
/// A crate may be compiled twice within one build, for the machine and for procedural macros, so
/// that it may have two sets.
type Chosen = BTreeMap<String, BTreeSet<BTreeSet<String>>>;

/// Reads the lines of `cargo tree --prefix none --format '{p} [{f}]'`.
fn chosen(tree: &str) -> Chosen {
    let mut chosen = Chosen::new();
    for line in tree.lines() {
        // The mark of a crate that is in the tree a second time.
        let line = line.strip_suffix(" (*)").unwrap_or(line);
        let Some((name, features)) = line.strip_suffix(']').and_then(|line| line.rsplit_once(" ["))
        else {
            continue;
        };
        let features = features.split(',').filter(|feature| !feature.is_empty());
        chosen.entry(name.to_owned()).or_default().insert(features.map(str::to_owned).collect());
    }
    chosen
}

/// One line for each crate of `built` that is compiled in another way for `tested`.
fn differences(built: &Chosen, tested: &Chosen) -> Vec<String> {
    let list = |sets: &BTreeSet<BTreeSet<String>>| {
        let sets: Vec<String> = sets
            .iter()
            .map(|set| format!("[{}]", set.iter().cloned().collect::<Vec<_>>().join(",")))
            .collect();
        sets.join(" and ")
    };
    built
        .iter()
        .filter_map(|(name, sets)| {
            let none = BTreeSet::new();
            let found = tested.get(name).unwrap_or(&none);
            if sets.is_subset(found) {
                return None;
            }
            let has: BTreeSet<&String> = sets.iter().flatten().collect();
            let missing: Vec<&str> = found
                .iter()
                .flatten()
                .filter(|feature| !has.contains(feature))
                .map(String::as_str)
                .collect();
            Some(format!(
                "{name}: `cargo build` compiles it with {}, `cargo test` with {}: add the features \
                 {missing:?} to wasmtime-harness/Cargo.toml, as described there",
                list(sets),
                list(found),
            ))
        })
        .collect()
}

#[test]
fn the_harness_and_its_tests_share_one_wasmtime() -> anyhow::Result<()> {
    let tree = |edges: &str| {
        let mut cargo = crate::shell::cargo();
        cargo.args(["tree", "--quiet", "--locked", "--package", "wasmtime-harness"]);
        cargo.args(["--edges", edges, "--prefix", "none", "--format", "{p} [{f}]"]);
        crate::shell::read(&mut cargo).map(|tree| chosen(&tree))
    };
    let (mut built, tested) = (tree("normal,build")?, tree("normal,build,dev")?);
    // What else the harness stands on is compiled in seconds.
    let below = below_wasmtime()?;
    built.retain(|name, _| below.contains(name));
    let wasmtime = built.keys().filter(|name| name.starts_with("wasmtime v")).count();
    assert_eq!(wasmtime, 1, "found {wasmtime} crates wasmtime in cargo's tree, expected one");
    let differences = differences(&built, &tested);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

/// wasmtime and all that it is made of, by name and version.
fn below_wasmtime() -> anyhow::Result<BTreeSet<String>> {
    let mut cargo = crate::shell::cargo();
    cargo.args(["tree", "--quiet", "--locked", "--package", "wasmtime"]);
    cargo.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p} []"]);
    Ok(chosen(&crate::shell::read(&mut cargo)?).into_keys().collect())
}

#[test]
fn a_crate_that_is_compiled_in_another_way_is_named() {
    let built = chosen("memchr v2.8.3 [std,alloc]\nlog v0.4.35 [] (*)\nserde v1.0.0 []");
    let tested = chosen(
        "memchr v2.8.3 [alloc,default,std]\nlog v0.4.35 []\nlog v0.4.35 [std]\nserde v1.0.0 []",
    );
    assert_eq!(
        differences(&built, &tested),
        ["memchr v2.8.3: `cargo build` compiles it with [alloc,std], `cargo test` with \
             [alloc,default,std]: add the features [\"default\"] to \
             wasmtime-harness/Cargo.toml, as described there"]
    );
}
