//! Whatever happens to a proxy, the same happens the next time.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;
mod steps;

use proxy_host_model::{Callback, Headers, Model, Profile, Refusal, Trap, encode_pairs};

use script::{Answer, CONTINUE, PAUSE, Scripts};
use steps::{fleet, play, steps};

/// A filter that asks the host for all sorts of things, and takes every answer.
fn busy(model: &mut Model, callback: Callback) -> Answer {
    let answer = match callback {
        Callback::Configure { .. } => configure(model),
        Callback::RequestHeaders { .. } => request(model),
        Callback::Tick { .. } => tick(model),
        Callback::HttpCallResponse { .. } => answered(model),
        Callback::QueueReady { queue, .. } => model.dequeue_shared_queue(queue).map(|_| 0),
        Callback::Log { .. } => model.get_header_map_pairs(2).map(|_| 0),
        _ => return Ok(Some(1)),
    };
    match answer {
        Ok(answer) => Ok(Some(answer)),
        // What a host refuses is an answer as well, and a lying host has no other.
        Err(Refusal::Status(status)) => Ok(Some(status.0 % 2)),
        Err(Refusal::Trap(reason)) => Err(Trap(reason)),
    }
}

fn configure(model: &mut Model) -> Result<u32, Refusal> {
    model.set_tick_period_milliseconds(100)?;
    model.register_shared_queue(b"q")?;
    let policy = model.get_buffer_bytes(7, 0, u32::MAX)?;
    Ok(u32::from(!policy.ends_with(b"2")))
}

fn request(model: &mut Model) -> Result<u32, Refusal> {
    let now = model.get_current_time_nanoseconds()?;
    let path = model.get_header_map_value(0, b":path")?;
    let metric = model.define_metric(0, b"requests")?;
    model.increment_metric(metric, 1)?;
    model.replace_header_map_value(0, b"x-now", now.to_string().as_bytes())?;
    match path.last() {
        Some(b'0') => model.send_local_response(403, b"", b"no", &[], -1)?,
        Some(b'1') => {
            model.set_property(b"seen", &path)?;
            let queue = model.resolve_shared_queue(b"", b"q")?;
            model.enqueue_shared_queue(queue, &path)?;
        }
        Some(b'2') => {
            call(model)?;
            return Ok(PAUSE);
        }
        _ => model.log(2, &path)?,
    }
    Ok(CONTINUE)
}

fn tick(model: &mut Model) -> Result<u32, Refusal> {
    let (count, cas) = match model.get_shared_data(b"ticks") {
        Ok((value, cas)) => (u64::from_le_bytes(value.try_into().unwrap_or_default()), cas),
        Err(Refusal::Status(_)) => (0, 0),
        Err(trap) => return Err(trap),
    };
    model.set_shared_data(b"ticks", &(count + 1).to_le_bytes(), cas)?;
    if count.is_multiple_of(3) {
        call(model)?;
    }
    Ok(0)
}

fn answered(model: &mut Model) -> Result<u32, Refusal> {
    let (code, message) = model.get_status()?;
    model.log(2, format!("{code} {}", message.escape_ascii()).as_bytes())?;
    let status = model.get_header_map_value(6, b":status")?;
    model.log(2, &status)?;
    Ok(0)
}

fn call(model: &mut Model) -> Result<u32, Refusal> {
    let head = [(":method", "GET"), (":path", "/"), (":authority", "k")];
    let pairs = encode_pairs(&Headers::from_iter(head));
    model.http_call(b"k", &pairs, b"", &[], 200)
}

#[test]
fn the_same_steps_leave_the_same_record() {
    for profile in Profile::ALL {
        for seed in 0..10 {
            let steps = steps(seed, 100);
            let once = || play(&mut fleet(Scripts(busy), profile, seed), &steps);
            let first = once();
            assert_eq!(first, once(), "{}, seed {seed}", profile.name);
        }
    }
}

#[test]
fn the_steps_bring_about_everything_that_they_should() {
    let mut all = String::new();
    for seed in 0..20 {
        all += &play(&mut fleet(Scripts(busy), Profile::ENVOY_1_40, seed), &steps(seed, 150));
    }
    for part in [
        "worker 1: proxy_on_request_headers",
        "main: proxy_on_tick",
        "canary: proxy_on_configure",
        "proxy_on_queue_ready",
        "info: 200",
        "info: 504",
        "info: 503",
        "info: 11 reset",
        "= trap: ",
        "fate: Trapped",
        "fate: Replied",
        "fate: Paused",
        "remembered: true",
        "Reload {",
    ] {
        assert!(all.contains(part), "no step led to {part:?}");
    }
}

#[test]
fn other_steps_leave_another_record() {
    let of = |seed| play(&mut fleet(Scripts(busy), Profile::ENVOY_1_40, 0), &steps(seed, 50));
    assert_ne!(of(0), of(1));
}
