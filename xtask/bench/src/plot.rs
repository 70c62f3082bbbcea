//! The comparison as a picture: a dot for each median, a line between the quartiles.

use std::fmt::Write as _;

use anyhow::Result;

use crate::{
    report::ORDER, rounds::Figures, setups::about, spread::Spread, tokens::SIGNERS,
    workload::Workload,
};

const WIDTH: usize = 980;
/// Two panels side by side.
const PANEL_WIDTH: usize = WIDTH / 2;
/// Where the axis begins within a panel, behind the names of the workloads.
const LEFT: usize = 110;
/// Room for the figure beside the last dot.
const RIGHT: usize = 50;
const ROW: usize = 13;
/// Between two workloads.
const GAP: usize = 10;
const TITLE: usize = 34;
const FOOT: usize = 40;
/// Microseconds at both ends of the axis, which is logarithmic.
const AXIS: (f64, f64) = (1.0, 2000.0);
const TICKS: [f64; 7] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];
/// One for each set-up, told apart by those who see no red or green, too.
const COLOURS: [&str; 10] = [
    "#999999", "#0072b2", "#56b4e9", "#d55e00", "#cc79a7", "#882255", "#e69f00", "#999999",
    "#009e73", "#000000",
];

/// Draws what each set-up adds to its proxy.
///
/// # Errors
///
/// None: writing to a text does not fail.
pub(crate) fn draw(figures: &Figures) -> Result<String> {
    let shown: Vec<&str> = ORDER
        .into_iter()
        .filter(|set_up| {
            SIGNERS
                .iter()
                .any(|signer| figures.added(signer.name(), Workload::Repeated, set_up).is_some())
        })
        .collect();
    let panel = TITLE + Workload::ALL.len() * (shown.len() * ROW + GAP) + FOOT;
    let legend = 46 + shown.len() * 16;
    let height = legend + 2 * panel;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">\n\
         <title>CPU added per request by each way to check a token</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"24\" font-size=\"15\">CPU added per request, µs (logarithmic): median \
         and quartiles of {} rounds</text>\n",
        figures.rounds
    );
    for (place, set_up) in shown.iter().enumerate() {
        let y = 46 + place * 16;
        dot(&mut svg, 22, y, colour(set_up))?;
        text(&mut svg, 34, y + 4, "start", about(set_up))?;
    }
    for (place, signer) in SIGNERS.iter().enumerate() {
        let (x, y) = (place % 2 * PANEL_WIDTH, legend + place / 2 * panel);
        text(&mut svg, x + LEFT, y + 20, "start", signer.name())?;
        let bottom = y + panel - FOOT;
        for tick in TICKS {
            let at = x + position(tick);
            writeln!(
                svg,
                "<line x1=\"{at}\" x2=\"{at}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"#ddd\"/>",
                y + TITLE - 8
            )?;
            text(&mut svg, at, bottom + 14, "middle", &tick.to_string())?;
        }
        let mut row = y + TITLE;
        for workload in Workload::ALL {
            let middle = row + shown.len() * ROW / 2;
            text(&mut svg, x + LEFT - 10, middle, "end", workload.name())?;
            for set_up in &shown {
                if let Some(added) = figures.added(signer.name(), workload, set_up) {
                    mark(&mut svg, x, row, added, colour(set_up))?;
                }
                row += ROW;
            }
            row += GAP;
        }
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn colour(set_up: &str) -> &'static str {
    let place = ORDER.iter().position(|known| *known == set_up);
    place.and_then(|place| COLOURS.get(place)).copied().unwrap_or("#000")
}

/// Where a figure stands within a panel; what is off the axis stands at its end.
fn position(microseconds: f64) -> usize {
    let (least, most) = AXIS;
    let part = (microseconds.clamp(least, most) / least).ln() / (most / least).ln();
    LEFT + (part * (PANEL_WIDTH - LEFT - RIGHT) as f64).round() as usize
}

fn mark(svg: &mut String, x: usize, y: usize, added: Spread, colour: &str) -> Result<()> {
    let (low, high) = (x + position(added.low), x + position(added.high));
    writeln!(
        svg,
        "<line x1=\"{low}\" x2=\"{high}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"3\" \
         stroke-opacity=\"0.5\"/>"
    )?;
    let at = x + position(added.median);
    dot(svg, at, y, colour)?;
    text(svg, at.max(high) + 7, y + 4, "start", &format!("{:.1}", added.median))
}

fn dot(svg: &mut String, x: usize, y: usize, colour: &str) -> Result<()> {
    Ok(writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"/>")?)
}

/// The texts here are our own, and hold nothing that XML would take for markup.
fn text(svg: &mut String, x: usize, y: usize, anchor: &str, text: &str) -> Result<()> {
    Ok(writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_both_ends_and_holds_what_is_beyond() {
        assert_eq!(position(1.0), LEFT);
        assert_eq!(position(-5.0), LEFT);
        assert_eq!(position(2000.0), PANEL_WIDTH - RIGHT);
        assert_eq!(position(1e9), PANEL_WIDTH - RIGHT);
        assert!(position(10.0) < position(30.0));
    }

    #[test]
    fn the_picture_is_xml() {
        let svg = draw(&Figures::example()).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let count = |name| document.descendants().filter(|node| node.has_tag_name(name)).count();
        // One guard: a dot in the legend and one for each workload of the one algorithm.
        assert_eq!(count("circle"), 1 + Workload::ALL.len());
        assert!(svg.contains(">RS256</text>") && svg.contains(">5.0</text>"), "{svg}");
    }
}
