//! Header maps with several values for a name.

/// A header map in the order of arrival; names are kept in lower case, as in Envoy.
///
/// Values are bytes: HTTP lets them be anything but NUL, CR and LF.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

impl Headers {
    /// Appends a value, beside those that the name has already.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        self.0.push((name.to_ascii_lowercase(), value.to_vec()));
    }

    /// Removes all values of the name and appends this one.
    pub fn replace(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// Removes all values of the name.
    pub fn remove(&mut self, name: &[u8]) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// The first value of the name, whatever its case.
    ///
    /// All that the host's single-header call shows of several values.
    #[must_use]
    pub fn first(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.all(name.as_ref()).next()
    }

    /// All values of the name, whatever its case.
    pub fn all(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Whether the map has a value of this name.
    #[must_use]
    pub fn has(&self, name: impl AsRef<[u8]>) -> bool {
        self.first(name).is_some()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the map holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of all names and values together.
    #[must_use]
    pub fn byte_size(&self) -> usize {
        self.0.iter().fold(0, |sum, (name, value)| {
            sum.saturating_add(name.len()).saturating_add(value.len())
        })
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
}
