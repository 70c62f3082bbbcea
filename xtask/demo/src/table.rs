//! Judging answers and showing them.

use envoy_e2e::Reply;
use serde_json::Value;

use crate::cases::{Case, Expected};

/// What came back for one request.
pub(crate) struct Came {
    /// To the client.
    pub(crate) reply: Reply,
    /// In the access log.
    pub(crate) details: String,
}

/// One line of the table.
pub(crate) struct Row {
    case: Case,
    came: Came,
    /// What differs from what was expected; nothing in a line that is as expected.
    faults: Vec<String>,
}

impl Row {
    /// Compares an answer with the case.
    pub(crate) fn judge(case: Case, came: Came) -> Self {
        let Expected { status, challenge, details, user } = &case.expected;
        let mut faults = Vec::new();
        let mut compare = |what: &str, found: String, expected: String| {
            if found != expected {
                faults.push(format!("{what}: found {found}, expected {expected}"));
            }
        };
        compare("status", came.reply.status.to_string(), status.to_string());
        compare(
            "www-authenticate",
            came.reply.header("www-authenticate").unwrap_or_default(),
            challenge.unwrap_or_default().to_owned(),
        );
        compare("details", came.details.clone(), (*details).to_owned());
        if let Some(user) = user {
            let upstream = seen_by_upstream(&came.reply);
            compare("x-user at the API", upstream["x-user"].to_string(), format!("\"{user}\""));
            compare(
                "authorization at the API",
                upstream["authorization"].to_string(),
                Value::Null.to_string(),
            );
        }
        Self { case, came, faults }
    }

    /// Whether the answer is as expected.
    pub(crate) fn is_ok(&self) -> bool {
        self.faults.is_empty()
    }

    fn cells(&self) -> [String; 6] {
        let Expected { status, challenge, user, .. } = &self.case.expected;
        let came = &self.came;
        let challenged = came.reply.header("www-authenticate");
        let user_seen =
            user.and_then(|_| seen_by_upstream(&came.reply)["x-user"].as_str().map(str::to_owned));
        // The reason without the name that all of them begin with.
        let why = came.details.strip_prefix("jwt_gate.").unwrap_or(&came.details);
        [
            if self.is_ok() { "ok" } else { "OFF" }.to_owned(),
            self.request(),
            self.case.sent.to_owned(),
            answer(*status, *challenge, *user),
            answer(came.reply.status, challenged.as_deref(), user_seen.as_deref()),
            why.to_owned(),
        ]
    }

    /// Method and path, without the query: it may hold a token.
    fn request(&self) -> String {
        let value = |name: &[u8]| {
            let header = self.case.headers.iter().find(|(found, _)| found == name);
            header.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
        };
        let path = value(b":path");
        let path = path.split_once('?').map_or(path.clone(), |(path, _)| format!("{path}?..."));
        format!("{} {path}", value(b":method"))
    }
}

/// What the API says that it received, which the example's stand-in answers with; HAProxy's has no word
/// for what is not there but an empty one.
fn seen_by_upstream(reply: &Reply) -> Value {
    let mut seen = reply.json().unwrap_or_default();
    let values = seen.as_object_mut().into_iter().flat_map(|object| object.values_mut());
    values.filter(|value| **value == "").for_each(|value| *value = Value::Null);
    seen
}

/// An answer in a few words: the status, then the error and scope of the challenge.
fn answer(status: u16, challenge: Option<&str>, user: Option<&str>) -> String {
    let mut text = status.to_string();
    if let Some(challenge) = challenge {
        let parameter = |name: &str| {
            let (_, value) = challenge.split_once(&format!("{name}=\""))?;
            value.split('"').next()
        };
        text.push(' ');
        text.push_str(parameter("error").unwrap_or("Bearer"));
        if let Some(scope) = parameter("scope") {
            text.push_str(": ");
            text.push_str(scope);
        }
    }
    if let Some(user) = user {
        text.push_str(", x-user: ");
        text.push_str(user);
    }
    text
}

/// Prints the table, and below it what is wrong with the lines that are off.
pub(crate) fn print(rows: &[Row], is_terminal: bool) {
    let head = ["", "request", "what it is", "expected", "came back", "why"].map(str::to_owned);
    let mut lines = vec![head];
    lines.extend(rows.iter().map(Row::cells));
    let widths: Vec<usize> = (0..6)
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    println!();
    for (index, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let text = cells.join("  ");
        let text = text.trim_end();
        let is_off = index > 0 && !rows[index - 1].is_ok();
        match (is_terminal, index, is_off) {
            (true, 0, _) => println!("\x1b[1m{text}\x1b[0m"),
            (true, _, true) => println!("\x1b[31m{text}\x1b[0m"),
            _ => println!("{text}"),
        }
    }
    for row in rows.iter().filter(|row| !row.is_ok()) {
        println!("\nOFF: {}", row.case.sent);
        row.faults.iter().for_each(|fault| println!("  {fault}"));
        println!("  body: {}", row.came.reply.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(status: u16, challenge: Option<&'static str>, user: Option<&'static str>) -> Case {
        Case {
            sent: "a test",
            headers: vec![(b":method".into(), b"GET".into()), (b":path".into(), b"/a?t=1".into())],
            expected: Expected { status, challenge, details: "jwt_gate.expired", user },
        }
    }

    fn came(status: u16, challenge: Option<&str>, body: &str) -> Came {
        let headers = challenge.map(|text| ("www-authenticate".to_owned(), text.into()));
        let reply = Reply { status, headers: headers.into_iter().collect(), body: body.into() };
        Came { reply, details: "jwt_gate.expired".into() }
    }

    #[test]
    fn each_difference_is_told() {
        let challenge = Some(r#"Bearer realm="api", error="invalid_token""#);
        let good = Row::judge(case(401, challenge, None), came(401, challenge, ""));
        assert!(good.is_ok(), "{:?}", good.faults);
        let bad = Row::judge(case(401, challenge, None), came(403, None, ""));
        assert_eq!(bad.faults.len(), 2, "{:?}", bad.faults);
        assert_eq!(bad.faults[0], "status: found 403, expected 401");

        let body = r#"{"x-user":"root","authorization":"Bearer a"}"#;
        let leaked = Row::judge(case(200, None, Some("alice")), came(200, None, body));
        assert_eq!(
            leaked.faults,
            [
                r#"x-user at the API: found "root", expected "alice""#,
                r#"authorization at the API: found "Bearer a", expected null"#,
            ]
        );
    }

    #[test]
    fn an_answer_is_shown_in_a_few_words_without_a_query() {
        let challenge = r#"Bearer realm="api", error="insufficient_scope", scope="a b""#;
        assert_eq!(answer(403, Some(challenge), None), "403 insufficient_scope: a b");
        assert_eq!(answer(401, Some(r#"Bearer realm="api""#), None), "401 Bearer");
        assert_eq!(answer(200, None, Some("alice")), "200, x-user: alice");
        let row = Row::judge(case(200, None, None), came(200, None, ""));
        assert_eq!(row.request(), "GET /a?...");
    }
}
