//! Signatures that the host checks: the function `verify_signature` of Envoy.

use std::cell::Cell;

use jwt_gate_core::{Algorithm, Entrusted, HostCheck, HostCrypto, Policy, VerifyBy};

use crate::{
    abi::{self, LogLevel},
    host_error::{Fault, HostError},
};

/// Asks the host, as far as the policy wants it and the host has passed its test.
#[derive(Default)]
pub(crate) struct Signatures {
    entrusted: Entrusted,
    /// Whether the log says already that the host could not tell.
    warned: Cell<bool>,
}

impl Signatures {
    /// Tests the host if the policy wants it to check signatures, and tells the log who checks what
    /// from now on.
    ///
    /// Meant for a root that is being configured. Otherwise nothing is asked and the module checks
    /// all of them.
    pub(crate) fn new(policy: &Policy) -> Self {
        match policy.verify_by() {
            VerifyBy::Module => Self::default(),
            VerifyBy::Host => Self::test("host", policy),
            VerifyBy::Auto if is_envoy() => Self::test("auto", policy),
            VerifyBy::Auto => {
                let line = "jwt-gate: signatures: verify=auto host=none: \
                            this host is not known to check signatures";
                abi::log(LogLevel::Info, line);
                Self::default()
            }
        }
    }

    /// The host for a decision.
    pub(crate) fn with_host<R>(&self, decide: impl FnOnce(HostCrypto<'_>) -> R) -> R {
        if self.entrusted.is_empty() {
            return decide(HostCrypto::off());
        }
        decide(HostCrypto::new(self.entrusted, &|check| {
            ask(check).inspect_err(|error| self.warn(*error)).ok()
        }))
    }

    fn test(verify: &str, policy: &Policy) -> Self {
        let failure = Cell::new(None);
        let probe =
            policy.probe(&|check| ask(check).inspect_err(|error| failure.set(Some(*error))).ok());
        let host = names(probe.entrusted.algorithms());
        let line = format!("jwt-gate: signatures: verify={verify} host={host}");
        if probe.failed.is_empty() {
            abi::log(LogLevel::Info, &line);
        } else {
            let failed = names(probe.failed.iter().copied());
            let why = match failure.get() {
                Some(error) => error.to_string(),
                None => "wrong verdicts".to_owned(),
            };
            let line =
                format!("{line}: the module checks {failed}, as the host failed the test: {why}");
            abi::log(LogLevel::Warn, &line);
        }
        Self { entrusted: probe.entrusted, warned: Cell::new(false) }
    }

    /// Tells the log once that the module had to check what the host should have: each request could
    /// make such a line.
    fn warn(&self, error: HostError) {
        if !self.warned.replace(true) {
            let line =
                format!("jwt-gate: signatures: the module checks what the host cannot: {error}");
            abi::log(LogLevel::Warn, &line);
        }
    }
}

/// Whether this host is Envoy, which alone is known to have the function.
///
/// Other hosts answer NOT_FOUND or, outside of a request, INTERNAL_FAILURE (ngx_wasm_module, which
/// would end the VM for the function itself).
fn is_envoy() -> bool {
    abi::property(USER_AGENT_NAME).is_ok_and(|name| name.as_deref() == Some(b"envoy"))
}

/// Asks the host about a signature.
///
/// # Errors
///
/// A failed call, and an answer that is no verdict.
fn ask(check: &HostCheck<'_>) -> Result<bool, HostError> {
    const CALL: &str = "proxy_call_foreign_function";
    let answer = abi::call_foreign(VERIFY_SIGNATURE, &arguments(check))?;
    verdict(&answer).ok_or(HostError::Answer { call: CALL, fault: Fault::NoVerdict })
}

/// `message VerifySignatureArguments { string hash_function = 1; bytes public_key = 2;
/// bytes signature = 3; bytes text = 4; }`
fn arguments(check: &HostCheck<'_>) -> Vec<u8> {
    let fields = [
        (0x0a, check.hash.as_bytes()),
        (0x12, check.public_key),
        (0x1a, check.signature),
        (0x22, check.message),
    ];
    let sizes = fields.iter().map(|(_, bytes)| bytes.len().saturating_add(MOST_PREFIX));
    let mut message = Vec::with_capacity(sizes.fold(0, usize::saturating_add));
    for (tag, bytes) in fields {
        message.push(tag);
        push_length(&mut message, bytes.len());
        message.extend_from_slice(bytes);
    }
    message
}

/// Appends a length as a varint.
fn push_length(message: &mut Vec<u8>, mut length: usize) {
    loop {
        let [low, ..] = length.to_le_bytes();
        length >>= 7;
        if length == 0 {
            return message.push(low & 0x7f);
        }
        message.push(low | 0x80);
    }
}

/// Reads `message VerifySignatureResult { bool result = 1; string error = 2; }` as Envoy writes it.
///
/// A verdict is "good" with nothing beside it, or a reason why not. An empty message would be a "bad"
/// without a reason: it is what a host leaves behind that answers OK and writes nothing.
fn verdict(answer: &[u8]) -> Option<bool> {
    match answer {
        [0x08, 0x01] => Some(true),
        [0x12, rest @ ..] => {
            let (length, reason) = take_length(rest)?;
            (length > 0 && length == reason.len()).then_some(false)
        }
        _ => None,
    }
}

/// Reads a length as a varint of at most two bytes: no reason is longer.
fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [low, rest @ ..] if *low < 0x80 => Some((usize::from(*low), rest)),
        [low, high, rest @ ..] if *high < 0x80 => {
            Some((usize::from(*low & 0x7f) | usize::from(*high) << 7, rest))
        }
        _ => None,
    }
}

