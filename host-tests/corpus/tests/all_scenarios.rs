//! Every scenario file can be read and minted, whoever runs it.

use scenario_corpus::{Clock, load};

#[test]
fn every_scenario_can_be_minted() {
    let cases = load().unwrap();
    assert!(cases.len() > 200, "found {} scenarios", cases.len());
    let problems: Vec<String> =
        cases.iter().filter_map(|case| case.mint(0).err()).map(|e| e.to_string()).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn only_a_scenario_bound_to_its_time_refuses_to_move() {
    for clock in [Clock::Exact, Clock::Shiftable] {
        let case = load().unwrap().into_iter().find(|c| c.clock() == clock);
        let case = case.expect("there are scenarios of both kinds");
        assert_eq!(case.mint(1_000).is_ok(), clock == Clock::Shiftable);
    }
}
