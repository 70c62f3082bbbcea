//! The program under test.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::client::Client;

/// How long anything may take, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running agent, which ends with this value.
pub(crate) struct Agent {
    child: Child,
    pub(crate) address: SocketAddr,
    health: SocketAddr,
    log: Arc<Mutex<String>>,
    /// Where its files are.
    pub(crate) folder: tempfile::TempDir,
}

/// Our own filter.
pub(crate) fn gate() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/jwt_gate.wasm")
}

/// A filter that does as the path says: `filter.wat`.
pub(crate) fn filter(folder: &Path) -> PathBuf {
    let bytes = wat::parse_str(include_str!("filter.wat")).unwrap();
    let path = folder.join("filter.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

impl Agent {
    /// Starts it with the filter of the tests.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let module = filter(folder.path());
        Self::start_with(folder, &module, "{ \"some\": 1 }", arguments)
    }

    /// Starts it with our own filter.
    pub(crate) fn guarding(policy: &str, arguments: &[&str]) -> Self {
        let arguments = [&["--cache"], arguments].concat();
        Self::start_with(tempfile::tempdir().unwrap(), &gate(), policy, &arguments)
    }

    fn start_with(
        folder: tempfile::TempDir,
        module: &Path,
        policy: &str,
        arguments: &[&str],
    ) -> Self {
        let file = folder.path().join("policy.yaml");
        fs::write(&file, policy).unwrap();
        // What a VM makes of a request is seen by the next one only if it is the same VM.
        let threads = if arguments.contains(&"--threads") { &[][..] } else { &["--threads", "1"] };
        let mut child = command(module, &file)
            .args(threads)
            .args(["--listen", "127.0.0.1:0", "--health", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let told = Arc::clone(&log);
        thread::spawn(move || {
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|size| size > 0) {
                told.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = |prefix: &str| loop {
            let line = lines
                .next()
                .and_then(Result::ok)
                .unwrap_or_else(|| panic!("it ended; the log is\n{}", log.lock().unwrap()));
            if let Some(address) = line.strip_prefix(prefix) {
                break address.parse().unwrap();
            }
        };
        let (address, health) = (next("listening on "), next("health on http://"));
        Self { child, address, health, log, folder }
    }

    /// A connection on which HAProxy and the agent have greeted each other.
    pub(crate) fn connect(&self) -> Client {
        let mut client = self.silent();
        client.greet();
        client
    }

    /// A connection on which nothing was said yet.
    pub(crate) fn silent(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(stream)
    }

    /// The policy file.
    pub(crate) fn policy(&self) -> PathBuf {
        self.folder.path().join("policy.yaml")
    }

    /// What `/healthz` or `/metrics` say: the whole response.
    pub(crate) fn health(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.health).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let metrics = self.health("/metrics");
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("found no {name} in\n{metrics}")).parse().unwrap()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log has this in it, and gives the log.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let log = self.log();
            if log.contains(text) {
                return log;
            }
            assert!(start.elapsed() < PATIENCE, "found no {text:?} in the log\n{log}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        // The shell's own: the program of that name is not on every machine.
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end and gives the exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not end; the log is\n{}", self.log())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries a policy.
pub(crate) fn check(module: &Path, policy: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    fs::write(&file, policy).unwrap();
    command(module, &file).args(["--check", "--cache"]).output().unwrap()
}

fn command(module: &Path, policy: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jwt-gate-agent"));
    command.arg("--module").arg(module).arg("--policy").arg(policy);
    command
}