fn names(algorithms: impl Iterator<Item = Algorithm>) -> String {
    let names: Vec<&str> = algorithms.map(Algorithm::name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

const VERIFY_SIGNATURE: &[u8] = b"verify_signature";

/// The property in which Envoy says what it is, its parts separated by NUL; it sets it itself.
const USER_AGENT_NAME: &[u8] = b"xds\0node\0user_agent_name";

/// The tag and the length of a field take at most so many bytes.
const MOST_PREFIX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_those_of_the_message() {
        let check =
            HostCheck { hash: "sha256", public_key: b"key", signature: b"", message: &[b'm'; 300] };
        let expected: Vec<u8> = [
            b"\x0a\x06sha256\x12\x03key\x1a\x00\x22\xac\x02".as_slice(), // 300 is 0b10_010_1100
            &[b'm'; 300],
        ]
        .concat();
        assert_eq!(arguments(&check), expected);
    }

    #[test]
    fn lengths_are_varints() {
        for (length, expected) in [
            (0, &b"\x00"[..]),
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (16_383, b"\xff\x7f"),
            (16_384, b"\x80\x80\x01"),
            (65_536, b"\x80\x80\x04"),
        ] {
            let mut written = Vec::new();
            push_length(&mut written, length);
            assert_eq!(written, expected, "{length}");
        }
    }

    #[test]
    fn a_verdict_is_yes_or_a_reason_why_not() {
        assert_eq!(verdict(b"\x08\x01"), Some(true));
        assert_eq!(verdict(b"\x12\x02no"), Some(false));
        let reason = [&b"\x12\xac\x02"[..], &[b'n'; 300]].concat();
        assert_eq!(verdict(&reason), Some(false));
        for no_verdict in [
            &b""[..],
            b"\x08",
            b"\x08\x00",
            b"\x08\x02",
            b"\x08\x81\x00",       // the same 1, in a longer form
            b"\x08\x01\x08\x00",   // and then not
            b"\x08\x01\x12\x02no", // yes and no
            b"\x12\x02no\x08\x01", // no and yes
            b"\x12\x00",
            b"\x12\x03no",
            b"\x12\x01no",
            b"\x12\x80\x80\x01no",
            b"\x12",
            b"\x0a\x01x",
            b"\x10\x01",
            b"true",
        ] {
            assert_eq!(verdict(no_verdict), None, "{no_verdict:02x?}");
        }
        assert_eq!(verdict(&reason[..reason.len() - 1]), None);
    }

    #[test]
    fn names_are_listed() {
        let names = |algorithms: &[Algorithm]| super::names(algorithms.iter().copied());
        assert_eq!(names(&[]), "none");
        assert_eq!(names(&[Algorithm::Rs256, Algorithm::Es512]), "RS256,ES512");
    }
}
