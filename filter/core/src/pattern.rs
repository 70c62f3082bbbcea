//! What a rule says about paths: `path`, `prefix` or `template`.

use std::fmt;

use crate::path::CanonicalPath;

/// A compiled path condition; compares canonical text, never regular expressions, so that `.` and
/// `*` in a policy mean themselves (CVE-2026-39350).
#[derive(Clone, Debug)]
pub(crate) enum PathPattern {
    Exact(CanonicalPath<'static>),
    Prefix(CanonicalPath<'static>),
    Template(Template),
}

/// What a path must have next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step<'p> {
    /// This segment.
    Literal(&'p str),
    /// One segment, not empty.
    Free,
}

/// What may follow the last step of a pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tail {
    /// Nothing.
    Nothing,
    /// One segment at least, which may be empty.
    Some,
    /// Any number of segments.
    Any,
}

impl PathPattern {
    /// The pattern taken apart into segments: it matches the paths that have them, and then the tail.
    pub(crate) fn steps(&self) -> (Vec<Step<'_>>, Tail) {
        match self {
            Self::Exact(path) => (path.segments().map(Step::Literal).collect(), Tail::Nothing),
            Self::Prefix(prefix) => match prefix.as_str().strip_suffix('/') {
                Some(above) => (above.split('/').skip(1).map(Step::Literal).collect(), Tail::Some),
                None => (prefix.segments().map(Step::Literal).collect(), Tail::Any),
            },
            Self::Template(template) => {
                let steps = template.segments.iter().map(|segment| match segment {
                    Segment::Literal(text) => Step::Literal(text),
                    Segment::Capture(_) => Step::Free,
                });
                (steps.collect(), if template.open { Tail::Any } else { Tail::Nothing })
            }
        }
    }

    pub(crate) fn matches(&self, path: &CanonicalPath<'_>) -> bool {
        match self {
            Self::Exact(wanted) => path == wanted,
            Self::Prefix(prefix) => match path.as_str().strip_prefix(prefix.as_str()) {
                // Whole segments only: `/api` is no prefix of `/apix`.
                Some(rest) => {
                    rest.is_empty() || rest.starts_with('/') || prefix.as_str().ends_with('/')
                }
                None => false,
            },
            Self::Template(template) => template.matches(path),
        }
    }
}

/// Segments of which some are free, and perhaps a free rest.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    /// Whether the template ends in `**`: no segment, one or more may follow.
    open: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Segment {
    Literal(String),
    /// Exactly one segment, not empty.
    Capture(String),
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Capture(name) => write!(f, "/{{{name}}}")?,
            }
        }
        if self.open { f.write_str("/**") } else { Ok(()) }
    }
}

impl Template {
    /// Reads `/t/{tenant}/**`.
    ///
    /// `literal` brings a literal segment into canonical form; the error says what is wrong.
    pub(crate) fn parse(
        text: &str,
        literal: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err("it does not begin with /".to_owned());
        };
        let mut segments = Vec::new();
        let mut open = false;
        for part in rest.split('/') {
            if open {
                return Err("** is not at the end".to_owned());
            }
            if part == "**" {
                open = true;
            } else if let Some(name) =
                part.strip_prefix('{').and_then(|part| part.strip_suffix('}'))
            {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                if name.is_empty() || !name.bytes().all(plain) {
                    return Err(format!("{part} has no plain name"));
                }
                let capture = Segment::Capture(name.to_owned());
                if segments.contains(&capture) {
                    return Err(format!("{part} stands there twice"));
                }
                segments.push(capture);
            } else if part.contains(['{', '}', '*']) {
                return Err(format!(
                    "`{part}` is neither a name in braces, nor **, nor plain text"
                ));
            } else {
                segments.push(Segment::Literal(
                    literal(part).ok_or_else(|| format!("`{part}` is an ambiguous segment"))?,
                ));
            }
        }
        Ok(Self { segments, open })
    }

    fn matches(&self, path: &CanonicalPath<'_>) -> bool {
        let mut parts = path.segments();
        for segment in &self.segments {
            let fits = match (segment, parts.next()) {
                (Segment::Literal(wanted), Some(part)) => wanted == part,
                (Segment::Capture(_), Some(part)) => !part.is_empty(),
                (_, None) => false,
            };
            if !fits {
                return false;
            }
        }
        self.open || parts.next().is_none()
    }

    /// The place of a capture among the segments of a path.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.segments
            .iter()
            .position(|segment| matches!(segment, Segment::Capture(known) if known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Allowances;

    fn path(text: &str) -> CanonicalPath<'static> {
        CanonicalPath::parse(text.as_bytes(), &Allowances::default()).unwrap().into_owned()
    }

    fn template(text: &str) -> Result<Template, String> {
        Template::parse(text, |part| Some(part.to_owned()))
    }

    #[test]
    fn a_prefix_covers_whole_segments() {
        let api = PathPattern::Prefix(path("/api"));
        for (given, fits) in
            [("/api", true), ("/api/", true), ("/api/x", true), ("/apix", false), ("/", false)]
        {
            assert_eq!(api.matches(&path(given)), fits, "{given}");
        }
        let below = PathPattern::Prefix(path("/api/"));
        assert!(below.matches(&path("/api/x")) && below.matches(&path("/api/")));
        assert!(!below.matches(&path("/api")));
        assert!(PathPattern::Prefix(path("/")).matches(&path("/anything")));
    }

    #[test]
    fn a_template_counts_its_segments() {
        let closed = PathPattern::Template(template("/t/{tenant}/x").unwrap());
        let open = PathPattern::Template(template("/t/{tenant}/**").unwrap());
        for (given, fits_closed, fits_open) in [
            ("/t/a/x", true, true),
            ("/t/a/x/", false, true),
            ("/t/a", false, true),
            ("/t/a/", false, true),
            ("/t/a/b/c", false, true),
            ("/t/", false, false),
            ("/t", false, false),
            ("/u/a/x", false, false),
        ] {
            assert_eq!(closed.matches(&path(given)), fits_closed, "{given}");
            assert_eq!(open.matches(&path(given)), fits_open, "{given}");
        }
    }

    #[test]
    fn a_bad_template_says_why() {
        for (text, why) in [
            ("t", "does not begin with /"),
            ("/**/t", "not at the end"),
            ("/{}", "no plain name"),
            ("/{a b}", "no plain name"),
            ("/{a}/{a}", "twice"),
            ("/x{a}", "neither"),
            ("/*", "neither"),
        ] {
            let error = template(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
