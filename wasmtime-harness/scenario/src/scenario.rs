//! A scenario file, read.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use proxy_host_model::{
    Fault, GrpcService, LogLevel, Model, OnTrap, Plan, Profile, Request, Service, Settings, Status,
};

use crate::{
    error::Error,
    expect::{Ending, Expect, Kind},
    message::{Defaults, Property, properties_field},
    play,
    read::{Reader, Table, Value},
    service,
    step::{self, Action, Context, Step},
    streams,
};

/// The time of a scenario that names none: 2023-11-14T22:13:20Z, in nanoseconds.
const DEFAULT_NOW: u64 = 1_700_000_000_000_000_000;
const LEVELS: [(&str, LogLevel); 6] = [
    ("trace", LogLevel::Trace),
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
    ("critical", LogLevel::Critical),
];

/// What a proxy does to a filter, and what must come of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file.
    pub file: PathBuf,
    /// Why it exists.
    pub why: String,
    /// The module, as a path that is relative to the current folder; `None` leaves it to whoever
    /// plays the scenario.
    pub module: Option<PathBuf>,
    /// The hosts that it is meant for; at least one.
    pub profiles: Vec<Profile>,
    /// The time at which it begins, in nanoseconds since the Unix epoch.
    pub now: u64,
    /// The VM's id.
    pub vm_id: String,
    /// The plugin's root id.
    pub root_id: String,
    /// The plugin's name.
    pub name: String,
    /// The level that a filter is told to log at.
    pub log_level: LogLevel,
    /// Clusters that can be called and that answer only where a step says so.
    pub clusters: Vec<String>,
    /// The proxy's own name and port, for hosts that show it in the place of `:authority`.
    pub server_name: String,
    /// Zones of shared memory that the proxy declares, for hosts that keep shared data, queues and
    /// metrics in none but those.
    pub zones: Vec<String>,
    /// Whether a filter that holds headers back is shown the body all the same.
    pub body_passes_paused_headers: bool,
    /// The configuration of the VM.
    pub vm_configuration: Vec<u8>,
    /// The configuration of the plugin.
    pub configuration: Vec<u8>,
    /// The threads of the proxy, what it does about traps, and the seed of all that is random.
    pub plan: Plan,
    /// What the filter may use up.
    pub limits: Limits,
    /// What must not be seen in a log line, a reply, a metric's name or a call to a service.
    pub secrets: Vec<Vec<u8>>,
    /// Properties that every context sees.
    pub properties: Vec<(Vec<Vec<u8>>, Property)>,
    /// What answers HTTP calls, by cluster.
    pub services: BTreeMap<String, Service>,
    /// What answers gRPC calls and streams, as `package.Service/Method`.
    pub grpc_services: BTreeMap<String, GrpcService>,
    /// Functions beyond the ABI, by name: what each answers.
    pub foreign: BTreeMap<Vec<u8>, Result<Vec<u8>, Status>>,
    /// What goes wrong from the very beginning.
    pub faults: Vec<Fault>,
    /// What must come of the start.
    pub start: Expect,
    /// What happens then.
    pub steps: Vec<Step>,
}

/// What a filter may use up; `None` leaves it to whoever plays the scenario.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Units of fuel for one callback.
    pub fuel: Option<u64>,
    /// Units of fuel for loading and starting.
    pub start_fuel: Option<u64>,
    /// Bytes of memory.
    pub memory: Option<usize>,
}

