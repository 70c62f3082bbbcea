//! Long runs of chance for the machine that follows key sets: two VMs whose clock jumps, whose
//! shared data anybody overwrites, and whose host forgets answers.

use jwt_gate_core::{
    Answer, Command, Event, Keeper, Notice, Outlook, Policy, Stored, UnixTime, Written,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::cases;
use crate::{
    gate::{compiled, issuer_with},
    signer::{MALLORY, RSA_1, RSA_2},
    token::NOW,
};

/// What happens next.
#[derive(Clone, Debug)]
enum Op {
    /// Time passes, or the clock is set, in milliseconds.
    Time(i64),
    /// A tick, of whose events the host brings only so many.
    Tick(usize, usize),
    Wanted(usize),
    Answer(usize, Kind),
    /// An event that nobody waits for.
    Stray(usize, Event),
    /// Somebody writes to the shared data.
    Board(Forgery),
    Set(Forgery),
    /// A VM traps, and comes back with nothing.
    Crash(usize),
    /// Whether the host has shared data, and whether it takes writes.
    Host {
        is_missing: bool,
        is_full: bool,
    },
}

/// What comes back from a fetch.
#[derive(Clone, Debug)]
enum Kind {
    Old,
    New,
    Reset,
    NotSent(u32),
    Bytes(Vec<u8>),
    TooLarge,
}

#[derive(Clone, Debug)]
enum Forgery {
    Bytes(Vec<u8>),
    /// What was there with one bit turned.
    Turned(usize),
    /// What was there, cut.
    Cut(usize),
    /// A set of the attacker's own.
    Mallory,
    Gone,
}

fn op() -> impl Strategy<Value = Op> {
    let vm = || 0..2_usize;
    let kind = prop_oneof![
        3 => Just(Kind::Old),
        3 => Just(Kind::New),
        1 => Just(Kind::Reset),
        1 => any::<u32>().prop_map(Kind::NotSent),
        1 => vec(any::<u8>(), 0..40).prop_map(Kind::Bytes),
        1 => Just(Kind::TooLarge),
    ];
    let forgery = || {
        prop_oneof![
            vec(any::<u8>(), 0..300).prop_map(Forgery::Bytes),
            any::<usize>().prop_map(Forgery::Turned),
            any::<usize>().prop_map(Forgery::Cut),
            Just(Forgery::Mallory),
            Just(Forgery::Gone),
        ]
    };
    let stray = prop_oneof![
        Just(Event::Board(None)),
        Just(Event::Board(Some(Stored::Absent))),
        vec(any::<u8>(), 0..300).prop_map(|b| Event::Board(Some(Stored::Value(b, 1)))),
        Just(Event::Set(Some(set(&[&MALLORY])))),
        Just(Event::Written(Written::Done)),
        Just(Event::Written(Written::Conflict)),
        Just(Event::Written(Written::Refused)),
        Just(Event::Answer(Answer::Reset)),
    ];
    let caps = prop_oneof![3 => Just(usize::MAX), 1 => 0..6_usize];
    prop_oneof![
        6 => (0..20_000_i64).prop_map(Op::Time),
        1 => (-100_000_000..100_000_000_i64).prop_map(Op::Time),
        12 => (vm(), caps).prop_map(|(vm, cap)| Op::Tick(vm, cap)),
        2 => vm().prop_map(Op::Wanted),
        6 => (vm(), kind).prop_map(|(vm, kind)| Op::Answer(vm, kind)),
        1 => (vm(), stray).prop_map(|(vm, event)| Op::Stray(vm, event)),
        1 => forgery().prop_map(Op::Board),
        1 => forgery().prop_map(Op::Set),
        1 => vm().prop_map(Op::Crash),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(a, b)| Op::Host {
            is_missing: a && b,
            is_full: a && !b,
        }),
    ]
}

