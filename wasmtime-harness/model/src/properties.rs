//! Properties: what the proxy knows about a request beside its headers.

use std::collections::BTreeMap;

use crate::{headers::Headers, settings::Settings, status::Status};

/// Properties by path, as bytes in the encoding that the proxy uses for their type.
///
/// Envoy 1.40: strings and protobuf messages as their bytes, booleans one byte, numbers eight bytes
/// little endian.
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

/// The properties that come from the plugin's own configuration.
pub(crate) fn from_settings(settings: &Settings, path: &[u8]) -> Result<Vec<u8>, Status> {
    Ok(match path {
        b"plugin_name" => settings.name.as_bytes().to_vec(),
        b"plugin_root_id" => settings.root_id.as_bytes().to_vec(),
        b"plugin_vm_id" => settings.vm_id.as_bytes().to_vec(),
        _ => return Err(Status::NOT_FOUND),
    })
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