impl Scenario {
    /// Reads a scenario file; paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path)
            .map_err(|error| Error::whole(path, format!("cannot be read: {error}")))?;
        Self::parse(path, &text)
    }

    /// Reads the text of the scenario file that is at `path`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let reader = Reader::new(text);
        let scenario = reader.read("scenario", |table| Self::read(path, table));
        scenario.map_err(|problems| Error { file: path.to_owned(), problems })
    }

    /// The proxy that it describes, before anything happens.
    #[must_use]
    pub fn model(&self, profile: Profile) -> Model {
        play::model(self, profile)
    }

    /// The whole requests among its steps, in order.
    pub fn requests(&self) -> impl Iterator<Item = Request> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Request(exchange, _) => Some(play::request(exchange)),
            _ => None,
        })
    }

    pub(crate) fn read(path: &Path, mut table: Table<'_, '_>) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        let why = table.need("why", "a sentence that says why this scenario exists");
        let why = why.and_then(|why| why.sentence()).unwrap_or_default();
        let module = table.take("module").and_then(|module| module.text());
        let profiles = profiles(&mut table);
        let now = table.take("now").and_then(|now| now.time()).unwrap_or(DEFAULT_NOW);
        let seed = table.take("seed").and_then(|seed| seed.number("a number, 0 or more"));
        let mut text = |name, default: &str| {
            let text = table.take(name).and_then(|text| text.text());
            text.unwrap_or(default).to_owned()
        };
        let (vm_id, root_id, name) =
            (text("vm_id", "vm"), text("root_id", ""), text("name", "filter"));
        let server_name = text("server_name", &Settings::default().server_name);
        let level = table.take("log_level").and_then(|level| level.one_of(&LEVELS));
        let clusters = table.take("clusters").and_then(|names| names.texts()).unwrap_or_default();
        let zones = table.take("zones").and_then(|names| names.texts()).unwrap_or_default();
        let passes = table.take("body_passes_paused_headers").and_then(|yes| yes.boolean());
        let names = ["vm_configuration", "vm_configuration_file"];
        let vm_configuration = configuration(&mut table, names, folder);
        let names = ["configuration", "configuration_file"];
        let configuration = configuration(&mut table, names, folder);
        let mut plan = table.take("fleet").and_then(|fleet| plan(&fleet)).unwrap_or_default();
        plan.seed = seed.unwrap_or_default();
        let limits = table.take("limits").and_then(|limits| Limits::read(&limits));
        let secrets = table.take("secrets").and_then(|secrets| secrets.bytes_list());
        let properties = properties_field(&mut table);
        let services = named(&mut table, "service", service::service);
        let grpc_services = named(&mut table, "grpc_service", service::grpc_service);
        let foreign = named(&mut table, "foreign", service::foreign);
        let faults = tables(&mut table, "fault", service::fault);
        let defaults = table.take("every").and_then(|every| every.table("every"));
        let defaults = defaults.map_or_else(Defaults::default, Defaults::read);
        let start = table.take("start").and_then(|start| start.table("expect of a configuration"));
        let told = start.is_some();
        let start = start.map_or_else(Expect::default, |s| Expect::fields(s, Kind::Configuration));
        let context = Context { defaults: &defaults, folder };
        let steps = table.take("step").and_then(|steps| steps.list("steps, as [[step]]"));
        let steps = steps.unwrap_or_default();
        let read: Vec<_> = steps.iter().filter_map(|step| Step::read(step, &context)).collect();
        // What could not be read may have been the expectation.
        let told = told || secrets.is_some();
        if !told && table.clean() && !read.iter().any(Step::expects) {
            table.wrong(
                "found no expectation, expected at least one: an `expect` or a `check` in a \
                 [[step]], [start], or `secrets`",
            );
        }
        streams::check(&steps, &read, plan.workers);
        table.close("a scenario");
        Self {
            file: path.to_owned(),
            why,
            module: module.map(|module| folder.join(module)),
            profiles,
            now,
            vm_id,
            root_id,
            name,
            log_level: level.unwrap_or(LogLevel::Info),
            clusters,
            server_name,
            zones,
            body_passes_paused_headers: passes.unwrap_or_default(),
            vm_configuration,
            configuration,
            plan,
            limits: limits.unwrap_or_default(),
            secrets: secrets.unwrap_or_default(),
            properties,
            services,
            grpc_services,
            foreign,
            faults,
            start,
            steps: read,
        }
    }
}

impl Step {
    /// Whether anything that may come of the step makes the scenario fail.
    fn expects(&self) -> bool {
        match (&self.action, &self.expect.ending) {
            (Action::Check(_), _) => true,
            (_, Some(Ending::Anything)) => {
                self.expect != Expect { ending: Some(Ending::Anything), ..Expect::default() }
            }
            _ => self.expect != Expect::default(),
        }
    }
}

impl Limits {
    fn read(value: &Value<'_, '_>) -> Option<Self> {
        let mut table = value.table("limits")?;
        let fuel = |fuel: Value<'_, '_>| fuel.number("units of fuel, such as 1_000_000");
        let limits = Self {
            fuel: table.take("fuel").and_then(fuel),
            start_fuel: table.take("start_fuel").and_then(fuel),
            memory: table.take("memory").and_then(|memory| memory.size()),
        };
        table.close("`limits`");
        Some(limits)
    }
}

