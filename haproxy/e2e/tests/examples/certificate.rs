//! The client certificate, alone and with a token, beside the article's lines.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e_wire::readme::{commands, shell};
use e2e_wire::{Place, checkout};
use haproxy_e2e::shipped::Shipped;
use haproxy_e2e::{Agent, HaProxy};
use scenario_corpus::Key;
use serde_json::{Value, json};

use crate::{AGENT, AUTH0, token};

const FOLDER: &str = "haproxy/examples/client-certificate";
const OURS: u16 = 8443;
const THEIRS: u16 = 8453;
/// The head of the table in the README.
const HEAD: &str = "| request | theirs | ours | what the API is told, theirs | what the API is told, ours |\n| --- | --- | --- | --- | --- |\n";

struct Both {
    place: Place,
    shipped: Shipped,
    _ours: HaProxy,
    _theirs: HaProxy,
    _agent: Agent,
}

impl Both {
    fn start(name: &str) -> Result<Self> {
        let place = Place::new(name)?;
        let certificates = place.path("certificates");
        let made = Command::new("sh")
            .arg(checkout().join(FOLDER).join("certificates.sh"))
            .arg(&certificates)
            .output()
            .context("running certificates.sh, which needs openssl")?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let moved = certificates.display().to_string();
        let shipped = Shipped::read(FOLDER, &["haproxy.cfg", "policy.yaml", "original.cfg"])?
            .with("haproxy.cfg", "target/certificates", &moved)?
            .with("original.cfg", "target/certificates", &moved)?
            .with_key(
                "policy.yaml",
                &Key::load("rsa-1").map_err(anyhow::Error::msg)?.public_pem(),
            )?;
        shipped.write(&place)?;
        let agent = Agent::start(&place, "policy.yaml", shipped.port(AGENT)?)?;
        let ours = shipped.start(&place, "haproxy.cfg", OURS)?;
        let theirs = shipped.start(&place, "original.cfg", THEIRS)?;
        Ok(Self { place, shipped, _ours: ours, _theirs: theirs, _agent: agent })
    }

    /// Runs a command line of the README, or one like it, and gives its lines.
    fn run(&self, line: &str) -> Result<Vec<String>> {
        let moved = self.place.path("certificates").display().to_string();
        let mut line = line.replace("target/certificates", &moved);
        for written in [OURS, THEIRS] {
            let port = format!("127.0.0.1:{}", self.shipped.port(written)?);
            line = line.replace(&format!("127.0.0.1:{written}"), &port);
        }
        let values = [
            ("ALICE", token(AUTH0, json!({}))),
            ("CAROL", token(AUTH0, json!({ "sub": "carol" }))),
        ];
        shell(&line, &values)
    }

    /// The status and what the API was told; no status if there was no connection.
    fn ask(&self, written: u16, certificate: &str, more: &str) -> Result<(String, String)> {
        let certificate = match certificate {
            "" => String::new(),
            name => format!("--cert target/certificates/{name}.pem"),
        };
        let lines = self.run(&format!(
            "curl -si --cacert target/certificates/ca.pem {certificate} https://127.0.0.1:{written}/status {more}"
        ))?;
        let Some(head) = lines.first() else {
            return Ok(("no connection".to_owned(), String::new()));
        };
        let status = head.split(' ').nth(1).context("no status")?.to_owned();
        let seen: Value =
            lines.last().and_then(|l| serde_json::from_str(l).ok()).unwrap_or_default();
        let told: Vec<_> = ["x-ssl-client-cn", "x_ssl_client_cn"]
            .iter()
            .filter_map(|name| seen[name].as_str().filter(|v| !v.is_empty()))
            .map(|value| format!("`{value}`"))
            .collect();
        let told = match (status.as_str(), told.is_empty()) {
            ("200", true) => "an empty name".to_owned(),
            _ => told.join(", and "),
        };
        Ok((status, told))
    }
}

#[test]
fn the_readme_is_true() {
    let both = Both::start("haproxy-certificate").expect("both");
    let readme = std::fs::read_to_string(checkout().join(FOLDER).join("README.md"));
    let commands = commands(&readme.expect("the README"));
    assert!(commands.len() > 8, "found {} commands in the README", commands.len());
    for command in commands {
        let came = both.run(&command.line).expect("curl");
        command.compare_lines(&came).expect("the README's promises");
    }
}

#[test]
fn beside_the_article() {
    let both = Both::start("seed-certificate").expect("both");
    let mut table = String::from(HEAD);
    for (what, certificate, more) in [
        ("no certificate", "", ""),
        ("of another CA", "stranger", ""),
        ("revoked", "bob", ""),
        ("alice's", "alice", ""),
        ("alice's, and `X-SSL-Client-CN: root`", "alice", "-H 'X-SSL-Client-CN: root'"),
        ("alice's, and `X_SSL_Client_CN: root`", "alice", "-H 'X_SSL_Client_CN: root'"),
        ("without a name", "nameless", ""),
        ("with the names alice and root", "doubled", ""),
    ] {
        let theirs = both.ask(THEIRS, certificate, more).expect("an answer");
        let ours = both.ask(OURS, certificate, more).expect("an answer");
        // Whom they do not let in, we do not either.
        assert!(theirs.0 == "200" || ours.0 != "200", "{what}: {theirs:?} {ours:?}");
        let alone = |told: &str| told == "`alice`" || told.is_empty();
        assert!(alone(&ours.1), "{what}: the API was told {ours:?}");
        let _ =
            writeln!(table, "| {what} | {} | {} | {} | {} |", theirs.0, ours.0, theirs.1, ours.1);
    }
    let path = checkout().join(FOLDER).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("the README");
    let at = readme.find(HEAD).expect("the table");
    if std::env::var_os("BLESS").is_some() {
        let after = readme[at..].find("\n\n").map_or("", |end| &readme[at + end + 1..]);
        std::fs::write(&path, format!("{}{table}{after}", &readme[..at])).expect("the README");
    } else {
        assert!(readme[at..].starts_with(&table), "run with BLESS=1 if that is meant:\n{table}");
    }
}
