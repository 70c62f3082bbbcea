//! YAML and JSON with the lines on which everything stands.

use std::{
    fmt,
    thread::{self, ScopedJoinHandle},
};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// Bytes of stack for reading.
const STACK: usize = 32 << 20;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// Counted from 1; 0 if it is not known.
    pub(crate) line: usize,
    pub(crate) node: Node,
}

/// A value without its place.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Scalar(Value),
    List(Vec<Tree>),
    /// In the order of the file.
    Mapping(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads YAML, of which JSON is a part.
    ///
    /// # Errors
    ///
    /// The line, if there is one, and what is wrong there.
    pub(crate) fn parse(text: &str) -> Result<Self, (Option<usize>, String)> {
        // The reader stops at 64 levels, each of which takes some kilobytes of stack; what a thread
        // has is the caller's choice, and may be too little.
        let read = thread::scope(|scope| {
            let reader = thread::Builder::new().stack_size(STACK);
            reader.spawn_scoped(scope, || Self::read(text)).map(ScopedJoinHandle::join)
        });
        match read {
            Ok(Ok(read)) => read,
            Ok(Err(_)) | Err(_) => Err((None, "it cannot be read on this machine".to_owned())),
        }
    }

    fn read(text: &str) -> Result<Self, (Option<usize>, String)> {
        match serde_saphyr::from_str::<Spanned<Loose>>(text) {
            Ok(root) => Ok(Self::of(root)),
            Err(error) => {
                let line = error.location().and_then(|place| usize::try_from(place.line()).ok());
                // The first line alone: a snippet would show keys.
                let message = error.without_snippet().to_string();
                let message = message.lines().next().unwrap_or_default().to_owned();
                Err((line.filter(|line| *line > 0), message))
            }
        }
    }

    fn of(read: Spanned<Loose>) -> Self {
        let line = usize::try_from(read.referenced.line()).unwrap_or(0);
        let node = match read.value {
            Loose::Scalar(value) => Node::Scalar(value),
            Loose::List(items) => Node::List(items.into_iter().map(Self::of).collect()),
            Loose::Mapping(members) => {
                let members = members.into_iter().map(|(name, value)| (name, Self::of(value)));
                Node::Mapping(members.collect())
            }
        };
        Self { line, node }
    }

    /// The member of a mapping.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.node {
            Node::Mapping(members) => {
                members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The member at the end of a path of names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, name| tree.get(name))
    }

    /// The members of a mapping; none of anything else.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        match &self.node {
            Node::Mapping(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.node {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// The items of the list under a name.
    pub(crate) fn list(&self, name: &str) -> &[Self] {
        self.get(name).map(Self::items).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The text under a name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(&self.node, Node::Scalar(Value::Bool(true)))
    }

    /// The value without its places.
    pub(crate) fn value(&self) -> Value {
        match &self.node {
            Node::Scalar(value) => value.clone(),
            Node::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Node::Mapping(members) => {
                let members = members.iter().map(|(name, value)| (name.clone(), value.value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// The line of what a problem's path, such as `rules[0].match`, leads to; where that is not
    /// there, the line of the last part that is. 0 if no line is known.
    pub(crate) fn line_of(&self, path: &str) -> usize {
        let mut tree = self;
        let mut rest = path;
        while !rest.is_empty() {
            let step = if let Some(index) = rest.strip_prefix('[') {
                let Some((number, after)) = index.split_once(']') else { break };
                rest = after;
                number.parse::<usize>().ok().and_then(|place| tree.items().get(place))
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
                // A name may have dots and brackets of its own: the longest that is there.
                let fitting = tree.members().iter().filter(|(name, _)| {
                    rest.strip_prefix(name.as_str())
                        .is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
                });
                let found = fitting.max_by_key(|(name, _)| name.len());
                found.map(|(name, value)| {
                    rest = rest.get(name.len()..).unwrap_or_default();
                    value
                })
            };
            match step {
                Some(next) => tree = next,
                None => break,
            }
        }
        tree.line
    }

    /// Calls `visit` with every mapping, from the outside in.
    pub(crate) fn walk<'t>(&'t self, visit: &mut dyn FnMut(&'t Self)) {
        match &self.node {
            Node::Scalar(_) => {}
            Node::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Node::Mapping(members) => {
                visit(self);
                members.iter().for_each(|(_, value)| value.walk(visit));
            }
        }
    }

    /// Whether the message has this type, by the end of its `@type`.
    pub(crate) fn is_typed(&self, name: &str) -> bool {
        let typ = self.text_of("@type").unwrap_or_default();
        typ.rsplit(['.', '/']).next() == Some(name)
    }
}

/// What serde makes of a node; the places come from `Spanned` around it.
enum Loose {
    Scalar(Value),
    List(Vec<Spanned<Loose>>),
    Mapping(Vec<(String, Spanned<Loose>)>),
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Loose, E> {
        Ok(Loose::Scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Loose, E> {
        Ok(Loose::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Loose, E> {
        Ok(Loose::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Loose, E> {
        Ok(Loose::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Loose, E> {
        let number = Number::from_f64(value);
        number.map(|number| Loose::Scalar(number.into())).ok_or_else(|| E::custom("no JSON number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Loose, E> {
        Ok(Loose::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Loose::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Loose, A::Error> {
        let mut mapping: Vec<(String, Spanned<Loose>)> = Vec::new();
        while let Some(name) = members.next_key()? {
            mapping.push((name, members.next_value()?));
        }
        Ok(Loose::Mapping(mapping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_line() {
        let text = "issuers:\n- issuer: a\n  keys:\n    pem: |\n      x\nrules:\n  - match: { prefix: / }\n    x.y: 1\n";
        let tree = Tree::parse(text).unwrap();
        for (path, line) in [
            ("", 1),
            ("issuers[0].issuer", 2),
            ("issuers[0].keys.pem", 5),
            ("issuers[0].audiences", 2),
            ("rules[0].match.prefix", 7),
            ("rules[0].x.y", 8),
            ("rules[7]", 7),
            ("nothing[", 1),
            ("rules[", 7),
        ] {
            assert_eq!(tree.line_of(path), line, "{path}");
        }
    }

    #[test]
    fn values_come_out_as_they_went_in() {
        let tree = Tree::parse("a: [1, -2, 1.5, true, null, 'x', \"no\", no]\n").unwrap();
        assert_eq!(tree.value().to_string(), r#"{"a":[1,-2,1.5,true,null,"x","no",false]}"#);
        assert!(Tree::parse("a: 1\na: 2\n").is_err());
        assert!(Tree::parse("a: [\n").unwrap_err().0.is_some());
    }
}
