//! The texts that this project starts from, row by row: each text's own lines in a HAProxy by
//! themselves, ours in a second one with the agent, and the same requests to both. The table of what
//! the two answered stands in the example's README and is held there.

mod pair;

use pair::Pair;

#[test]
fn fusionauth() {
    let pair = Pair::start("fusionauth", "/etc/haproxy/pubkey.pem").expect("both");
    pair.compare().expect("the table in the README");
}

#[test]
fn oauth() {
    let pair = Pair::start("oauth", "haproxy/examples/oauth/pubkey.pem").expect("both");
    pair.compare().expect("the table in the README");
}

/// The one line that the whole of the article's setup hangs on: without it the algorithm is the
/// token's, no signature is needed, and the secret of an HMAC is the name of the key file.
#[test]
fn without_the_line_about_the_algorithm_the_article_is_open() {
    let line = "unless { var(txn.alg) -m str RS256 }";
    for (what, with_line, without) in [
        ("a good token", 200, 200),
        ("signed by another key", 403, 403),
        ("`alg` `none`, no signature", 403, 200),
        ("HS256, signed with the name of the key file", 403, 200),
    ] {
        for (removed, expected) in [(false, with_line), (true, without)] {
            let status = pair::article("fusionauth", what, removed.then_some(line));
            assert_eq!(status.expect("an answer"), expected, "{what}, line removed: {removed}");
        }
    }
}
