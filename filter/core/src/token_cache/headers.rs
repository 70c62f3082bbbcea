//! Headers that were read before.

use std::rc::Rc;

use crate::{bytes::is_same, jws::Header};

/// Headers of good tokens by their text in base64url: an issuer has one for each of its keys.
///
/// What a header says depends on nothing but its text, so none is ever out of date. Only the header of a
/// token whose signature is good gets in, so nobody but an issuer chooses them.
#[derive(Debug, Default)]
pub(super) struct Headers {
    known: Vec<(Box<[u8]>, Rc<Header>)>,
    /// The place that the next one takes when all are taken.
    next: usize,
}

/// Headers that are remembered: those of several issuers whose keys are being renewed.
const MOST: usize = 8;

/// Longest header that is remembered, in bytes; one that carries a certificate is longer.
const LONGEST: usize = 512;

impl Headers {
    pub(super) fn get(&self, part: &[u8]) -> Option<Rc<Header>> {
        self.find(part).map(Rc::clone)
    }

    pub(super) fn keep(&mut self, part: &[u8], header: &Rc<Header>) {
        if part.len() > LONGEST || self.find(part).is_some() {
            return;
        }
        let known = (part.into(), Rc::clone(header));
        match self.known.get_mut(self.next) {
            Some(place) => *place = known,
            None => self.known.push(known),
        }
        self.next = self.next.saturating_add(1).checked_rem(MOST).unwrap_or_default();
    }

    fn find(&self, part: &[u8]) -> Option<&Rc<Header>> {
        let known = self.known.iter().find(|(known, _)| is_same(known, part));
        known.map(|(_, header)| header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;

    fn header(kid: usize) -> Rc<Header> {
        Rc::new(Header { algorithm: Algorithm::Rs256, kid: Some(kid.to_string()), typ: None })
    }

    #[test]
    fn the_last_ones_are_known_each_by_its_own_text() {
        let mut headers = Headers::default();
        assert!(headers.get(b"0").is_none());
        for kid in 0..20_usize {
            let text = kid.to_string();
            for _ in 0..2 {
                headers.keep(text.as_bytes(), &header(kid));
            }
            for known in 0..20 {
                let found = headers.get(known.to_string().as_bytes());
                let kid_of = found.and_then(|header| header.kid.clone());
                let expected = (known <= kid && known + MOST > kid).then(|| known.to_string());
                assert_eq!(kid_of, expected, "{known} of {kid}");
            }
        }
        assert_eq!(headers.known.len(), MOST);
    }

    #[test]
    fn a_long_one_takes_no_place() {
        let mut headers = Headers::default();
        headers.keep(&[b'a'; LONGEST + 1], &header(1));
        assert!(headers.known.is_empty());
        headers.keep(&[b'a'; LONGEST], &header(1));
        assert_eq!(headers.known.len(), 1);
    }
}
