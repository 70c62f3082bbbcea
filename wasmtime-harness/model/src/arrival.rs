//! Messages as a host shows them to a filter.

use crate::{
    headers::Headers,
    model::Model,
    outcome::Reply,
    profile::{Authority, Profile},
};

impl Model {
    /// The headers of a request as this host shows them to a filter.
    ///
    /// # Errors
    ///
    /// The answer that the host gives by itself, and the filter never sees the request.
    pub fn arriving(&self, sent: Headers) -> Result<Headers, Reply> {
        let profile = &self.profile;
        let repeated = |name: &&&str| sent.all(name.as_bytes()).nth(1).is_some();
        if let Some(name) = profile.single_headers.iter().find(repeated) {
            return Err(Reply {
                status: 400,
                headers: Headers::default(),
                body: Vec::new(),
                grpc_status: None,
                details: format!("the host takes one header {name}, and there are more").into(),
            });
        }
        let server_name = match profile.authority {
            Authority::ServerName => Some(self.settings.server_name.as_bytes()),
            Authority::Sent => None,
        };
        Ok(shown(profile, &sent, server_name).shown(profile.header_names))
    }

    /// The headers or trailers of any other message that comes from outside.
    pub(crate) fn incoming(&self, headers: Headers) -> Headers {
        headers.shown(self.profile.header_names)
    }
}

/// The request with what the host joins, replaces and adds.
fn shown(profile: &Profile, sent: &Headers, server_name: Option<&[u8]>) -> Headers {
    let mut headers = Headers::default();
    let (pseudo, fields): (Vec<_>, Vec<_>) =
        sent.given().partition(|(name, _)| name.starts_with(b":"));
    for (name, value) in pseudo {
        let own = server_name.filter(|_| name == b":authority");
        headers.add(name, own.unwrap_or(value));
    }
    for (name, value) in profile.extra_headers {
        headers.add(name.as_bytes(), value.as_bytes());
    }
    if server_name.is_some()
        && let Some(authority) = sent.first(":authority").filter(|_| !sent.has("host"))
    {
        headers.add(b"Host", authority);
    }
    for (name, value) in fields {
        let joined = profile.joined_headers.iter().any(|one| is(name, one));
        if !joined {
            headers.add(name, value);
        } else if !headers.has(name) {
            headers.add(name, &sent.all(name).collect::<Vec<_>>().join(&b','));
        }
    }
    headers
}

fn is(name: &[u8], other: &str) -> bool {
    name.eq_ignore_ascii_case(other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arriving(profile: Profile, sent: &[(&str, &str)]) -> Result<Vec<String>, u32> {
        let mut model = Model::default();
        model.profile = profile;
        let arrived = model.arriving(sent.iter().copied().collect());
        let headers = arrived.map_err(|reply| reply.status)?;
        Ok(headers
            .iter()
            .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()))
            .collect())
    }

    #[test]
    fn each_host_has_words_of_its_own_for_the_same_request() {
        let sent = [(":path", "/"), (":authority", "a.test"), ("User-Agent", "x")];
        for (profile, seen) in [
            (Profile::ENVOY_1_40, &[":path: /", ":authority: a.test", "user-agent: x"][..]),
            (Profile::SPEC_STRICT, &[":path: /", ":authority: a.test", "User-Agent: x"]),
            (
                Profile::NGX_WASM,
                &[":path: /", ":authority: localhost:80", "Host: a.test", "User-Agent: x"],
            ),
            (Profile::HOSTILE, &[":path: /", ":authority: a.test", ":hostile: 1", "uSeR-AgEnT: x"]),
        ] {
            let found = arriving(profile, &sent).unwrap();
            assert_eq!(found, seen, "{}", profile.name);
        }
        let with_host = [(":authority", "a.test"), ("host", "b.test")];
        let found = arriving(Profile::NGX_WASM, &with_host).unwrap();
        assert_eq!(
            found,
            [":authority: localhost:80", "host: b.test"],
            "there is one host already"
        );
    }

    #[test]
    fn a_second_authorization_is_joined_refused_or_kept() {
        let sent = [("authorization", "a"), ("x", "1"), ("Authorization", "b"), ("x", "2")];
        let envoy = arriving(Profile::ENVOY_1_40, &sent).unwrap();
        assert_eq!(envoy, ["authorization: a,b", "x: 1", "x: 2"]);
        assert_eq!(arriving(Profile::NGX_WASM, &sent), Err(400));
        let spec = arriving(Profile::SPEC_STRICT, &sent).unwrap();
        assert_eq!(spec, ["authorization: a", "x: 1", "Authorization: b", "x: 2"]);
    }
}
