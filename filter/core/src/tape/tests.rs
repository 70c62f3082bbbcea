//! A tape says what [`parse`] says, which the tests of that one know.

use proptest::prelude::*;

use super::*;
use crate::json::parse;

/// Reads a text both ways, and checks that they agree.
fn read(text: &[u8], limits: Limits) -> Option<Json> {
    let tape = Tape::parse(text.to_vec(), limits);
    let found = tape.as_ref().and_then(Tape::root).map(Value::to_json);
    let shown = String::from_utf8_lossy(text);
    assert_eq!(found.is_some(), tape.is_some(), "{shown}");
    assert_eq!(found, parse(text, limits).ok(), "{shown}");
    if let Ok(text) = std::str::from_utf8(text)
        && let Some(entries) = plain::read(text, limits, Vec::new())
    {
        let any = read::read_any(text, limits).unwrap();
        assert_eq!(format!("{:?}", (entries, "")), format!("{any:?}"), "{shown}");
    }
    found
}

fn token(text: &str) -> Option<Json> {
    read(text.as_bytes(), Limits::TOKEN)
}

#[test]
fn every_kind_of_value_is_read() {
    for good in [
        r#"{"a":1,"b":-2,"c":1.5,"d":true,"e":false,"f":null,"g":"","h":[],"i":{},"j":[[1],{"a":2}]}"#,
        r#" [ 1 , "a" , { "b" : [ ] } ] "#,
        r#""a\"\\\/\b\f\n\r\tz\u00e9\ud83d\ude00""#,
        r#"{"\u0061":"x\ny","b\n":{"\n":"\u0000","plain":"text"},"last":"plain"}"#,
        r#"{"é":"ü","":""}"#,
        "18446744073709551615",
        "999999999999999999",
        "-999999999999999999",
        "9999999999999999999",
        "99999999999999999999",
        "-1",
        "0",
        "[0,1]",
        "-9223372036854775808",
        "18446744073709551616",
        "-0",
        "0.1e-7",
        "1E+2",
        "\"\"",
        "null",
    ] {
        assert!(token(good).is_some(), "{good}");
    }
}

#[test]
fn what_is_not_one_json_text_is_refused() {
    for bad in [
        "",
        " ",
        "{",
        "1 2",
        "{}x",
        "{'a':1}",
        "[1,]",
        "{\"a\":1,}",
        "1e400",
        "\"\\ud800\"",
        "NaN",
        "01",
        "-01",
        "00",
        "1x",
        "-x",
        "nul",
        "nulll",
        "[",
        "[1",
        "[,1]",
        "{,}",
        "]",
        r#"{"a":1"#,
        r#"{"a":"#,
        r#"{"a",1}"#,
        "\"a\u{1f}\"",
        "1.",
        ".5",
        "-",
        "+1",
        "\"\\x\"",
        "\"a",
        "\"\n\"",
        "tru",
        "{\"a\"}",
        "{a:1}",
        "[1 2]",
        "\u{feff}{}",
        "\"\u{7f}\u{1}\"",
    ] {
        assert!(token(bad).is_none(), "{bad}");
    }
    assert!(read(b"\"\xff\"", Limits::TOKEN).is_none());
    assert!(read(b"\xff", Limits::TOKEN).is_none());
}

#[test]
fn names_are_unique_at_any_depth_and_in_any_spelling() {
    for bad in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"a":2}}]"#, r#"{"a":1,"\u0061":2}"#] {
        assert!(token(bad).is_none(), "{bad}");
    }
    assert!(token(r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#).is_some());
}

/// What needs to be fast is.
#[test]
fn what_issuers_write_is_plain() {
    let auth0 = r#"{"iss":"https://issuer.test/","sub":"auth0|5bdc4d7c","aud":["https://api.test",
        "https://issuer.test/userinfo"],"iat":1700000000,"exp":4102444800,"n":-5,"zero":0,
        "scope":"openid profile","permissions":[],"a":{ },"b":true,"c":false,"d":null,"ü":"é"}"#;
    let plain = |text| plain::read(text, Limits::TOKEN, Vec::new()).is_some();
    assert!(plain(auth0) && token(auth0).is_some());
    for other in ["1.0", "1e2", "-0", "1234567890123456789", r#""\n""#, "[1,]", r#"{"a":1,"a":1}"#]
    {
        assert!(!plain(other), "{other}");
    }
}

