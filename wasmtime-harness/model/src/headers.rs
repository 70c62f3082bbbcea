//! Header maps with several values for a name.

use std::fmt;

use crate::profile::HeaderNames;

/// A header map in the order of arrival.
///
/// Names show in lower case, as in Envoy, unless a [`Profile`](crate::Profile) lets them be; they are
/// found, and compared, whatever their case. Values are bytes: HTTP lets them be anything but NUL, CR
/// and LF.
#[derive(Clone, Default, Eq)]
pub struct Headers {
    fields: Vec<Field>,
    names: HeaderNames,
}

#[derive(Clone, Eq, PartialEq)]
struct Field {
    /// The name as it was given.
    given: Vec<u8>,
    /// The name as it shows.
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Headers {
    /// Appends a value, beside those that the name has already.
    ///
    /// Pseudo headers stay in front of all others (Envoy `HeaderMapImpl::HeaderList`).
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let given = name.to_vec();
        let name = match self.names {
            HeaderNames::Lower => name.to_ascii_lowercase(),
            // What a filter writes is not made odd: it knows how it wrote it.
            HeaderNames::Kept | HeaderNames::Odd => name.to_vec(),
        };
        let place = match name.starts_with(b":") {
            true => self.fields.iter().position(|field| !field.given.starts_with(b":")),
            false => None,
        };
        let field = Field { given, name, value: value.to_vec() };
        self.fields.insert(place.unwrap_or(self.fields.len()), field);
    }

    /// Appends a value to the first one of the name, with a comma between them.
    pub(crate) fn join(&mut self, name: &[u8], value: &[u8]) {
        match self.fields.iter_mut().find(|field| field.given.eq_ignore_ascii_case(name)) {
            Some(field) => field.value = [&field.value, value].join(&b','),
            None => self.add(name, value),
        }
    }

    /// Removes all values of the name and appends this one.
    pub fn replace(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// Removes all values of the name.
    pub fn remove(&mut self, name: &[u8]) {
        self.fields.retain(|field| !field.given.eq_ignore_ascii_case(name));
    }

    /// The first value of the name, whatever its case.
    ///
    /// All that the host's single-header call shows of several values, in most hosts.
    #[must_use]
    pub fn first(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.all(name.as_ref()).next()
    }

    /// All values of the name, whatever its case.
    pub fn all(&self, name: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| field.given.eq_ignore_ascii_case(name))
            .map(|field| field.value.as_slice())
    }

    /// Whether the map has a value of this name.
    #[must_use]
    pub fn has(&self, name: impl AsRef<[u8]>) -> bool {
        self.first(name).is_some()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (field.name.as_slice(), field.value.as_slice()))
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether the map holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The bytes of all names and values together.
    #[must_use]
    pub fn byte_size(&self) -> usize {
        self.iter().fold(0, |sum, (name, value)| {
            sum.saturating_add(name.len()).saturating_add(value.len())
        })
    }

    /// Names as they were given, and values, in order.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (field.given.as_slice(), field.value.as_slice()))
    }

    /// The same map with its names as a host shows them to a filter.
    #[must_use]
    pub(crate) fn shown(mut self, names: HeaderNames) -> Self {
        self.names = names;
        for Field { given, name, .. } in &mut self.fields {
            *name = match names {
                HeaderNames::Lower => given.to_ascii_lowercase(),
                HeaderNames::Odd if !given.starts_with(b":") => odd(given),
                HeaderNames::Odd | HeaderNames::Kept => given.clone(),
            };
        }
        self
    }

    /// Puts the values of another map in the place of all that there is.
    pub(crate) fn assign(&mut self, headers: &Self) {
        self.fields.clear();
        for Field { given, value, .. } in &headers.fields {
            self.add(given, value);
        }
    }
}

/// `aUtHoRiZaTiOn` of `authorization`.
fn odd(name: &[u8]) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    let letters = lower.iter().enumerate();
    letters
        .map(|(i, letter)| if i.is_multiple_of(2) { *letter } else { letter.to_ascii_uppercase() })
        .collect()
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.fields.iter().zip(&other.fields).all(|(one, other)| {
                one.given.eq_ignore_ascii_case(&other.given) && one.value == other.value
            })
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self
            .iter()
            .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()));
        f.debug_list().entries(fields).finish()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.add(name.as_ref(), value.as_ref());
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replace_leaves_one_value_at_the_end() {
        let mut headers = Headers::from_iter([("X-A", "1"), ("b", "2"), ("x-a", "3")]);
        assert_eq!(headers.first("X-a"), Some(&b"1"[..]));
        headers.replace(b"x-A", b"4");
        assert_eq!(headers, Headers::from_iter([("b", "2"), ("x-a", "4")]));
    }

    #[test]
    fn remove_takes_every_value() {
        let mut headers = Headers::from_iter([("a", "1"), ("A", "2"), ("b", "3")]);
        assert_eq!(headers.byte_size(), 6);
        headers.remove(b"A");
        assert_eq!(headers, Headers::from_iter([("b", "3")]));
    }

    #[test]
    fn names_show_in_lower_case_as_given_or_odd() {
        let names = |headers: &Headers| {
            let names = headers.iter().map(|(name, _)| String::from_utf8(name.to_vec()).unwrap());
            names.collect::<Vec<_>>().join(" ")
        };
        let sent = Headers::from_iter([(":path", "/"), ("User-Agent", "1"), ("x", "2")]);
        assert_eq!(names(&sent), ":path user-agent x");
        for (how, arrived, written) in [
            (HeaderNames::Lower, ":path user-agent x", ":path user-agent x x-new"),
            (HeaderNames::Kept, ":path User-Agent x", ":path User-Agent x X-New"),
            (HeaderNames::Odd, ":path uSeR-AgEnT x", ":path uSeR-AgEnT x X-New"),
        ] {
            let mut headers = sent.clone().shown(how);
            assert_eq!(names(&headers), arrived);
            headers.add(b"X-New", b"3");
            assert_eq!(names(&headers), written);
            assert!(headers.has("USER-AGENT"), "found whatever the case");
            assert_ne!(headers, sent);
            headers.remove(b"x-new");
            assert_eq!(headers, sent, "equal whatever the case");
            headers.assign(&Headers::from_iter([("A-B", "")]));
            let kept = if how == HeaderNames::Lower { "a-b" } else { "A-B" };
            assert_eq!(names(&headers), kept);
        }
    }
}
