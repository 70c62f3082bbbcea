//! The tables about keys that are fetched: what is asked for, and when.

use jwt_gate_core::{Answer, Command, Compiled, Event, Fetch, Followed, Keeper, UnixTime};
use serde_json::{Value, json};

use crate::{
    forms,
    markdown::{Page, code},
    policies::{self, Kind},
};

const PAGE: &str = "docs/policy.md";

/// One issuer whose keys are fetched, by a worker that is alone.
struct Issuer {
    keeper: Keeper,
    followed: Followed,
}

impl Issuer {
    fn new(issuer: &str, keys: &Value) -> Self {
        let mut policy = policies::base();
        policy["issuers"][0]["issuer"] = issuer.into();
        policy["issuers"][0]["keys"] = keys.clone();
        policy["shared_data"] = json!({ "use": false });
        let Compiled { policy, keys, .. } = forms::compile_json(&policy).expect("compiles");
        let keeper = Keeper::new(&policy, keys);
        let followed = keeper.followed()[0];
        Self { keeper, followed }
    }

    /// What is sent when something happens.
    fn sends(&mut self, event: Event, now: i64) -> Option<Fetch> {
        let commands = self.keeper.handle(self.followed, event, UnixTime::from_secs(now));
        commands.into_iter().find_map(|command| match command {
            Command::Fetch(fetch) => Some(fetch),
            _ => None,
        })
    }

    fn keys(&self, now: i64) -> usize {
        self.keeper.status(self.followed, UnixTime::from_secs(now)).keys
    }
}

/// The key set of the page's example.
fn key_set() -> Value {
    let mut sets = policies::examples(PAGE).into_iter().filter_map(|example| match example.kind {
        Kind::Policy(policy) => policy["issuers"][0]["keys"].get("jwks").cloned(),
        Kind::Routes(_) | Kind::Clusters(_) => None,
    });
    sets.next().expect("an example with a key set")
}

fn header<'f>(fetch: &'f Fetch, name: &str) -> &'f str {
    let named = fetch.headers.iter().find(|(known, _)| known == name);
    named.map_or("", |(_, value)| value)
}

#[test]
fn metadata_are_fetched_from_where_the_table_says() {
    let tables = Page::read(PAGE).tables_of("`issuer`");
    assert_eq!(tables[0].header, ["`issuer`", "`metadata`", "what is fetched"]);
    for row in &tables[0].rows {
        let [issuer, metadata, address] = [0, 1, 2].map(|cell| code(&row.cells[cell]).remove(0));
        let keys = json!({ "discovery": { "cluster": "issuer", "metadata": metadata } });
        let fetch = Issuer::new(&issuer, &keys).sends(Event::Tick, 0).expect("a fetch");
        let parts = [":scheme", ":authority", ":path"].map(|name| header(&fetch, name));
        assert_eq!(format!("{}://{}{}", parts[0], parts[1], parts[2]), address, "{}", row.place);
    }
}

/// Seconds of a text such as `9m30s`.
fn secs(text: &str) -> i64 {
    let mut secs = 0;
    let mut count = 0;
    for letter in text.chars() {
        let unit = match letter {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            digit => {
                count = count * 10 + i64::from(digit.to_digit(10).expect("a digit or a unit"));
                continue;
            }
        };
        secs += count * unit;
        count = 0;
    }
    secs
}

#[test]
fn a_key_lives_as_long_as_the_table_says() {
    let tables = Page::read(PAGE).tables_of("time since the good answer");
    let times: Vec<Vec<i64>> = tables[0]
        .rows
        .iter()
        .map(|row| code(&row.cells[0]).iter().map(|t| secs(t)).collect())
        .collect();
    let [fresh, due, stale, gone] = times.try_into().expect("four rows");
    let waits = |row: usize| code(&tables[0].rows[row].cells[2]).iter().map(|t| secs(t)).collect();
    let (first_waits, last_waits): (Vec<i64>, Vec<i64>) = (waits(2), waits(3));

    let keys = json!({ "remote": { "uri": "https://issuer.test/keys", "cluster": "issuer" } });
    let mut issuer = Issuer::new("https://issuer.test/", &keys);
    let set = key_set().to_string().into_bytes();
    let status = (b":status".to_vec(), b"200".to_vec());
    issuer.sends(Event::Tick, 0).expect("the first fetch");
    let answer = Answer::Response { headers: vec![status], body: Some(set) };
    assert_eq!(issuer.sends(Event::Answer(answer), 0), None);
    assert_eq!(issuer.keys(0), 1);

    let mut sent = Vec::new();
    let mut end = None;
    for now in 1..=gone[0] + 3600 {
        if issuer.sends(Event::Tick, now).is_some() {
            sent.push(now);
            issuer.sends(Event::Answer(Answer::Reset), now);
        }
        if issuer.keys(now) == 0 {
            end.get_or_insert(now);
        }
    }
    assert_eq!((fresh[0], stale[0]), (due[0], gone[0]), "the rows follow each other");
    assert!((due[0]..=due[1]).contains(&sent[0]), "{}", sent[0]);
    assert_eq!(end, Some(gone[0]));
    let gaps: Vec<i64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (longest, growing) = first_waits.split_last().expect("waits");
    assert_eq!(gaps[..growing.len()], *growing);
    assert_eq!(gaps.iter().max(), Some(longest));
    assert!(gaps.is_sorted(), "the wait never gets shorter");
    assert_eq!([*gaps.last().expect("a gap")], *last_waits);
}
