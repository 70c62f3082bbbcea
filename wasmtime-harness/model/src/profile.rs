//! What known hosts do differently, as data.

mod kinds;
mod table;

pub use kinds::{ContextIds, TrapCosts};

/// Makes the struct and, from the same lines, the table of its fields.
macro_rules! profile {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                pub $field:ident: $kind:ty,
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub struct $name {
            $(
                $(#[doc = $doc])*
                pub $field: $kind,
            )*
        }

        impl $name {
            /// The fields in order: name, documentation, value as text.
            fn fields(&self) -> Vec<table::Field> {
                vec![$(table::Field {
                    name: stringify!($field),
                    about: concat!($($doc, "\n"),*),
                    value: table::shown(&self.$field),
                }),*]
            }
        }
    };
}

profile! {
    /// How a host behaves where hosts differ: fields and nothing else, so that a host of one's own
    /// is [`Profile::ENVOY_1_40`] with some fields changed.
    ///
    /// Sources are given as in the notes on hosts: [X] was seen in an experiment, [S] was read in
    /// the host's source, [D] in its documents. `spec` is the text of the proxy-wasm specification,
    /// `abi-versions/v0.2.1/README.md`; `ngx:` is a file of ngx_wasm_module.
    pub struct Profile {
        /// The name that a command line or a scenario gives it.
        pub name: &'static str,
        /// How contexts get their ids. Hosts 7.3 [X]: large numbers in no order from
        /// ngx_wasm_module; spec: only "unique".
        pub context_ids: ContextIds,
        /// The most random bytes that `random_get` gives at once; more are refused. 64 KiB:
        /// hosts 8.3 [S], proxy-wasm-cpp-host `limits.h`; none: ngx `ngx_wasi_preview1_host.c` [S];
        /// spec: "when the requested `buffer_size` is too large", whatever that is.
        pub random_most: u32,
        /// Whether a filter is told of the answer to a call that has ended already, by another
        /// answer or by its time limit. Envoy drops it: `context.cc` [S], hosts 3.3 [X]; spec: not
        /// a word.
        pub late_answers: bool,
        /// What a trap costs: a fleet without a policy of its own follows it. Hosts 4 and 7.3 [X].
        pub trap_costs: TrapCosts,
        /// The status of the empty reply to a request whose filter has trapped. Hosts 4 and 7.3
        /// [X]; spec: "returning errors to clients".
        pub trap_status: u32,
    }
}

impl Profile {
    /// Envoy 1.40, which the model follows wherever nothing else is said.
    pub const ENVOY_1_40: Self = Self {
        name: "envoy-1.40",
        context_ids: ContextIds::Counted,
        random_most: 64 * 1024,
        late_answers: false,
        trap_costs: TrapCosts::Vm,
        trap_status: 503,
    };

    /// nginx with Kong/ngx_wasm_module.
    pub const NGX_WASM: Self = Self {
        name: "ngx_wasm",
        context_ids: ContextIds::Random,
        random_most: u32::MAX,
        late_answers: false,
        trap_costs: TrapCosts::Request,
        trap_status: 500,
    };

    /// Exactly what the specification of ABI 0.2.1 says, and nothing that it does not promise.
    pub const SPEC_STRICT: Self =
        Self { name: "spec-strict", trap_costs: TrapCosts::Request, ..Self::ENVOY_1_40 };

    /// A host that does whatever an author may not rely on, all at once.
    pub const HOSTILE: Self = Self {
        name: "hostile",
        context_ids: ContextIds::Random,
        random_most: 256,
        late_answers: true,
        ..Self::ENVOY_1_40
    };

    /// All known hosts, the usual one first.
    pub const ALL: [Self; 4] = [Self::ENVOY_1_40, Self::NGX_WASM, Self::SPEC_STRICT, Self::HOSTILE];

    /// The profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }

    /// All fields of several profiles side by side, as a table in Markdown.
    #[must_use]
    pub fn table(profiles: &[Self]) -> String {
        table::markdown(profiles)
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::ENVOY_1_40
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_by_its_name_alone() {
        for profile in Profile::ALL {
            assert_eq!(Profile::named(profile.name), Some(profile));
        }
        assert_eq!(Profile::named("envoy"), None);
    }
}
