//! A real identity provider, in the hands of a test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Place, checkout};

/// Loading its packages and making a key take a second; on a busy machine, far more.
const PATIENCE: Duration = Duration::from_secs(90);

/// A page of the provider's whose answers can be chosen.
#[derive(Clone, Copy, Debug)]
pub enum Page {
    /// The issuer's metadata.
    Metadata,
    /// The key set.
    Keys,
}

/// How a page answers.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// As it should.
    Well,
    /// As it should, after so long, by the keys of the moment when it was asked.
    Slow(Duration),
    /// With another status than 200.
    Status(u16),
    /// With an HTML page and status 200.
    Html,
    /// With good JSON of more than so many bytes.
    Huge(usize),
    /// With a set that has no usable key.
    Unusable,
    /// With a set that has a usable key, but not the one that signs.
    Lacking,
    /// With another issuer's metadata.
    Foreign,
    /// With half of a body, and then the end of the connection.
    Broken,
}

/// When the gate asked for each page, in milliseconds since the Unix epoch; the client's own
/// look-ups are not among them.
#[derive(Clone, Debug, Deserialize)]
pub struct Asked {
    /// The issuer's metadata.
    pub metadata: Vec<u64>,
    /// The key set.
    pub keys: Vec<u64>,
}

/// A running provider on 127.0.0.1, `envoy/e2e/provider`; it ends with this value.
pub struct Provider {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<String>,
    ready: Ready,
}

#[derive(Debug, Deserialize)]
struct Ready {
    issuer: String,
    port: u16,
    kid: String,
}

impl Provider {
    /// Starts a provider with options of `main.mjs`, without their dashes; its complaints go to
    /// `provider.log` in `place`.
    ///
    /// # Errors
    ///
    /// Its packages are not installed, or Node is missing.
    pub fn start(place: &Place, options: &[(&str, &str)]) -> Result<Self> {
        let folder = program(place)?;
        let mut child = Command::new("node")
            .arg(folder.join("main.mjs"))
            .args(options.iter().map(|(name, value)| format!("--{name}={value}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(place.path("provider.log"))?)
            .spawn()
            .context("running node (`cargo xtask setup node` installs it)")?;
        let commands = child.stdin.take().context("the provider has no standard input")?;
        let output = child.stdout.take().context("the provider has no standard output")?;
        let (sender, answers) = mpsc::channel();
        std::thread::Builder::new().name("provider".into()).spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        })?;
        let ready = answers.recv_timeout(PATIENCE);
        let ready = ready.map_err(|_| {
            anyhow::anyhow!("the provider did not start:\n{}", place.read("provider.log"))
        })?;
        let ready = serde_json::from_str(&ready).context("the provider's first line")?;
        Ok(Self { child, commands, answers, ready })
    }

    /// The issuer's name, as in `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.ready.issuer
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ready.port
    }

    /// The name of the key that signs.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.ready.kid
    }

    /// Gets so many access tokens, as a client does: by discovery and the client credentials grant.
    ///
    /// # Errors
    ///
    /// The provider is stopped, or refused.
    pub fn tokens(&mut self, count: usize) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.tell(&json!({ "do": "tokens", "count": count }))?)?)
    }

    /// Gets one access token.
    ///
    /// # Errors
    ///
    /// As [`Provider::tokens`].
    pub fn token(&mut self) -> Result<String> {
        self.tokens(1)?.pop().context("found no token, expected one")
    }

    /// Shows a new key and goes on signing by the one before.
    ///
    /// # Errors
    ///
    /// The provider ended.
    pub fn announce(&mut self) -> Result<()> {
        self.tell(&json!({ "do": "announce" })).map(drop)
    }

    /// Signs by the newest key that is shown.
    ///
    /// # Errors
    ///
    /// The provider ended.
    pub fn promote(&mut self) -> Result<()> {
        self.sign_by("promote")
    }

    /// Shows a new key and signs by it at once.
    ///
    /// # Errors
    ///
    /// The provider ended.
    pub fn rotate(&mut self) -> Result<()> {
        self.sign_by("rotate")
    }

    /// Withdraws every key but the one that signs.
    ///
    /// # Errors
    ///
    /// The provider ended.
    pub fn withdraw(&mut self) -> Result<()> {
        self.sign_by("withdraw")
    }

    fn sign_by(&mut self, command: &str) -> Result<()> {
        self.ready.kid = serde_json::from_value(self.tell(&json!({ "do": command }))?)?;
        Ok(())
    }

    /// Closes every connection and listens no more.
    ///
    /// # Errors
    ///
    /// The provider ended.
    pub fn stop(&mut self) -> Result<()> {
        self.tell(&json!({ "do": "stop" })).map(drop)
    }

    /// Listens again, on the same port.
    ///
    /// # Errors
    ///
    /// The provider ended, or the port was taken meanwhile.
    pub fn restart(&mut self) -> Result<()> {
        self.tell(&json!({ "do": "start" })).map(drop)
    }

    /// Chooses how a page answers from now on.
    ///
    /// # Errors
    ///
    /// The provider ended.
    pub fn answer(&mut self, page: Page, answer: Answer) -> Result<()> {
        let page = match page {
            Page::Metadata => "metadata",
            Page::Keys => "keys",
        };
        let (how, number) = match answer {
            Answer::Well => ("well", 0),
            Answer::Slow(time) => ("slow", time.as_millis()),
            Answer::Status(status) => ("status", status.into()),
            Answer::Html => ("html", 0),
            Answer::Huge(bytes) => ("huge", u128::try_from(bytes)?),
            Answer::Unusable => ("unusable", 0),
            Answer::Lacking => ("lacking", 0),
            Answer::Foreign => ("foreign", 0),
            Answer::Broken => ("broken", 0),
        };
        let number = u64::try_from(number)?;
        let command = json!({ "do": "answer", "page": page, "how": how, "number": number });
        self.tell(&command).map(drop)
    }

    /// When the gate asked for each page.
    ///
    /// # Errors
    ///
    /// The provider ended.
    pub fn asked(&mut self) -> Result<Asked> {
        Ok(serde_json::from_value(self.tell(&json!({ "do": "asked" }))?)?)
    }

    fn tell(&mut self, command: &Value) -> Result<Value> {
        writeln!(self.commands, "{command}").context("telling the provider")?;
        let answer = self.answers.recv_timeout(PATIENCE).context("waiting for the provider")?;
        let mut answer: Value = serde_json::from_str(&answer)?;
        ensure!(answer["error"].is_null(), "the provider: {command}: {}", answer["error"]);
        Ok(answer["ok"].take())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program, put beside its packages: Node looks for them from where the program lies.
fn program(place: &Place) -> Result<PathBuf> {
    let packages = checkout().join("target/tools/provider/node_modules");
    let Ok(packages) = packages.canonicalize() else {
        bail!("no packages at {}: `cargo xtask setup provider` installs them", packages.display());
    };
    let folder = place.path("provider");
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(checkout().join("envoy/e2e/provider"))? {
        let file = entry?.path();
        if let Some(name) =
            file.file_name().filter(|_| file.extension().is_some_and(|e| e == "mjs"))
        {
            fs::copy(&file, folder.join(name))?;
        }
    }
    let link = folder.join("node_modules");
    if !link.exists() {
        symlink(packages, link)?;
    }
    Ok(folder)
}
