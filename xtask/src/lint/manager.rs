//! One HTTP connection manager: its filters, what it does to a path and to headers, its routes.

use super::{
    Level, Report,
    gate::{Gate, alike},
    node::Node,
    routes,
};

/// Checks a connection manager and gives the number of JWT Gate filters in it.
pub(super) fn check(manager: &Node<'_>, roots: &[Node<'_>], report: &mut Report) -> usize {
    let gates = gates(manager, roots, report);
    if gates.is_empty() {
        return 0;
    }
    check_paths(manager, report);
    let tables = route_tables(manager, roots, report);
    for gate in &gates {
        if gate.strips {
            check_early_removal(manager, gate, report);
        }
        check_scopes(manager, gate, report);
        for table in &tables {
            routes::check(table, gate, report);
        }
    }
    gates.len()
}

/// The filters of the chain that are JWT Gate, wherever in the chain's entries they are.
fn gates(manager: &Node<'_>, roots: &[Node<'_>], report: &mut Report) -> Vec<Gate> {
    let mut gates = Vec::new();
    for filter in manager.items("http_filters") {
        let name = filter.text_of("name").unwrap_or_default();
        let mut places = vec![filter.clone()];
        if filter.get("config_discovery").is_some() {
            let found = resources(roots, "TypedExtensionConfig", name);
            if found.is_empty() {
                report.add(
                    Level::Note,
                    &filter,
                    format!("filter `{name}` comes by config discovery and is in none of the files: not checked"),
                );
            }
            places.extend(found);
        }
        let before = gates.len();
        for place in places {
            place.walk(&mut |node| {
                if let Some(wasm) = node.typed("Wasm") {
                    gates.extend(Gate::read(name, &wasm, roots, report));
                }
                true
            });
        }
        if gates.len() > before && filter.get("disabled").is_some_and(|value| value.is_true()) {
            report.add(
                Level::Note,
                &filter,
                format!(
                    "filter `{name}` is disabled here: only routes that switch it on are checked"
                ),
            );
        }
    }
    gates
}

/// The route tables that the manager serves, as far as they are in the files.
fn route_tables<'a>(manager: &Node<'a>, roots: &[Node<'a>], report: &mut Report) -> Vec<Node<'a>> {
    let mut tables = Vec::new();
    tables.extend(manager.get("route_config"));
    if let Some(rds) = manager.get("rds") {
        let name = rds.text_of("route_config_name").unwrap_or_default();
        let found = resources(roots, "RouteConfiguration", name);
        if found.is_empty() {
            report.add(
                Level::Warning,
                &rds,
                format!(
                    "route table `{name}` is in none of the files: its routes were not checked"
                ),
            );
        }
        tables.extend(found);
    }
    if let Some(scoped) = manager.get("scoped_routes") {
        let before = tables.len();
        scoped.walk(&mut |node| {
            let inline = matches!(node.key(), "route_configuration" | "routeConfiguration");
            if inline && node.get("virtual_hosts").is_some() {
                tables.push(node.clone());
            }
            true
        });
        if tables.len() == before {
            report.add(
                Level::Warning,
                &scoped,
                "found scoped routes without inline route tables: their routes were not checked",
            );
        }
    }
    tables
}

/// The resources of a type and a name in files that Envoy would watch or fetch.
fn resources<'a>(roots: &[Node<'a>], kind: &str, name: &str) -> Vec<Node<'a>> {
    let all = roots.iter().flat_map(|root| root.items("resources"));
    all.filter_map(|resource| resource.typed(kind))
        .filter(|resource| resource.text_of("name") == Some(name))
        .collect()
}

/// Without these the filter, the route table and the upstream may read one path in three ways. Only
/// a warning: the policy's `on_ambiguous_path` refuses such paths by itself.
fn check_paths(manager: &Node<'_>, report: &mut Report) {
    for name in ["normalize_path", "merge_slashes"] {
        if !manager.get(name).is_some_and(|value| value.is_true()) {
            report.add(
                Level::Warning,
                manager,
                format!("found no `{name}: true`, expected it: routes are matched on the path as it was sent"),
            );
        }
    }
    let action = manager.get("path_with_escaped_slashes_action");
    let is_set = action.as_ref().is_some_and(|action| {
        let keeps = ["IMPLEMENTATION_SPECIFIC_DEFAULT", "KEEP_UNCHANGED"];
        match (action.text(), action.value().as_u64()) {
            (Some(text), _) => !keeps.contains(&text),
            (None, number) => number.is_some_and(|number| number > 1),
        }
    });
    if !is_set {
        report.add(
            Level::Warning,
            action.as_ref().unwrap_or(manager),
            "found no path_with_escaped_slashes_action that acts, expected REJECT_REQUEST or one \
             of the UNESCAPE ones: an upstream may read %2F as a slash",
        );
    }
}

/// A policy that strips identity headers does so after the route was picked.
fn check_early_removal(manager: &Node<'_>, gate: &Gate, report: &mut Report) {
    let extensions = manager.items("early_header_mutation_extensions");
    let mutations: Vec<Node<'_>> = extensions
        .iter()
        .filter_map(|extension| extension.get("typed_config")?.typed("HeaderMutation"))
        .flat_map(|mutation| mutation.items("mutations"))
        .collect();
    for (header, field) in &gate.identity {
        if !mutations.iter().any(|mutation| removes(mutation, header)) {
            report.add(
                Level::Error,
                manager,
                format!(
                    "found no early_header_mutation_extensions that remove `{header}` ({field}), \
                     expected one, since the policy says on_spoofed_header: strip: the route is \
                     picked with the client's header and again without it"
                ),
            );
        }
    }
}

fn removes(mutation: &Node<'_>, header: &str) -> bool {
    if mutation.text_of("remove").is_some_and(|name| name.eq_ignore_ascii_case(header)) {
        return true;
    }
    let header = header.to_ascii_lowercase();
    let Some(matcher) = mutation.at(&["remove_on_match", "key_matcher"]) else {
        return false;
    };
    let text = |kind: &str| matcher.text_of(kind).map(str::to_ascii_lowercase);
    text("exact").is_some_and(|text| header == text)
        || text("prefix").is_some_and(|text| header.starts_with(&text))
        || text("suffix").is_some_and(|text| header.ends_with(&text))
        || text("contains").is_some_and(|text| header.contains(&text))
}

/// Scoped routes pick a whole route table by a header.
fn check_scopes(manager: &Node<'_>, gate: &Gate, report: &mut Report) {
    let fragments = manager
        .at(&["scoped_routes", "scope_key_builder"])
        .map(|builder| builder.items("fragments"))
        .unwrap_or_default();
    for fragment in fragments {
        let Some(header) = fragment.at(&["header_value_extractor", "name"]) else {
            continue;
        };
        let name = header.text().unwrap_or_default();
        if let Some(used) = gate.use_of_header(name) {
            report.add(
                Level::Error,
                &header,
                format!(
                    "found a route table chosen by the header `{}`, which JWT Gate {used}; \
                     expected none: the table is chosen again after the verdict",
                    alike(name)
                ),
            );
        }
    }
}
