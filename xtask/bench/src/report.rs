//! The figures as text.

use std::fmt::Write as _;

use anyhow::Result;

use crate::{
    envoy::{BARE, GATE, GATE_AUTO, GATE_METRICS, GATE_SIMD, LISTENERS, NATIVE, NATIVE_CACHED},
    fresh::First,
    growth::{Axis, Point},
    rounds::Figures,
    setups::{HAPROXY_BARE, HAPROXY_GATE, HAPROXY_NATIVE, about},
    spread::Spread,
    table::Table,
    tokens::SIGNERS,
    workload::Workload,
};

/// The set-ups in the order in which they are shown.
pub(crate) const ORDER: [&str; 10] = [
    BARE,
    NATIVE_CACHED,
    NATIVE,
    GATE,
    GATE_SIMD,
    GATE_AUTO,
    GATE_METRICS,
    HAPROXY_BARE,
    HAPROXY_NATIVE,
    HAPROXY_GATE,
];

/// What is compared with what, see [`is_whole`].
const RATIOS: [(&str, &str); 7] = [
    (GATE, NATIVE_CACHED),
    (GATE_SIMD, NATIVE_CACHED),
    (GATE, NATIVE),
    (GATE_SIMD, NATIVE),
    (GATE, BARE),
    (GATE_SIMD, BARE),
    (HAPROXY_GATE, HAPROXY_NATIVE),
];

/// What a known token may add, as a part of what Envoy's own filters with their cache add.
const KNOWN_AT_MOST: f64 = 1.0;
/// What a new RS256 token may add, as a part of what Envoy's own filters add.
const NEW_AT_MOST: f64 = 0.8;
/// What a request with a known token may cost through HAProxy and the agent, as a part of what it
/// costs with HAProxy's own verification.
const AGENT_AT_MOST: f64 = 1.5;
/// By how much a request may cost more with the greatest number of rules, keys or issuers.
const GROWTH_BELOW: f64 = 0.1;

/// The part of the time that threads wait on a machine that has nothing else to do.
const QUIET: f64 = 0.05;

/// The comparison with what the proxies bring themselves.
///
/// # Errors
///
/// None: writing to a text does not fail.
pub(crate) fn proxies(figures: &Figures, first: &First, machine: &[String]) -> Result<String> {
    let mut text = String::new();
    for line in machine.iter().chain(&figures.remarks) {
        writeln!(text, "- {line}.")?;
    }
    let waited = figures.waited().map_or(0.0, |waited| waited.median);
    write!(
        text,
        "- {} rounds, {} requests, each answered as expected. Serving threads waited for a \
         processor {} of the time that they could have run.",
        figures.rounds,
        figures.requests,
        percent(waited),
    )?;
    if waited > QUIET {
        // What ran meanwhile has emptied the processor's caches, too.
        write!(text, " **The machine was busy: all times are too long; compare ratios.**")?;
    }
    writeln!(text, "\n")?;
    for signer in SIGNERS {
        let name = signer.name();
        let Some(size) = figures.sizes.get(name) else { continue };
        writeln!(text, "### {name}, tokens of {size} bytes\n\n{}", summary(figures, name))?;
    }
    writeln!(text, "### First answers\n\n{}", first_answers(first))?;
    // Long, and read by few. The blank lines make it Markdown again within the element.
    write!(
        text,
        "### All figures\n\n<details>\n<summary>Each algorithm, workload and set-up</summary>\n\n\
         {}\n</details>",
        all(figures)
    )?;
    Ok(text)
}

/// What the project asks of itself, and whether these figures show it.
pub(crate) fn acceptance(figures: &Figures, points: &[Point]) -> Table {
    let mut table = Table::new(["what is asked for", "bound", "found", "met"]);
    let mut row = |what: String, bound: String, found: Option<(String, bool)>| {
        // What was not measured is not met.
        let (found, is_met) = found.unwrap_or_else(|| ("-".to_owned(), false));
        table.push([what, bound, found, if is_met { "yes" } else { "no" }.to_owned()]);
    };
    for (workload, most, other) in
        [(Workload::Repeated, KNOWN_AT_MOST, NATIVE_CACHED), (Workload::New, NEW_AT_MOST, NATIVE)]
    {
        for gate in [GATE, GATE_SIMD, GATE_AUTO] {
            row(
                format!("RS256, {}, added: {} / {}", workload.name(), about(gate), about(other)),
                format!("{most:.2}"),
                quotient(figures, "RS256", workload, gate, other)
                    .map(|found| (format!("{found:.2}"), found <= most)),
            );
        }
    }
    let (gate, other, workload) = (HAPROXY_GATE, HAPROXY_NATIVE, Workload::Repeated);
    row(
        format!("RS256, {}, whole: {} / {}", workload.name(), about(gate), about(other)),
        format!("{AGENT_AT_MOST:.2}"),
        quotient(figures, "RS256", workload, gate, other)
            .map(|found| (format!("{found:.2}"), found <= AGENT_AT_MOST)),
    );
    for axis in [Axis::Rules, Axis::Keys, Axis::Issuers] {
        let along: Vec<&Point> = points.iter().filter(|point| point.axis == axis).collect();
        let (Some(least), Some(most)) = (along.first(), along.last()) else { continue };
        for (what, now, then) in
            [("first", most.first, least.first), ("again", most.again, least.again)]
        {
            let more = now as f64 / then.max(1) as f64 - 1.0;
            row(
                format!("{} {} beside {}, {what}: more fuel", most.size, axis.name(), least.size),
                percent(GROWTH_BELOW),
                Some((format!("{:.1} %", more * 100.0), more < GROWTH_BELOW)),
            );
        }
    }
    table
}

