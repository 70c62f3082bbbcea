//! Playing a scenario.

mod event;
mod http;
mod tcp;

use std::collections::BTreeMap;

use proxy_host_model::{
    Call, Clock, Fleet, FleetConnection, Host, Model, Place, Profile, Recorded, Recorder, Settings,
    Spawn, Started,
};

use self::http::Stream;
pub(crate) use self::http::request;
use crate::{
    compare::Differences,
    expect::Expect,
    message::set_properties,
    report::{Report, StepReport},
    scenario::Scenario,
    step::{Action, Step},
    watch::{Deeds, Seen, Watched, Watcher},
};

/// Plays a scenario under a profile, in VMs that `spawn` makes.
///
/// After a start that was expected to be accepted and was refused, nothing else is played.
///
/// # Errors
///
/// Why a VM could not be made.
pub fn play<S: Spawn>(scenario: &Scenario, profile: Profile, spawn: S) -> Result<Report, String> {
    let deeds = Deeds::default();
    let spawn = Recorded(Watched { spawn, deeds: deeds.clone() });
    let mut player = Player {
        scenario,
        fleet: Fleet::new(spawn, scenario.plan.clone(), model(scenario, profile))?,
        deeds,
        calls: BTreeMap::new(),
        streams: BTreeMap::new(),
        connections: BTreeMap::new(),
    };
    let mut steps = vec![player.start()];
    if steps.iter().all(|step| step.differences.is_empty()) {
        for step in &scenario.steps {
            steps.push(player.step(step));
        }
    }
    Ok(Report {
        file: scenario.file.clone(),
        why: scenario.why.clone(),
        profile: profile.name,
        steps,
        record: player.fleet.world(|world| std::mem::take(&mut world.record)),
    })
}

/// The proxy that the scenario describes, before anything happens.
pub(crate) fn model(scenario: &Scenario, profile: Profile) -> Model {
    let mut model = Model::default();
    model.profile = profile;
    model.settings = Settings {
        name: scenario.name.clone(),
        root_id: scenario.root_id.clone(),
        vm_id: scenario.vm_id.clone(),
        log_level: scenario.log_level,
        clusters: scenario.clusters.iter().cloned().collect(),
        server_name: scenario.server_name.clone(),
        zones: scenario.zones.iter().cloned().collect(),
        body_passes_paused_headers: scenario.body_passes_paused_headers,
    };
    model.clock = Clock::at_nanos(scenario.now);
    let foreign = scenario.foreign.iter();
    model.foreign = foreign.map(|(name, answer)| (name.clone(), answer.clone().into())).collect();
    model.trace_arguments = true;
    model.callouts.services = scenario.services.clone();
    model.callouts.grpc_services = scenario.grpc_services.clone();
    set_properties(&scenario.properties, &mut model.properties);
    for fault in &scenario.faults {
        model.add_fault(fault.clone());
    }
    model
}

/// A VM of the fleet.
type FleetHost<S> = Host<Recorder<Watcher<<S as Spawn>::Guest>>>;

/// A scenario that is being played.
struct Player<'a, S: Spawn> {
    scenario: &'a Scenario,
    fleet: Fleet<Recorded<Watched<S>>>,
    deeds: Deeds,
    /// How often each host function was called since the beginning.
    calls: BTreeMap<&'static str, u64>,
    streams: BTreeMap<String, Stream>,
    connections: BTreeMap<String, FleetConnection>,
}

