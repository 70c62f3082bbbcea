//! A provider of `jwt_authn` as an issuer.

use crate::{
    import::{
        Options,
        draft::{Condition, Draft, Forwarded, Issuer, Place, Test},
        keys::Files,
        remark::{Kind, Remarks},
    },
    tree::Tree,
};

use super::{
    jwks::{algorithms, keys},
    matching::{Texts, string_match},
};

/// A provider, and what it says beside the issuer.
pub(super) struct Provider {
    pub(super) name: String,
    /// The key under which the payload is published.
    pub(super) payload: Option<String>,
    /// What `subjects` asks of `sub`; `Err` for what cannot be said.
    pub(super) subject: Result<Option<Condition>, ()>,
}

/// Fields of a provider that are read, or of which nothing becomes different.
const KNOWN: [&str; 21] = [
    "issuer",
    "audiences",
    "subjects",
    "require_expiration",
    "max_lifetime",
    "remote_jwks",
    "local_jwks",
    "forward",
    "from_headers",
    "from_params",
    "from_cookies",
    "forward_payload_header",
    "pad_forward_payload_header",
    "payload_in_metadata",
    "header_in_metadata",
    "failed_status_in_metadata",
    "normalize_payload_in_metadata",
    "clock_skew_seconds",
    "jwt_cache_config",
    "claim_to_headers",
    "clear_route_cache",
];

/// Reads one provider into the draft.
pub(super) fn read(
    name: &str,
    tree: &Tree,
    draft: &mut Draft,
    options: &Options,
    files: &Files,
    remarks: &mut Remarks,
) -> Provider {
    for (field, value) in tree.members() {
        if !KNOWN.contains(&field.as_str()) {
            remarks.add(
                value.line,
                Kind::NotCarried,
                format!("the field `{field}` of provider {name}"),
            );
        }
    }
    let mut issuer = Issuer { name: label(name), ..Issuer::default() };
    issuer.issuer = tree.text_of("issuer").filter(|text| !text.is_empty()).map(str::to_owned);
    if issuer.issuer.is_none() {
        issuer.issuer.clone_from(&options.issuer);
        if issuer.issuer.is_none() {
            let text = format!(
                "provider {name} has no issuer, so that any token by its keys would do; the policy needs \
                 the `iss` of its tokens: --issuer ISS"
            );
            remarks.add(tree.line, Kind::Missing, text);
        }
    }
    audiences(name, tree, &mut issuer, options, remarks);
    times(tree, &mut issuer, remarks);
    issuer.keys = keys(name, tree, files, remarks);
    issuer.algorithms = algorithms(tree, &issuer.keys, remarks);
    places(tree, draft, remarks);
    forward(tree, draft, remarks);
    for field in ["header_in_metadata", "failed_status_in_metadata"] {
        if let Some(value) = tree.get(field) {
            remarks.add(
                value.line,
                Kind::NotCarried,
                format!("`{field}`: the gate publishes claims, by `filter_state`"),
            );
        }
    }
    if let Some(value) = tree.get("payload_in_metadata") {
        let text = "the gate publishes no dynamic metadata; name the claims that later filters and logs \
                    need, as `filter_state` in `forward.claims`. RBAC on them becomes rules here";
        remarks.add(value.line, Kind::Changed, text);
    }
    if let Some(value) = tree.get("jwt_cache_config") {
        let text = "a token in this cache passes until it expires, also when its key is gone; the gate's \
                    cache ends with the key set";
        remarks.add(value.line, Kind::Closed, text);
    }
    draft.issuers.push(issuer);
    Provider {
        name: label(name),
        payload: tree.text_of("payload_in_metadata").map(str::to_owned),
        subject: subject(name, tree, remarks),
    }
}

/// The name of an issuer, by the name of its provider.
pub(super) fn label(name: &str) -> String {
    let plain: String = name.chars().filter(char::is_ascii_graphic).take(128).collect();
    match plain.as_str() {
        "" | "none" | "route" => format!("provider-{plain}"),
        _ => plain,
    }
}

fn subject(name: &str, tree: &Tree, remarks: &mut Remarks) -> Result<Option<Condition>, ()> {
    let Some(matcher) = tree.get("subjects") else { return Ok(None) };
    match string_match(matcher) {
        Texts::Exact(text) => Ok(Some(Condition {
            claim: vec!["sub".to_owned()],
            test: Test::OneOf(vec![text.into()]),
        })),
        _ => {
            let text = format!(
                "`subjects` of provider {name} is more than one name; what needs it is denied"
            );
            remarks.add(matcher.line, Kind::NotCarried, text);
            Err(())
        }
    }
}

fn texts(tree: &Tree, field: &str) -> Vec<String> {
    tree.list(field).iter().filter_map(Tree::text).map(str::to_owned).collect()
}

fn audiences(
    name: &str,
    tree: &Tree,
    issuer: &mut Issuer,
    options: &Options,
    remarks: &mut Remarks,
) {
    let mut audiences = texts(tree, "audiences");
    if audiences.is_empty() {
        audiences.clone_from(&options.audience);
    } else if let Some(list) = tree.get("audiences") {
        let text =
            "Envoy takes `http://x`, `https://x/` and `x` for one audience; here every byte counts";
        remarks.add(list.line, Kind::Closed, text);
    }
    if audiences.is_empty() {
        let text = format!(
            "provider {name} has no audiences, so that tokens made for any other service of the issuer open \
             this one: `audiences: any` says so in as many words. Name your API's: --audience AUD"
        );
        remarks.add(tree.line, Kind::Open, text);
    } else {
        issuer.audiences = Some(audiences);
    }
}

