//! Policies in files: one by itself, or those inside an Envoy configuration.

use std::{fs, io::Read as _, path::Path};

use jwt_gate_core::{Document, Problem};

use crate::tree::{Node, Tree};

/// A policy in a file.
pub(crate) struct Source {
    /// The file, as it was named.
    pub(crate) file: String,
    /// The name of the filter, for one inside an Envoy configuration.
    pub(crate) filter: Option<String>,
    /// Its text with lines; `None` for JSON inside a string, of which no lines are known.
    tree: Option<Tree>,
    /// Where the policy begins.
    line: usize,
    /// The document, or why it is none.
    pub(crate) document: Result<Document, Vec<Problem>>,
}

impl Source {
    /// The line of a problem; 0 if it is not known.
    pub(crate) fn line_of(&self, path: &str) -> usize {
        self.tree.as_ref().map_or(self.line, |tree| tree.line_of(path))
    }

    fn of_tree(file: &str, filter: Option<String>, tree: Tree) -> Self {
        let bytes = tree.value().to_string().into_bytes();
        let document = Document::parse(&bytes).map_err(|errors| errors.problems().to_vec());
        Self { file: file.to_owned(), filter, line: tree.line, tree: Some(tree), document }
    }

    fn of_json(file: &str, filter: Option<String>, text: &str, line: usize) -> Self {
        let document = Document::parse(text.as_bytes());
        let document = document.map_err(|errors| errors.problems().to_vec());
        // Duplicate names are the document's to find; here the first of two is good enough.
        let tree = if line == 0 { Tree::parse(text).ok() } else { None };
        Self { file: file.to_owned(), filter, line, tree, document }
    }
}

/// Reads a file, or standard input for `-`.
///
/// # Errors
///
/// The file and what is wrong with it.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let name = path.display();
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).map_err(|e| format!("standard input: {e}"))?;
    } else {
        bytes = fs::read(path).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    }
    String::from_utf8(bytes)
        .map_err(|_| format!("{name}: found bytes that are not UTF-8, expected text"))
}

/// The policies in a file.
///
/// # Errors
///
/// The file cannot be read, is neither YAML nor JSON, or is an Envoy configuration without a gate.
pub(crate) fn load(path: &Path) -> Result<Vec<Source>, String> {
    let file = path.display().to_string();
    let text = read(path)?;
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    let tree = match Tree::parse(&text) {
        Ok(tree) => tree,
        // JSON that YAML readers do not take, or not twice the same name, which is told better below.
        Err(_) if is_json => return Ok(vec![Source::of_json(&file, None, &text, 0)]),
        Err((line, message)) => {
            let line = line.map_or_else(String::new, |line| format!(":{line}"));
            return Err(format!("{file}{line}: found no YAML, expected a policy: {message}"));
        }
    };
    if is_policy(&tree) || !is_envoy(&tree) {
        return Ok(vec![match is_json {
            true => Source::of_json(&file, None, &text, 0),
            false => Source::of_tree(&file, None, tree),
        }]);
    }
    let mut sources = Vec::new();
    tree.walk(&mut |node| {
        let Some(configuration) = node.at(&["config", "configuration"]) else { return };
        let name = node.at(&["config", "name"]).and_then(Tree::text).map(str::to_owned);
        if configuration.is_typed("Struct") {
            if let Some(policy) = configuration.get("value").filter(|policy| is_policy(policy)) {
                sources.push(Source::of_tree(&file, name, policy.clone()));
            }
        } else if configuration.is_typed("StringValue")
            && let Some(value) = configuration.get("value")
            && let Some(text) = value.text()
            && Tree::parse(text).is_ok_and(|tree| is_policy(&tree))
        {
            sources.push(Source::of_json(&file, name, text, value.line.max(1)));
        }
    });
    if sources.is_empty() {
        return Err(format!(
            "{file}: found an Envoy configuration without a JWT Gate filter, expected one with a \
             policy, or a policy by itself"
        ));
    }
    Ok(sources)
}

/// The one policy in a file; the filter's name chooses one of several.
///
/// # Errors
///
/// As [`load`], or there is no such filter, or a name is needed to choose.
pub(crate) fn load_one(path: &Path, filter: Option<&str>) -> Result<Source, String> {
    let mut sources = load(path)?;
    let names: Vec<String> = sources.iter().filter_map(|source| source.filter.clone()).collect();
    if let Some(filter) = filter {
        sources.retain(|source| source.filter.as_deref() == Some(filter));
        if sources.is_empty() {
            let known = crate::words::one_of(&names);
            let hint = crate::words::suggestion(filter, names.iter().map(String::as_str));
            return Err(format!("--filter: found {filter:?}, expected {known}{hint}"));
        }
    }
    match (sources.pop(), sources.is_empty()) {
        (Some(source), true) => Ok(source),
        _ => Err(format!(
            "{}: found {} policies, expected one; choose it by --filter NAME, {}",
            path.display(),
            names.len(),
            crate::words::one_of(&names)
        )),
    }
}

fn is_policy(tree: &Tree) -> bool {
    matches!(tree.node, Node::Mapping(_))
        && (tree.get("issuers").is_some() || tree.get("rules").is_some())
}

/// Whether this may be an Envoy configuration, whole or in part.
pub(crate) fn is_envoy(tree: &Tree) -> bool {
    const TOP: [&str; 9] = [
        "static_resources",
        "dynamic_resources",
        "admin",
        "http_filters",
        "filter_chains",
        "resources",
        "listeners",
        "typed_config",
        "@type",
    ];
    TOP.iter().any(|name| tree.get(name).is_some())
        || tree.items().iter().any(|item| item.get("typed_config").is_some())
}
