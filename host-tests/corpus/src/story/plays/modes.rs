//! Policies that ask for less than a token, or for nothing yet.

use proxy_host_model::{ServiceAnswer, Spawn};

use super::{HOUR, MINUTE, PASSED, SECOND};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, bare, get, grpc, to},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "report mode",
            why: "A trial run must cost no request: what would be refused for want of keys passes, \
                  without the identity that nobody checked",
            traps: false,
            setting: || Setting::remote().with("mode", "report"),
            play: report,
        },
        Story {
            name: "optional and public access",
            why: "Who brings no token needs no keys; who brings one is not let through unread",
            traps: false,
            setting: Setting::remote,
            play: optional,
        },
        Story {
            name: "gRPC callers",
            why: "A gRPC client learns from UNAVAILABLE that it may try again",
            traps: false,
            setting: Setting::remote,
            play: grpc_callers,
        },
        Story {
            name: "keys of the document",
            why: "A policy that brings its keys needs no clockwork: some hosts end a filter for a \
                  call that they do not know",
            traps: false,
            setting: Setting::with_keys,
            play: document_keys,
        },
    ]
}

fn report<S: Spawn>(stage: &mut Stage<S>) {
    let [good, unknown] = ["rsa-1", "rsa-2"].map(|key| Token::by(key).mint());
    stage.issuer.trouble = Some(ServiceAnswer::connect_failure());
    for worker in [0, 1] {
        let answer = stage.ask(worker, get(&good));
        assert_eq!(answer.what, "passed, would deny keys_unavailable");
    }
    stage.issuer.trouble = None;
    stage.pass(MINUTE);
    assert_eq!(stage.ask(0, get(&good)).what, PASSED);
    assert_eq!(stage.ask(0, get(&unknown)).what, "passed, would deny key_unknown");
    stage.pass(MINUTE);
    stage.issuer.publish(&["rsa-1", "rsa-2"]);
    assert_eq!(stage.ask(1, get(&unknown)).what, PASSED, "report mode waits too");
}

fn optional<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.issuer.trouble = Some(ServiceAnswer::connect_failure());
    stage.pass(SECOND);
    for (request, expected) in [
        (bare("/optional"), "passed"),
        (bare("/public"), "passed"),
        (to("/public", &token), "passed"),
        (bare("/"), "401 token_missing"),
        (to("/optional", &token), "503 keys_unavailable"),
    ] {
        let answer = stage.ask(0, request);
        assert_eq!((answer.what.as_str(), answer.waited > 300), (expected, false));
    }
    stage.issuer.trouble = None;
    stage.pass(MINUTE);
    assert_eq!(stage.ask(0, to("/optional", &token)).what, PASSED);
}

fn grpc_callers<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.issuer.trouble = Some(ServiceAnswer::never());
    stage.send(0, grpc(&token));
    assert_eq!(stage.held(), 1);
    for answer in stage.settled() {
        assert_eq!(answer.what, "503 keys_unavailable");
        assert_eq!(answer.grpc_status, Some(14), "UNAVAILABLE");
    }
    stage.issuer.trouble = None;
    stage.pass(MINUTE);
    assert_eq!(stage.ask(0, grpc(&token)).what, PASSED);
}

fn document_keys<S: Spawn>(stage: &mut Stage<S>) {
    for _ in 0..24 {
        for worker in [0, 1] {
            let answer = stage.ask(worker, get(&Token::by("rsa-1").mint()));
            assert_eq!((answer.what.as_str(), answer.waited), (PASSED, 0));
            let answer = stage.ask(worker, get(&Token::by("rsa-2").mint()));
            assert_eq!((answer.what.as_str(), answer.waited), ("401 key_unknown", 0));
        }
        assert_eq!(stage.due_in(), None, "nothing ticks");
        stage.pass(HOUR);
    }
    stage.fetched(0);
    assert!(stage.shared().is_empty());
}