fn times(tree: &Tree, issuer: &mut Issuer, remarks: &mut Remarks) {
    if !tree.get("require_expiration").is_some_and(Tree::is_true) {
        let text = "a token without `exp` never expires, nor one with `exp` 0; here `exp` is required, and 0 has passed";
        remarks.add(tree.line, Kind::Closed, text);
    }
    if let Some(value) = tree.get("clock_skew_seconds") {
        // 0 is how protobuf says nothing, and Envoy then takes 60.
        match value.value().as_u64() {
            Some(0) => {}
            Some(skew @ 1..=300) => issuer.clock_skew = Some(skew),
            _ => {
                issuer.clock_skew = Some(300);
                remarks.add(
                    value.line,
                    Kind::Changed,
                    "more than 5 minutes of clock skew; here 5 minutes",
                );
            }
        }
    }
    if let Some(value) = tree.get("max_lifetime") {
        match millis(value).map(|millis| millis.div_ceil(1000)) {
            Some(lifetime @ 1..=31_622_400) => {
                issuer.max_lifetime = Some(lifetime);
                let text = "Envoy measures what is left of a token's life; here it is the whole, `exp - iat`, and \
                            a token needs an `iat`";
                remarks.add(value.line, Kind::Changed, text);
            }
            _ => remarks.add(
                value.line,
                Kind::NotCarried,
                "a lifetime that is none from 1s to 366 days",
            ),
        }
    }
}

/// A protobuf duration, `1.5s`, in milliseconds.
pub(super) fn millis(tree: &Tree) -> Option<u64> {
    let text = tree.text()?.strip_suffix('s')?;
    let (secs, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(fraction) || !digits(secs) {
        return None;
    }
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    secs.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(fraction.parse().ok()?)
}

fn places(tree: &Tree, draft: &mut Draft, remarks: &mut Remarks) {
    let mut places = Vec::new();
    for header in tree.list("from_headers") {
        let name = header.text_of("name").unwrap_or_default().to_ascii_lowercase();
        let bearer = match header.text_of("value_prefix").map(str::trim) {
            None | Some("") => false,
            Some(prefix) => {
                if !prefix.eq_ignore_ascii_case("bearer") {
                    let text = format!(
                        "the prefix {prefix:?} before a token; the gate knows Bearer alone"
                    );
                    remarks.add(header.line, Kind::NotCarried, text);
                    continue;
                }
                true
            }
        };
        if bearer {
            let text = "Envoy finds `Bearer ` anywhere in the value, in `NotBearer x` too; here it stands at the start, \
                        in any case";
            remarks.add(header.line, Kind::Closed, text);
        }
        places.push(Place::Header(name, bearer));
    }
    places.extend(texts(tree, "from_params").into_iter().map(Place::Query));
    for cookie in texts(tree, "from_cookies") {
        if !tree.get("forward").is_some_and(Tree::is_true) {
            let text = format!(
                "Envoy leaves the token in the cookie {cookie} on its way to the server; here it is taken out"
            );
            let line = tree.get("from_cookies").map_or(tree.line, |list| list.line);
            remarks.add(line, Kind::Closed, text);
        }
        places.push(Place::Cookie(cookie));
    }
    if places.is_empty() {
        places.push(Place::usual());
        let text = "Envoy also takes a token from the query parameter access_token, and finds `Bearer ` anywhere \
                    in the header; here it is the header alone, from its start. Tokens in addresses end up in logs";
        remarks.add(tree.line, Kind::Closed, text);
    }
    if !draft.places.is_empty() && places.iter().any(|place| !draft.places.contains(place)) {
        let text = "the places of all providers are looked at for each token; two tokens in one request are refused";
        remarks.add(tree.line, Kind::Changed, text);
    }
    for place in places {
        if let Place::Query(name) = &place {
            let text = format!(
                "tokens in the query (`{name}`) end up in logs and histories (RFC 6750 section 2.3)"
            );
            remarks.add(tree.line, Kind::Open, text);
        }
        let same = |known: &Place| match (known, &place) {
            (Place::Header(one, _), Place::Header(other, _)) => one == other,
            (one, other) => one == other,
        };
        if !draft.places.iter().any(same) {
            draft.places.push(place);
        }
    }
}

fn forward(tree: &Tree, draft: &mut Draft, remarks: &mut Remarks) {
    if tree.get("forward").is_some_and(Tree::is_true) {
        draft.forward_token = true;
    }
    if let Some(name) = tree.get("forward_payload_header").filter(|name| name.text() != Some("")) {
        let header = name.text().unwrap_or_default().to_ascii_lowercase();
        match &draft.payload {
            Some(other) if *other != header => {
                remarks.add(
                    name.line,
                    Kind::NotCarried,
                    format!("a second header for the payload, beside {other}"),
                );
            }
            _ => draft.payload = Some(header),
        }
    }
    if let Some(pad) = tree.get("pad_forward_payload_header").filter(|pad| pad.is_true()) {
        remarks.add(
            pad.line,
            Kind::Changed,
            "the payload is forwarded as it came, without padding",
        );
    }
    for claim in tree.list("claim_to_headers") {
        let (Some(header), Some(name)) =
            (claim.text_of("header_name"), claim.text_of("claim_name"))
        else {
            remarks.add(claim.line, Kind::NotCarried, "a claim without a name or a header");
            continue;
        };
        let header = header.to_ascii_lowercase();
        if draft.claims.iter().any(|known| known.header == header) {
            continue;
        }
        // Envoy takes dots for the way into objects.
        let claim_path: Vec<String> = name.split('.').map(str::to_owned).collect();
        draft.claims.push(Forwarded { claim: claim_path, header });
    }
}
