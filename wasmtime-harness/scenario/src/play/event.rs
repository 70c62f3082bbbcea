//! Steps that are not part of a request: calls that are answered, the clock, checks.

use proxy_host_model::{Answered, GrpcEvent, Headers, MetricValue, Place, Spawn};

use super::{FleetHost, Player};
use crate::{
    compare::{Differences, text},
    expect::Check,
    step::Jump,
};

impl<S: Spawn> Player<'_, S> {
    pub(super) fn jump(&mut self, jump: Jump) -> String {
        self.fleet.world(|world| {
            let now = world.clock.nanos();
            let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos());
            let (to, text) = match jump {
                Jump::Ahead(by) => {
                    let to = now.saturating_add(nanos(by).unwrap_or(u64::MAX));
                    (to, format!("the wall clock jumps {by:?} ahead"))
                }
                Jump::Back(by) => {
                    let to = now.saturating_sub(nanos(by).unwrap_or(u64::MAX));
                    (to, format!("the wall clock jumps {by:?} back"))
                }
                Jump::To(to) => (to, format!("the wall clock jumps to {to} ns")),
            };
            world.clock.set_nanos(to);
            text
        })
    }

    pub(super) fn answer(
        &mut self,
        cluster: &str,
        place: Option<Place>,
        answered: &Answered,
        differences: &mut Differences,
    ) -> String {
        let waits = |host: &mut FleetHost<S>| {
            host.model(|model| {
                let mut calls = model.callouts.http.iter();
                calls.find(|call| call.cluster == cluster).map(|call| call.token)
            })
        };
        let Some((place, token)) = self.oldest(place, waits) else {
            let found = self.waiting().join(", ");
            let found = if found.is_empty() { "no call that waits".to_owned() } else { found };
            differences.add("answer", format!("a call to {cluster:?} that waits"), found);
            return format!("answer of {cluster}");
        };
        let what = match answered {
            Answered::Response { headers, .. } => {
                text(headers.first(":status").unwrap_or_default())
            }
            Answered::Reset => "reset".to_owned(),
        };
        if let Some(host) = self.fleet.host(place) {
            match answered {
                Answered::Response { headers, body, trailers } => {
                    host.answer(token, headers.clone(), body, trailers.clone());
                }
                Answered::Reset => host.answer(token, Headers::default(), b"", None),
            }
        }
        format!("answer of {cluster}: {what}")
    }

    pub(super) fn grpc(
        &mut self,
        method: &str,
        place: Option<Place>,
        event: &GrpcEvent,
        differences: &mut Differences,
    ) -> String {
        let full = |service: &[u8], method: &[u8]| {
            format!("{}/{}", String::from_utf8_lossy(service), String::from_utf8_lossy(method))
        };
        let waits = |host: &mut FleetHost<S>| {
            host.model(|model| {
                let mut calls = model.callouts.grpc.iter();
                let call = calls.find(|call| full(&call.service, &call.method) == method);
                call.map(|call| call.token)
            })
        };
        let what = match event {
            GrpcEvent::InitialMetadata(_) => "initial metadata".to_owned(),
            GrpcEvent::Message(_) => "a message".to_owned(),
            GrpcEvent::TrailingMetadata(_) => "trailing metadata".to_owned(),
            GrpcEvent::Close { status, .. } => format!("end with status {status}"),
        };
        let said = format!("{what} for {method}");
        let Some((place, token)) = self.oldest(place, waits) else {
            let expected = format!("an open gRPC call or stream of {method:?}");
            differences.add("grpc", expected, "none");
            return said;
        };
        if let Some(host) = self.fleet.host(place) {
            match event {
                GrpcEvent::InitialMetadata(metadata) => {
                    host.grpc_initial_metadata(token, metadata.clone())
                }
                GrpcEvent::Message(message) => host.grpc_message(token, message),
                GrpcEvent::TrailingMetadata(metadata) => {
                    host.grpc_trailing_metadata(token, metadata.clone());
                }
                GrpcEvent::Close { status, message } => host.grpc_close(token, *status, message),
            }
        }
        said
    }

    pub(super) fn foreign_call(
        &mut self,
        place: Option<Place>,
        function: u32,
        argument: &[u8],
    ) -> String {
        let place = place.unwrap_or(Place::Worker(0));
        if let Some(host) = self.fleet.host(place)
            && let Some(root) = host.root()
        {
            host.foreign_callback(root, function, argument);
        }
        format!("foreign function {function} calls")
    }

    /// Looks at the state of the proxy.
    pub(super) fn check(&mut self, check: &Check, differences: &mut Differences) {
        let vm_id = self.scenario.vm_id.as_bytes();
        let metrics = self.fleet.world(|world| {
            let metrics = world.metrics.iter();
            metrics.map(|(_, name, value)| (name.to_vec(), value)).collect::<Vec<_>>()
        });
        let numbers = |value: &MetricValue| match value {
            MetricValue::Number(number) => vec![*number],
            MetricValue::Samples(samples) => samples.clone(),
        };
        for (name, expected) in &check.metrics {
            let found = metrics.iter().find(|(known, _)| known == name).map(|(_, v)| numbers(v));
            if found.as_ref() != Some(expected) {
                let shown = found.map_or("no such metric".to_owned(), |found| listed(&found));
                differences.add(format!("metrics.{}", text(name)), listed(expected), shown);
            }
        }
        for name in &check.no_metrics {
            if let Some((_, value)) = metrics.iter().find(|(known, _)| known == name) {
                let found = listed(&numbers(value));
                differences.add(format!("metrics.{}", text(name)), "no such metric", found);
            }
        }
        let absent = check.no_shared_data.iter().map(|key| (key, None));
        let present = check.shared_data.iter().map(|(key, value)| (key, Some(value)));
        for (key, expected) in present.chain(absent) {
            let found = self.fleet.world(|world| world.shared.get(vm_id, key)).ok();
            let found = found.map(|(value, _)| value);
            if found.as_ref() != expected {
                let show = |value: Option<&Vec<u8>>| {
                    value.map_or("no such key".to_owned(), |value| format!("\"{}\"", text(value)))
                };
                let what = format!("shared_data.{}", text(key));
                differences.add(what, show(expected), show(found.as_ref()));
            }
        }
        let calls = &self.calls;
        differences.calls(&check.calls, |name| calls.get(name).copied().unwrap_or_default());
        if !check.record.is_empty() {
            let record = self.fleet.world(|world| world.record.clone());
            let lines: Vec<_> = record.lines().map(str::to_owned).collect();
            differences.in_order("record", &check.record, &lines);
        }
        self.check_waiting(check, differences);
    }

    fn check_waiting(&mut self, check: &Check, differences: &mut Differences) {
        let Some(expected) = &check.waiting else {
            return;
        };
        let found = self.waiting();
        let names: Vec<_> = expected.iter().map(|call| call.cluster.clone()).collect();
        if found != names {
            let show = |names: &[String]| match names {
                [] => "no call".to_owned(),
                names => names.join(", "),
            };
            return differences.add("waiting", show(&names), show(&found));
        }
        let mut calls = Vec::new();
        for place in self.fleet.places() {
            if let Some(host) = self.fleet.host(place) {
                calls.extend(host.model(|model| model.callouts.http.clone()));
            }
        }
        for (i, (expected, call)) in expected.iter().zip(calls).enumerate() {
            let what = format!("waiting[{i}]");
            let found = (&call.headers, call.body.as_slice());
            differences.message(&what, found, &expected.has, &expected.lacks, &expected.body);
            if let Some(timeout) = expected.timeout
                && timeout != call.timeout
            {
                differences.add(format!("{what}.timeout"), timeout, call.timeout);
            }
        }
    }

    /// The clusters of the HTTP calls that wait, in the order of the VMs and then of the calls.
    fn waiting(&mut self) -> Vec<String> {
        let mut waiting = Vec::new();
        for place in self.fleet.places() {
            if let Some(host) = self.fleet.host(place) {
                waiting.extend(host.model(|model| {
                    let calls = model.callouts.http.iter();
                    calls.map(|call| call.cluster.clone()).collect::<Vec<_>>()
                }));
            }
        }
        waiting
    }

    /// The first VM in which `find` finds something, of this one or of all.
    fn oldest(
        &mut self,
        place: Option<Place>,
        find: impl Fn(&mut FleetHost<S>) -> Option<u32>,
    ) -> Option<(Place, u32)> {
        self.fleet.places().into_iter().find_map(|at| {
            let host = self.fleet.host(at).filter(|_| place.is_none_or(|place| place == at))?;
            Some((at, find(host)?))
        })
    }
}

fn listed(numbers: &[u64]) -> String {
    match numbers {
        [number] => number.to_string(),
        numbers => format!("{numbers:?}"),
    }
}
