//! A JWT Gate filter in a configuration, and what its policy reads and writes.

use serde_json::Value;

use super::{Level, Report, keys, node::Node};

/// What the policy of one filter says, as far as routes can get in its way.
pub(super) struct Gate {
    /// The filter's name in the chain, by which a route can switch it off.
    pub(super) name: String,
    /// Headers that the filter writes or removes, in the spelling of the policy, with the field.
    pub(super) identity: Vec<(String, &'static str)>,
    /// Headers that hold the token.
    pub(super) token_headers: Vec<String>,
    /// Cookies that hold the token.
    pub(super) token_cookies: Vec<String>,
    /// Query parameters that hold the token.
    pub(super) token_parameters: Vec<String>,
    /// Whether a client's identity header is taken away (else its request is refused).
    pub(super) strips: bool,
    /// Whether rules are read from route metadata.
    pub(super) reads_routes: bool,
    /// The names of the document's rules.
    pub(super) rules: Vec<String>,
}

impl Gate {
    /// Reads the filter at `wasm`, a `Wasm` message, and reports what is wrong with its own
    /// settings; none when its configuration is no policy.
    pub(super) fn read(
        name: &str,
        wasm: &Node<'_>,
        roots: &[Node<'_>],
        report: &mut Report,
    ) -> Option<Self> {
        let config = wasm.get("config")?;
        with_policy(&config, |policy| {
            check_settings(&config, report);
            keys::check(&config, policy, roots, report);
            Self::of_policy(name, policy)
        })
    }

    fn of_policy(name: &str, policy: &Node<'_>) -> Self {
        let sources = policy.get("token").map(|token| token.items("from")).unwrap_or_default();
        let named = |kind: &str| -> Vec<String> {
            sources.iter().filter_map(|source| source.text_of(kind)).map(str::to_owned).collect()
        };
        let mut token_headers = named("header");
        if sources.is_empty() {
            token_headers.push("authorization".into());
        }
        let mut identity: Vec<(String, &'static str)> = Vec::new();
        if let Some(forward) = policy.get("forward") {
            identity
                .extend(forward.text_of("payload").map(|name| (name.into(), "forward.payload")));
            let claims = forward.items("claims");
            let headers = claims.iter().filter_map(|claim| claim.text_of("header"));
            identity.extend(headers.map(|name| (name.into(), "forward.claims")));
            let removed = forward.texts("remove_headers").into_iter();
            identity.extend(removed.map(|name| (name.into(), "forward.remove_headers")));
        }
        let rules = policy.items("rules");
        Self {
            name: name.to_owned(),
            identity,
            token_headers,
            token_cookies: named("cookie"),
            token_parameters: named("query"),
            strips: policy.text_of("on_spoofed_header") == Some("strip"),
            reads_routes: policy.get("route_metadata").is_some_and(|value| value.is_true()),
            rules: rules
                .iter()
                .filter_map(|rule| rule.text_of("name"))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Why no route may match on this header, or none when it may.
    pub(super) fn use_of_header(&self, header: &str) -> Option<String> {
        let is_same = |name: &str| alike(name) == alike(header);
        if let Some((_, field)) = self.identity.iter().find(|(name, _)| is_same(name)) {
            return Some(match *field {
                "forward.remove_headers" => format!("removes ({field})"),
                _ => format!("writes, and takes from clients ({field})"),
            });
        }
        if self.token_headers.iter().any(|name| is_same(name)) {
            return Some("reads the token from (token.from)".into());
        }
        if !self.token_cookies.is_empty() && is_same("cookie") {
            return Some("reads the token from (token.from, a cookie)".into());
        }
        // A route's own path match never sees the query; a header match on `:path` does.
        if !self.token_parameters.is_empty() && is_same(":path") {
            return Some("takes the token out of (token.from, a query parameter)".into());
        }
        None
    }
}

/// What `read` makes of the policy of the plugin `config`; none when its configuration is no policy.
pub(super) fn with_policy<T>(config: &Node<'_>, read: impl FnOnce(&Node<'_>) -> T) -> Option<T> {
    let configuration = config.get("configuration")?;
    let parsed: Value;
    let inner;
    let policy = if let Some(message) = configuration.typed("Struct") {
        message.get("value")?
    } else if let Some(message) = configuration.typed("StringValue") {
        inner = message.get("value")?;
        parsed = serde_json::from_str(inner.text()?).ok()?;
        inner.holding(&parsed)
    } else {
        return None;
    };
    policy.get("issuers")?;
    Some(read(&policy))
}

/// Settings of the plugin that let requests pass unchecked.
fn check_settings(config: &Node<'_>, report: &mut Report) {
    match config.get("failure_policy") {
        None => report.add(
            Level::Note,
            config,
            "found no failure_policy, so a worker whose filter fails answers 503 until it is restarted; \
             expected FAIL_RELOAD",
        ),
        Some(policy) => match (policy.text(), policy.value().as_u64()) {
            (Some("FAIL_RELOAD"), _) | (_, Some(1)) => {}
            (Some("FAIL_CLOSED"), _) | (_, Some(2)) => report.add(
                Level::Note,
                &policy,
                "found FAIL_CLOSED, so a worker whose filter fails answers 503 until it is restarted; \
                 expected FAIL_RELOAD",
            ),
            (Some("FAIL_OPEN"), _) | (_, Some(3)) => report.add(
                Level::Error,
                &policy,
                "found FAIL_OPEN, expected FAIL_RELOAD: once the filter fails, no request of that \
                 worker is checked any more",
            ),
            _ => report.add(
                Level::Error,
                &policy,
                format!("found {}, expected FAIL_RELOAD", policy.value()),
            ),
        },
    }
    if let Some(open) = config.get("fail_open").filter(Node::is_true) {
        report.add(
            Level::Error,
            &open,
            "found true, expected the field absent: once the filter fails, no request of that \
             worker is checked any more",
        );
    }
    if let Some(flag) = config.get("allow_on_headers_stop_iteration").filter(Node::is_true) {
        report.add(
            Level::Error,
            &flag,
            "found true, expected the field absent: a request's body could go on while its headers \
             are still being checked",
        );
    }
    if let Some(allowed) = config.at(&["capability_restriction_config", "allowed_capabilities"]) {
        let names = allowed.fields();
        let has = |wanted: &str| names.iter().any(|name| name.key() == wanted);
        if !names.is_empty() && !has("proxy_on_request_headers") {
            report.add(
                Level::Error,
                &allowed,
                "found a list without proxy_on_request_headers, expected it in: Envoy does not \
                 call the filter without it, and every request passes unchecked",
            );
        }
    }
}

/// A header name as a careless reader sees it: without case, `_` like `-`.
pub(super) fn alike(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}
