//! Request paths in one form, or not at all.
//!
//! An access rule is only as good as the agreement between this gate and the server behind it on
//! what a path means. Every form that two servers are known to read differently is refused before
//! a rule is looked at; see `peers.md` d1 for the vulnerabilities behind each kind.

use std::{borrow::Cow, fmt};

use crate::bytes::{has_control_blank_or_hash, position};

/// The forms of a path that servers read differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ambiguity {
    /// `\`: a separator for some servers (CVE-2021-29492).
    Backslash,
    /// `%` without two hexadecimal digits.
    BadPercent,
    /// A control character, a blank or a byte beyond ASCII, raw or (controls only) encoded.
    Control,
    /// `.` or `..` as a segment, also behind `;`, `\`, `%2F` or `%5C` (CVE-2019-9901).
    DotSegment,
    /// `//`: one separator or two (CVE-2021-31920).
    DoubleSlash,
    /// `%5C`.
    EncodedBackslash,
    /// `%2E`.
    EncodedDot,
    /// `%2F` (CVE-2021-29492).
    EncodedSlash,
    /// `#` (CVE-2021-32779).
    Fragment,
    /// `;`: path parameters for some servers, `/..;/` among them.
    Semicolon,
}

impl Ambiguity {
    /// The kinds an operator may allow, by their name in the policy document.
    ///
    /// Dot segments and control characters are not among them: taken literally, as an allowed kind
    /// is, `/public/../admin` would match a rule for `/public`.
    pub const ALLOWABLE: [(&'static str, Self); 8] = [
        ("backslash", Self::Backslash),
        ("bad_percent", Self::BadPercent),
        ("double_slash", Self::DoubleSlash),
        ("encoded_backslash", Self::EncodedBackslash),
        ("encoded_dot", Self::EncodedDot),
        ("encoded_slash", Self::EncodedSlash),
        ("fragment", Self::Fragment),
        ("semicolon", Self::Semicolon),
    ];
}

/// The kinds that the operator lets pass; they are then matched as the characters they are.
#[derive(Clone, Debug, Default)]
pub struct Allowances(Vec<Ambiguity>);

impl Allowances {
    /// Lets one more kind pass.
    pub fn allow(&mut self, kind: Ambiguity) {
        self.0.push(kind);
    }

    fn check(&self, kind: Ambiguity) -> Result<(), Ambiguity> {
        if self.0.contains(&kind) { Ok(()) } else { Err(kind) }
    }
}

/// A path without its query, in the one spelling in which it is matched.
///
/// Percent-encoded characters that a path segment may hold anyway are decoded, all others are
/// encoded with upper-case digits ([RFC 3986 section 6.2.2]). That is one step further than the
/// RFC's unreserved characters: servers decode `%3A` and `%24` as well, so a rule for
/// `/export:all` must also see `/export%3Aall`.
///
/// [RFC 3986 section 6.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2
///
/// Borrowed from the request where it came in that spelling, as nearly all do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CanonicalPath<'t>(Cow<'t, str>);

impl<'t> CanonicalPath<'t> {
    /// Reads a request's `:path` up to the query.
    ///
    /// # Errors
    ///
    /// The first form in it that servers read differently and that is not allowed. A path that does
    /// not begin with `/` counts as [`Ambiguity::Control`]: no rule speaks of it.
    pub fn parse(target: &'t [u8], allowed: &Allowances) -> Result<Self, Ambiguity> {
        match plain(target) {
            Some(path) => Ok(Self(Cow::Borrowed(path))),
            None => Self::parse_any(target, allowed).map(|path| Self(Cow::Owned(path))),
        }
    }

    /// Reads a target in any spelling.
    fn parse_any(target: &[u8], allowed: &Allowances) -> Result<String, Ambiguity> {
        let path = split_query(target).0;
        if path.first() != Some(&b'/') {
            return Err(Ambiguity::Control);
        }
        // A fragment behind the query still makes some servers cut differently.
        if target.contains(&b'#') {
            allowed.check(Ambiguity::Fragment)?;
        }
        if target.iter().any(|byte| byte.is_ascii_control() || *byte == b' ') {
            return Err(Ambiguity::Control);
        }
        let mut text = String::with_capacity(path.len());
        let mut rest = path;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'%' => match decode_triplet(after) {
                    Some((value, after)) => {
                        rest = after;
                        push_encoded(value, &mut text, allowed)?;
                    }
                    None => {
                        allowed.check(Ambiguity::BadPercent)?;
                        // Encoded, so that it cannot make a triplet with what is decoded behind it.
                        text.push_str("%25");
                    }
                },
                b'/' => {
                    if text.ends_with('/') {
                        allowed.check(Ambiguity::DoubleSlash)?;
                    }
                    text.push('/');
                }
                b'\\' => {
                    allowed.check(Ambiguity::Backslash)?;
                    text.push('\\');
                }
                b';' => {
                    allowed.check(Ambiguity::Semicolon)?;
                    text.push(';');
                }
                b'#' => text.push('#'),
                _ if !byte.is_ascii() => return Err(Ambiguity::Control),
                _ => push(byte, &mut text),
            }
        }
        if has_dot_segment(&text) {
            return Err(Ambiguity::DotSegment);
        }
        Ok(text)
    }

    /// The same path, for longer than the text that it was read from.
    pub(crate) fn into_owned(self) -> CanonicalPath<'static> {
        CanonicalPath(Cow::Owned(self.0.into_owned()))
    }

    /// The canonical text; begins with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments between the slashes.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }
}

