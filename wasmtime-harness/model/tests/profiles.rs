//! What profiles change, each under at least two of them.

mod script;

use proxy_host_model::{Callback, Model, Profile, Random};

use script::{get, host};

#[test]
fn ids_are_counted_or_random_and_follow_the_seed() {
    let ids = |profile, seed| {
        let mut ids = Vec::new();
        let mut host = host(|_: &mut Model, callback| {
            if let Callback::ContextCreate { context, parent } = callback {
                ids.push((context, parent));
            }
            Ok(Some(1))
        });
        host.model(|model| (model.profile, model.random) = (profile, Random::seeded(seed)));
        host.start(b"", b"");
        host.request(get());
        host.request(get());
        drop(host);
        ids
    };
    assert_eq!(ids(Profile::ENVOY_1_40, 0), [(1, 0), (2, 1), (3, 1)]);
    let random = ids(Profile::HOSTILE, 0);
    let [(root, 0), (first, parent), (second, _)] = random[..] else {
        panic!("a root and two streams, found {random:?}");
    };
    assert_eq!(parent, root);
    assert!([root, first, second].iter().all(|id| *id > 3), "{random:?}");
    assert_eq!(ids(Profile::HOSTILE, 0), random);
    assert_ne!(ids(Profile::HOSTILE, 1), random);
}
