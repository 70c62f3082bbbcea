//! What the proxy's own configuration says about a filter.

use std::collections::BTreeSet;

use crate::outcome::LogLevel;

/// The proxy's side of a filter's configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The plugin's name, property `plugin_name`.
    pub name: String,
    /// The plugin's root id, property `plugin_root_id`.
    pub root_id: String,
    /// The VM's id, property `plugin_vm_id`; shared data and queues are kept apart by it.
    pub vm_id: String,
    /// The level that `proxy_get_log_level` answers; lines below it are recorded all the same.
    pub log_level: LogLevel,
    /// Names of upstream clusters that calls can be sent to, beside those of
    /// [`Callouts::services`](crate::Callouts::services).
    pub clusters: BTreeSet<String>,
    /// Whether a filter that pauses a request's or response's headers is shown the body all the same;
    /// otherwise that waits too. Envoy's `allow_on_headers_stop_iteration`, which is off.
    pub body_passes_paused_headers: bool,
    /// The server's own name and port, for profiles that show it in the place of the one that the
    /// client asked for.
    pub server_name: String,
    /// Zones of shared memory, for profiles that keep shared data, queues and metrics in none but
    /// those that the proxy's configuration declares. `metrics` is the one for metrics, and `*` the
    /// one for keys without a zone of their own.
    pub zones: BTreeSet<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "filter".to_owned(),
            root_id: String::new(),
            vm_id: "vm".to_owned(),
            log_level: LogLevel::Info,
            clusters: BTreeSet::new(),
            body_passes_paused_headers: false,
            server_name: "localhost:80".to_owned(),
            zones: BTreeSet::new(),
        }
    }
}