/// The profile of a name, or what is wrong with the name.
///
/// # Errors
///
/// The name is that of no profile.
pub fn profile(name: &str) -> Result<Profile, String> {
    Profile::named(name).ok_or_else(|| {
        let names = Profile::ALL.map(|profile| profile.name);
        let known = crate::read::listed(names.into_iter());
        format!("found the profile {name:?}, expected one of {known}")
    })
}

fn profiles(table: &mut Table<'_, '_>) -> Vec<Profile> {
    let Some(value) = table.take("profiles") else {
        return vec![Profile::default()];
    };
    let named = Profile::ALL.map(|profile| (profile.name, profile));
    let names = value.list("a list of profiles").unwrap_or_default();
    if names.is_empty() && value.toml().is_array() {
        let _: Option<()> = value.wrong("found an empty list, expected at least one profile");
    }
    names.iter().filter_map(|name| name.one_of(&named)).collect()
}

/// A configuration: one of a field with the text and a field with the name of a file.
fn configuration(table: &mut Table<'_, '_>, names: [&'static str; 2], folder: &Path) -> Vec<u8> {
    let [text, file] = names.map(|name| table.take(name));
    match (text, file) {
        (Some(_), Some(file)) => {
            let [text, _] = names;
            file.wrong(format!("found `{text}` beside it, expected one of them"))
        }
        (Some(text), None) => step::configuration(&text),
        (None, Some(file)) => step::file(&file, folder),
        (None, None) => None,
    }
    .unwrap_or_default()
}

fn plan(value: &Value<'_, '_>) -> Option<Plan> {
    let mut table = value.table("fleet")?;
    let default = Plan::default();
    let workers = table.take("workers").and_then(|workers| {
        match workers.number("a number of workers from 1 to 64") {
            Some(workers @ 1..=64) => Some(workers),
            Some(_) => workers.expected("a number of workers from 1 to 64"),
            None => None,
        }
    });
    let plan = Plan {
        workers: workers.unwrap_or(default.workers),
        main: table.take("main").and_then(|main| main.boolean()).unwrap_or(default.main),
        canary: table.take("canary").and_then(|canary| canary.boolean()).unwrap_or(default.canary),
        on_trap: table.take("on_trap").and_then(|it| on_trap(&it)).unwrap_or(default.on_trap),
        seed: default.seed,
    };
    table.close("`fleet`");
    Some(plan)
}

fn on_trap(value: &Value<'_, '_>) -> Option<OnTrap> {
    if value.toml().is_table() {
        let mut table = value.table("on_trap")?;
        let reload = table.need("reload", "the shortest time between reloads, such as \"1s\"");
        let base: Option<Duration> = reload.and_then(|base| base.duration());
        table.close("`on_trap`");
        return Some(OnTrap::Reload { base: base? });
    }
    value.one_of(&[
        ("fail_closed", OnTrap::Closed),
        ("fail_open", OnTrap::Open),
        ("fail_reload", OnTrap::RELOAD),
    ])
}

/// The tables of a list of tables, each with a name of its own.
fn named<K: Ord, T>(
    table: &mut Table<'_, '_>,
    name: &'static str,
    read: impl Fn(Table<'_, '_>) -> Option<(K, T)>,
) -> BTreeMap<K, T> {
    let items = table.take(name).and_then(|items| items.list("tables, as [[…]]"));
    let mut map = BTreeMap::new();
    for item in items.unwrap_or_default() {
        if let Some((key, value)) = item.table(name).and_then(&read)
            && map.insert(key, value).is_some()
        {
            let _: Option<()> = item.wrong("found a second one of this name, expected one");
        }
    }
    map
}

/// The tables of a list of tables.
fn tables<T>(
    table: &mut Table<'_, '_>,
    name: &'static str,
    read: impl Fn(Table<'_, '_>) -> Option<T>,
) -> Vec<T> {
    let items = table.take(name).and_then(|items| items.list("tables, as [[…]]"));
    let items = items.unwrap_or_default();
    items.iter().filter_map(|item| item.table(name).and_then(&read)).collect()
}
