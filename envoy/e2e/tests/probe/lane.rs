//! Plays programs in Envoy and reads their transcripts from its log.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use envoy_e2e::{Clock, Envoy, Place, checkout};
use probe_corpus::{Message, NOW, Program, Record, Request, Section, Service, Step};

use crate::bootstrap::bootstrap;
use crate::client;
use crate::upstream::{Answer, Server};

/// How long the log has to be still before a step counts as over, when there is no record yet that
/// tells how many lines will come.
const STILL: Duration = Duration::from_millis(300);
/// How long to wait for lines that the record has.
const PATIENCE: Duration = Duration::from_secs(5);
const BLINK: Duration = Duration::from_millis(2);

/// What Envoy adds to every message by itself. In a log phase filters see it, too.
const ADDED: &[(&str, &str)] = &[
    ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
    ("server", "envoy"),
    ("connection", "close"),
    ("x-envoy-internal", "true"),
];
/// The same, with a value that depends on the call.
const ADDED_TO_CALLS: &str = "x-envoy-expected-rq-timeout-ms";

/// A header whose value is a time: it counts as 0 wherever it is.
const TIMED: &str = "x-envoy-upstream-service-time: ";

/// An Envoy with all programs in it.
pub(crate) struct Lane {
    envoy: Arc<Envoy>,
    upstream: Server,
    service: Server,
    main_thread: String,
    _clock: Clock,
    // Held, so that no other test gets this port.
    _nobody: UdpSocket,
}

impl Lane {
    pub(crate) fn start(programs: &[Program]) -> Result<Self> {
        let module = checkout().join("target/examples/probe.wasm");
        let module = module.canonicalize().with_context(|| {
            format!("no probe at {}: build it with `cargo xtask examples`", module.display())
        })?;
        let place = Place::new("probe")?;
        let (upstream, service) = (Server::start()?, Server::start()?);
        // A port where nobody listens: it is taken for UDP, and calls come by TCP.
        let nobody = UdpSocket::bind("127.0.0.1:0")?;
        let port = nobody.local_addr()?.port();
        let bootstrap = bootstrap(programs, &module, upstream.port(), service.port(), port);
        place.write("envoy.json", &bootstrap.to_string())?;
        let clock = Clock::new(&place, NOW * 1_000_000_000)?;
        let envoy = Envoy::start_at(&place, "envoy.json", &clock)?;
        let log = envoy.log();
        let first = log.lines().next().and_then(|line| Some(parse(line)?.thread.to_owned()));
        let main_thread = first.with_context(|| format!("found no line in the log: {log}"))?;
        let envoy = Arc::new(envoy);
        Ok(Self { envoy, upstream, service, main_thread, _clock: clock, _nobody: nobody })
    }

    /// Plays a program; with a record, no longer than it takes to see what the record has.
    pub(crate) fn play(&self, program: &Program, expected: Option<&Record>) -> Result<Record> {
        let lines = |i: usize| {
            expected.map(|record| record.sections.get(i).map_or(0, |s| s.transcript().len()))
        };
        let mut seen = 0;
        let mut record = Record::default();
        let start = Section::new("start");
        record.sections.push(self.after(program, &mut seen, start, lines(0))?);
        let services = program.service.iter().map(|service| match service {
            Service::Answer(response) => Answer::Response(response.clone()),
            Service::Reset => Answer::Reset,
            Service::Silence => Answer::Silence,
        });
        self.service.expect(services.collect(), None);
        self.service.take();
        self.upstream.take();
        for (i, step) in program.step.iter().enumerate() {
            let (title, messages) = match step {
                Step::Wait(millis) => {
                    std::thread::sleep(Duration::from_millis(*millis));
                    (format!("wait {millis}"), None)
                }
                Step::Request(request) => {
                    let expected = expected.and_then(|record| record.sections.get(i + 1));
                    let client = self.request(program, request, seen, expected)?;
                    (format!("request {}", request.path), Some(client))
                }
            };
            let section = Section::new(title);
            let mut section = self.after(program, &mut seen, section, lines(i + 1))?;
            for message in self.service.take() {
                section.message("the service got", &plain(message));
            }
            if let Some(client) = messages {
                for message in self.upstream.take() {
                    section.message("the upstream got", &plain(message));
                }
                if let Some(mut message) = client {
                    // `HTTP/1.1 404 Not Found`: the words are the codec's.
                    message.first = message.first.split(' ').nth(1).unwrap_or_default().to_owned();
                    section.message("the client got", &plain(message));
                } else {
                    section.lines.push("-- the client got nothing".to_owned());
                }
            }
            record.sections.push(section);
        }
        Ok(record)
    }

