//! A filter in native code that takes its orders from its configuration.
//!
//! A line is the name of a callback without `proxy_on_`, a colon, and orders with semicolons
//! between: `request_headers: add x-a 1; log hello; pause`.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::{collections::BTreeMap, path::Path};

use proxy_host_model::{
    Callback, Guest, Headers, Model, Profile, Refusal, Spawn, Trap, encode_pairs,
};
use proxy_scenario::{Report, Scenario, play};

/// Makes VMs with the filter.
pub(crate) struct Filters;

pub(crate) struct Filter {
    model: Model,
    orders: BTreeMap<String, String>,
    /// The last stream that made a call.
    caller: u32,
}

impl Spawn for Filters {
    type Guest = Filter;

    fn spawn(&mut self, model: Model) -> Result<Filter, String> {
        Ok(Filter { model, orders: BTreeMap::new(), caller: 0 })
    }
}

impl Guest for Filter {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        visit(&mut self.model)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        if let Callback::Configure { .. } = callback {
            let text = self.model.get_buffer_bytes(7, 0, u32::MAX).unwrap_or_default();
            let text = String::from_utf8(text).unwrap();
            let orders = text.lines().filter_map(|line| line.split_once(": "));
            self.orders = orders.map(|(on, do_)| (on.to_owned(), do_.to_owned())).collect();
        }
        let name = callback.export().strip_prefix("proxy_on_").unwrap();
        let Some(orders) = self.orders.get(name).cloned() else {
            return Ok((name == "configure").then_some(1));
        };
        let mut answer = u32::from(matches!(name, "configure" | "vm_start" | "done"));
        for order in orders.split("; ") {
            match self.obey(callback, order) {
                Ok(Some(other)) => answer = other,
                Ok(None) => {}
                Err(Refusal::Status(status)) => {
                    let _ = self.model.log(3, format!("{order}: {status}").as_bytes());
                }
                Err(Refusal::Trap(why)) => return Err(Trap(why)),
            }
        }
        Ok(Some(answer))
    }
}

impl Filter {
    fn obey(&mut self, callback: Callback, order: &str) -> Result<Option<u32>, Refusal> {
        let model = &mut self.model;
        let (order, rest) = order.split_once(' ').unwrap_or((order, ""));
        let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
        let (map, buffer) = match callback {
            Callback::RequestTrailers { .. } => (1, 0),
            Callback::ResponseHeaders { .. } => (2, 1),
            Callback::ResponseBody { .. } => (2, 1),
            Callback::ResponseTrailers { .. } => (3, 1),
            Callback::DownstreamData { .. } => (0, 2),
            Callback::UpstreamData { .. } => (0, 3),
            Callback::HttpCallResponse { .. } => (6, 4),
            Callback::GrpcMessage { .. } => (0, 5),
            Callback::ForeignFunction { .. } => (0, 8),
            _ => (0, 0),
        };
        let [name, value] = [name, value].map(str::as_bytes);
        match order {
            "reply" => {
                let pairs = encode_pairs(&Headers::from_iter([("x-r", "1")]));
                let status = str::from_utf8(name).unwrap().parse().unwrap();
                model.send_local_response(status, b"why", value, &pairs, -1)?;
            }
            "add" => model.add_header_map_value(map, name, value)?,
            "set" => model.replace_header_map_value(map, name, value)?,
            "remove" => model.remove_header_map_value(map, name)?,
            "body" => model.set_buffer_bytes(buffer, 0, u32::MAX, rest.as_bytes())?,
            "show" => {
                let bytes = model.get_buffer_bytes(buffer, 0, u32::MAX)?;
                model.log(2, &[b"shown ", bytes.as_slice()].concat())?;
            }
            "log" => model.log(2, rest.as_bytes())?,
            "warn" => model.log(3, rest.as_bytes())?,
            "time" => {
                let now = model.get_current_time_nanoseconds()?;
                model.log(2, now.to_string().as_bytes())?;
            }
            "property" => {
                let path = rest.replace('.', "\0");
                let value = model.get_property(path.as_bytes())?;
                model.log(2, value.escape_ascii().to_string().as_bytes())?;
            }
            "foreign" => {
                let answer = model.call_foreign_function(name, value)?;
                model.log(2, &answer)?;
            }
            "publish" => model.set_property(name, value)?,
            "share" => model.set_shared_data(name, value, 0)?,
            "count" => {
                let id = model.define_metric(0, name)?;
                model.increment_metric(id, str::from_utf8(value).unwrap().parse().unwrap())?;
            }
            "sample" => {
                let id = model.define_metric(2, name)?;
                model.record_metric(id, str::from_utf8(value).unwrap().parse().unwrap())?;
            }
            "call" => {
                let headers = [(":method", "POST"), (":path", "/p"), (":authority", "s")];
                let headers = encode_pairs(&Headers::from_iter(headers));
                model.http_call(name, &headers, value, b"", 1000)?;
                self.caller = callback.context();
            }
            "grpc" => {
                model.grpc_stream(b"up", name, value, b"")?;
            }
            "status" => {
                let (code, text) = model.get_status()?;
                let text = String::from_utf8(text).unwrap();
                model.log(2, format!("{code} {text}").as_bytes())?;
            }
            "resume" => {
                model.set_effective_context(self.caller)?;
                model.continue_stream(0)?;
            }
            "deny" => {
                model.set_effective_context(self.caller)?;
                model.send_local_response(503, b"", b"", b"", -1)?;
            }
            "tick" => model.set_tick_period_milliseconds(rest.parse().unwrap())?,
            "close" => model.close_stream(rest.parse().unwrap_or_default())?,
            "trap" => return Err(Refusal::Trap(rest.to_owned())),
            "pause" => return Ok(Some(1)),
            "refuse" => return Ok(Some(0)),
            other => panic!("found the order {other:?}"),
        }
        Ok(None)
    }
}

/// Plays the text of a scenario with this filter.
pub(crate) fn played(text: &str) -> Report {
    played_under(text, Profile::ENVOY_1_40)
}

pub(crate) fn played_under(text: &str, profile: Profile) -> Report {
    let scenario = Scenario::parse(Path::new("test.toml"), text).unwrap_or_else(|e| panic!("{e}"));
    play(&scenario, profile, Filters).unwrap()
}

/// All differences of a report.
pub(crate) fn differences(report: &Report) -> Vec<String> {
    let steps = report.steps.iter();
    steps.flat_map(|step| step.differences.iter().map(ToString::to_string)).collect()
}