/// Few names are compared with each other, more are sorted.
#[test]
fn each_of_many_names_is_unique() {
    for count in 1..40 {
        let names: Vec<String> = (0..count).map(|number| format!("{number}")).collect();
        let object = |names: &[String]| {
            let members: Vec<String> =
                names.iter().map(|name| format!(r#""{name}":{{"{name}":0}}"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(token(&object(&names)).is_some(), "{count}");
        for twice in 0..count {
            let mut names = names.clone();
            names.push(format!("{twice}"));
            assert!(token(&object(&names)).is_none(), "{twice} of {count}");
        }
    }
}

#[test]
fn limits_hold_at_the_limit_and_not_one_further() {
    let read = |text: &str| read(text.as_bytes(), Limits { depth: 3, values: 6 });
    for good in ["[[[1]]]", "[[{}]]", "[[[{}]]]", "[1,2,3,4,5]", "{\"a\":1,\"b\":[2,3,4]}"] {
        assert!(read(good).is_some(), "{good}");
    }
    for bad in ["[[[[1]]]]", "[[[[]]]]", "[[[{\"a\":1}]]]", "[1,2,3,4,5,6]"] {
        assert!(read(bad).is_none(), "{bad}");
    }
}

#[test]
fn members_are_found_by_name_alone() {
    let text = r#"{"a":{"b":"inner","x":[{"b":1}]},"b":"outer","\u0063":"c\n"}"#;
    let tape = Tape::parse(text.as_bytes().to_vec(), Limits::TOKEN).unwrap();
    let text = |value: Option<Value<'_>>| value.and_then(Value::as_str).map(str::to_owned);
    assert_eq!(text(tape.get("b")).as_deref(), Some("outer"));
    assert_eq!(text(tape.get("a").unwrap().get("b")).as_deref(), Some("inner"));
    assert_eq!(text(tape.get("c")).as_deref(), Some("c\n"));
    assert!(tape.get("x").is_none() && tape.get("inner").is_none() && tape.get("").is_none());
    assert!(tape.get("b").unwrap().get("b").is_none());
    assert!(tape.get("a").unwrap().as_str().is_none());
}

#[test]
fn words_stand_between_blanks() {
    for (text, expected) in [
        ("", vec![]),
        (" ", vec![]),
        ("a", vec!["a"]),
        ("  a  bc d\te ", vec!["a", "bc", "d\te"]),
        ("ü é", vec!["ü", "é"]),
    ] {
        for escaped in ["", "\\n"] {
            let json = format!(r#"{{"s":"{}{escaped}"}}"#, text.replace('\t', "\\t"));
            let tape = Tape::parse(json.into_bytes(), Limits::TOKEN).unwrap();
            let words = tape.get("s").unwrap().words();
            let words: Vec<String> =
                words.map(|word| tape.text(word).trim_end_matches('\n').to_owned()).collect();
            let expected = expected.iter().map(|word| (*word).to_owned());
            let words = words.into_iter().filter(|word| !word.is_empty());
            assert!(words.eq(expected), "{text:?}");
        }
    }
}

proptest! {
    #[test]
    fn a_text_of_the_letters_of_json_is_read_as_it_is(
        text in r#"[\[\]{}:," \\abu0-9.eE+\-tfn]{0,24}"#
    ) {
        token(&text);
    }

    #[test]
    fn a_document_is_read_as_it_is(text in document(), at: prop::sample::Index, byte: u8) {
        token(&text);
        // And so is one with a fault somewhere.
        let mut text = text.into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        read(&text, Limits::TOKEN);
        text.remove(at);
        read(&text, Limits { depth: 3, values: 9 });
    }
}

/// Documents of any form; names can come twice.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        (-1e30..1e30_f64).prop_map(|number| format!("{number:e}")),
        text(),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..8);
        let members = prop::collection::vec((text(), inner), 0..8);
        prop_oneof![
            items.prop_map(|items| format!("[{}]", items.join(","))),
            members.prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
                format!("{{{}}}", members.join(" ,\n"))
            }),
        ]
    })
}

/// A string as JSON writes it, with escapes or without.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]{0,2}".prop_map(|text| format!("{text:?}")),
        any::<String>().prop_map(|text| { serde_json::to_string(&text).unwrap() })
    ]
}