    fn request(
        &self,
        program: &Program,
        request: &Request,
        seen: usize,
        expected: Option<&Section>,
    ) -> Result<Option<Message>> {
        let pace = |callback: &'static str| {
            let envoy = Arc::clone(&self.envoy);
            let (name, main_thread) = (program.name.clone(), self.main_thread.clone());
            let all = expected.map(|section| section.calls_of(callback));
            move |parts: usize| {
                if parts == 0 {
                    return;
                }
                let count = || {
                    let mut section = Section::default();
                    read(&envoy.log(), &name, &main_thread, seen, &mut section);
                    section.calls_of(callback)
                };
                match all {
                    // Parts that the filter does not see one by one need no waiting for.
                    Some(all) => wait(PATIENCE, || count() >= parts.min(all)),
                    None => wait(STILL, || count() >= parts),
                };
            }
        };
        let answer = Answer::Response(request.response.clone());
        self.upstream.expect(vec![answer], Some(Arc::new(pace("on_response_body"))));
        client::send(self.envoy.port(&program.name), request, pace("on_request_body"))
    }

    /// Reads what the filter has logged, when it is done.
    fn after(
        &self,
        program: &Program,
        seen: &mut usize,
        mut section: Section,
        lines: Option<usize>,
    ) -> Result<Section> {
        let look = |section: &mut Section| {
            section.lines.clear();
            read(&self.envoy.log(), &program.name, &self.main_thread, *seen, section);
            section.lines.len()
        };
        match lines {
            Some(lines) => {
                wait(PATIENCE, || look(&mut section) >= lines);
            }
            None => {
                let (mut count, mut since) = (look(&mut section), Instant::now());
                while since.elapsed() < STILL {
                    std::thread::sleep(BLINK);
                    let now = look(&mut section);
                    if now != count {
                        (count, since) = (now, Instant::now());
                    }
                }
            }
        }
        *seen += look(&mut section);
        Ok(section)
    }
}

/// Waits until something is so; false if it never was.
fn wait(patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(BLINK);
    }
    true
}

/// A line of Envoy's log, `[TIME][THREAD][LEVEL][COMPONENT] [SOURCE] TEXT`.
struct Line<'a> {
    thread: &'a str,
    level: &'a str,
    text: &'a str,
}

fn parse(line: &str) -> Option<Line<'_>> {
    let (_, rest) = line.strip_prefix('[')?.split_once("][")?;
    let (thread, rest) = rest.split_once("][")?;
    let (level, rest) = rest.split_once("][")?;
    let (_, rest) = rest.split_once("] [")?;
    let (_, text) = rest.split_once("] ")?;
    Some(Line { thread, level, text })
}

/// Puts what a program's VM in the worker has logged into a section, but for the lines already seen.
fn read(log: &str, program: &str, main_thread: &str, seen: usize, section: &mut Section) {
    // The name is also the VM's id, and one of both is there even before the plugin is known.
    let text = |line: &Line<'_>| {
        let (who, text) = line.text.strip_prefix("wasm log ")?.split_once(": ")?;
        who.split(' ').any(|name| name == program).then(|| text.to_owned())
    };
    let lines = log.lines().filter_map(parse).filter(|line| line.thread != main_thread);
    for (level, text) in lines.filter_map(|line| Some((line.level, text(&line)?))).skip(seen) {
        let level = if level == "warning" { "warn" } else { level };
        section.log(level, &timeless(&text));
    }
}

/// A message without what Envoy adds to every one.
fn plain(mut message: Message) -> Message {
    let is_added = |name: &[u8], value: &[u8]| {
        name == ADDED_TO_CALLS.as_bytes()
            || ADDED.iter().any(|(n, v)| n.as_bytes() == name && v.as_bytes() == value)
    };
    message.headers.retain(|(name, value)| !is_added(name, value));
    message
}

/// A line without what Envoy adds to every message, and with 0 for each time.
fn timeless(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, value) in ADDED {
        text = text.replace(&format!("; {name}: {value}"), "");
    }

    let mut pieces = text.split(TIMED);
    let mut timeless = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        timeless.push_str(TIMED);
        timeless.push('0');
        timeless.push_str(piece.trim_start_matches(|char: char| char.is_ascii_digit()));
    }
    timeless
}