impl fmt::Display for CanonicalPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path of a target that is plain to see in its one spelling: characters that stand for themselves,
/// single slashes, no segment that begins with a dot.
///
/// `None` says nothing: the path may be as good, only not plain to see.
fn plain(target: &[u8]) -> Option<&str> {
    if target.first() != Some(&b'/') {
        return None;
    }
    let mut before = Kind::Plain;
    for (place, &byte) in target.iter().enumerate() {
        let kind = KINDS.get(usize::from(byte)).copied().unwrap_or(Kind::Other);
        match (kind, before) {
            (Kind::Plain, _) => {}
            (Kind::Query, _) => {
                let (path, query) = target.split_at_checked(place)?;
                let is_odd = has_control_blank_or_hash(query);
                return if is_odd { None } else { str::from_utf8(path).ok() };
            }
            (Kind::Other, _) | (Kind::Dot | Kind::Slash, Kind::Slash) => return None,
            (Kind::Dot | Kind::Slash, _) => {}
        }
        before = kind;
    }
    str::from_utf8(target).ok()
}

/// What a byte is in a path that is [`plain`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Stands for itself: `pchar` of RFC 3986 but for the dot; `;` is a separator of its own to some
    /// servers.
    Plain,
    /// Stands for itself but at the start of a segment.
    Dot,
    Slash,
    Query,
    /// Needs a closer look, if it may be there at all.
    Other,
}

const KINDS: [Kind; 256] = kinds();

#[expect(clippy::arithmetic_side_effects, reason = "the compiler runs it")]
#[expect(clippy::as_conversions, reason = "from a byte")]
#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
const fn kinds() -> [Kind; 256] {
    let mut kinds = [Kind::Other; 256];
    let mut byte = 0_u8;
    while byte < 0x7f {
        kinds[byte as usize] = match byte {
            b'!'
            | b'$'
            | b'&'..=b'-'
            | b'0'..=b':'
            | b'='
            | b'@'..=b'Z'
            | b'_'
            | b'a'..=b'z'
            | b'~' => Kind::Plain,
            b'.' => Kind::Dot,
            b'/' => Kind::Slash,
            b'?' => Kind::Query,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
}

/// A request target in path and query; the query is `None` without a `?`.
pub(crate) fn split_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let parts = position(target, b'?').and_then(|place| target.split_at_checked(place));
    parts.map_or((target, None), |(path, query)| (path, query.get(1..)))
}

/// Decodes every percent triplet of a text; what is not one stays.
pub(crate) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, decode_triplet(after)) {
            (b'%', Some((value, after))) => {
                decoded.push(value);
                rest = after;
            }
            _ => decoded.push(byte),
        }
    }
    decoded
}

/// The value of two hexadecimal digits, and what comes after them.
fn decode_triplet(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = text.split_first_chunk()?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some((digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?, rest))
}

fn push_encoded(value: u8, text: &mut String, allowed: &Allowances) -> Result<(), Ambiguity> {
    match value {
        _ if value.is_ascii_control() => Err(Ambiguity::Control),
        b'.' => {
            allowed.check(Ambiguity::EncodedDot)?;
            text.push('.');
            Ok(())
        }
        b'/' => {
            allowed.check(Ambiguity::EncodedSlash)?;
            text.push_str("%2F");
            Ok(())
        }
        b'\\' => {
            allowed.check(Ambiguity::EncodedBackslash)?;
            text.push_str("%5C");
            Ok(())
        }
        _ => {
            push(value, text);
            Ok(())
        }
    }
}

