//! What is done about each event, to the millisecond.

use std::time::Duration;

use super::*;
use crate::refresh::{
    Outlook,
    stage::{Store, Vm, good, response, set, source},
};

fn vm() -> Vm {
    Vm::new(&source(), &SharedData::default())
}

/// A VM that has fetched a set with the key `a` at 100 ms; due between 480,100 and 570,100.
fn served() -> (Vm, Store) {
    let (mut vm, mut store) = (vm(), Store::default());
    vm.tick(0, &mut store);
    vm.answer(good(&["a"]), 100, &mut store);
    (vm, store)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn failing(secs: u64) -> Outlook {
    Outlook::Failing(Duration::from_secs(secs))
}

#[test]
fn the_first_tick_fetches_and_the_answer_is_in_force() {
    let (mut vm, mut store) = (vm(), Store::default());
    assert_eq!(vm.outlook(0), Outlook::Pending);
    vm.tick(0, &mut store);
    let fetch = &vm.fetches[0];
    let text = |(name, value): &(String, String)| format!("{name} {value}");
    assert_eq!(
        fetch.headers.iter().map(text).collect::<Vec<_>>(),
        [
            ":method GET",
            ":scheme https",
            ":authority issuer.test",
            ":path /jwks.json",
            "accept application/json",
            "user-agent jwt-gate"
        ]
    );
    assert_eq!((fetch.cluster.as_str(), fetch.timeout), ("issuer", secs(5)));
    assert_eq!(vm.outlook(50), Outlook::Pending);
    vm.answer(good(&["a", "b"]), 100, &mut store);
    assert_eq!(vm.kids(100), ["a", "b"]);
    assert_eq!((vm.wakes, vm.fetches.len()), (1, 1));
    assert!(matches!(
        vm.notices[..],
        [Notice::Fetched { failures: 0 }, Notice::Changed { origin: Origin::Issuer, .. }]
    ));
    let status = vm.follower.status(UnixTime::from_millis(5_100), &vm.keys);
    assert_eq!(status, Status { keys: 2, age: Some(5), error: None });
    // In force to the millisecond: lifetime and stale time.
    let end = 100 + (600 + 24 * 3600) * 1000;
    assert_eq!((vm.kids(end - 1).len(), vm.kids(end).len()), (2, 0));
}

#[test]
fn others_take_the_set_over_without_a_fetch() {
    let (_, mut store) = served();
    let mut other = vm();
    other.tick(150, &mut store);
    assert_eq!(other.kids(150), ["a"]);
    assert_eq!((other.wakes, other.fetches.len()), (1, 0));
    assert!(matches!(other.notices[..], [Notice::Changed { origin: Origin::Shared, .. }]));
    // Read once, not ten times a second.
    store.set = None;
    other.ticks(200, 10_000, &mut store);
    assert_eq!((other.wakes, other.fetches.len(), other.notices.len()), (1, 0, 1));
}

#[test]
fn one_of_two_fetches() {
    let mut store = Store::default();
    let (mut one, mut two) = (vm(), vm());
    one.tick(0, &mut store);
    two.ticks(0, 7_000, &mut store);
    assert_eq!((one.fetches.len(), two.fetches.len()), (1, 0));
    assert_eq!(two.outlook(7_000), Outlook::Pending);
    // The lease is over, and its holder was never heard of again.
    two.tick(7_001, &mut store);
    assert_eq!(two.fetches.len(), 1);
    // What comes back now is late.
    one.answer(good(&["late"]), 7_100, &mut store);
    assert_eq!(one.kids(7_100), [""; 0]);
    two.answer(good(&["a"]), 7_200, &mut store);
    one.tick(7_300, &mut store);
    assert_eq!((one.kids(7_300), two.kids(7_300)), (vec!["a"], vec!["a"]));
}

#[test]
fn a_lease_from_the_future_is_over() {
    let mut store = Store::default();
    let (mut one, mut two) = (vm(), vm());
    one.tick(100_000, &mut store);
    two.tick(99_999, &mut store);
    assert_eq!(two.fetches.len(), 1);
}

#[test]
fn a_failure_is_followed_by_doubled_waits() {
    let (mut vm, mut store) = (vm(), Store::default());
    vm.tick(0, &mut store);
    let (mut now, mut waits) = (0, Vec::new());
    for failures in 1..=8 {
        vm.answer(response("500", &[], Vec::new()), now, &mut store);
        assert_eq!(vm.wakes, usize::try_from(failures).unwrap());
        assert_eq!(vm.outlook(now), Outlook::Failing(source().backoff(failures)));
        let begun = vm.next_fetch(now, &mut store);
        waits.push(begun - now);
        now = begun;
    }
    assert_eq!(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    assert_eq!(
        vm.notices[0].to_string(),
        "fetch failed: status: found 500, expected 200; next try in 1s; no keys in force"
    );
    let status = vm.follower.status(UnixTime::from_millis(now), &vm.keys);
    assert_eq!(status, Status { keys: 0, age: None, error: Some(Cause::Status) });
    vm.answer(good(&["a"]), now, &mut store);
    assert_eq!(vm.kids(now), ["a"]);
    assert!(vm.notices.contains(&Notice::Fetched { failures: 8 }));
    assert_eq!(vm.follower.status(UnixTime::from_millis(now), &vm.keys).error, None);
}

#[test]
fn a_set_is_fetched_anew_before_it_is_old() {
    let (mut vm, mut store) = served();
    let due = vm.next_fetch(200, &mut store);
    assert!((480_100..=570_200).contains(&due), "{due:?}");
    // The same again: nothing new, but good for longer.
    vm.answer(good(&["a"]), due, &mut store);
    assert_eq!(vm.notices.len(), 3);
    let end = due + (600 + 24 * 3600) * 1000;
    assert_eq!((vm.kids(end - 1), vm.kids(end).len()), (vec!["a"], 0));
    // Others learn that from the board.
    let mut other = self::vm();
    other.tick(due, &mut store);
    assert_eq!((other.kids(end - 1), other.kids(end).len()), (vec!["a"], 0));
}

#[test]
fn max_age_sets_the_pace() {
    let (mut vm, mut store) = (vm(), Store::default());
    vm.tick(0, &mut store);
    let headers = [("cache-control", "max-age=100"), ("age", "40")];
    vm.answer(response("200", &headers, set(&["a"])), 0, &mut store);
    let due = vm.next_fetch(100, &mut store);
    assert!((48_000..=57_100).contains(&due), "{due:?}");
}

#[test]
fn a_withdrawn_key_is_gone_with_the_next_set() {
    let (mut vm, mut store) = served();
    let mut other = self::vm();
    other.tick(200, &mut store);
    let due = vm.next_fetch(200, &mut store);
    vm.answer(good(&["b"]), due, &mut store);
    assert_eq!(vm.kids(due), ["b"]);
    assert_eq!(other.kids(due), ["a"]);
    other.tick(due + 100, &mut store);
    assert_eq!(other.kids(due + 100), ["b"]);
}

#[test]
fn a_bad_set_never_replaces_a_good_one() {
    for (answer, cause) in [
        (Answer::Reset, Cause::Reset),
        (Answer::NotSent(2), Cause::NotSent),
        (good(&[]), Cause::NoUsableKey),
        (response("200", &[], b"<html>".to_vec()), Cause::NotJson),
        (response("404", &[], set(&["b"])), Cause::Status),
        (
            Answer::Response { headers: vec![(b":status".into(), b"200".into())], body: None },
            Cause::TooLarge,
        ),
    ] {
        let (mut vm, mut store) = served();
        let due = vm.next_fetch(200, &mut store);
        vm.answer(answer, due, &mut store);
        assert_eq!(vm.kids(due), ["a"]);
        assert_eq!(vm.wakes, 2);
        let status = vm.follower.status(UnixTime::from_millis(due), &vm.keys);
        assert_eq!((status.keys, status.error), (1, Some(cause)));
        let mut other = self::vm();
        other.tick(due, &mut store);
        assert_eq!(other.kids(due), ["a"], "others take over the old one");
        assert_eq!(vm.ticks(due + 100, due + 1_000, &mut store), [due + 1_000], "and then again");
    }
}

#[test]
fn keys_too_old_are_told_once_and_come_back() {
    let (mut vm, mut store) = served();
    let end = 100 + (600 + 24 * 3600) * 1000;
    vm.tick(end - 1, &mut store);
    vm.answer(Answer::Reset, end - 1, &mut store);
    assert!(!vm.notices.contains(&Notice::Expired));
    vm.ticks(end, end + 500, &mut store);
    assert_eq!(vm.notices.iter().filter(|notice| **notice == Notice::Expired).count(), 1);
    assert_eq!(vm.outlook(end), Outlook::Failing(Duration::from_millis(999)));
    vm.ticks(end + 999, end + 999, &mut store);
    vm.answer(good(&["a"]), end + 1_000, &mut store);
    assert_eq!(vm.kids(end + 1_000), ["a"]);
    assert!(matches!(vm.notices.last(), Some(Notice::Changed { .. })));
}

#[test]
fn an_unknown_kid_is_worth_one_fetch_in_a_cool_down() {
    let (mut vm, mut store) = served();
    assert_eq!(vm.outlook(2_000), Outlook::Pending);
    vm.run(Event::Wanted, 2_000, &mut store);
    assert_eq!(vm.ticks(2_000, 2_000, &mut store), [2_000]);
    vm.answer(good(&["a", "b"]), 2_100, &mut store);
    assert_eq!((vm.kids(2_100), vm.wakes), (vec!["a", "b"], 2));
    // Nobody waits for what cannot come.
    assert_eq!(vm.outlook(2_100), Outlook::Current);
    vm.run(Event::Wanted, 2_200, &mut store);
    assert_eq!(vm.next_fetch(2_200, &mut store), 32_000);
    // Another VM has no cool-down of its own.
    vm.answer(good(&["a", "b"]), 32_100, &mut store);
    let mut other = self::vm();
    other.tick(33_000, &mut store);
    assert_eq!(other.outlook(33_000), Outlook::Current);
    other.run(Event::Wanted, 33_000, &mut store);
    assert_eq!(other.next_fetch(33_000, &mut store), 62_000);
}

/// A scheduled fetch is no reason to wait.
#[test]
fn a_rotation_right_after_a_scheduled_fetch_is_followed() {
    let (mut vm, mut store) = served();
    vm.run(Event::Wanted, 200, &mut store);
    assert_eq!(vm.outlook(200), Outlook::Pending);
    // One second after the last fetch of this VM, whatever for.
    assert_eq!(vm.ticks(200, 5_000, &mut store), [1_000]);
}

#[test]
fn a_wanted_fetch_that_fails_is_made_again_like_any_other() {
    let (mut vm, mut store) = served();
    vm.run(Event::Wanted, 2_000, &mut store);
    vm.tick(2_000, &mut store);
    vm.answer(Answer::Reset, 2_000, &mut store);
    vm.run(Event::Wanted, 2_100, &mut store);
    assert_eq!(vm.outlook(2_100), Outlook::Failing(Duration::from_millis(900)));
    assert_eq!(vm.ticks(2_100, 5_000, &mut store), [3_000]);
}

#[test]
fn a_host_that_never_answers_is_a_timeout() {
    let (mut vm, mut store) = (vm(), Store::default());
    vm.tick(0, &mut store);
    assert_eq!(vm.ticks(100, 7_000, &mut store), [0; 0]);
    vm.tick(7_001, &mut store);
    assert!(matches!(vm.notices[..], [Notice::Failed { cause: Cause::Timeout, .. }]));
    assert_eq!(vm.ticks(7_100, 9_000, &mut store), [8_100]);
    // Late after all, it would be taken for the answer to the second; a driver drops it.
    vm.answer(good(&["a"]), 9_000, &mut store);
    vm.answer(good(&["b"]), 9_000, &mut store);
    assert_eq!(vm.kids(9_000), ["a"]);
}

#[test]
fn other_writers_are_waited_for_eight_times_and_then_till_the_next_tick() {
    let (mut vm, mut store) = (vm(), Store::default());
    vm.tick(0, &mut store);
    store.rivals = 10;
    vm.answer(good(&["a"]), 100, &mut store);
    assert_eq!((store.rivals, vm.kids(100).len()), (2, 0));
    vm.tick(200, &mut store);
    assert_eq!((store.rivals, vm.kids(200)), (0, vec!["a"]));
}

#[test]
fn what_was_fetched_is_dropped_if_another_vm_took_over() {
    let (mut vm, mut store) = (vm(), Store::default());
    vm.tick(0, &mut store);
    let mut other = self::vm();
    other.tick(8_000, &mut store);
    other.answer(good(&["new"]), 8_100, &mut store);
    vm.answer(good(&["old"]), 8_200, &mut store);
    assert_eq!(vm.kids(8_200), ["new"]);
    assert_eq!(store.set, Some(set(&["new"])));
}

#[test]
fn a_board_that_is_overwritten_makes_no_storm() {
    let (mut vm, mut store) = served();
    let mut other = self::vm();
    other.tick(150, &mut store);
    for now in (200..20_000).step_by(100) {
        store.put_board(b"garbage".to_vec());
        vm.tick(now, &mut store);
        other.tick(now, &mut store);
    }
    assert_eq!((vm.fetches.len(), other.fetches.len()), (1, 0));
    assert_eq!((vm.kids(20_000), other.kids(20_000)), (vec!["a"], vec!["a"]));
    // Nobody is woken for nothing.
    assert_eq!((vm.wakes, other.wakes), (1, 1));
    store.put_board(b"garbage".to_vec());
    other.run(Event::Wanted, 20_000, &mut store);
    assert_eq!(other.next_fetch(20_000, &mut store), 20_000);
    other.answer(good(&["a"]), 20_000, &mut store);
    assert_eq!(other.wakes, 2);
    let mut begun = Vec::new();
    for now in (21_000..51_000).step_by(100) {
        store.put_board(b"garbage".to_vec());
        other.run(Event::Wanted, now, &mut store);
        begun.extend(other.ticks(now, now, &mut store));
    }
    assert_eq!(begun, [50_000], "the cool-down outlasts the board");
    store.put_board(b"garbage".to_vec());
    // A VM without keys must have some: its fetches are a second apart, and do bring keys.
    let mut fresh = self::vm();
    let mut begun = Vec::new();
    for now in (20_000..23_000).step_by(100) {
        store.put_board(b"garbage".to_vec());
        begun.extend(fresh.ticks(now, now, &mut store));
        store.put_board(b"garbage".to_vec());
        fresh.answer(Answer::Reset, now, &mut store);
    }
    assert_eq!(begun, [20_000, 21_000, 22_000]);
    store.put_board(b"garbage".to_vec());
    fresh.tick(23_000, &mut store);
    store.put_board(b"garbage".to_vec());
    fresh.answer(good(&["b"]), 23_100, &mut store);
    assert_eq!(fresh.kids(23_100), ["b"]);
}

#[test]
fn a_set_that_is_not_the_boards_is_not_believed_and_fetched_again() {
    for forged in [None, Some(set(&["forged"])), Some(Vec::new())] {
        let (_, mut store) = served();
        store.set = forged;
        let mut other = vm();
        assert_eq!(other.ticks(200, 1_000, &mut store), [200]);
        assert_eq!((other.kids(1_000).len(), other.wakes), (0, 0));
        other.answer(good(&["a"]), 1_100, &mut store);
        assert_eq!(other.kids(1_100), ["a"]);
        assert_eq!(store.set, Some(set(&["a"])));
    }
}

/// The set is written before the board: between the two, both are right, but not a pair.
#[test]
fn a_set_ahead_of_its_board_is_waited_for() {
    let (mut vm, mut store) = served();
    let due = vm.next_fetch(200, &mut store);
    let before = store.clone();
    vm.answer(good(&["b"]), due + 100, &mut store);
    let mut between = Store { set: store.set.clone(), ..before };
    let mut other = self::vm();
    other.tick(due + 100, &mut between);
    assert_eq!((other.kids(due + 100).len(), other.fetches.len(), other.wakes), (0, 0, 0));
    assert_eq!(other.outlook(due + 100), Outlook::Pending);
    other.tick(due + 200, &mut store);
    assert_eq!((other.kids(due + 200), other.wakes), (vec!["b"], 1));
}

#[test]
fn a_posted_set_that_is_of_no_use_here_is_read_once() {
    let (_, mut store) = served();
    let bytes = set(&[]);
    let mut vm = vm();
    let mut board =
        Board::decode(&store.board.clone().unwrap().0, &vm.follower.fingerprint).unwrap();
    board.posted.as_mut().unwrap().digest = digest(&bytes);
    store.put_board(board.encode(&vm.follower.fingerprint));
    store.set = Some(bytes);
    assert_eq!(vm.ticks(200, 10_000, &mut store), [0; 0]);
    assert!(matches!(vm.follower.state.passed, Some(Passed::Unusable(_))));
    // It is posted, so it is not fetched again before its time; but a request is worth a try.
    assert_eq!(vm.outlook(10_000), Outlook::Pending);
    vm.run(Event::Wanted, 10_000, &mut store);
    assert_eq!(vm.next_fetch(10_000, &mut store), 10_000);
    vm.answer(good(&["a"]), 10_100, &mut store);
    assert_eq!(vm.kids(10_100), ["a"]);
}

#[test]
fn a_reloaded_vm_finds_the_keys_again() {
    let (_, mut store) = served();
    let mut reloaded = vm();
    reloaded.tick(5_000, &mut store);
    assert_eq!((reloaded.kids(5_000), reloaded.fetches.len()), (vec!["a"], 0));
}

#[test]
fn without_shared_data_each_vm_fetches_for_itself() {
    let mut store = Store { is_missing: true, ..Store::default() };
    let mut vm = vm();
    vm.tick(0, &mut store);
    assert_eq!(vm.notices, [Notice::Alone { fetches: true }]);
    vm.answer(good(&["a"]), 100, &mut store);
    assert_eq!(vm.kids(100), ["a"]);
    let due = vm.next_fetch(200, &mut store);
    assert!(due > 480_000, "{due}");
    vm.answer(Answer::Reset, due, &mut store);
    assert_eq!(vm.ticks(due, due + 2_000, &mut store), [due + 1_000]);
    assert_eq!(vm.notices.iter().filter(|n| matches!(n, Notice::Alone { .. })).count(), 1);
}

#[test]
fn shared_data_that_take_no_writes_are_given_up() {
    let mut store = Store { is_full: true, ..Store::default() };
    let mut vm = vm();
    vm.tick(0, &mut store);
    assert_eq!((vm.fetches.len(), vm.notices.len()), (1, 1));
    vm.answer(good(&["a"]), 100, &mut store);
    assert_eq!((vm.kids(100), &store.board), (vec!["a"], &None));

    // Full when the answer is there: it counts all the same.
    let mut vm = self::vm();
    let mut store = Store::default();
    vm.tick(0, &mut store);
    store.is_full = true;
    vm.answer(good(&["a"]), 100, &mut store);
    assert_eq!(vm.kids(100), ["a"]);
    assert_eq!(vm.ticks(200, 10_000, &mut store), [0; 0]);
}

#[test]
fn shared_data_that_are_not_to_be_used_are_not_touched() {
    let shared = SharedData { used: false, ..SharedData::default() };
    let mut vm = Vm::new(&source(), &shared);
    let mut commands = vm.follower.handle(Event::Tick, UnixTime::from_millis(0), &mut vm.keys);
    assert!(matches!(commands.pop(), Some(Command::Fetch(_))));
    assert!(commands.is_empty());
    let answer = Event::Answer(good(&["a"]));
    let commands = vm.follower.handle(answer, UnixTime::from_millis(9), &mut vm.keys);
    assert!(
        matches!(
            commands[..],
            [
                Command::Report(Notice::Fetched { .. }),
                Command::Report(Notice::Changed { .. }),
                Command::Wake
            ]
        ),
        "{commands:?}"
    );
}

#[test]
fn a_vm_that_may_not_fetch_asks_another_one() {
    let shared = SharedData { fetch: false, ..SharedData::default() };
    let mut store = Store::default();
    let mut asking = Vm::new(&source(), &shared);
    assert_eq!(asking.outlook(0), Outlook::Pending);
    asking.tick(0, &mut store);
    assert_eq!(store.board, None, "nobody wants anything");
    asking.run(Event::Wanted, 50, &mut store);
    asking.tick(100, &mut store);
    assert!(store.board.is_some());
    assert_eq!(asking.outlook(7_000), Outlook::Pending);
    // Nobody heard it: no request is held for nothing, until it is time to ask again.
    assert_eq!(asking.outlook(7_100), failing(23));
    assert_eq!(asking.outlook(30_100), Outlook::Pending);

    let mut fetching = vm();
    fetching.tick(8_000, &mut store);
    assert_eq!(asking.fetches.len(), 0);
    fetching.answer(good(&["a"]), 8_100, &mut store);
    asking.tick(8_200, &mut store);
    assert_eq!((asking.kids(8_200), asking.wakes), (vec!["a"], 1));
    assert_eq!(fetching.ticks(8_200, 20_000, &mut store), [0; 0], "the wish is granted");

    // An unknown `kid`.
    asking.run(Event::Wanted, 20_000, &mut store);
    asking.tick(20_000, &mut store);
    assert_eq!(fetching.ticks(20_100, 20_500, &mut store), [20_100]);
    fetching.answer(good(&["b"]), 20_600, &mut store);
    asking.tick(20_700, &mut store);
    assert_eq!((asking.kids(20_700), asking.wakes), (vec!["b"], 2));
    assert_eq!(asking.outlook(20_700), Outlook::Current);
    asking.run(Event::Wanted, 20_800, &mut store);
    asking.ticks(20_800, 50_000, &mut store);
    assert_eq!(fetching.ticks(20_800, 50_000, &mut store), [0; 0], "not in the cool-down");
}

#[test]
fn a_vm_that_may_not_fetch_and_is_alone_says_so() {
    let mut store = Store { is_missing: true, ..Store::default() };
    let mut vm = Vm::new(&source(), &SharedData { fetch: false, ..SharedData::default() });
    vm.tick(0, &mut store);
    assert_eq!(vm.notices, [Notice::Alone { fetches: false }]);
    vm.run(Event::Wanted, 0, &mut store);
    assert_eq!(vm.ticks(100, 60_000, &mut store), [0; 0]);
}

#[test]
fn metadata_lead_to_the_keys() {
    let mut source = source();
    let uri = Uri::parse("https://issuer.test/.well-known/openid-configuration").unwrap();
    source.target = Target::Metadata { uri, jwks_cluster: "keys".to_owned() };
    let metadata = |issuer: &str, uri: &str| {
        let body = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#);
        response("200", &[("cache-control", "max-age=1")], body.into_bytes())
    };
    let (mut vm, mut store) = (Vm::new(&source, &SharedData::default()), Store::default());
    vm.tick(0, &mut store);
    vm.answer(metadata("https://issuer.test/", "https://elsewhere.test:99/k?a"), 100, &mut store);
    assert_eq!(vm.outlook(100), Outlook::Pending);
    let [first, second] = &vm.fetches[..] else { panic!("{:?}", vm.fetches) };
    assert_eq!((first.cluster.as_str(), second.cluster.as_str()), ("issuer", "keys"));
    assert_eq!(second.headers[2].1, "elsewhere.test:99");
    assert_eq!(second.headers[3].1, "/k?a");
    vm.answer(good(&["a"]), 200, &mut store);
    assert_eq!(vm.kids(200), ["a"]);
    // How long the metadata are fresh says nothing of the keys.
    assert_eq!(vm.ticks(300, 100_000, &mut store), [0; 0]);

    for (answer, cause, detail) in [
        (metadata("https://issuer.test", "https://a/"), Cause::MetadataIssuer, "expected"),
        (metadata("https://issuer.test/", "http://a/"), Cause::MetadataJwksUri, "https"),
        (response("404", &[], Vec::new()), Cause::Status, "expected 200 (metadata)"),
    ] {
        let (mut vm, mut store) = (Vm::new(&source, &SharedData::default()), Store::default());
        vm.tick(0, &mut store);
        vm.answer(answer, 100, &mut store);
        assert_eq!(vm.fetches.len(), 1);
        let Some(Notice::Failed { cause: found, detail: text, .. }) = vm.notices.last() else {
            panic!("{:?}", vm.notices);
        };
        assert_eq!(*found, cause);
        assert!(text.contains(detail), "{text}");
    }
}

#[test]
fn a_clock_that_goes_back_makes_keys_last_no_longer() {
    let (mut vm, mut store) = (vm(), Store::default());
    let hour = 3_600_000;
    vm.tick(hour, &mut store);
    vm.answer(good(&["a"]), hour, &mut store);
    // An hour back: due at once, and not in force for an hour more.
    assert_eq!(vm.ticks(0, 0, &mut store), [0]);
    vm.answer(Answer::Reset, 0, &mut store);
    vm.tick(100, &mut store);
    let end = 100 + (600 + 24 * 3600) * 1000;
    assert_eq!((vm.kids(end - 101), vm.kids(end).len()), (vec!["a"], 0));
}

#[test]
fn a_clock_that_jumps_ahead_ends_what_is_too_old() {
    let (mut vm, mut store) = served();
    let later = 3 * 24 * 3_600_000;
    assert_eq!(vm.kids(later), [""; 0]);
    assert_eq!(vm.ticks(later, later, &mut store), [later]);
    vm.answer(good(&["a"]), later + 100, &mut store);
    assert_eq!(vm.kids(later + 100), ["a"]);
}

#[test]
fn an_event_that_nobody_waits_for_changes_nothing() {
    let (vm, _) = served();
    for event in [
        Event::Board(None),
        Event::Board(Some(Stored::Absent)),
        Event::Set(None),
        Event::Set(Some(set(&["x"]))),
        Event::Written(Written::Done),
        Event::Written(Written::Refused),
        Event::Answer(good(&["x"])),
    ] {
        let mut after = vm.clone();
        let commands = after.follower.handle(event, UnixTime::from_millis(200), &mut after.keys);
        assert_eq!(commands, []);
        assert_eq!(format!("{after:?}"), format!("{vm:?}"));
    }
}
