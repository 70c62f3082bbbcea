//! The report for people.

use std::fmt;

use super::{report::Report, spread::Spread};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { module, requests, warm_up, outcomes, fuel, host_calls, memory, time } = self;
        writeln!(f, "module        {}, {} bytes", module.file, grouped(module.size))?;
        let ends: Vec<String> =
            outcomes.iter().map(|(end, count)| format!("{} {end}", grouped(*count))).collect();
        let (requests, warm_up) = (grouped(*requests), grouped(*warm_up));
        writeln!(f, "requests      {requests} after {warm_up} of warm-up: {}", ends.join(", "))?;
        writeln!(
            f,
            "memory        {} pages of 64 KiB at first, {} after warm-up, {} at the end",
            memory.pages_at_start, memory.pages_after_warm_up, memory.pages_at_end
        )?;

        heading(f, "a request, the same in every run")?;
        row(f, "fuel", &fuel.request, grouped)?;
        for (name, spread) in &fuel.callbacks {
            row(f, &format!("  {name}"), spread, grouped)?;
        }
        row(f, "host calls", &host_calls.request, grouped)?;
        for (name, spread) in &host_calls.functions {
            row(f, &format!("  {name}"), spread, grouped)?;
        }

        heading(f, &format!("time on this machine, {} build", time.harness))?;
        row(f, "a request, no fuel counted", &time.request, duration)?;
        row(f, "a request, fuel counted", &time.request_with_fuel, duration)?;
        row(f, "a new VM", &time.instantiate, duration)?;
        row(f, "start and configuration", &time.start, duration)?;
        writeln!(f, "\ncompiling     {}, once", duration(time.compile))?;
        writeln!(f, "starting      {} units of fuel, once a VM", grouped(fuel.start))
    }
}

fn heading(f: &mut fmt::Formatter<'_>, title: &str) -> fmt::Result {
    writeln!(f, "\n{title:<40} {:>11} {:>11} {:>11} {:>11}", "min", "median", "95 %", "max")
}

fn row<D: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    spread: &Spread,
    show: impl Fn(u64) -> D,
) -> fmt::Result {
    let Spread { min, median, p95, max } = *spread;
    write!(f, "{name:<40}")?;
    for figure in [min, median, p95, max] {
        write!(f, " {:>11}", show(figure).to_string())?;
    }
    writeln!(f)
}

/// A number with a comma between thousands.
fn grouped(number: impl fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time with three digits or more, and its unit.
fn duration(nanos: u64) -> String {
    let (unit, scale) = match nanos {
        0..10_000 => return format!("{nanos} ns"),
        10_000..10_000_000 => ("us", 1_000),
        10_000_000..10_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let tenths = nanos.checked_div(scale / 10).unwrap_or_default();
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }

    #[test]
    fn times_have_a_unit_that_fits() {
        let cases = [
            (0, "0 ns"),
            (9_999, "9999 ns"),
            (10_000, "10.0 us"),
            (1_234_567, "1234.5 us"),
            (10_000_000, "10.0 ms"),
            (61_000_000_000, "61.0 s"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(duration(nanos), expected);
        }
    }
}
