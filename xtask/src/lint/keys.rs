//! Keys that a policy has fetched: the clusters they come through and the memory that holds them.

use super::{Level, Report, gate, node::Node, tls};

/// Capabilities without which no keys come, where a plugin's are restricted.
const FETCHING: [&str; 4] = [
    "proxy_http_call",
    "proxy_on_http_call_response",
    "proxy_on_tick",
    "proxy_set_tick_period_milliseconds",
];
const SHARING: [&str; 2] = ["proxy_get_shared_data", "proxy_set_shared_data"];

/// An address that keys or metadata are fetched from.
pub(super) struct Address<'a> {
    pub(super) is_https: bool,
    pub(super) host: &'a str,
}

impl<'a> Address<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        // The colons of an IPv6 address stand before its bracket.
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host,
            _ => authority,
        };
        Some(Self { is_https: scheme.eq_ignore_ascii_case("https"), host })
    }

    fn is_local(&self) -> bool {
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| self.host.eq_ignore_ascii_case(host))
    }
}

/// Checks how the policy of the plugin `config` comes by its keys.
pub(super) fn check(config: &Node<'_>, policy: &Node<'_>, roots: &[Node<'_>], report: &mut Report) {
    let issuers = policy.items("issuers");
    let sources: Vec<(Node<'_>, Node<'_>)> =
        issuers.iter().filter_map(|issuer| Some((issuer.clone(), source(issuer)?))).collect();
    if sources.is_empty() {
        return;
    }
    let shares = is_on(policy, "use");
    if shares {
        check_vm_id(config, report);
    }
    if shares && !is_on(policy, "fetch") {
        check_fetcher(config, policy, roots, report);
        return;
    }
    check_capabilities(config, shares, report);
    for (issuer, source) in sources {
        check_source(&issuer, &source, roots, report);
    }
}

/// What `keys` says of fetching.
fn source<'a>(issuer: &Node<'a>) -> Option<Node<'a>> {
    let keys = issuer.get("keys")?;
    keys.get("remote").or_else(|| keys.get("discovery"))
}

/// A switch of `shared_data`; both are on unless they are switched off.
fn is_on(policy: &Node<'_>, switch: &str) -> bool {
    policy.at(&["shared_data", switch]).is_none_or(|value| value.is_true())
}

fn vm_id<'a>(config: &Node<'a>) -> &'a str {
    config.at(&["vm_config", "vm_id"]).and_then(|id| id.text()).unwrap_or_default()
}

fn check_vm_id(config: &Node<'_>, report: &mut Report) {
    if vm_id(config).is_empty() {
        report.add(
            Level::Error,
            config,
            "found no vm_config.vm_id, expected one that no other plugin has: keys are shared in a \
             map for each vm_id, and every plugin that leaves it empty can put in keys of its own",
        );
    }
}

/// A filter that does not fetch needs a service that does.
fn check_fetcher(config: &Node<'_>, policy: &Node<'_>, roots: &[Node<'_>], report: &mut Report) {
    let mut is_there = false;
    for root in roots {
        root.walk(&mut |node| {
            let service = node.typed("WasmService").and_then(|service| service.get("config"));
            is_there |= service.is_some_and(|service| {
                let fetches = |policy: &Node<'_>| is_on(policy, "use") && is_on(policy, "fetch");
                vm_id(&service) == vm_id(config)
                    && gate::with_policy(&service, fetches).unwrap_or(false)
            });
            true
        });
    }
    if !is_there {
        report.add(
            Level::Warning,
            policy,
            format!(
                "found `shared_data.fetch: false`, expected a WasmService with the vm_id `{}` and a \
                 policy that fetches: none is in the files, and without one no key ever comes",
                vm_id(config)
            ),
        );
    }
}

fn check_capabilities(config: &Node<'_>, shares: bool, report: &mut Report) {
    let Some(allowed) = config.at(&["capability_restriction_config", "allowed_capabilities"])
    else {
        return;
    };
    let names = allowed.fields();
    let has = |wanted: &str| names.iter().any(|name| name.key() == wanted);
    let sharing = SHARING.iter().filter(|_| shares);
    let missing: Vec<&str> = FETCHING.iter().chain(sharing).copied().filter(|c| !has(c)).collect();
    if !names.is_empty() && !missing.is_empty() {
        let missing = missing.join(", ");
        report.add(
            Level::Warning,
            &allowed,
            format!("found a list without {missing}, expected them in: keys are fetched with them"),
        );
    }
}

fn check_source(issuer: &Node<'_>, source: &Node<'_>, roots: &[Node<'_>], report: &mut Report) {
    // The filter itself refuses a policy without an address or a cluster.
    let Some(place) = source.get("uri").or_else(|| issuer.get("issuer")) else { return };
    let Some(address) = place.text().and_then(Address::parse) else { return };
    let Some(cluster) = source.get("cluster") else { return };
    if !address.is_https && !address.is_local() {
        report.add(
            Level::Warning,
            &place,
            "found keys over http, expected https: anybody on the way can put in keys of his own",
        );
    }
    check_cluster(&cluster, &address, Some(address.host), roots, report);
    if let Some(cluster) = source.get("jwks_cluster") {
        // What host this is, the metadata say; they must say https if they came by it.
        check_cluster(&cluster, &address, None, roots, report);
    }
}

/// Checks the cluster that the policy names, for an address whose host is known or not.
fn check_cluster(
    name: &Node<'_>,
    address: &Address<'_>,
    host: Option<&str>,
    roots: &[Node<'_>],
    report: &mut Report,
) {
    let Some(wanted) = name.text() else { return };
    let clusters = clusters(wanted, name.file(), roots);
    if clusters.is_empty() {
        let comes_by_cds =
            |root: &Node<'_>| root.at(&["dynamic_resources", "cds_config"]).is_some();
        if roots.iter().any(comes_by_cds) {
            report.add(
                Level::Warning,
                name,
                format!("cluster `{wanted}` is in none of the files: its TLS was not checked"),
            );
        } else {
            report.add(
                Level::Error,
                name,
                format!(
                    "found no cluster `{wanted}`, expected it in static_resources.clusters: no key \
                     ever comes without it"
                ),
            );
        }
    }
    for cluster in clusters.iter().filter(|_| address.is_https) {
        tls::check(cluster, host, roots, report);
    }
}

/// The clusters of a name: those of the file itself, else those of the others.
fn clusters<'a>(name: &str, file: &str, roots: &[Node<'a>]) -> Vec<Node<'a>> {
    let of = |root: &Node<'a>| -> Vec<Node<'a>> {
        let bootstrap = root.get("static_resources").map(|statics| statics.items("clusters"));
        let watched = root.items("resources").into_iter().filter_map(|one| one.typed("Cluster"));
        let all = bootstrap.into_iter().flatten().chain(watched);
        all.filter(|cluster| cluster.text_of("name") == Some(name)).collect()
    };
    let (own, others): (Vec<&Node<'a>>, Vec<&Node<'a>>) =
        roots.iter().partition(|root| root.file() == file);
    let found: Vec<Node<'a>> = own.into_iter().flat_map(of).collect();
    if found.is_empty() { others.into_iter().flat_map(of).collect() } else { found }
}
