//! The shipped configurations that fetch keys do what their README files promise, over TLS.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use envoy_e2e::readme::commands;
use envoy_e2e::shipped::Shipped;
use envoy_e2e::{Envoy, Place, Provider, checkout, http1};

use crate::{WORKERS, for_a_while, forged, send_to};

const ISSUER: &str = "https://issuer.example";
/// Where the provider is, in place of `issuer.example`.
const WRITTEN: u16 = 443;
const PATH: &str = "/api/hamsters";

/// An example, moved to a provider of the tests that has a certificate of theirs.
struct Example {
    name: &'static str,
    place: Place,
    shipped: Shipped,
    provider: Provider,
    envoy: Envoy,
}

impl Example {
    /// Starts the example; `certificate` is a file of `envoy/e2e/provider/tls`.
    fn start(name: &'static str, test: &str, certificate: &str) -> Result<Self> {
        let place = Place::new(test)?;
        let shipped = Shipped::read(&format!("envoy/examples/{name}/envoy.yaml"))?;
        let port = shipped.port(WRITTEN)?;
        let written = format!("address: issuer.example, port_value: {port}");
        let shipped = shipped
            .with(&written, &format!("address: 127.0.0.1, port_value: {port}"))?
            .with("/etc/ssl/certs/ca-certificates.crt", &tls("ca.pem")?)?;
        let provider = provider(&place, port, certificate)?;
        let envoy = shipped.start_with_workers(&place, WORKERS)?;
        Ok(Self { name, place, shipped, provider, envoy })
    }

    /// Puts another provider where the one is, with other keys and another certificate.
    fn replace_provider(&mut self, certificate: &str) -> Result<()> {
        self.provider.stop()?;
        self.provider = provider(&self.place, self.shipped.port(WRITTEN)?, certificate)?;
        Ok(())
    }

    /// Runs the README's commands.
    fn keeps_its_promises(&mut self) -> Result<()> {
        let values = BTreeMap::from([
            ("$TOKEN", self.provider.token()?),
            ("$STRANGER", forged(&self.provider, "nobody's")),
        ]);
        // Gauges are set once a second.
        let gauge = "wasmcustom.jwt_gate.keys.count.issuer.idp";
        let admin = self.shipped.port(9901)?;
        let port = self.shipped.port(8080)?;
        self.envoy.wait_for("a good token to pass", || {
            (send_to(port, PATH, &values["$TOKEN"]).status == 200).then_some(())
        })?;
        self.envoy.wait_for(gauge, || {
            let stats = http1::get(admin, &format!("/stats?filter={gauge}")).ok()?;
            stats.text().contains(&format!("{gauge}: 1")).then_some(())
        })?;
        let readme = format!("envoy/examples/{}/README.md", self.name);
        let commands = commands(&std::fs::read_to_string(checkout().join(readme))?);
        ensure!(commands.len() > 2, "found {} commands in the README", commands.len());
        for command in commands {
            command.run(&values, |written| self.shipped.port(written))?;
        }
        Ok(())
    }
}

fn provider(place: &Place, port: u16, certificate: &str) -> Result<Provider> {
    let (port, key, cert, ca) =
        (port.to_string(), tls("key.pem")?, tls(certificate)?, tls("ca.pem")?);
    let options =
        [("issuer", ISSUER), ("port", &port), ("key", &key), ("cert", &cert), ("ca", &ca)];
    Provider::start(place, &options)
}

fn tls(file: &str) -> Result<String> {
    let path = checkout().join("envoy/e2e/provider/tls").join(file).canonicalize()?;
    Ok(path.display().to_string())
}

/// First a stranger answers in the issuer's place, with a certificate of the right authority for
/// another name: whoever has one must not be able to give the gate its keys.
#[test]
fn discovery() {
    let mut example =
        Example::start("discovery", "example-discovery", "other.pem").expect("the example");
    let port = example.shipped.port(8080).expect("the port");
    let token = forged(&example.provider, example.provider.kid());
    for_a_while(Duration::from_secs(1), || {
        assert_eq!(send_to(port, PATH, &token).status, 503);
    });
    let failed = "jwt-gate: keys of idp: fetch failed: connect";
    let found = || example.envoy.log().contains(failed).then_some(());
    example.envoy.wait_for(failed, found).expect("the line about the failure");
    let asked = example.provider.asked().expect("the provider's notes");
    assert_eq!((asked.metadata.len(), asked.keys.len()), (0, 0), "the gate asked a stranger");

    example.replace_provider("issuer.pem").expect("the issuer itself");
    example.keeps_its_promises().expect("the README's promises");
}

/// One asks for all, whatever comes: at the start, for a rotation, and for unknown names.
#[test]
fn singleton_fetcher() {
    let mut example = Example::start("singleton-fetcher", "example-singleton", "issuer.pem")
        .expect("the example");
    example.keeps_its_promises().expect("the README's promises");

    let port = example.shipped.port(8080).expect("the port");
    let before = example.provider.token().expect("a token");
    for_a_while(Duration::from_secs(1), || {
        assert_eq!(send_to(port, PATH, &before).status, 200);
        assert_eq!(send_to(port, PATH, &forged(&example.provider, "nobody's")).status, 401);
    });
    // One at the start and one for the stranger; every further one is 30 seconds away.
    let asked = example.provider.asked().expect("the provider's notes");
    assert_eq!((asked.metadata.len(), asked.keys.len()), (2, 2), "{asked:?}");
    let log = example.envoy.log();
    let fetched = log.lines().filter(|line| line.ends_with("fetched from the issuer")).count();
    let taken = log.lines().filter(|line| line.ends_with("taken from shared data")).count();
    assert_eq!(fetched, 1, "who fetched:\n{log}");
    assert!(taken >= WORKERS, "who took:\n{log}");
}
