//! The program under test, and a client that sends what a test says, byte for byte.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long anything may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `serve`, which ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts it on a free port and waits until it listens.
    pub(crate) fn start(module: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let mut child = command(module.as_ref(), arguments)
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
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| {
            let _ = child.wait();
            panic!("found {line:?}, expected an address; the log is\n{}", log.lock().unwrap())
        });
        Self { address: address.parse().unwrap(), child, log }
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(stream)
    }

    /// Sends a request and reads until the connection is closed.
    pub(crate) fn send(&self, request: impl AsRef<[u8]>) -> Response {
        let mut client = self.connect();
        client.write(request);
        client.read()
    }

    /// Sends a request without a body.
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.request("GET", path, headers, "")
    }

    /// Sends a request.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.send(format!("{text}\r\n{body}"))
    }

    /// Waits until the log has this in it, and gives the log.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let log = self.log.lock().unwrap().clone();
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
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not end; the log is\n{}", self.log.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a `serve` that does not come to listen.
pub(crate) fn refused(module: &Path, arguments: &[&str]) -> Output {
    command(module, arguments).output().unwrap()
}

fn command(module: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmtime-harness"));
    command.arg("serve").arg(module);
    if !arguments.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A connection.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // The other side may have answered and closed by now.
        let _ = self.0.write_all(bytes.as_ref());
    }

    /// Reads until what was read ends with this.
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {text:?}"));
            text.push(char::from(byte[0]));
        }
        text
    }

    /// Reads until the connection is closed.
    pub(crate) fn read(&mut self) -> Response {
        let mut bytes = Vec::new();
        // A connection may end with a reset when its request was not read to the end.
        let _ = self.0.read_to_end(&mut bytes);
        Response(String::from_utf8(bytes).unwrap())
    }
}

/// What came back, all of it.
#[derive(Debug)]
pub(crate) struct Response(pub(crate) String);

impl Response {
    /// The status; 0 if nothing came back.
    pub(crate) fn status(&self) -> u16 {
        match self.0.split(' ').nth(1) {
            Some(status) => status.parse().unwrap(),
            None => 0,
        }
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.0.split_once("\r\n\r\n")?;
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The body, as it was framed.
    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// The body as JSON, if need be out of one chunk or more.
    pub(crate) fn json(&self) -> Value {
        let mut body = String::new();
        if self.header("transfer-encoding") == Some("chunked") {
            let mut rest = self.body();
            while let Some((size, after)) = rest.split_once("\r\n") {
                let size = usize::from_str_radix(size, 16).unwrap();
                body.push_str(&after[..size]);
                rest = if size == 0 { "" } else { &after[size + 2..] };
            }
        } else {
            body.push_str(self.body());
        }
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}
