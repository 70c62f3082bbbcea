//! HAProxy with the lines that its own documentation gives for a token, one frontend an algorithm,
//! and beside them one that asks JWT Gate's agent.

use std::{
    fmt::Write as _,
    fs::File,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use envoy_e2e::Place;
use haproxy_e2e::Agent;

use crate::{
    agent,
    setups::REFUSED,
    tokens::{AUDIENCE, ISSUER, SCOPE, SIGNERS, Signer},
};

const START: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
const LOG: &str = "haproxy.log";

/// A running HAProxy with one thread; it is killed when this value goes.
pub(crate) struct HaProxy {
    child: Child,
    /// The frontend that asks for no token.
    bare: u16,
    guarded: Vec<(Signer, u16)>,
    /// The agent, and the frontend that asks it.
    gate: Option<(Agent, u16)>,
}

impl HaProxy {
    /// Starts a HAProxy binary in front of the upstream, in `target/e2e/NAME`, and the agent if it is
    /// to be asked.
    ///
    /// # Errors
    ///
    /// One ended or did not get ready; the message holds its log.
    pub(crate) fn start(binary: &Path, name: &str, upstream: u16, has_agent: bool) -> Result<Self> {
        let place = Place::new(name)?;
        let agent = has_agent.then(|| agent::start(&place)).transpose()?;
        // All are held until the last one is found, so that no port comes twice.
        let held = (0..SIGNERS.len() + 2)
            .map(|_| TcpListener::bind(("127.0.0.1", 0)))
            .collect::<std::io::Result<Vec<_>>>()?;
        let ports = held
            .iter()
            .map(|listener| Ok(listener.local_addr()?.port()))
            .collect::<Result<Vec<_>>>()?;
        let [bare, gate, ports @ ..] = &ports[..] else { bail!("found no free port") };
        let guarded: Vec<_> = SIGNERS.into_iter().zip(ports.iter().copied()).collect();
        let global = if has_agent { agent::global() } else { String::new() };
        let mut text = head(&global, upstream, *bare);
        for (signer, port) in &guarded {
            let key = place.write(&format!("{}.pem", signer.key), &signer.pem()?)?;
            frontend(&mut text, *signer, *port, &key)?;
        }
        if has_agent {
            text.push_str(&agent::sections(&place, *gate)?);
        }
        let file = place.write("haproxy.cfg", &text)?;
        drop(held);

        let log = File::create(place.path(LOG))?;
        // Should the benchmark be killed, the kernel ends HAProxy.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(binary)
            .args(["-db", "-f"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("running setpriv (Debian: util-linux)")?;
        let gate = agent.map(|agent| (agent, *gate));
        let mut proxy = Self { child, bare: *bare, guarded, gate };
        proxy.wait(&place)?;
        Ok(proxy)
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The port that asks for no token.
    pub(crate) fn bare(&self) -> u16 {
        self.bare
    }

    /// The port that asks for a token of this signer.
    pub(crate) fn guarded(&self, signer: Signer) -> Option<u16> {
        self.guarded.iter().find(|(known, _)| *known == signer).map(|(_, port)| *port)
    }

    /// The process of the agent, and the port that asks it.
    pub(crate) fn gate(&self) -> Option<(u32, u16)> {
        self.gate.as_ref().map(|(agent, port)| (agent.process().id(), *port))
    }

    fn wait(&mut self, place: &Place) -> Result<()> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", self.bare)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("HAProxy ended with {status}:\n{}", place.read(LOG));
            }
            if Instant::now() > deadline {
                bail!("HAProxy was not ready after {START:?}:\n{}", place.read(LOG));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The version of a HAProxy binary, as it tells it.
///
/// # Errors
///
/// It does not run.
pub(crate) fn version(binary: &Path) -> Result<String> {
    let output = Command::new(binary).arg("-v").output().context("running haproxy -v")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(2).context("haproxy -v: found no version")?;
    Ok(version.to_owned())
}

fn head(global: &str, upstream: u16, bare: u16) -> String {
    format!(
        "global\n  nbthread 1\n  maxconn 512\n{global}\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n\
         \x20 default_backend upstream\n\n\
         backend upstream\n  http-reuse always\n  server upstream 127.0.0.1:{upstream}\n\n\
         frontend bare\n  bind 127.0.0.1:{bare}\n\
         \x20 http-request return status 401 if {{ path {REFUSED} }}\n"
    )
}

/// The checks of the other set-ups, in HAProxy's words. It has none for "one of a list": the audience
/// has to be the first.
fn frontend(text: &mut String, signer: Signer, port: u16, key: &Path) -> Result<()> {
    let (algorithm, key) = (signer.name(), key.display());
    write!(
        text,
        "\nfrontend {algorithm}\n  bind 127.0.0.1:{port}\n\
         \x20 http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')\n\
         \x20 http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')\n\
         \x20 http-request set-var(txn.aud) http_auth_bearer,jwt_payload_query('$.aud[0]')\n\
         \x20 http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')\n\
         \x20 http-request set-var(txn.scope) http_auth_bearer,jwt_payload_query('$.scope')\n\
         \x20 http-request set-var(txn.now) date()\n\
         \x20 http-request return status 401 unless {{ var(txn.alg) -m str {algorithm} }}\n\
         \x20 http-request return status 401 unless {{ var(txn.iss) -m str {ISSUER} }}\n\
         \x20 http-request return status 401 unless {{ var(txn.aud) -m str {AUDIENCE} }}\n\
         \x20 http-request return status 401 unless {{ var(txn.exp),sub(txn.now) -m int gt 0 }}\n\
         \x20 http-request return status 401 unless {{ http_auth_bearer,jwt_verify(txn.alg,\"{key}\") -m int 1 }}\n\
         \x20 http-request return status 403 unless {{ var(txn.scope) -m reg '(^| ){SCOPE}( |$)' }}\n\
         \x20 http-request set-header x-user %[http_auth_bearer,jwt_payload_query('$.sub')]\n\
         \x20 http-request del-header authorization\n"
    )?;
    Ok(())
}
