//! Requests of our own that are under way.

use jwt_gate_core::{Answer, Fetch, Followed};

use crate::{abi, host_error::HostError, pairs};

/// The calls of one root whose answers have not come; one for each issuer at most.
#[derive(Default)]
pub(crate) struct Callouts {
    open: Vec<Callout>,
    /// Whether a call with the token 0 was never answered.
    zero: bool,
}

/// A call under way.
pub(crate) struct Callout {
    /// The issuer that it asks.
    pub(crate) followed: Followed,
    token: u32,
    /// The longest body that is taken, in bytes.
    max_bytes: usize,
}

impl Callouts {
    /// Sends a request for an issuer; an answer to an earlier one comes too late from now on.
    ///
    /// # Errors
    ///
    /// The status of a host that does not take it. A host that only pretends to send (answers OK and
    /// does nothing) leaves the token 0 behind each time, and the SDK panics at the second: so
    /// nothing is sent while the token 0 is unanswered. ngx_wasm_module begins with that token, and
    /// answers.
    pub(crate) fn send(&mut self, followed: Followed, fetch: &Fetch) -> Result<(), u32> {
        if self.zero {
            return Err(NOTHING_SENT);
        }
        let headers = fetch.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let token = abi::send(&fetch.cluster, headers, fetch.timeout)?;
        self.zero = token == 0;
        self.open.retain(|call| call.followed != followed);
        self.open.push(Callout { followed, token, max_bytes: fetch.max_bytes });
        Ok(())
    }

    /// The call that an answer with this token belongs to; `None` if it is too late or nobody's.
    pub(crate) fn answered(&mut self, token: u32) -> Option<Callout> {
        self.zero &= token != 0;
        let place = self.open.iter().position(|call| call.token == token)?;
        Some(self.open.swap_remove(place))
    }
}

impl Callout {
    /// Reads the answer that has just come, of which the host said how many headers and how many
    /// bytes it has.
    ///
    /// # Errors
    ///
    /// The host does not hand it over.
    pub(crate) fn read(&self, headers: usize, body: usize) -> Result<Answer, HostError> {
        if headers == 0 {
            return Ok(Answer::Reset);
        }
        let map = abi::answer_headers()?;
        let headers = pairs::parse(&map).map_err(abi::bad_headers)?;
        let headers = headers.into_iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
        // A body that is too long is not even copied into this VM.
        let body = if body > self.max_bytes { None } else { Some(abi::answer_body(body)?) };
        Ok(Answer::Response { headers: headers.collect(), body })
    }
}

/// The status of a call that the host took and did nothing about.
const NOTHING_SENT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::followed;

    fn open(followed: Followed, token: u32) -> Callout {
        Callout { followed, token, max_bytes: 1 }
    }

    #[test]
    fn an_answer_belongs_to_the_call_with_its_token_once() {
        let [one, other] = followed();
        let open = vec![open(one, 3), open(other, 5)];
        let mut callouts = Callouts { open, zero: false };
        assert_eq!(callouts.answered(5).map(|call| call.followed), Some(other));
        assert!(callouts.answered(5).is_none());
        assert!(callouts.answered(7).is_none());
        assert_eq!(callouts.answered(3).map(|call| call.followed), Some(one));
    }

    #[test]
    fn the_token_zero_is_answered_or_stays_open() {
        let mut callouts = Callouts { open: Vec::new(), zero: true };
        assert!(callouts.answered(1).is_none());
        assert!(callouts.zero);
        assert!(callouts.answered(0).is_none(), "too late for the call");
        assert!(!callouts.zero, "but the token is free again");
    }
}
