//! `docs/benchmarks.md`: what stands between its markers is written by the benchmark.

use std::fs;

use anyhow::{Context, Result, ensure};
use envoy_e2e::checkout;

const PAGE: &str = "docs/benchmarks.md";
const PLOT: &str = "docs/benchmarks.svg";

/// Replaces a section of the page.
///
/// # Errors
///
/// The page has no such section, or the file system refused.
pub(crate) fn write(section: &str, text: &str) -> Result<()> {
    let path = checkout().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let page = replaced(&page, section, text).with_context(|| PAGE.to_owned())?;
    fs::write(&path, page).with_context(|| format!("cannot write {PAGE}"))
}

/// Replaces the picture.
///
/// # Errors
///
/// The file system refused.
pub(crate) fn write_plot(svg: &str) -> Result<()> {
    fs::write(checkout().join(PLOT), svg).with_context(|| format!("cannot write {PLOT}"))
}

fn replaced(page: &str, section: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- begin: {section} -->\n"), format!("<!-- end: {section} -->"));
    let (before, rest) = page.split_once(&begin).with_context(|| format!("found no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("found no {end}"))?;
    ensure!(!after.contains(&begin), "found {begin} twice");
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let page = "a\n<!-- begin: x -->\nold\n<!-- end: x -->\nb\n";
        let expected = "a\n<!-- begin: x -->\n\nnew\n\n<!-- end: x -->\nb\n";
        assert_eq!(replaced(page, "x", "new\n").unwrap(), expected);
        assert_eq!(replaced(expected, "x", "new").unwrap(), expected);
        assert!(replaced(page, "y", "new").is_err());
    }

    #[test]
    fn the_page_has_its_sections() {
        let page = fs::read_to_string(checkout().join(PAGE)).unwrap();
        for section in ["acceptance", "proxies", "growth", "stages"] {
            replaced(&page, section, "").unwrap();
        }
    }
}
