//! Lines that set headers, and the answers of those that refuse.

use crate::import::{draft::Forwarded, remark::Kind};

use super::{
    lines::Line,
    sample::{Meaning, meaning},
    section::Reader,
};

impl Reader<'_> {
    /// The answer of a line that refuses.
    pub(super) fn refusal(&mut self, line: &Line, body: &[String]) {
        self.said.refusals.push(line.number);
        let after = |names: &[&str]| {
            body.windows(2).find_map(|pair| match pair {
                [name, value] if names.contains(&name.as_str()) => Some(value.clone()),
                _ => None,
            })
        };
        if let Some(text) = after(&["string", "lf-string"]) {
            let media_type = after(&["content-type"]).unwrap_or_else(|| "text/html".to_owned());
            self.said.bodies.push((line.number, media_type, text));
        }
    }

    pub(super) fn set_header(&mut self, line: &Line, body: &[String]) {
        let (Some(name), Some(format)) = (body.first(), body.get(1)) else {
            return self.remark(line, Kind::NotCarried, "a header without a value");
        };
        let header = name.to_ascii_lowercase();
        let expressions = expressions(format);
        let meanings: Vec<Meaning> =
            expressions.iter().map(|text| meaning(text, &self.variables)).collect();
        let claim = match meanings.as_slice() {
            [Meaning::Claim(_, claim)] => Some(claim.clone()),
            [Meaning::LuaScopes] => Some(vec!["scope".to_owned()]),
            _ => None,
        };
        let whole = format.starts_with('%') && format.ends_with(']') && expressions.len() == 1;
        if let (Some(claim), true) = (claim, whole) {
            if ["authorization", "cookie"].contains(&header.as_str()) {
                let text = format!("{header} carries credentials, and the gate never sets it");
                return self.remark(line, Kind::NotCarried, text);
            }
            self.said.forwarded.push((line.number, Forwarded { claim, header }));
        } else if meanings.contains(&Meaning::Certificate) {
            let text = format!(
                "HAProxy goes on to set {header} from the client's certificate; the gate keeps clients from sending it"
            );
            self.remark(line, Kind::Stays, text);
            self.said.guarded.entry(header).or_insert(line.number);
        } else if meanings.iter().any(|meaning| {
            matches!(
                meaning,
                Meaning::Claim(..)
                    | Meaning::LuaScopes
                    | Meaning::OfToken(_)
                    | Meaning::TokenHeader(..)
            )
        }) {
            let text = format!(
                "{header} is put together of several parts; the gate forwards claims whole"
            );
            self.remark(line, Kind::NotCarried, text);
            self.said.guarded.entry(header).or_insert(line.number);
        } else {
            self.remark(line, Kind::Stays, format!("{header} says nothing of a token"));
        }
    }
}

/// The expressions of a format: what stands in `%[...]`, flags before it left out.
fn expressions(format: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = format;
    while let Some((_, after)) = rest.split_once('%') {
        rest = after;
        let flags = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let expression = flags.map_or(after, |(_, after)| after).strip_prefix('[');
        if let Some((expression, after)) = expression.and_then(closed) {
            found.push(expression);
            rest = after;
        }
    }
    found
}

/// What stands before the `]` outside of parentheses, and what comes after it.
fn closed(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (place, c) in text.char_indices() {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ']' if depth == 0 => {
                return Some((text.get(..place)?, text.get(place.saturating_add(1)..)?));
            }
            _ => {}
        }
    }
    None
}
