//! Properties: what the proxy knows about a request beside its headers.

use std::collections::BTreeMap;

use crate::{
    headers::Headers,
    profile::{Addresses, Profile, PropertyValues},
    settings::Settings,
    status::Status,
};

/// Properties that are booleans: one byte in Envoy.
const BOOLEANS: [&str; 1] = ["connection.mtls"];

/// Properties that are numbers: eight bytes in little endian in Envoy.
const NUMBERS: [&str; 10] = [
    "connection.id",
    "destination.port",
    "request.size",
    "request.total_size",
    "response.code",
    "response.size",
    "response.total_size",
    "source.port",
    "upstream.local_port",
    "upstream.port",
];

/// Properties that are times: eight bytes of nanoseconds in little endian in Envoy.
const TIMES: [&str; 2] = ["request.duration", "request.time"];

/// Properties that are addresses.
const ADDRESSES: [&str; 4] =
    ["destination.address", "source.address", "upstream.address", "upstream.local_address"];

/// Properties by path, as bytes in the encoding that the proxy uses for their type.
///
/// Envoy 1.40: strings and protobuf messages as their bytes, booleans one byte, numbers eight bytes
/// little endian, addresses with their port. A profile that has it otherwise makes its own of these.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Properties(BTreeMap<Vec<u8>, Vec<u8>>);

impl Properties {
    /// Sets the property at this path.
    pub fn set<P: AsRef<[u8]>>(&mut self, path: &[P], value: &[u8]) {
        self.0.insert(join(path), value.to_vec());
    }

    /// Looks up a path whose parts are joined by NUL.
    ///
    /// # Errors
    ///
    /// [`Status::NOT_FOUND`], or [`Status::SERIALIZATION_FAILURE`] for the parent of a property.
    pub fn get(&self, path: &[u8]) -> Result<&[u8], Status> {
        match self.0.get(path) {
            Some(value) => Ok(value),
            None if self.is_parent(path) => Err(Status::SERIALIZATION_FAILURE),
            None => Err(Status::NOT_FOUND),
        }
    }

    fn is_parent(&self, path: &[u8]) -> bool {
        self.0
            .keys()
            .any(|known| known.strip_prefix(path).is_some_and(|rest| rest.starts_with(b"\0")))
    }
}

/// The properties that Envoy derives from the request's headers as they are now.
///
/// `headers` is `None` when the filter can no longer see them.
pub(crate) fn from_request(headers: Option<&Headers>, path: &[u8]) -> Result<Vec<u8>, Status> {
    let mut parts = path.split(|byte| *byte == 0);
    if parts.next() != Some(b"request") {
        return Err(Status::NOT_FOUND);
    }
    let Some(attribute) = parts.next() else {
        return Err(Status::SERIALIZATION_FAILURE);
    };
    let headers = headers.ok_or(Status::NOT_FOUND)?;
    if attribute == b"headers" {
        let Some(name) = parts.next() else {
            return Err(Status::SERIALIZATION_FAILURE);
        };
        return match joined(headers, name) {
            Some(value) if parts.next().is_none() => Ok(value),
            _ => Err(Status::NOT_FOUND),
        };
    }
    if parts.next().is_some() {
        return Err(Status::NOT_FOUND);
    }
    let header = |name: &str| joined(headers, name.as_bytes());
    let url = header(":path").unwrap_or_default();
    let question = url.iter().position(|byte| *byte == b'?');
    let (url_path, query) = match question.and_then(|at| url.split_at_checked(at)) {
        Some((path, query)) => (path, query.strip_prefix(b"?").unwrap_or(query)),
        None => (url.as_slice(), &b""[..]),
    };
    match attribute {
        b"path" => header(":path"),
        b"url_path" => header(":path").map(|_| url_path.to_vec()),
        b"query" => header(":path").map(|_| query.to_vec()),
        b"host" => header(":authority"),
        b"scheme" => header(":scheme"),
        b"method" => header(":method"),
        b"referer" => header("referer"),
        b"useragent" => header("user-agent"),
        b"id" => header("x-request-id"),
        _ => None,
    }
    .ok_or(Status::NOT_FOUND)
}

/// The properties that Envoy derives from the response's headers: its status, once there is one, and
/// each header while the filter can see them (the second of `headers`).
pub(crate) fn from_response(
    headers: (&Headers, Option<&Headers>),
    path: &[u8],
) -> Result<Vec<u8>, Status> {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == 0).collect();
    let found = match parts[..] {
        [b"response", b"code"] => {
            let status = headers.0.first(":status").and_then(|status| str::from_utf8(status).ok());
            let code = status.and_then(|status| status.parse::<u64>().ok());
            code.map(|code| code.to_le_bytes().to_vec())
        }
        [b"response", b"headers", name] => headers.1.and_then(|headers| joined(headers, name)),
        _ => None,
    };
    found.ok_or(Status::NOT_FOUND)
}

/// The properties that come from the plugin's own configuration.
pub(crate) fn from_settings(settings: &Settings, path: &[u8]) -> Result<Vec<u8>, Status> {
    Ok(match path {
        b"plugin_name" => settings.name.as_bytes().to_vec(),
        b"plugin_root_id" => settings.root_id.as_bytes().to_vec(),
        b"plugin_vm_id" => settings.vm_id.as_bytes().to_vec(),
        _ => return Err(Status::NOT_FOUND),
    })
}