/// Writes a character as itself if a segment may hold it (`pchar` of RFC 3986, without `;`, which
/// is a separator of its own when it is not encoded), else as a triplet.
fn push(value: u8, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if value.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&value) {
        text.push(char::from(value));
        return;
    }
    text.push('%');
    for digit in [value >> 4, value & 0x0f] {
        text.push(char::from(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0')));
    }
}

/// Looks behind everything that some server takes for the end of a segment, since those kinds may
/// be allowed: `/a/..;/b` and `/a%2F..%2Fb` leave `/a` on such a server.
fn has_dot_segment(text: &str) -> bool {
    if !text.contains('.') {
        return false;
    }
    text.replace("%2F", "/").replace("%5C", "/").split(['/', '\\']).any(|segment| {
        let name = segment.split([';', '#']).next().unwrap_or_default();
        // A proxy in between may decode these before the server behind cuts at them: `/..%3B/`.
        let name = ["%3B", "%23", "%3F"]
            .iter()
            .fold(name, |name, end| name.split(end).next().unwrap_or_default());
        name == "." || name == ".."
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Result<String, Ambiguity> {
        CanonicalPath::parse(path.as_bytes(), &Allowances::default())
            .map(|path| path.0.into_owned())
    }

    #[test]
    fn one_spelling() {
        for (given, canonical) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/%61%2D%7e", "/a-~"),
            ("/a%3ab%24", "/a:b$"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a\"b<>", "/a%22b%3C%3E"),
            ("/a%3Bb", "/a%3Bb"),
            ("/a%25b", "/a%25b"),
            ("/a?b=//../", "/a"),
            ("/a.b/..c/...", "/a.b/..c/..."),
        ] {
            assert_eq!(read(given).as_deref(), Ok(canonical), "{given}");
        }
    }

    #[test]
    fn every_ambiguous_form_is_refused() {
        use Ambiguity::*;
        for (given, kind) in [
            ("", Control),
            ("*", Control),
            ("a", Control),
            ("http://a/", Control),
            ("/a b", Control),
            ("/a\0", Control),
            ("/a%00", Control),
            ("/a%0d%0ab", Control),
            ("/a%7f", Control),
            ("/é", Control),
            ("/a\tb", Control),
            ("/a?\rb", Control),
            ("//a", DoubleSlash),
            ("/a//", DoubleSlash),
            ("/.", DotSegment),
            ("/a/../b", DotSegment),
            ("/a/./b", DotSegment),
            ("/a/..", DotSegment),
            ("/a%2e%2e/b", EncodedDot),
            ("/a%2Fb", EncodedSlash),
            ("/a%5cb", EncodedBackslash),
            ("/a\\b", Backslash),
            ("/a;b", Semicolon),
            ("/a#b", Fragment),
            ("/a?b#c", Fragment),
            ("/a%", BadPercent),
            ("/a%4", BadPercent),
            ("/a%zz", BadPercent),
            ("/a%+1", BadPercent),
        ] {
            assert_eq!(read(given), Err(kind), "{given}");
        }
    }

    #[test]
    fn what_is_allowed_is_matched_as_it_stands_and_never_hides_a_dot_segment() {
        let mut all = Allowances::default();
        for (_, kind) in Ambiguity::ALLOWABLE {
            all.allow(kind);
        }
        let read = |path: &str| {
            CanonicalPath::parse(path.as_bytes(), &all).map(|path| path.0.into_owned())
        };
        for (given, canonical) in [
            ("//a//b", "//a//b"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%5cb", "/a%5Cb"),
            ("/a%2eb", "/a.b"),
            ("/a\\b", "/a\\b"),
            ("/a;b", "/a;b"),
            ("/a#b", "/a#b"),
            ("/a%zz", "/a%25zz"),
            ("/a%%34%31", "/a%2541"),
        ] {
            assert_eq!(read(given).as_deref(), Ok(canonical), "{given}");
        }
        for bad in [
            "/a/..;x/b",
            "/a%2f..%2fb",
            "/a\\..\\b",
            "/%2e%2e/b",
            "/a/..#b",
            "/a%5c.%5c",
            "/a/..%3B/b",
            "/a/.%23x",
        ] {
            assert_eq!(read(bad), Err(Ambiguity::DotSegment), "{bad}");
        }
    }

    /// The short way may say nothing, never something else.
    #[test]
    fn what_is_plain_to_see_is_what_a_closer_look_finds() {
        let mut plain_ones = 0;
        for one in 0..=u8::MAX {
            for other in [b'/', b'.', b'a', b'?', b'#', b'%', b';', b' ', b'4', one] {
                for target in [
                    vec![b'/', one, other],
                    vec![one, other],
                    vec![b'/', b'a', one, other, b'b'],
                    vec![b'/', b'a', b'?', one, other, b'/', b'/', b'x', b'y', b'z', b'0', b'1'],
                ] {
                    if let Some(path) = plain(&target) {
                        let closer = CanonicalPath::parse_any(&target, &Allowances::default());
                        assert_eq!(closer.as_deref(), Ok(path), "{target:?}");
                        plain_ones += 1;
                    }
                }
            }
        }
        assert!(plain_ones > 2000, "{plain_ones}");
        for target in ["/", "/a/b.c/?x=//../%zz", "/-_~!$&'()*+,=:@"] {
            assert!(plain(target.as_bytes()).is_some(), "{target}");
        }
    }

    #[test]
    fn percent_decoding_leaves_what_is_no_triplet() {
        assert_eq!(percent_decode(b"a%20%zz%4"), b"a %zz%4");
    }
}
