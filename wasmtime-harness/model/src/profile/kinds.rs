//! The values that fields of a profile have, with the words for them in a table.

use std::fmt;

use crate::status::{Refusal, Status};

/// Makes enums whose variants have a word for a table each.
macro_rules! kinds {
    ($(
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $variant:ident = $text:literal,)*
        }
    )*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $text,)*
                })
            }
        }
    )*};
}

kinds! {
    /// How contexts get their ids.
    pub enum ContextIds {
        /// 1, 2, 3 in order.
        Counted = "counted",
        /// Any number but 0, in no order, by the model's seed.
        Random = "random",
    }

    /// How the names of headers arrive that are no pseudo headers.
    pub enum HeaderNames {
        /// In lower case, and so is what a filter writes.
        Lower = "lower case",
        /// As they were sent or written.
        Kept = "as sent",
        /// Every other letter in upper case, whatever was sent.
        Odd = "oDd CaSe",
    }

    /// What `:authority` says.
    pub enum Authority {
        /// What the client sent.
        Sent = "as sent",
        /// The server's own name; what the client sent is in `Host`.
        ServerName = "the server's name",
    }

    /// Whether callbacks for headers tell that nothing follows.
    pub enum EndOfStream {
        /// They do.
        Told = "told",
        /// They always say that something follows.
        Never = "always false",
    }

    /// The order at the end of a stream.
    pub enum EndOrder {
        /// `proxy_on_log`, then `proxy_on_done`.
        LogFirst = "log, done, delete",
        /// `proxy_on_done`, then `proxy_on_log`.
        DoneFirst = "done, log, delete",
    }

    /// Which of several values of a name a host hands over for the one that was asked for.
    pub enum Which {
        /// The one that came first.
        First = "first",
        /// The one that came last.
        Last = "last",
    }

    /// What the size of a map is.
    pub enum MapSize {
        /// The bytes of all names and values.
        Contents = "names and values",
        /// The bytes of the map as it is handed over.
        Serialized = "as serialised",
    }

    /// What a line break in the value of a reply's header becomes.
    pub enum LineBreaks {
        /// It is sent as it is, and splits the response.
        Raw = "sent as they are",
        /// `%0D` and `%0A`.
        PercentEncoded = "percent-encoded",
        /// The reply is refused with `BAD_ARGUMENT`.
        Refused = "reply refused",
    }

    /// What several headers of one name in a reply become.
    pub enum Repeated {
        /// They are all sent.
        Kept = "all sent",
        /// The last one alone is sent.
        Last = "last one sent",
    }

    /// How the values of properties are encoded that are no texts.
    pub enum PropertyValues {
        /// A boolean is a byte, a number eight bytes in little endian.
        Binary = "bytes",
        /// Decimal digits, and `true` or `false`.
        Text = "text",
    }

    /// How properties show an address.
    pub enum Addresses {
        /// With the port.
        WithPort = "with port",
        /// Without the port, which is a property of its own.
        WithoutPort = "without port",
    }

    /// What a property is that does not exist.
    pub enum Absent {
        /// `NOT_FOUND`.
        NotFound = "NOT_FOUND",
        /// An empty text.
        Empty = "empty",
    }

    /// When a compare-and-swap number lets a shared value be set.
    pub enum Cas {
        /// 0 always does, and so does any number for a key that does not exist.
        NewKeysFree = "0 or the key's; any for a new key",
        /// 0 always does.
        ZeroFree = "0 or the key's",
        /// The number of the key alone does, which is 0 for a new key.
        Exact = "the key's",
    }

    /// What recording a value in a counter does.
    pub enum RecordedCounter {
        /// It adds the value.
        Added = "adds",
        /// It sets the value.
        Set = "sets",
        /// It is misuse.
        Misuse = "misuse",
    }

    /// How a call ends whose service cannot be reached in time.
    pub enum FailedCall {
        /// As a response with status 503 or 504.
        Response = "a 503 or 504",
        /// Without headers.
        NoHeaders = "no headers",
    }

    /// What a call to an upstream does that the host does not know.
    pub enum UnknownUpstream {
        /// It is `BAD_ARGUMENT`.
        BadArgument = "BAD_ARGUMENT",
        /// It is accepted, as a name to look up, and fails later.
        FailsLater = "fails later",
    }

    /// What reading a buffer from behind its end does.
    pub enum OverRead {
        /// It gives nothing.
        Empty = "empty",
        /// It is `BAD_ARGUMENT`.
        BadArgument = "BAD_ARGUMENT",
    }

    /// When the configuration of the plugin can be read.
    pub enum Readable {
        /// While the filter is being configured.
        Configuring = "while configuring",
        /// At any time.
        Always = "always",
    }

    /// What a trap costs beside the request, or the callback, in which it happens.
    pub enum TrapCosts {
        /// The VM: it answers nothing any more until something replaces it.
        Vm = "the VM",
        /// Nothing: the next request finds a new VM.
        Request = "that request",
    }

    /// How time passes within a callback, for the wall clock.
    pub enum Time {
        /// As the clock does.
        Flows = "flows",
        /// It stands still.
        Stands = "stands still",
        /// The first reading is right; each later one is a second earlier than the one before.
        GoesBack = "a second back at each reading",
    }

    /// How the bodies of requests reach a filter.
    pub enum Bodies {
        /// In the parts in which they arrive.
        Parts = "in parts",
        /// At once, when all of it is there.
        Whole = "at once",
    }
}