impl<S: Spawn> Player<'_, S> {
    fn start(&mut self) -> StepReport {
        let before = self.record_length();
        let Scenario { vm_configuration, configuration, start: expect, .. } = self.scenario;
        let started = self.fleet.start(vm_configuration, configuration);
        let mut differences = Differences::default();
        let accepted = expect.accepted.unwrap_or(true);
        let text = configured("start", &started, accepted, &mut differences);
        self.report(before, (None, ""), text, expect, differences)
    }

    fn step(&mut self, step: &Step) -> StepReport {
        let before = self.record_length();
        let mut differences = Differences::default();
        let text = self.act(step, &mut differences);
        self.report(before, (Some(step.line), &step.why), text, &step.expect, differences)
    }

    /// Does what the step says, notes what was not expected of it, and says what came of it.
    fn act(&mut self, step: &Step, differences: &mut Differences) -> String {
        let expect = &step.expect;
        match &step.action {
            Action::Request(exchange, wait) => self.request(exchange, *wait, expect, differences),
            Action::Open(name, exchange, end) => {
                self.open(name, exchange, *end, expect, differences)
            }
            Action::Send(name, part) => self.send(name, part, expect, differences),
            Action::Respond(name, part) => self.respond(name, part, expect, differences),
            Action::Finish(name) => self.finish(name, expect, differences),
            Action::Abandon(name) => self.abandon(name),
            Action::Connect(name, worker) => self.connect(name, *worker),
            Action::Data(name, side, parts, end) => self.data(name, *side, parts, *end),
            Action::Close(name, side, peer) => self.close(name, *side, *peer),
            Action::Disconnect(name) => self.disconnect(name, expect, differences),
            Action::Advance(time) => {
                self.fleet.advance(*time);
                format!("{time:?} pass")
            }
            Action::Clock(jump) => self.jump(*jump),
            Action::ClockStep(step) => {
                self.fleet.world(|world| world.clock.step_by(*step));
                format!("{step:?} pass at each look at a clock from here on")
            }
            Action::Configure(configuration) => {
                let started = self.fleet.configure(configuration);
                let accepted = expect.accepted.unwrap_or(true);
                configured("configure", &started, accepted, differences)
            }
            Action::Answer(cluster, place, answered) => {
                self.answer(cluster, *place, answered, differences)
            }
            Action::Grpc(method, place, event) => self.grpc(method, *place, event, differences),
            Action::ForeignCall(place, function, argument) => {
                self.foreign_call(*place, *function, argument)
            }
            Action::Fault(place, fault) => {
                self.models(*place, |model| model.add_fault(fault.clone()));
                "a fault from here on".to_owned()
            }
            Action::Heal(place) => {
                self.models(*place, Model::heal);
                "no faults from here on".to_owned()
            }
            Action::Check(check) => {
                self.check(check, differences);
                "check".to_owned()
            }
        }
    }

    /// Looks at what every step may expect, and puts the report of it together.
    fn report(
        &mut self,
        before: usize,
        (line, why): (Option<usize>, &str),
        text: String,
        expect: &Expect,
        mut differences: Differences,
    ) -> StepReport {
        let Seen { calls, logs } = self.deeds.take();
        self.count(&calls);
        differences.logs(expect, &logs);
        differences.calls(&expect.calls, |name| {
            let calls = calls.iter().filter(|call| call.name == name).count();
            u64::try_from(calls).unwrap_or(u64::MAX)
        });
        // What the step added, and only where it is asked for: records grow long.
        let (record_end, added) = self.fleet.world(|world| {
            let added = world.record.get(before..).filter(|_| !expect.record.is_empty());
            let lines = added.unwrap_or_default().lines().map(str::to_owned);
            (world.record.len(), lines.collect::<Vec<_>>())
        });
        differences.in_order("record", &expect.record, &added);
        differences.secrets(&self.scenario.secrets, &calls, &logs);
        StepReport { line, why: why.to_owned(), text, differences: differences.0, record_end }
    }

    fn count(&mut self, calls: &[Call]) {
        for call in calls {
            let count = self.calls.entry(call.name).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Does something to the model of one VM, or to those of all and of those to come.
    fn models(&mut self, place: Option<Place>, visit: impl Fn(&mut Model)) {
        for at in self.fleet.places() {
            if place.is_none_or(|place| place == at)
                && let Some(host) = self.fleet.host(at)
            {
                host.model(&visit);
            }
        }
        if place.is_none() {
            visit(self.fleet.template());
        }
    }

    fn record_length(&mut self) -> usize {
        self.fleet.world(|world| world.record.len())
    }
}

/// What came of a configuration.
fn configured(
    what: &str,
    started: &Started,
    expected: bool,
    differences: &mut Differences,
) -> String {
    let word = |accepted| if accepted { "accepted" } else { "refused" };
    if started.accepted != expected {
        let mut startups =
            started.canary.iter().chain(started.vms.iter().map(|(_, startup)| startup));
        let refused = startups.find(|startup| !startup.accepted);
        let why = refused.map_or_else(String::new, |startup| match &startup.trap {
            Some(trap) => format!(", a trap: {trap}"),
            None if startup.logs.is_empty() => String::new(),
            None => {
                let logs = startup.logs.iter().map(|line| format!("{:?}", line.to_string()));
                format!("; it logged {}", logs.collect::<Vec<_>>().join(", "))
            }
        });
        let found = format!("{}{why}", word(started.accepted));
        differences.add("the configuration", word(expected), found);
    }
    format!("{what} -> {}", word(started.accepted))
}
