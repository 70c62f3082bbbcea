//! What only a real Envoy can show: other filters, routes, updates, and bytes on the wire.

mod bytes;
mod grpc;
mod identity;
mod routes;
mod signatures;
mod updates;

use envoy_e2e::config::{self, Listener};
use envoy_e2e::{Envoy, Place, Upstream};

/// An Envoy with these listeners in front of an upstream of its own.
struct Gate {
    envoy: Envoy,
    upstream: Upstream,
    place: Place,
}

impl Gate {
    fn start(test: &str, listeners: &[Listener]) -> Self {
        let place = Place::new(test).expect("a folder");
        let upstream = Upstream::start().expect("the upstream");
        let bootstrap = config::bootstrap(upstream.port(), listeners).expect("a configuration");
        place.write("envoy.json", &bootstrap.to_string()).expect("the file");
        let envoy = Envoy::start(&place, "envoy.json").expect("Envoy");
        Self { envoy, upstream, place }
    }
}

/// The reason of a refusal, from the header in which the tests' listeners show it.
fn reason(reply: &envoy_e2e::Reply) -> String {
    reply.header(config::DETAILS).unwrap_or_default()
}
