//! Where a story takes place: the proxy and the policy.

use proxy_host_model::{OnTrap, Plan, Profile, Settings};
use serde_json::{Value, json};

use super::issuer::{Issuer, KEYS_URI};
use crate::change;

/// The proxy and the policy with which a story begins.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The threads of the proxy.
    pub plan: Plan,
    /// Which host it is.
    pub profile: Profile,
    /// What the host's configuration says about the filter.
    pub settings: Settings,
    /// The policy.
    pub policy: Value,
}

impl Setting {
    /// Envoy with two workers and `FAIL_RELOAD`, and the policy that fetches the key set.
    pub(crate) fn remote() -> Self {
        let mut settings = Settings::default();
        settings.clusters.extend(["issuer".to_owned(), "keys".to_owned()]);
        settings.zones.insert("metrics".to_owned());
        Self {
            plan: Plan { workers: 2, main: true, canary: true, on_trap: OnTrap::RELOAD, seed: 4 },
            profile: Profile::ENVOY_1_40,
            settings,
            policy: remote(),
        }
    }

    /// The same with discovery instead of an address.
    pub(crate) fn discovery() -> Self {
        Self { policy: discovery(), ..Self::remote() }
    }

    /// The same with a set in the policy.
    pub(crate) fn with_keys() -> Self {
        let set = Issuer::of(&["rsa-1"]).keys;
        Self { policy: policy(json!({"jwks": {"keys": set}})), ..Self::remote() }
    }

    /// The same with a change of the policy.
    #[must_use]
    pub(crate) fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.policy = changed(self.policy, path, value);
        self
    }

    /// The same on another host.
    #[must_use]
    pub(crate) fn on(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }
}

/// A policy with another value at this path.
pub(crate) fn changed(mut policy: Value, path: &str, value: impl Into<Value>) -> Value {
    change::set(&mut policy, path, value.into()).expect("a path of the policy");
    policy
}

/// One issuer whose key set is fetched, with every timing as it is by default.
pub(crate) fn remote() -> Value {
    policy(json!({"remote": {"uri": KEYS_URI, "cluster": "issuer"}}))
}

/// One issuer whose metadata are fetched, and the key set elsewhere.
pub(crate) fn discovery() -> Value {
    policy(json!({"discovery": {"cluster": "issuer", "jwks_cluster": "keys"}}))
}

fn policy(keys: Value) -> Value {
    json!({
        "issuers": [{
            "name": "live",
            "issuer": "https://issuer.test/",
            "audiences": ["https://api.test"],
            "algorithms": ["RS256"],
            "keys": keys,
        }],
        "rules": [
            {"name": "public", "match": {"prefix": "/public"}, "access": "public"},
            {"name": "optional", "match": {"prefix": "/optional"}, "access": "optional"},
            {"name": "all", "match": {"prefix": "/"}, "access": "token"},
        ],
        "forward": {"claims": [{"claim": ["sub"], "header": "x-user"}]},
        "metrics": true,
    })
}
