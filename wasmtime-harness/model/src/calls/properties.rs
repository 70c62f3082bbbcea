//! Properties.

use crate::{
    model::Model,
    profile::{Absent, Settable},
    properties::{encoded, from_host, from_request, from_response, from_settings},
    status::{Refusal, Status},
};

use super::http::{REQUEST_HEADERS, RESPONSE_HEADERS};

impl Model {
    /// A property, by its path with the parts joined by NUL.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`, or `SERIALIZATION_FAILURE` for the parent of properties; what the profile says
    /// in their place.
    pub fn get_property(&mut self, path: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.denied_call("proxy_get_property", &[&path], |model| {
            let name = dotted(path);
            model.may_see_property(&name)?;
            match model.property(path, &name) {
                Ok(value) => Ok(encoded(&model.profile, &name, value)),
                Err(Status::SERIALIZATION_FAILURE) => Err(model.profile.parent_property.into()),
                Err(status) => match model.profile.absent_property {
                    Absent::NotFound => Err(status.into()),
                    Absent::Empty => Ok(Vec::new()),
                },
            }
        })
    }

    /// Publishes a value for later filters; Envoy shows it as filter state `wasm.NAME`.
    ///
    /// A NUL inside the path stays in the name there. The name of a property that exists already is
    /// accepted, and the value is never seen.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` outside a request or connection, and where the profile lets nobody set this property.
    pub fn set_property(&mut self, path: &[u8], value: &[u8]) -> Result<(), Refusal> {
        self.denied_call("proxy_set_property", &[&path, &value], |model| {
            let name = dotted(path);
            model.may_see_property(&name)?;
            let settable = match model.profile.settable {
                Settable::Any => true,
                Settable::Under(parts) => {
                    name.split_once('.').is_some_and(|(first, _)| parts.contains(&first))
                }
                Settable::Existing => model.property(path, &name).is_ok(),
            };
            let known = model.known_mut().filter(|_| settable).ok_or(Status::NOT_FOUND)?;
            known.published.insert(path.to_vec(), value.to_vec());
            Ok(())
        })
    }

    /// Outside of a request some hosts have no properties.
    fn may_see_property(&self, name: &str) -> Result<(), Refusal> {
        let denial = if self.known().is_some() {
            None
        } else if name.starts_with("plugin_") {
            self.profile.root_plugin_properties
        } else if name.contains('.') {
            self.profile.root_properties
        } else {
            None
        };
        denial.map_or(Ok(()), |denial| Err(denial.of(format!("{name} outside of a request"))))
    }

    /// The value before it is encoded as the profile does.
    fn property(&self, path: &[u8], name: &str) -> Result<Vec<u8>, Status> {
        let here = self.known();
        let published = here.and_then(|here| here.published.get(path));
        let known = self.profile.properties;
        match (self.profile.settable, published) {
            // One part is a name of its own, below those that the host has; more can only be set.
            (Settable::Any, _) => {}
            (_, Some(value)) => return Ok(value.clone()),
            (_, None) => {}
        }
        if !known.allows(name) && !known.allows_below(name) {
            return Err(Status::NOT_FOUND);
        }
        let everywhere = ["", "xds"].contains(&name) || self.stream().is_some();
        if everywhere && self.profile.parent_properties.contains(&name) {
            return Err(Status::SERIALIZATION_FAILURE);
        }
        let mut found = from_settings(&self.settings, path);
        found = found.or_else(|_| from_host(&self.profile, path));
        let sources = [Some(&self.properties), here.map(|here| &here.properties)];
        for properties in sources.into_iter().flatten() {
            found =
                found.or_else(|error| or_worse(error, properties.get(path).map(<[u8]>::to_vec)));
        }
        if self.stream().is_some() {
            let headers = self.readable(REQUEST_HEADERS);
            found = found.or_else(|error| or_worse(error, from_request(headers, path)));
        }
        if let Some(stream) = self.stream().filter(|stream| stream.response.begun()) {
            let headers = (&stream.response.headers.headers, self.readable(RESPONSE_HEADERS));
            found = found.or_else(|error| or_worse(error, from_response(headers, path)));
        }
        found.or_else(|error| {
            let published = published.filter(|_| !path.contains(&0));
            or_worse(error, published.cloned().ok_or(Status::NOT_FOUND))
        })
    }
}

/// A path as people write it, with dots between its parts.
fn dotted(path: &[u8]) -> String {
    String::from_utf8_lossy(path).replace('\0', ".")
}

/// The next source's answer, unless it knows nothing of the path and an earlier one did.
fn or_worse(error: Status, next: Result<Vec<u8>, Status>) -> Result<Vec<u8>, Status> {
    next.map_err(|next| if next == Status::NOT_FOUND { error } else { next })
}