/// What each set-up costs an algorithm, and how that compares.
fn summary(figures: &Figures, signer: &str) -> Table {
    let mut table =
        Table::new(["CPU of a request, µs"].into_iter().chain(Workload::ALL.map(Workload::name)));
    for set_up in figures.set_ups(signer, &ORDER) {
        let cells = Workload::ALL.map(|workload| match figures.added(signer, workload, set_up) {
            Some(added) => format!("{:+.1} ({:.1} to {:.1})", added.median, added.low, added.high),
            None => figures
                .cpu(signer, workload, set_up)
                .map_or_else(String::new, |whole| format!("{:.1}", whole.median)),
        });
        table.push([about(set_up).to_owned()].into_iter().chain(cells));
    }
    for (gate, other) in RATIOS {
        let cells = Workload::ALL.map(|workload| ratio(figures, signer, workload, gate, other));
        // HAProxy has no words for some algorithms, or is not there.
        if cells.iter().all(|cell| cell == "-") {
            continue;
        }
        let title = if is_whole(other) { "whole: " } else { "added: " };
        let title = format!("{title}{} / {}", about(gate), about(other));
        table.push([title].into_iter().chain(cells));
    }
    table
}

/// Whether whole requests are compared with those of a set-up, and not what is added: it adds
/// nothing, or the project is held to the time of whole requests.
fn is_whole(other: &str) -> bool {
    matches!(other, BARE | HAPROXY_NATIVE)
}

/// How many times as much one set-up adds as another, or takes as a whole.
fn ratio(figures: &Figures, signer: &str, workload: Workload, one: &str, other: &str) -> String {
    quotient(figures, signer, workload, one, other)
        .map_or_else(|| "-".to_owned(), |quotient| format!("{quotient:.2}"))
}

fn quotient(
    figures: &Figures,
    signer: &str,
    workload: Workload,
    one: &str,
    other: &str,
) -> Option<f64> {
    let figure = |set_up| {
        let spread = if is_whole(other) {
            figures.cpu(signer, workload, set_up)
        } else {
            figures.added(signer, workload, set_up)
        };
        spread.map(|spread: Spread| spread.median)
    };
    let (one, other) = (figure(one)?, figure(other)?);
    // What adds nothing that can be measured is no measure.
    (other > 0.0).then(|| one / other)
}

fn first_answers(first: &First) -> Table {
    let starts = format!("CPU, ms, median of {} starts", first.starts);
    let mut table = Table::new([starts.as_str(), "first token", "second token"]);
    for (name, about) in LISTENERS {
        if let Some(columns) = first.of(name) {
            let cells = columns.map(|spread| format!("{:.2}", spread.median));
            table.push([about.to_owned()].into_iter().chain(cells));
        }
    }
    table
}

fn all(figures: &Figures) -> Table {
    let mut table = Table::new([
        "algorithm, tokens, set-up",
        "CPU, µs",
        "quartiles",
        "requests/s",
        "quartiles",
        "worker busy",
    ]);
    for signer in SIGNERS.map(|signer| signer.name()) {
        for workload in Workload::ALL {
            for set_up in figures.set_ups(signer, &ORDER) {
                let cpu = figures.cpu(signer, workload, set_up);
                let throughput = figures.throughput(signer, workload, set_up);
                let busy = figures.busy(signer, workload, set_up);
                let (Some(cpu), Some(throughput), Some(busy)) = (cpu, throughput, busy) else {
                    continue;
                };
                table.push([
                    format!("{signer}, {}, {}", workload.name(), about(set_up)),
                    format!("{:.1}", cpu.median),
                    format!("{:.1} to {:.1}", cpu.low, cpu.high),
                    format!("{:.0}", throughput.median),
                    format!("{:.0} to {:.0}", throughput.low, throughput.high),
                    percent(busy.median),
                ]);
            }
        }
    }
    table
}

