//! What is not as the protocol has it: a line in the log and a refusal, and nothing that others notice.

use crate::{
    client::{body, framed, hdrs_bin, hello, message, notify, number, put_string, put_text, text},
    program::Agent,
};

#[test]
fn a_connection_that_begins_badly_is_told_why() {
    let agent = Agent::start(&[]);
    let mut beside = agent.connect();
    let told = |bytes: &[u8]| {
        let mut client = agent.silent();
        client.send(bytes);
        let end = client.read().unwrap();
        assert_eq!(end.kind, 102);
        assert!(client.has_ended());
        number(&end.pairs(), "status-code")
    };
    assert_eq!(told(&hello("1.0", 16_380, "", false)), 8, "another version");
    assert_eq!(told(&hello("2.0", 255, "", false)), 9, "frames too small");
    assert_eq!(told(&framed(&body(1, 1, 0, 0, &[]))), 5, "no version");
    let mut only_version = Vec::new();
    put_text(&mut only_version, "supported-versions", b"2.0");
    assert_eq!(told(&framed(&body(1, 1, 0, 0, &only_version))), 6, "no size");
    put_string(&mut only_version, b"max-frame-size");
    only_version.extend([3, 0xF0, 0x7F]);
    assert_eq!(told(&framed(&body(1, 1, 0, 0, &only_version))), 7, "no capabilities");
    assert_eq!(told(&framed(&body(1, 0, 0, 0, &[]))), 10, "in parts");
    assert_eq!(told(&notify(1, "/a", &[])), 4, "no hello");
    assert_eq!(told(&framed(b"\x01")), 4, "half of a frame");
    assert_eq!(told(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 3, "another protocol");
    assert_eq!(beside.verdict(1, "/a"), "allow");
}

#[test]
fn a_frame_that_is_too_long_ends_its_connection_alone() {
    let agent = Agent::start(&[]);
    let (mut client, mut beside) = (agent.connect(), agent.connect());
    client.send(&framed(&body(3, 1, 1, 1, &vec![0; 16_380])));
    let end = client.read().unwrap();
    assert_eq!((end.kind, number(&end.pairs(), "status-code")), (102, 3));
    assert!(client.has_ended());
    assert_eq!(beside.verdict(1, "/a"), "allow");
    agent.wait_for("found a frame longer than agreed");
}

#[test]
fn a_message_that_cannot_be_read_is_refused() {
    let agent = Agent::start(&[]);
    let mut client = agent.connect();
    let refused = |client: &mut crate::client::Client, flags: u32, payload: &[u8], why: &str| {
        client.send(&framed(&body(3, flags, 7, 3, payload)));
        let ack = client.read().unwrap();
        assert_eq!((ack.kind, ack.stream, ack.frame), (103, 7, 3), "{why}");
        let variables = ack.variables();
        assert_eq!(text(&variables, "verdict"), "error");
        assert_eq!(text(&variables, "reason"), "agent.request");
        assert_eq!(number(&variables, "status"), 503);
        agent.wait_for(why);
    };
    let whole = message("/a", &[]);
    refused(&mut client, 1, &[], "found 0 messages");
    refused(&mut client, 1, &[whole.clone(), whole.clone()].concat(), "found 2 messages");
    refused(&mut client, 0, &whole, "found a frame in parts");
    refused(&mut client, 3, &whole, "found a frame in parts or called off");
    refused(&mut client, 1, &whole[..20], "found a broken message: found its end");
    let mut unknown = whole.clone();
    unknown[1] = b'C';
    refused(&mut client, 1, &unknown, "found a message \"Check\", expected \"check\"");
    let mut lacking = Vec::new();
    put_string(&mut lacking, b"check");
    lacking.push(1);
    put_text(&mut lacking, "method", b"GET");
    refused(&mut client, 1, &lacking, "found no argument path");
    let mut odd = Vec::new();
    put_string(&mut odd, b"check");
    odd.push(1);
    put_string(&mut odd, b"method");
    odd.push(0x0A);
    refused(&mut client, 1, &odd, "found a value of type 10");
    assert_eq!(client.verdict(8, "/a"), "allow");
}

#[test]
fn a_header_that_could_pass_for_another_is_refused() {
    let agent = Agent::start(&[]);
    let mut client = agent.connect();
    for headers in [
        &[(":path", "/d")][..],
        &[(":authority", "b.test")],
        &[("host", "b.test")],
        &[("x a", "1")],
        &[("x-a", "1\r\nx-b: 2")],
        &[("x-a", "\0")],
    ] {
        client.send(&notify(1, "/a", headers));
        let refused = client.read().unwrap().variables();
        assert_eq!(text(&refused, "verdict"), "error", "{headers:?}");
        assert_eq!(number(&refused, "status"), 400, "{headers:?}");
    }
    // A second end of the list: what is behind it would go on unseen.
    let mut smuggling = message("/a", &[]);
    let list = hdrs_bin(&[("host", "a.test")]);
    let at = smuggling.len() - list.len() - 1;
    smuggling.truncate(at);
    let mut both = list;
    both.extend(hdrs_bin(&[("x-user", "root")]));
    put_string(&mut smuggling, &both);
    client.send(&framed(&body(3, 1, 2, 1, &smuggling)));
    assert_eq!(text(&client.read().unwrap().variables(), "verdict"), "error");
}

#[test]
fn frames_that_are_none_are_passed_over() {
    let agent = Agent::start(&[]);
    let mut client = agent.connect();
    for junk in [
        &[][..],
        b"\x03",
        b"\x03\0\0\0\x01",
        b"\x03\0\0\0\x01\xf0",
        &[&b"\x03\0\0\0\x01"[..], &[0xFF; 20]].concat(),
        &body(103, 1, 1, 1, &[]),
        &body(1, 1, 0, 0, &[]),
        &body(250, 1, 1, 1, &[0; 1000]),
    ] {
        client.send(&framed(junk));
        assert_eq!(client.verdict(1, "/a"), "allow", "after {:?}", junk.escape_ascii().to_string());
    }
    assert!(agent.metric("jwt_gate_agent_broken_frames_total") >= 8.0);
}

/// Each byte of a good frame changed, each length of it, and noise: whatever comes back, the agent
/// lives, lets nothing pass that was not asked for, and others are answered.
#[test]
fn no_bytes_harm_the_agent() {
    let agent = Agent::start(&["--fuel", "1000000"]);
    let mut beside = agent.connect();
    let whole = body(3, 1, 5, 1, &message("/d", &[("x-a", "1"), ("x-b", "2")]));
    let mut frames: Vec<Vec<u8>> = (0..whole.len()).map(|cut| whole[..cut].to_vec()).collect();
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise
    };
    for at in 0..whole.len() {
        for bits in [0x01, 0x10, 0x80, 0xFF] {
            let mut changed = whole.clone();
            changed[at] ^= bits;
            frames.push(changed);
        }
    }
    for _ in 0..500 {
        let mut changed = whole.clone();
        for _ in 0..random() % 8 + 1 {
            let at = usize::try_from(random()).unwrap() % changed.len();
            changed[at] = random().to_le_bytes()[0];
        }
        frames.push(changed);
        let length = random() % 200;
        frames.push((0..length).map(|_| random().to_le_bytes()[0]).collect());
    }
    let mut client = agent.connect();
    for (number, frame) in frames.iter().enumerate() {
        client.send(&framed(frame));
        client.send(&notify(1_000_000, "/a", &[]));
        // An answer to the frame may come or not; the connection may end, by a DISCONNECT.
        loop {
            match client.read() {
                Ok(answer) if answer.kind == 103 && answer.stream == 1_000_000 => {
                    assert_eq!(text(&answer.variables(), "verdict"), "allow");
                    break;
                }
                Ok(answer) => assert!([102, 103].contains(&answer.kind), "{answer:?}"),
                Err(_) => {
                    client = agent.connect();
                    break;
                }
            }
        }
        if number % 100 == 0 {
            assert_eq!(beside.verdict(1, "/a"), "allow", "after frame {number}");
        }
    }
    assert!(!agent.log().contains("panic"), "{}", agent.log());
}