/// How a host says no to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Denial {
    /// The call returns this status and has no effect.
    Status(Status),
    /// The VM ends in the middle of the call.
    Trap,
    /// The whole process of the proxy ends, which to the filter is a trap.
    Exit,
}

/// As in Envoy, which a map of headers follows where no profile is asked.
impl Default for HeaderNames {
    fn default() -> Self {
        Self::Lower
    }
}

impl Denial {
    /// What becomes of the call; `why` says what the host does not like.
    pub(crate) fn of(self, why: impl fmt::Display) -> Refusal {
        match self {
            Self::Status(status) => Refusal::Status(status),
            Self::Trap => Refusal::Trap(format!("the host ends the VM: {why}")),
            Self::Exit => Refusal::Trap(format!("the process of the host ends: {why}")),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Trap => f.write_str("trap"),
            Self::Exit => f.write_str("the process ends"),
        }
    }
}

/// Which names exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Known {
    /// Those that a scenario defines, but not these.
    AllBut(&'static [&'static str]),
    /// These alone, and only if a scenario defines them.
    Only(&'static [&'static str]),
}

impl Known {
    /// Whether this name may exist: one that is listed, or a part of one up to a dot.
    pub(crate) fn allows(self, name: &str) -> bool {
        match self {
            Self::AllBut(names) => !listed(names, name),
            Self::Only(names) => listed(names, name),
        }
    }

    /// Whether names may exist that begin with this one and a dot.
    pub(crate) fn allows_below(self, name: &str) -> bool {
        match self {
            Self::AllBut(names) => !listed(names, name),
            Self::Only(names) => names
                .iter()
                .any(|listed| listed.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))),
        }
    }
}

/// Whether a dotted name, or one of its beginnings up to a dot, is in the list.
fn listed(names: &[&str], name: &str) -> bool {
    names.iter().any(|listed| {
        name.strip_prefix(listed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllBut([]) => f.write_str("all"),
            Self::AllBut(names) => write!(f, "all but {}", names.join(", ")),
            Self::Only([]) => f.write_str("none"),
            Self::Only(names) => write!(f, "{} only", names.join(", ")),
        }
    }
}

/// Which properties a filter can set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Settable {
    /// Any; setting one that the host has is accepted and never seen.
    Any,
    /// Those whose first part is one of these; others are `NOT_FOUND`.
    Under(&'static [&'static str]),
    /// Those that exist; others are `NOT_FOUND`.
    Existing,
}

impl fmt::Display for Settable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Under(parts) => write!(f, "{}", parts.join(".*, ") + ".*"),
            Self::Existing => f.write_str("existing ones"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_listed_whole_or_by_its_beginning() {
        let names = Known::Only(&["request.size", "xds"]);
        for (name, allowed) in [
            ("request.size", true),
            ("request.sizes", false),
            ("request", false),
            ("xds", true),
            ("xds.node.id", true),
            ("xdsx", false),
        ] {
            assert_eq!(names.allows(name), allowed, "{name}");
            let all_but = Known::AllBut(&["request.size", "xds"]);
            assert_eq!(all_but.allows(name), !allowed, "{name}");
        }
        assert!(names.allows_below("request"));
        assert!(!names.allows_below("req"));
        assert!(!names.allows_below("request.size"));
    }

    #[test]
    fn a_denial_names_what_the_host_does_not_like() {
        assert_eq!(Denial::Status(Status::EMPTY).of("x"), Refusal::Status(Status::EMPTY));
        assert_eq!(Denial::Trap.of("x y"), Refusal::Trap("the host ends the VM: x y".to_owned()));
        let exit = Refusal::Trap("the process of the host ends: x y".to_owned());
        assert_eq!(Denial::Exit.of("x y"), exit);
    }
}
