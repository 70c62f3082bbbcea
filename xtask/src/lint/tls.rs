//! Whether a cluster asks for the right certificate, and Envoy looks at it.

use super::{Level, Report, node::Node};

/// Why a cluster without verified TLS is an error.
const OWN_KEYS: &str = "anybody on the way can put in keys of his own";

/// Checks a cluster for an `https` address, whose host is known or not.
pub(super) fn check(
    cluster: &Node<'_>,
    host: Option<&str>,
    roots: &[Node<'_>],
    report: &mut Report,
) {
    let options = cluster.at(&[
        "typed_extension_protocol_options",
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "upstream_http_protocol_options",
    ]);
    let by_header = |field: &str| {
        let value = options.as_ref().and_then(|options| options.get(field));
        value.is_some_and(|value| value.is_true())
    };
    let header = ByHeader { sni: by_header("auto_sni"), san: by_header("auto_san_validation") };
    let Some(socket) = cluster.get("transport_socket") else {
        report.add(
            Level::Error,
            cluster,
            format!(
                "found no transport_socket, expected one with an UpstreamTlsContext: Envoy sends \
                 plain text whatever the address says, and {OWN_KEYS}"
            ),
        );
        return;
    };
    check_socket(&socket, &header, host, roots, report);
    for matched in cluster.items("transport_socket_matches") {
        if let Some(socket) = matched.get("transport_socket") {
            check_socket(&socket, &header, host, roots, report);
        }
    }
}

/// What `HttpProtocolOptions` take from the request's `:authority`.
struct ByHeader {
    sni: bool,
    san: bool,
}

fn check_socket(
    socket: &Node<'_>,
    header: &ByHeader,
    host: Option<&str>,
    roots: &[Node<'_>],
    report: &mut Report,
) {
    let config = socket.get("typed_config");
    // Some sockets carry another one inside.
    if let Some(inner) = config.as_ref().and_then(|config| config.get("transport_socket")) {
        return check_socket(&inner, header, host, roots, report);
    }
    let context = config.and_then(|config| {
        let quic = config.get("upstream_tls_context");
        quic.or_else(|| config.typed("UpstreamTlsContext"))
    });
    let Some(context) = context else {
        report.add(
            Level::Error,
            socket,
            format!("found no UpstreamTlsContext, expected one: {OWN_KEYS}"),
        );
        return;
    };
    let is_set = |field: &str| context.get(field).is_some_and(|value| value.is_true());
    match (context.text_of("sni"), host) {
        (Some(sni), Some(host)) if !sni.eq_ignore_ascii_case(host) => report.add(
            Level::Note,
            &context,
            format!("found `sni: {sni}`, and an address with the host `{host}`"),
        ),
        (Some(_), _) => {}
        (None, _) if is_set("auto_host_sni") || header.sni => {}
        (None, _) => report.add(
            Level::Warning,
            &context,
            "found no sni, expected the host of the address: many servers show another \
             certificate without it, or none",
        ),
    }
    let names_host = is_set("auto_sni_san_validation") || header.san;
    check_validation(&context, names_host, roots, report);
}

/// The parts of a validation context, which may stand in up to two places.
struct Validation<'a> {
    places: Vec<Node<'a>>,
    /// The name of a secret that is in none of the files.
    unseen: Option<&'a str>,
}

impl<'a> Validation<'a> {
    fn of(common: &Node<'a>, roots: &[Node<'a>]) -> Self {
        let combined = common.get("combined_validation_context");
        let mut places: Vec<Node<'a>> = common.get("validation_context").into_iter().collect();
        places.extend(combined.as_ref().and_then(|one| one.get("default_validation_context")));
        let field = "validation_context_sds_secret_config";
        let sds = combined.and_then(|one| one.get(field)).or_else(|| common.get(field));
        let mut unseen = None;
        if let Some(sds) = sds {
            let name = sds.text_of("name").unwrap_or_default();
            match secret(name, roots) {
                Some(context) => places.push(context),
                None => unseen = Some(name),
            }
        }
        Self { places, unseen }
    }

    fn get(&self, field: &str) -> Option<Node<'a>> {
        self.places.iter().find_map(|place| place.get(field))
    }

    fn has_items(&self, field: &str) -> bool {
        self.places.iter().any(|place| !place.items(field).is_empty())
    }
}

/// The validation context of a secret in the files.
fn secret<'a>(name: &str, roots: &[Node<'a>]) -> Option<Node<'a>> {
    let secrets = roots.iter().flat_map(|root| {
        let statics = root.get("static_resources").map(|statics| statics.items("secrets"));
        let watched = root.items("resources").into_iter().filter_map(|one| one.typed("Secret"));
        statics.into_iter().flatten().chain(watched)
    });
    let mut named = secrets.filter(|secret| secret.text_of("name") == Some(name));
    named.find_map(|secret| secret.get("validation_context"))
}

fn check_validation(context: &Node<'_>, names_host: bool, roots: &[Node<'_>], report: &mut Report) {
    let common = context.get("common_tls_context");
    let validation = common.as_ref().map(|common| Validation::of(common, roots));
    let Some(validation) = validation else {
        return report.add(Level::Error, context, unverified("found no common_tls_context"));
    };
    if let Some(validator) = validation.get("custom_validator_config") {
        return report.add(
            Level::Note,
            &validator,
            "found a validator of its own: what it verifies was not checked",
        );
    }
    if let Some(mode) = validation.get("trust_chain_verification")
        && (mode.text() == Some("ACCEPT_UNTRUSTED") || mode.value().as_u64() == Some(1))
    {
        return report.add(Level::Error, &mode, unverified("found ACCEPT_UNTRUSTED"));
    }
    let is_pinned = ["verify_certificate_spki", "verify_certificate_hash"]
        .iter()
        .any(|field| validation.has_items(field));
    if is_pinned {
        return;
    }
    if let Some(secret) = validation.unseen {
        return report.add(
            Level::Note,
            context,
            format!("secret `{secret}` is in none of the files: what it verifies was not checked"),
        );
    }
    if validation.get("trusted_ca").is_none() {
        // Tried with Envoy 1.40: it takes the field, and then any certificate.
        let found = match validation.get("system_root_certs") {
            Some(_) => "found system_root_certs, which Envoy does not read",
            None => "found no trusted_ca",
        };
        return report.add(Level::Error, context, unverified(found));
    }
    let names = ["match_typed_subject_alt_names", "match_subject_alt_names"];
    if !names_host && !names.iter().any(|field| validation.has_items(field)) {
        report.add(
            Level::Error,
            context,
            format!(
                "found no match_typed_subject_alt_names, expected it or auto_sni_san_validation: \
                 with a certificate for any other name {OWN_KEYS}"
            ),
        );
    }
}

fn unverified(found: &str) -> String {
    format!(
        "{found}, expected a validation_context with trusted_ca: Envoy takes any certificate without it, and {OWN_KEYS}"
    )
}
