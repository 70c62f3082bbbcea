//! The files that users start from, made to run in a test.
//!
//! Only text is replaced (ports, paths, a key), so that what is proven to work is the file as it is
//! written.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use e2e_wire::{Place, checkout, free_ports};

use crate::HaProxy;

const HOST: &str = "127.0.0.1:";

/// Files of one folder that belong together, moved to free ports.
#[derive(Clone, Debug)]
pub struct Shipped {
    folder: String,
    files: BTreeMap<String, String>,
    ports: BTreeMap<u16, u16>,
}

impl Shipped {
    /// Reads files of a folder, named from the root of the checkout, and moves them to free ports of
    /// 127.0.0.1: the same written port becomes the same free one in all of them.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or none of them names a port.
    pub fn read(folder: &str, files: &[&str]) -> Result<Self> {
        let mut shipped =
            Self { folder: folder.to_owned(), files: BTreeMap::new(), ports: BTreeMap::new() };
        for file in files {
            let path = checkout().join(folder).join(file);
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            shipped.files.insert((*file).to_owned(), text);
        }
        shipped.on_free_ports()?;
        Ok(shipped)
    }

    /// Puts another port of 127.0.0.1 in the place of one written in the files.
    ///
    /// # Errors
    ///
    /// They name no such port.
    pub fn redirect(mut self, written: u16, to: u16) -> Result<Self> {
        let (old, new) = (format!("{HOST}{}", self.port(written)?), format!("{HOST}{to}"));
        for text in self.files.values_mut() {
            *text = text.replace(&old, &new);
        }
        self.ports.insert(written, to);
        Ok(self)
    }

    /// Replaces a piece of text in one file.
    ///
    /// # Errors
    ///
    /// It is not there: the test and the file have drifted apart.
    pub fn with(mut self, file: &str, old: &str, new: &str) -> Result<Self> {
        let text = self.files.get_mut(file).with_context(|| format!("no file {file}"))?;
        ensure!(text.contains(old), "{}/{file}: found no {old:?} to replace", self.folder);
        *text = text.replace(old, new);
        Ok(self)
    }

    /// Replaces the PEM blocks of a policy, one after the other, whatever they are, by those of
    /// another key.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn with_key(mut self, file: &str, pem: &str) -> Result<Self> {
        let text = self.files.get_mut(file).with_context(|| format!("no file {file}"))?;
        let lines: Vec<_> = pem.trim().lines().collect();
        let mut from = 0;
        while let Some(begin) = text[from..].find("-----BEGIN").map(|at| from + at) {
            let indent = " ".repeat(begin - text[..begin].rfind('\n').map_or(0, |at| at + 1));
            let end = text[begin..].find("-----END").context("a PEM block without an end")? + begin;
            let end = text[end..].find('\n').map_or(text.len(), |at| end + at);
            let key = lines.join(&format!("\n{indent}"));
            text.replace_range(begin..end, &key);
            from = begin + key.len();
        }
        ensure!(from > 0, "{}/{file}: found no PEM block", self.folder);
        Ok(self)
    }

    /// The port that stands for one written in the files.
    ///
    /// # Errors
    ///
    /// They name no such port.
    pub fn port(&self, written: u16) -> Result<u16> {
        (self.ports.get(&written).copied())
            .with_context(|| format!("no port {written}, there are {:?}", self.ports.keys()))
    }

    /// The text of a file as it is now.
    ///
    /// # Errors
    ///
    /// It was not read.
    pub fn text(&self, file: &str) -> Result<&str> {
        Ok(self.files.get(file).with_context(|| format!("no file {file}"))?)
    }

    /// Writes the files into `place`, where each names the others by their path there.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn write(&self, place: &Place) -> Result<()> {
        for (file, text) in &self.files {
            let mut text = text.clone();
            for other in self.files.keys() {
                let moved = place.path(other).display().to_string();
                text = text.replace(&format!("{}/{other}", self.folder), &moved);
            }
            place.write(file, &text)?;
        }
        Ok(())
    }

    /// Writes the files and starts HAProxy on one of them; it is ready when it listens on the port
    /// that stands for `written`.
    ///
    /// # Errors
    ///
    /// As [`HaProxy::start`].
    pub fn start(&self, place: &Place, file: &str, written: u16) -> Result<HaProxy> {
        self.write(place)?;
        HaProxy::start_logging(place, file, self.port(written)?, &format!("{file}.log"))
    }

    fn on_free_ports(&mut self) -> Result<()> {
        let mut written = Vec::new();
        for text in self.files.values() {
            for (at, _) in text.match_indices(HOST) {
                let port: u16 = digits(&text[at + HOST.len()..]).parse().context("a port")?;
                if !written.contains(&port) {
                    written.push(port);
                }
            }
        }
        ensure!(!written.is_empty(), "{}: found no `{HOST}`", self.folder);
        self.ports = written.iter().copied().zip(free_ports(written.len())?).collect();
        for text in self.files.values_mut() {
            let mut moved = String::with_capacity(text.len());
            let mut rest = text.as_str();
            while let Some(at) = rest.find(HOST) {
                let (before, after) = rest.split_at(at + HOST.len());
                let port = digits(after);
                moved.push_str(before);
                moved.push_str(&self.ports[&port.parse()?].to_string());
                rest = &after[port.len()..];
            }
            moved.push_str(rest);
            *text = moved;
        }
        Ok(())
    }
}

fn digits(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}
