//! One change to a JSON document, addressed by a path such as `issuers[0].keys.jwks.keys[1].kid`.

use serde_json::{Map, Value};

/// Sets the value at `path`; missing objects are made, and an index that is the length of its
/// array appends.
///
/// # Errors
///
/// The path leads through something that is neither an object nor an array, or past its end.
pub(crate) fn set(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let mut here = document;
    for step in steps(path)? {
        here = match step {
            Step::Name(name) => {
                if here.is_null() {
                    *here = Value::Object(Map::new());
                }
                here.as_object_mut()
                    .ok_or_else(|| format!("{path}: {name} is looked for in what is no object"))?
                    .entry(name)
                    .or_insert(Value::Null)
            }
            Step::Index(index) => {
                let list = here
                    .as_array_mut()
                    .ok_or_else(|| format!("{path}: [{index}] of what is no array"))?;
                if index == list.len() {
                    list.push(Value::Null);
                }
                let length = list.len();
                list.get_mut(index)
                    .ok_or_else(|| format!("{path}: [{index}] of an array of {length}"))?
            }
        };
    }
    *here = value;
    Ok(())
}

/// Removes the member or element at `path`.
///
/// # Errors
///
/// There is none.
pub(crate) fn remove(document: &mut Value, path: &str) -> Result<(), String> {
    let mut steps = steps(path)?;
    let last = steps.pop().ok_or("an empty path")?;
    let mut here = Some(document);
    for step in steps {
        here = here.and_then(|value| match step {
            Step::Name(name) => value.get_mut(name),
            Step::Index(index) => value.get_mut(index),
        });
    }
    let gone = here.and_then(|value| match last {
        Step::Name(name) => value.as_object_mut()?.remove(&name),
        Step::Index(index) => {
            value.as_array_mut().filter(|list| index < list.len()).map(|list| list.remove(index))
        }
    });
    gone.map(drop).ok_or_else(|| format!("there is no {path}"))
}

enum Step {
    Name(String),
    Index(usize),
}

fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let mut pieces = part.split('[');
        let name = pieces.next().unwrap_or_default();
        if name.is_empty() {
            return Err(format!("found {path:?}, expected a path such as a.b[0].c"));
        }
        steps.push(Step::Name(name.to_owned()));
        for piece in pieces {
            let index = piece.strip_suffix(']').and_then(|digits| digits.parse().ok());
            let index = index.ok_or_else(|| format!("found `[{piece}` in {path:?}"))?;
            steps.push(Step::Index(index));
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_reach_their_place() {
        let mut document = json!({"a": [{"b": 1}, 2]});
        set(&mut document, "a[0].b", json!(3)).unwrap();
        set(&mut document, "a[2]", json!("new")).unwrap();
        set(&mut document, "c.d", json!(true)).unwrap();
        remove(&mut document, "a[1]").unwrap();
        assert_eq!(document, json!({"a": [{"b": 3}, "new"], "c": {"d": true}}));
        remove(&mut document, "c.d").unwrap();
        assert_eq!(document["c"], json!({}));
    }

    #[test]
    fn changes_without_a_place_are_errors() {
        let mut document = json!({"a": [1]});
        for path in ["a.b", "a[2]", "a[0].b", "", "a[x]", "a[0"] {
            assert!(set(&mut document.clone(), path, json!(0)).is_err(), "{path}");
        }
        for path in ["b", "a[1]", "a[0].b"] {
            assert!(remove(&mut document, path).is_err(), "{path}");
        }
    }
}
