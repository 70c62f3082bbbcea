//! A program that runs stages when it is told to: a line for a line, see `bench-stages`.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The program, which ends with this value.
#[derive(Debug)]
pub(super) struct Runner {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What it has.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct Hello {
    pub(super) stages: Vec<String>,
    pub(super) arithmetic: String,
    /// What runs it, and of which version; nothing does where it is native.
    pub(super) engine: Option<String>,
}

/// What it says first.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Greeting {
    Hello(Hello),
    /// The engine does not take the module.
    No {
        refused: String,
    },
}

impl Runner {
    /// Starts a program and gives it its input; the error inside is the reason why the engine does
    /// not take the module.
    ///
    /// # Errors
    ///
    /// It cannot be started, or the input is not what the stages need.
    pub(super) fn start(
        program: &Path,
        arguments: &[OsString],
        input: &str,
    ) -> Result<Result<(Self, Hello), String>> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let to = child.stdin.take().context("a program without standard input")?;
        let from = child.stdout.take().context("a program without standard output")?;
        let mut runner = Self { child, to, from: BufReader::new(from) };
        // One that refuses the module does not wait for its input; one that failed has said why.
        let _ = runner.tell(input);
        let greeting = runner.hear()?;
        match serde_json::from_str(&greeting).with_context(|| format!("found {greeting:?}"))? {
            Greeting::Hello(hello) => Ok(Ok((runner, hello))),
            Greeting::No { refused } => Ok(Err(refused)),
        }
    }

    /// Runs a stage so many times and gives what all of them took, in nanoseconds or units of fuel.
    ///
    /// # Errors
    ///
    /// The stage has not the outcome that it has to have; the program has said so and ended.
    pub(super) fn run(&mut self, stage: usize, times: u32) -> Result<u64> {
        self.tell(&format!("{stage} {times}"))?;
        let answer = self.hear()?;
        answer.parse().with_context(|| format!("found {answer:?}, expected a number"))
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        let told = writeln!(self.to, "{line}").and_then(|()| self.to.flush());
        told.context("telling a runner what to do")
    }

    fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.from.read_line(&mut line).context("reading what a runner says")?;
        if line.is_empty() {
            bail!("the runner ended with {}, expected an answer", self.child.wait()?);
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Result<(Runner, Hello), String>> {
        Runner::start(Path::new("sh"), &["-c".into(), script.into()], "the input")
    }

    #[test]
    fn a_line_is_answered_by_a_line() {
        let script = r#"read input; echo "{\"stages\":[\"$input\"],\"arithmetic\":\"scalar\"}"
            while read stage times; do echo $((times * 5)); done"#;
        let (mut runner, hello) = shell(script).unwrap().unwrap();
        assert_eq!(hello.stages, ["the input"]);
        assert_eq!(runner.run(0, 7).unwrap(), 35);
        assert_eq!(runner.run(0, 1).unwrap(), 5);
    }

    #[test]
    fn an_engine_may_refuse_a_module_and_a_runner_may_not_end() {
        let refused = shell(r#"echo '{"refused":"too new"}'"#).unwrap().unwrap_err();
        assert_eq!(refused, "too new");
        let error = shell("read input; exit 3").unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        let script = r#"read input; echo '{"stages":[],"arithmetic":""}'; read line; echo no"#;
        let (mut runner, _) = shell(script).unwrap().unwrap();
        assert!(runner.run(0, 1).is_err(), "no number");
        assert!(runner.run(0, 1).is_err(), "ended");
    }
}
