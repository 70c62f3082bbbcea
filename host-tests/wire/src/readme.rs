//! README files whose commands are run, so that what they promise is what comes back.
//!
//! In a fenced block marked `console`, a line `$ curl …` is a command and the lines behind it are
//! what must come back: a status line first, then headers and body in the order of arrival, with
//! lines left out where they do not matter. Other commands (`$ cargo …`) are for the reader alone.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use crate::{Reply, http1};

/// One `curl` command and the lines that must come back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    /// As it is written, without the prompt.
    pub line: String,
    /// What must come back.
    pub expected: Vec<String>,
}

/// The `curl` commands of a README, in order.
#[must_use]
pub fn commands(readme: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let (mut in_console, mut in_curl) = (false, false);
    for line in readme.lines() {
        if line.starts_with("```") {
            (in_console, in_curl) = (line == "```console", false);
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| in_console) {
            in_curl = command.starts_with("curl ");
            if in_curl {
                commands.push(Command { line: command.to_owned(), expected: Vec::new() });
            }
        } else if let Some(command) = commands.last_mut().filter(|_| in_curl) {
            command.expected.push(line.to_owned());
        }
    }
    commands
}

impl Command {
    /// Runs the command against the ports that stand for the written ones.
    ///
    /// `values` are the shell variables and the `$(…)` that it may use.
    ///
    /// # Errors
    ///
    /// The command uses more of curl than is understood here, or something else came back.
    pub fn run(
        &self,
        values: &BTreeMap<&str, String>,
        ports: impl Fn(u16) -> Result<u16>,
    ) -> Result<()> {
        let mut line = self.line.clone();
        for (name, value) in values {
            line = line.replace(name, value);
        }
        ensure!(!line.contains('$'), "{}: no value for a variable", self.line);
        let (port, headers) = request(&line).with_context(|| self.line.clone())?;
        let reply = http1::send(ports(port)?, &headers)?;
        self.compare(&reply)
    }

    /// Compares what came back with what is promised: each line, in this order, others between them.
    ///
    /// # Errors
    ///
    /// A line is missing, or none is promised.
    pub fn compare_lines(&self, came: &[String]) -> Result<()> {
        // The reason phrase is for the reader; it is not part of what a client may rely on.
        let shown = |line: &String| match line.strip_prefix("HTTP/1.1 ").and_then(|s| s.get(..3)) {
            Some(status) => format!("HTTP/1.1 {status}"),
            None => line.clone(),
        };
        let mut rest = came.iter().map(shown);
        for expected in &self.expected {
            let wanted = shown(expected);
            ensure!(
                rest.any(|line| line == wanted),
                "{}\nexpected {wanted}\nin       {came:#?}",
                self.line
            );
        }
        ensure!(!self.expected.is_empty(), "{}: says nothing of what comes back", self.line);
        Ok(())
    }

    fn compare(&self, reply: &Reply) -> Result<()> {
        let came: Vec<String> = std::iter::once(format!("HTTP/1.1 {}", reply.status))
            .chain(
                (reply.headers.iter()).map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v))),
            )
            .chain(reply.text().lines().map(str::to_owned))
            .collect();
        self.compare_lines(&came)
    }
}

/// Runs a command line in a shell, for what [`Command::run`] does not understand, and gives the lines
/// that it wrote; `values` are the shell variables that it may use.
///
/// # Errors
///
/// There is no shell.
pub fn shell(line: &str, values: &[(&str, String)]) -> Result<Vec<String>> {
    let output = std::process::Command::new("sh")
        .args(["-c", line])
        .envs(values.iter().map(|(name, value)| (name, value)))
        .stdin(std::process::Stdio::null())
        .output()
        .context("running a shell")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().map(|line| line.trim_end().to_owned()).collect())
}

/// The written port and the headers of a `curl` command.
fn request(line: &str) -> Result<(u16, Vec<(String, String)>)> {
    let words = shlex::split(line).context("unbalanced quotes")?;
    let mut words = words.into_iter().skip(1);
    let mut headers = vec![(":method".to_owned(), "GET".to_owned())];
    let mut url = None;
    while let Some(word) = words.next() {
        match word.as_str() {
            // The first two change what curl shows, and this client never rewrites a path.
            "-i" | "-s" | "--path-as-is" => {}
            "-X" => headers[0].1 = words.next().context("-X without a method")?,
            "-H" => {
                let header = words.next().context("-H without a header")?;
                let (name, value) = header.split_once(": ").context("-H without a colon")?;
                headers.push((name.to_owned(), value.to_owned()));
            }
            word if word.starts_with('-') => bail!("the option {word} is not understood here"),
            _ => url = Some(word),
        }
    }
    let url = url.context("no address")?;
    let rest = url.strip_prefix("http://127.0.0.1:").context("not an address on 127.0.0.1")?;
    let slash = rest.find('/').context("an address without a path")?;
    headers.push((":path".to_owned(), rest[slash..].to_owned()));
    Ok((rest[..slash].parse()?, headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "
```console
$ cargo xtask wasm
$ curl -i -X POST http://127.0.0.1:8080/a -H \"X-A: $B\"
HTTP/1.1 401 Unauthorized
{}
$ curl http://127.0.0.1:8080/b
ok
```
```yaml
$ curl nothing
```
";

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: vec![("a".into(), b"b".to_vec())], body: body.into() }
    }

    #[test]
    fn commands_are_found_with_what_they_promise() {
        let commands = commands(README);
        assert_eq!(commands.len(), 2);
        assert_eq!(commands[0].expected, ["HTTP/1.1 401 Unauthorized", "{}"]);
        assert_eq!(commands[1].expected, ["ok"]);
        let (port, headers) = request(&commands[0].line.replace("$B", "c d")).expect("understood");
        assert_eq!(port, 8080);
        let expected = [(":method", "POST"), ("X-A", "c d"), (":path", "/a")];
        assert_eq!(headers, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn a_promise_that_is_not_kept_is_an_error() {
        let commands = commands(README);
        assert!(commands[0].compare(&reply(401, "{}")).is_ok());
        assert!(commands[0].compare(&reply(403, "{}")).is_err());
        assert!(commands[0].compare(&reply(401, "{ }")).is_err());
        assert!(commands[1].compare(&reply(200, "not ok")).is_err());
    }
}
