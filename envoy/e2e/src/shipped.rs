//! The configurations that users start from, made to run in a test.
//!
//! Only text is replaced (ports, the module's path, a key), so that what is proven to work is the
//! file as it is written, YAML and comments included.

use std::collections::BTreeMap;
use std::net::TcpListener;

use anyhow::{Context, Result, bail, ensure};

use crate::{Clock, Envoy, Place, checkout, module};

const PORT: &str = "port_value: ";

/// One shipped configuration with what a test needs put in.
#[derive(Clone, Debug)]
pub struct Shipped {
    text: String,
    ports: BTreeMap<u16, u16>,
}

impl Shipped {
    /// Reads a file, named from the root of the checkout, and moves it to free ports of 127.0.0.1
    /// and to the module under test.
    ///
    /// # Errors
    ///
    /// The file cannot be read or names no port or module; the module is not built.
    pub fn read(file: &str) -> Result<Self> {
        Self::read_upstream(file)?.with_module().with_context(|| format!("preparing {file}"))
    }

    /// Reads a file that has no filter in it and moves it to free ports of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// The file cannot be read or names no port.
    pub fn read_upstream(file: &str) -> Result<Self> {
        let path = checkout().join(file);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        let shipped = Self { text: text.replace("0.0.0.0", "127.0.0.1"), ports: BTreeMap::new() };
        shipped.on_free_ports().with_context(|| format!("preparing {file}"))
    }

    /// Replaces the key of the policy, whatever it is, by the PEM text of another.
    ///
    /// # Errors
    ///
    /// There is not exactly one PEM block.
    pub fn with_key(mut self, pem: &str) -> Result<Self> {
        let begin = self.text.find("-----BEGIN").context("found no PEM block, expected one")?;
        let indent = " ".repeat(begin - self.text[..begin].rfind('\n').map_or(0, |at| at + 1));
        let dashes =
            self.text[begin..].find("-----END").context("found no end of the PEM block")?;
        let end = begin + dashes;
        let end = self.text[end..].find('\n').map_or(self.text.len(), |at| end + at);
        let lines: Vec<_> = pem.trim().lines().collect();
        self.text.replace_range(begin..end, &lines.join(&format!("\n{indent}")));
        ensure!(
            self.text.matches("-----BEGIN").count() == 1,
            "found several PEM blocks, expected one"
        );
        Ok(self)
    }

    /// Replaces a piece of text.
    ///
    /// # Errors
    ///
    /// It is not there: the test and the file have drifted apart.
    pub fn with(mut self, old: &str, new: &str) -> Result<Self> {
        ensure!(self.text.contains(old), "found no {old:?} to replace");
        self.text = self.text.replace(old, new);
        Ok(self)
    }

    /// The port that stands for one written in the file.
    ///
    /// # Errors
    ///
    /// The file names no such port.
    pub fn port(&self, written: u16) -> Result<u16> {
        self.ports
            .get(&written)
            .copied()
            .with_context(|| format!("found no port {written}, there are {:?}", self.ports.keys()))
    }

    /// Starts Envoy on it, as `envoy.yaml` in `place`.
    ///
    /// # Errors
    ///
    /// As [`Envoy::start`].
    pub fn start(&self, place: &Place) -> Result<Envoy> {
        place.write("envoy.yaml", &self.text)?;
        Envoy::start(place, "envoy.yaml")
    }

    /// As [`Shipped::start`], with so many workers.
    ///
    /// # Errors
    ///
    /// As [`Envoy::start`].
    pub fn start_with_workers(&self, place: &Place, workers: usize) -> Result<Envoy> {
        place.write("envoy.yaml", &self.text)?;
        Envoy::start_with_workers(place, "envoy.yaml", workers)
    }

    /// As [`Shipped::start`], with a wall clock that the test sets.
    ///
    /// # Errors
    ///
    /// As [`Envoy::start`].
    pub fn start_at(&self, place: &Place, clock: &Clock) -> Result<Envoy> {
        place.write("envoy.yaml", &self.text)?;
        Envoy::start_at(place, "envoy.yaml", clock)
    }

    /// Lets Envoy judge it, as [`Envoy::validate`].
    ///
    /// # Errors
    ///
    /// As [`Envoy::validate`].
    pub fn validate(&self, place: &Place) -> Result<(bool, String)> {
        place.write("envoy.yaml", &self.text)?;
        Envoy::validate(place, "envoy.yaml")
    }

    fn on_free_ports(mut self) -> Result<Self> {
        let mut text = String::with_capacity(self.text.len());
        let mut rest = self.text.as_str();
        // Held until all are chosen, so that no port is given out twice.
        let mut held = Vec::new();
        while let Some(at) = rest.find(PORT) {
            let (before, after) = rest.split_at(at + PORT.len());
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let written: u16 = after[..digits].parse().context("a port that is no number")?;
            let port = match self.ports.get(&written) {
                Some(port) => *port,
                None => {
                    let listener = TcpListener::bind("127.0.0.1:0")?;
                    let port = listener.local_addr()?.port();
                    held.push(listener);
                    self.ports.insert(written, port);
                    port
                }
            };
            text.push_str(before);
            text.push_str(&port.to_string());
            rest = &after[digits..];
        }
        ensure!(!held.is_empty(), "found no `{PORT}`");
        text.push_str(rest);
        self.text = text;
        Ok(self)
    }

    fn with_module(self) -> Result<Self> {
        let module = module()?.display().to_string();
        for written in ["/etc/envoy/jwt_gate.wasm", "target/jwt_gate.wasm"] {
            let field = format!("filename: {written}");
            if self.text.contains(&field) {
                return self.with(&field, &format!("filename: {module}"));
            }
        }
        bail!("found no `filename:` with the module's path")
    }
}
