//! One test for each case, in any lane.

/// Makes the tests for a lane, given as an expression.
macro_rules! fault_tests {
    ($lane:expr) => {
        crate::tests::fault_tests!($lane; cookie, denied, forward, host_checks, host_refuses, metrics,
            query, report, route_metadata, spoofed_on_public, token);

        #[test]
        fn configuration() {
            crate::sweep::configuration(&$lane, &crate::cases::metrics());
        }

        #[test]
        fn configuration_with_the_hosts_function() {
            for verify in ["host", "auto"] {
                for mut case in [crate::cases::host_checks(), crate::cases::host_refuses()] {
                    case.policy = case.policy.replace(r#""host""#, &format!("{verify:?}"));
                    crate::sweep::configuration(&$lane, &case);
                }
            }
        }

        #[test]
        fn configuration_with_fetched_keys() {
            crate::held::configuration(&$lane);
        }

        #[test]
        fn held() {
            crate::held::request(&$lane);
        }

        #[test]
        fn body() {
            crate::sweep::body(&$lane, &crate::cases::token());
        }
    };
    ($lane:expr; $($case:ident),*) => {
        $(
            #[test]
            fn $case() {
                crate::sweep::request(&$lane, &crate::cases::$case());
            }
        )*
    };
}

pub(crate) use fault_tests;
