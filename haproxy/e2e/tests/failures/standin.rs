//! An agent that is slow, silent, gone, or talks nonsense.

use std::time::Duration;

use anyhow::{Result, ensure};
use haproxy_e2e::standin::{Answer, MAX_FRAME, StandIn, Value, variables};

use crate::gate::{Gate, TIMEOUT};

fn allowed() -> Vec<(String, Value)> {
    vec![("ops".to_owned(), Value::Int(0)), ("verdict".to_owned(), "allow".into())]
}

fn allow() -> Answer {
    Answer::Set(allowed())
}

/// With `verdict` as it is given and nothing else missing.
fn verdict(value: Value) -> Answer {
    Answer::Set(vec![("ops".to_owned(), Value::Int(0)), ("verdict".to_owned(), value)])
}

fn with(mut more: Vec<(String, Value)>) -> Answer {
    more.extend(allowed());
    Answer::Set(more)
}

/// Everything that is not `allow`, each followed by a sign of life.
#[test]
fn whatever_is_not_allow_is_refused() {
    let gate = Gate::start("standin").expect("HAProxy");
    let standin = StandIn::start(gate.agent_port, allow()).expect("the stand-in");
    gate.recovers("the start").expect("an answer");
    let late = TIMEOUT + Duration::from_millis(700);
    let long = |bytes: usize| with(vec![("body".to_owned(), Value::Bytes(vec![b'x'; bytes]))]);
    let half = |name: &str, bytes: &[u8]| {
        Answer::Set(vec![
            ("ops".to_owned(), Value::Int(1)),
            (name.to_owned(), Value::Bytes(bytes.to_vec())),
            ("verdict".to_owned(), "allow".into()),
        ])
    };
    let cases: Vec<(&str, Answer)> = vec![
        ("no verdict", Answer::Set(Vec::new())),
        ("a verdict of nothing", verdict("".into())),
        ("deny without a status", verdict("deny".into())),
        (
            "deny with a status of no line",
            Answer::Set(variables(&[
                ("verdict", Value::from("deny")),
                ("status", Value::Int(418)),
            ])),
        ),
        ("allow in capitals", verdict("ALLOW".into())),
        ("more than allow", verdict("allowed".into())),
        ("a blank behind allow", verdict("allow ".into())),
        ("true", verdict(Value::Bool(true))),
        ("a number", verdict(Value::Int(1))),
        ("null", verdict(Value::Null)),
        ("error", verdict("error".into())),
        ("a change that is no list of names", half("del", b"\x40x")),
        ("a change that ends in a length", half("del", b"\xf0")),
        ("an addition without a value", half("add", b"\x01x")),
        ("silence", Answer::Silence),
        ("allow, too late", Answer::Late(late, allowed())),
        ("the end of the connection", Answer::Close),
        ("goodbye", Answer::Disconnect(0)),
        ("goodbye with an error", Answer::Disconnect(99)),
        ("no actions but noise", Answer::Garbage(b"\xff\xfe\x00garbage".to_vec())),
        (
            "an action that is not known",
            Answer::Garbage(b"\x09\x03\x02\x07verdict\x08\x05allow".to_vec()),
        ),
        ("half an action", Answer::Garbage(b"\x01\x03\x02\x07verd".to_vec())),
        (
            "a string without its end",
            Answer::Garbage(b"\x01\x03\x02\x07verdict\x08\xff\xff\xffallow".to_vec()),
        ),
        ("noise", Answer::Raw(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())),
        ("a frame of 4 GiB", Answer::Unfinished(u32::MAX)),
        ("a frame without its content", Answer::Unfinished(100)),
        ("allow for another request", Answer::OfAnother(allowed())),
        ("half of allow", Answer::Cut(30, allowed())),
        ("a frame beyond the limit", long(MAX_FRAME + 100)),
    ];
    let mut wrong = Vec::new();
    for (what, answer) in cases {
        if let Err(error) = one(&gate, &standin, what, answer) {
            wrong.push(format!("{error:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn one(gate: &Gate, standin: &StandIn, what: &str, answer: Answer) -> Result<()> {
    standin.answer(answer);
    let (took, _) = gate.refuses(what)?;
    let longest = TIMEOUT + Duration::from_secs(5);
    ensure!(took < longest, "{what}: 503 after {took:?}");
    standin.answer(allow());
    gate.recovers(what)
}

/// Nobody listens, and then somebody does.
#[test]
fn an_agent_that_is_down_refuses_and_comes_back() {
    let gate = Gate::start("down").expect("HAProxy");
    gate.refuses("no agent yet").expect("503");
    let standin = StandIn::start(gate.agent_port, allow()).expect("the stand-in");
    gate.recovers("the start").expect("an answer");
    drop(standin);
    for i in 0..5 {
        let (took, _) = gate.refuses("the agent is gone").expect("503");
        assert!(took < TIMEOUT + Duration::from_secs(2), "request {i}: {took:?}");
    }
    let _standin = StandIn::start(gate.agent_port, allow()).expect("the stand-in again");
    gate.recovers("the agent's return").expect("an answer");
}

/// One client's wait is not another's: a silent answer holds up no other request.
#[test]
fn a_slow_answer_holds_up_nobody_else() {
    let gate = Gate::start("slow").expect("HAProxy");
    let standin = StandIn::start(gate.agent_port, allow()).expect("the stand-in");
    gate.recovers("the start").expect("an answer");
    standin.answer(Answer::Silence);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| e2e_wire::http1::get(gate.port, "/public"));
        std::thread::sleep(Duration::from_millis(300));
        standin.answer(allow());
        let start = std::time::Instant::now();
        let reply = e2e_wire::http1::get(gate.port, "/public").expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(start.elapsed() < TIMEOUT, "it waited {:?}", start.elapsed());
        let slow = slow.join().expect("no panic").expect("an answer");
        assert_eq!(slow.status, 503, "{slow:?}");
    });
}