/// The property in which a host says what it is.
pub(crate) fn from_host(profile: &Profile, path: &[u8]) -> Result<Vec<u8>, Status> {
    let name = profile.user_agent_name.filter(|_| path == b"xds\0node\0user_agent_name");
    name.map(|name| name.as_bytes().to_vec()).ok_or(Status::NOT_FOUND)
}

/// The value of the property of this name, with dots between its parts, as the profile has it.
///
/// A value that is not as Envoy has it stays as it is.
pub(crate) fn encoded(profile: &Profile, name: &str, value: Vec<u8>) -> Vec<u8> {
    let text = match (profile.property_values, profile.addresses) {
        (PropertyValues::Text, _) if BOOLEANS.contains(&name) => match value[..] {
            [0] => Some("false".to_owned()),
            [1] => Some("true".to_owned()),
            _ => None,
        },
        (PropertyValues::Text, _) if NUMBERS.contains(&name) => {
            number(&value).map(|number| number.to_string())
        }
        (PropertyValues::Text, _) if TIMES.contains(&name) => number(&value).map(|nanos| {
            let (seconds, millis) = (nanos.div_euclid(SECOND), nanos.rem_euclid(SECOND) / MILLI);
            format!("{seconds}.{millis:03}")
        }),
        (_, Addresses::WithoutPort) if ADDRESSES.contains(&name) => {
            str::from_utf8(&value).ok().map(|address| without_port(address).to_owned())
        }
        _ => None,
    };
    text.map_or(value, String::into_bytes)
}

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
const MILLI: u64 = 1_000_000;

fn number(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_le_bytes)
}

/// `192.0.2.1` of `192.0.2.1:80`, and `2001:db8::1` of `[2001:db8::1]:80`.
fn without_port(address: &str) -> &str {
    if let Some((address, _)) = address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => address,
    }
}

fn joined(headers: &Headers, name: &[u8]) -> Option<Vec<u8>> {
    let values: Vec<&[u8]> = headers.all(name).collect();
    (!values.is_empty()).then(|| values.join(&b','))
}

fn join<P: AsRef<[u8]>>(path: &[P]) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.iter().map(AsRef::as_ref).collect();
    parts.join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_cannot_be_expressed_as_bytes() {
        let mut properties = Properties::default();
        properties.set(&["xds", "route_name"], b"r");
        assert_eq!(properties.get(b"xds\0route_name"), Ok(&b"r"[..]));
        assert_eq!(properties.get(b"xds"), Err(Status::SERIALIZATION_FAILURE));
        assert_eq!(properties.get(b"xd"), Err(Status::NOT_FOUND));
        assert_eq!(properties.get(b""), Err(Status::NOT_FOUND));
    }

    #[test]
    fn values_that_are_no_text_are_encoded_by_the_profile() {
        let encode = |profile: &Profile, name, value: &[u8]| encoded(profile, name, value.to_vec());
        let time = 1_700_000_000_123_456_789_u64.to_le_bytes();
        for (name, binary, text) in [
            ("connection.mtls", &[1][..], "true"),
            ("connection.mtls", &[0], "false"),
            ("connection.mtls", b"yes", "yes"),
            ("source.port", &443_u64.to_le_bytes(), "443"),
            ("source.port", b"443", "443"),
            ("request.time", &time, "1700000000.123"),
            ("connection.tls_version", b"TLSv1.3", "TLSv1.3"),
        ] {
            assert_eq!(encode(&Profile::NGX_WASM, name, binary), text.as_bytes(), "{name}");
            assert_eq!(encode(&Profile::ENVOY_1_40, name, binary), binary, "{name}");
        }
        for (with, without) in [
            ("192.0.2.1:33964", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            let address = with.as_bytes();
            for name in ADDRESSES {
                assert_eq!(encode(&Profile::NGX_WASM, name, address), without.as_bytes());
                assert_eq!(encode(&Profile::ENVOY_1_40, name, address), address);
            }
            assert_eq!(encode(&Profile::NGX_WASM, "request.host", address), address);
        }
    }

    #[test]
    fn request_attributes_follow_the_headers() {
        let headers = Headers::from_iter([(":path", "/a?b?c"), ("x", "1"), ("x", "2")]);
        let get = |path: &[u8]| from_request(Some(&headers), path);
        assert_eq!(get(b"request\0path"), Ok(b"/a?b?c".to_vec()));
        assert_eq!(get(b"request\0url_path"), Ok(b"/a".to_vec()));
        assert_eq!(get(b"request\0query"), Ok(b"b?c".to_vec()));
        assert_eq!(get(b"request\0headers\0x"), Ok(b"1,2".to_vec()));
        assert_eq!(get(b"request\0headers\0y"), Err(Status::NOT_FOUND));
        assert_eq!(get(b"request\0host"), Err(Status::NOT_FOUND));
        assert_eq!(get(b"request"), Err(Status::SERIALIZATION_FAILURE));
        assert_eq!(from_request(None, b"request\0path"), Err(Status::NOT_FOUND));
    }
}