/// How the cost inside the module grows.
pub(crate) fn growth(points: &[Point]) -> Table {
    let mut table = Table::new([
        "",
        "first request",
        "",
        "the same again",
        "",
        "forged, first",
        "",
        "forged again",
        "",
        "start",
    ]);
    for axis in Axis::ALL {
        let row: Vec<&Point> = points.iter().filter(|point| point.axis == axis).collect();
        let Some(least) = row.first() else { continue };
        for point in &row {
            let more = |now: u64, then: u64| {
                if point.size == least.size {
                    return String::new();
                }
                let change = now as f64 / then.max(1) as f64 - 1.0;
                format!("{:+.1} %", change * 100.0)
            };
            let mut cells = vec![
                format!("{} {}", axis.name(), grouped(point.size.try_into().unwrap_or(u64::MAX))),
                grouped(point.first),
                more(point.first, least.first),
                grouped(point.again),
                more(point.again, least.again),
            ];
            cells.extend(match point.forged.zip(least.forged) {
                Some(((first, again), (least_first, least_again))) => [
                    grouped(first),
                    more(first, least_first),
                    grouped(again),
                    more(again, least_again),
                ],
                None => [const { String::new() }; 4],
            });
            cells.push(grouped(point.start));
            table.push(cells);
        }
    }
    table
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// A number with a comma behind every third digit.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_what_is_added_and_whether_the_machine_was_busy() {
        let text = proxies(&Figures::example(), &First::default(), &["a machine".into()]).unwrap();
        assert!(text.starts_with("- a machine.\n- 3 rounds, "), "{text}");
        assert!(text.contains("waited for a processor 10 % of the time"), "{text}");
        assert!(text.contains("**The machine was busy"), "{text}");
        assert!(text.contains("| +5.0 (5.0 to 5.0) |"), "{text}");
        assert!(text.contains("### RS256, tokens of 900 bytes"), "{text}");
        // 46 / 41: the medians of both.
        assert!(text.contains(" 1.12 |"), "{text}");
    }

    fn point(axis: Axis, size: usize, first: u64) -> Point {
        Point { axis, size, first, again: 1000, forged: None, start: 5 }
    }

    #[test]
    fn what_is_asked_for_is_met_or_not() {
        let points = [point(Axis::Rules, 1, 1000), point(Axis::Rules, 100, 1200)];
        let table = acceptance(&Figures::example(), &points).to_string();
        let row = |title: &str| table.lines().find(|line| line.contains(title)).unwrap().to_owned();
        let first = row("100 rules beside 1, first");
        assert!(first.contains("20.0 %") && first.ends_with(" no |"), "{table}");
        let again = row("100 rules beside 1, again");
        assert!(again.contains(" 0.0 %") && again.ends_with(" yes |"), "{table}");
        // The example has no native filter to compare with.
        assert!(row("RS256, one token").ends_with(" no |"), "{table}");
    }

    #[test]
    fn the_agent_is_held_to_the_time_of_whole_requests() {
        let row = |figures: &Figures| {
            let table = acceptance(figures, &[]).to_string();
            table.lines().find(|line| line.contains("agent")).unwrap().to_owned()
        };
        // Without the agent nothing was found, which is not enough.
        let without = row(&Figures::example());
        assert!(without.ends_with(" no |"), "{without}");
        let with =
            |cpu| row(&Figures::example_with(&[(HAPROXY_NATIVE, 100.0), (HAPROXY_GATE, cpu)]));
        let (well, badly) = (with(150.0), with(151.0));
        assert!(well.contains(" 1.50 | ") && well.ends_with(" yes |"), "{well}");
        assert!(badly.contains(" 1.51 | ") && badly.ends_with(" no |"), "{badly}");
    }

    #[test]
    fn a_comparison_with_what_was_not_measured_is_left_out() {
        let agent = "whole: HAProxy with JWT Gate's agent / HAProxy's";
        let without = summary(&Figures::example(), "RS256").to_string();
        assert!(!without.contains(agent), "{without}");
        let figures = Figures::example_with(&[(HAPROXY_NATIVE, 100.0), (HAPROXY_GATE, 90.0)]);
        let with = summary(&figures, "RS256").to_string();
        let row = with.lines().find(|line| line.contains(agent)).unwrap();
        assert!(row.contains(" 0.90 |"), "{row}");
    }

    #[test]
    fn growth_is_told_against_the_least_size() {
        let point = |size, first| point(Axis::Rules, size, first);
        let table = growth(&[point(1, 2000), point(10, 2100)]).to_string();
        assert!(table.contains("| rules 10 |         2,100 | +5.0 % |"), "{table}");
        assert!(table.contains("1,000 | +0.0 % |"), "{table}");
    }

    #[test]
    fn digits_come_in_threes() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(123_456), "123,456");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