fn set(signers: &[&crate::signer::Signer]) -> Vec<u8> {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

/// A proxy with two VMs.
struct Proxy {
    policy: Policy,
    vms: [Keeper; 2],
    now: i64,
    board: Option<(Vec<u8>, u32)>,
    set: Option<Vec<u8>>,
    last_cas: u32,
    is_missing: bool,
    is_full: bool,
    in_flight: [bool; 2],
    sets: [Vec<u8>; 2],
}

impl Proxy {
    fn new() -> Self {
        let remote = json!({
            "uri": "https://issuer.test/jwks.json", "cluster": "issuer", "timeout": "1s",
            "refresh": "60s", "retry": "1s", "retry_max": "4s", "stale_for": "60s",
            "min_refetch_interval": "10s",
        });
        let document = issuer_with("keys", json!({ "remote": remote }));
        let policy = compiled(&document).unwrap_or_else(|e| panic!("{e}")).policy;
        let vm = || Keeper::new(&policy, Default::default());
        Self {
            vms: [vm(), vm()],
            policy,
            now: NOW * 1000,
            board: None,
            set: None,
            last_cas: 0,
            is_missing: false,
            is_full: false,
            in_flight: [false; 2],
            sets: [set(&[&RSA_1]), set(&[&RSA_1, &RSA_2])],
        }
    }

    fn time(&self) -> UnixTime {
        UnixTime::from_nanos(u64::try_from(self.now).unwrap() * 1_000_000)
    }

    fn put_board(&mut self, value: Vec<u8>) {
        self.last_cas += 1;
        self.board = Some((value, self.last_cas));
    }

    fn take_in(&mut self, vm: usize, event: Event, mut cap: usize) {
        let issuer = self.vms[vm].followed()[0];
        let now = self.time();
        let mut event = Some(event);
        while let Some(next) = event.take() {
            let commands = self.vms[vm].handle(issuer, next, now);
            for command in commands {
                assert!(event.is_none(), "a command after one that is answered");
                event = self.execute(vm, command);
            }
            if cap == 0 {
                return;
            }
            cap -= 1;
        }
    }

    fn execute(&mut self, vm: usize, command: Command) -> Option<Event> {
        match command {
            Command::ReadBoard => {
                let stored = match self.board.clone() {
                    None => Stored::Absent,
                    Some((value, cas)) => Stored::Value(value, cas),
                };
                Some(Event::Board((!self.is_missing).then_some(stored)))
            }
            Command::WriteBoard { value, cas } => {
                Some(Event::Written(if self.is_full || self.is_missing {
                    Written::Refused
                } else if self.board.as_ref().map(|(_, cas)| *cas) == cas {
                    self.put_board(value);
                    Written::Done
                } else {
                    Written::Conflict
                }))
            }
            Command::ReadSet => Some(Event::Set(self.set.clone())),
            Command::WriteSet(bytes) => {
                assert!(self.sets.contains(&bytes), "a set that nobody served");
                self.set = Some(bytes);
                None
            }
            Command::Fetch(_) => {
                self.in_flight[vm] = true;
                None
            }
            Command::Wake => None,
            Command::Report(notice) => {
                let line = notice.to_string();
                assert!(line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{line}");
                if let Notice::Changed { kids, .. } = notice {
                    // Whatever stands in the shared data.
                    assert!(kids == ["rsa-1"] || kids == ["rsa-1", "rsa-2"], "{kids:?}");
                }
                None
            }
        }
    }

    fn answer(&mut self, vm: usize, kind: &Kind) {
        if !std::mem::take(&mut self.in_flight[vm]) {
            return;
        }
        let response =
            |body| Answer::Response { headers: vec![(b":status".to_vec(), b"200".to_vec())], body };
        let answer = match kind {
            Kind::Old => response(Some(self.sets[0].clone())),
            Kind::New => response(Some(self.sets[1].clone())),
            Kind::Bytes(bytes) => response(Some(bytes.clone())),
            Kind::TooLarge => response(None),
            Kind::Reset => Answer::Reset,
            Kind::NotSent(status) => Answer::NotSent(*status),
        };
        self.take_in(vm, Event::Answer(answer), usize::MAX);
    }

    fn forged(&self, forgery: &Forgery, before: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let before = before.unwrap_or_default();
        match forgery {
            Forgery::Bytes(bytes) => Some(bytes.clone()),
            Forgery::Mallory => Some(set(&[&MALLORY])),
            Forgery::Gone => None,
            Forgery::Cut(place) => Some(before[..place % (before.len() + 1)].to_vec()),
            Forgery::Turned(bit) => {
                let mut bytes = before;
                let length = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(bit / 8 % length) {
                    *byte ^= 1 << (bit % 8);
                }
                Some(bytes)
            }
        }
    }

    fn act(&mut self, op: &Op) {
        match op {
            Op::Time(by) => self.now += by,
            Op::Tick(vm, cap) => self.take_in(*vm, Event::Tick, *cap),
            Op::Wanted(vm) => self.take_in(*vm, Event::Wanted, usize::MAX),
            Op::Answer(vm, kind) => self.answer(*vm, kind),
            Op::Stray(vm, event) => self.take_in(*vm, event.clone(), usize::MAX),
            Op::Board(forgery) => {
                let before = self.board.take().map(|(value, _)| value);
                if let Some(value) = self.forged(forgery, before) {
                    self.put_board(value);
                }
            }
            Op::Set(forgery) => self.set = self.forged(forgery, self.set.clone()),
            Op::Crash(vm) => {
                self.vms[*vm] = Keeper::new(&self.policy, Default::default());
                self.in_flight[*vm] = false;
            }
            Op::Host { is_missing, is_full } => {
                (self.is_missing, self.is_full) = (*is_missing, *is_full);
            }
        }
        for keeper in &self.vms {
            let issuer = keeper.followed()[0];
            let status = keeper.status(issuer, self.time());
            assert!(status.keys <= 2);
            if let Outlook::Failing(wait) = keeper.outlook(issuer, self.time()) {
                // Not longer than any wait of the policy's.
                assert!(wait.as_secs() <= 60, "{wait:?}");
            }
        }
    }

    /// From here on all is well; so many milliseconds of it.
    fn heal(&mut self, millis: i64) {
        (self.is_missing, self.is_full) = (false, false);
        for _ in (0..millis).step_by(100) {
            for vm in 0..2 {
                self.take_in(vm, Event::Tick, usize::MAX);
                self.answer(vm, &Kind::New);
            }
            self.now += 100;
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// Never a panic, never a set that the issuer did not serve; and when the trouble is over,
    /// keys are there within a cool-down and a lease.
    #[test]
    fn chance_harms_nothing(ops in vec(op(), 0..120)) {
        let mut proxy = Proxy::new();
        for op in &ops {
            proxy.act(op);
        }
        proxy.heal(14_000);
        for keeper in &proxy.vms {
            let status = keeper.status(keeper.followed()[0], proxy.time());
            prop_assert!(status.keys > 0 && status.error.is_none(), "{status:?}");
        }
        // And a set's lifetime later all have the newest one.
        proxy.heal(70_000);
        for keeper in &proxy.vms {
            prop_assert_eq!(keeper.status(keeper.followed()[0], proxy.time()).keys, 2);
        }
    }
}
