//! A place in a configuration: a value and how one gets there.

use serde_json::{Map, Value};

/// A value inside a document, with its path for messages.
#[derive(Clone)]
pub(super) struct Node<'a> {
    file: &'a str,
    path: String,
    key: &'a str,
    value: &'a Value,
}

impl<'a> Node<'a> {
    /// The whole document.
    pub(super) fn root(file: &'a str, value: &'a Value) -> Self {
        Self { file, path: String::new(), key: "", value }
    }

    /// The same place holding another value, for a text that is a document itself.
    pub(super) fn holding<'b>(&'b self, value: &'b Value) -> Node<'b> {
        Node { file: self.file, path: self.path.clone(), key: self.key, value }
    }

    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The last field name on the path, in the spelling of the document.
    pub(super) fn key(&self) -> &'a str {
        self.key
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// A boolean; Envoy also takes it as a text.
    pub(super) fn is_true(&self) -> bool {
        match self.value {
            Value::Bool(value) => *value,
            Value::String(text) => text == "true",
            _ => false,
        }
    }

    /// A field by its snake_case name; Envoy takes lowerCamelCase just as well.
    pub(super) fn get(&self, snake: &str) -> Option<Node<'a>> {
        let map = self.map()?;
        let (key, value) = map.get_key_value(snake).or_else(|| map.get_key_value(&camel(snake)))?;
        Some(self.child(key, value))
    }

    /// A field of a field.
    pub(super) fn at(&self, path: &[&str]) -> Option<Node<'a>> {
        path.iter().try_fold(self.clone(), |node, name| node.get(name))
    }

    /// The fields of a message or the entries of a map.
    pub(super) fn fields(&self) -> Vec<Node<'a>> {
        let entries = self.map().into_iter().flatten();
        entries.map(|(key, value)| self.child(key, value)).collect()
    }

    /// The items of the list in a field; none when it is absent.
    pub(super) fn items(&self, snake: &str) -> Vec<Node<'a>> {
        self.get(snake).map(|list| list.elements()).unwrap_or_default()
    }

    /// The texts of the list in a field.
    pub(super) fn texts(&self, snake: &str) -> Vec<&'a str> {
        self.items(snake).iter().filter_map(Node::text).collect()
    }

    /// The text in a field.
    pub(super) fn text_of(&self, snake: &str) -> Option<&'a str> {
        self.get(snake)?.text()
    }

    /// The message in a `google.protobuf.Any` whose type has this name, also inside a TypedStruct.
    pub(super) fn typed(&self, name: &str) -> Option<Node<'a>> {
        let url = self.map()?.get("@type")?.as_str()?;
        let is_named = |url: &str| url.rsplit(['.', '/']).next() == Some(name);
        if is_named(url) {
            return Some(self.clone());
        }
        if is_named_typed_struct(url) && is_named(self.text_of("type_url")?) {
            return self.get("value");
        }
        None
    }

    /// Visits this place and all below it; not what is below a place where `visit` says false.
    pub(super) fn walk(&self, visit: &mut impl FnMut(&Node<'a>) -> bool) {
        if !visit(self) {
            return;
        }
        for node in self.fields().into_iter().chain(self.elements()) {
            node.walk(visit);
        }
    }

    fn map(&self) -> Option<&'a Map<String, Value>> {
        self.value.as_object()
    }

    fn elements(&self) -> Vec<Node<'a>> {
        let list = self.value.as_array().into_iter().flatten();
        list.enumerate()
            .map(|(index, value)| Node {
                file: self.file,
                path: format!("{}[{index}]", self.path),
                key: self.key,
                value,
            })
            .collect()
    }

    fn child(&self, key: &'a str, value: &'a Value) -> Node<'a> {
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        Node { file: self.file, path, key, value }
    }
}

fn is_named_typed_struct(url: &str) -> bool {
    url.ends_with("xds.type.v3.TypedStruct") || url.ends_with("udpa.type.v1.TypedStruct")
}

/// `route_config` as `routeConfig`.
fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}
