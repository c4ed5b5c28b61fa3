//! A chart of the costs of calls, for the README.

use std::fmt::Write as _;

/// The costs of a call, as multiples of the minimum.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) summary: &'static str,
    pub(super) ours: f64,
    pub(super) libdm: f64,
}

/// The width of the names, and of a bar for the minimum, in pixels.
const NAMES: f64 = 290.0;
const LEAST: f64 = 80.0;

/// The height of a call, and that of each of its two bars.
const ROW: f64 = 34.0;
const BAR: f64 = 12.0;

/// The maximum length of a bar; a longer one is cut, and its number shows the value.
const MAX_BAR: f64 = 6.0;

const OURS: &str = "#2a7ab0";
const LIBDM: &str = "#b0b0b0";

/// Draws two bars for each call.
pub(super) fn svg(release: &str, bars: &[Bar]) -> String {
    let rows = f64::from(u16::try_from(bars.len()).unwrap_or(u16::MAX));
    let (width, height) = (NAMES + LEAST * MAX_BAR + 70.0, (rows + 2.0) * ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let title = format!(
        "Instructions, the kernel's included, as a multiple of the same ioctls by hand (Linux {})",
        escaped(release)
    );
    text(&mut svg, 8.0, 20.0, "start", &title);
    let mut top = ROW;
    for bar in bars {
        text(&mut svg, NAMES - 8.0, top + BAR + 4.0, "end", &escaped(bar.summary));
        draw(&mut svg, top, OURS, bar.ours);
        draw(&mut svg, top + BAR + 1.0, LIBDM, bar.libdm);
        top += ROW;
    }
    let bottom = top + ROW / 2.0;
    text(&mut svg, NAMES, bottom, "start", &format!("<tspan fill=\"{OURS}\">■</tspan> dm-core"));
    text(&mut svg, NAMES + 90.0, bottom, "start", &format!("<tspan fill=\"{LIBDM}\">■</tspan> libdevmapper"));
    svg.push_str("</svg>\n");
    svg
}

/// Draws a bar and its number.
fn draw(svg: &mut String, top: f64, color: &str, ratio: f64) {
    let length = ratio.min(MAX_BAR) * LEAST;
    // Writing to a string does not fail.
    let _ = writeln!(svg, "<rect x=\"{NAMES}\" y=\"{top}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{color}\"/>");
    text(svg, NAMES + length + 5.0, top + BAR - 2.0, "start", &format!("{ratio:.2}"));
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::{Bar, svg};

    #[test]
    fn bars_have_their_lengths_up_to_the_longest() {
        let bars = [Bar { summary: "a < b", ours: 1.0, libdm: 62.79 }];
        let drawn = svg("6.12", &bars);
        assert!(drawn.contains("width=\"80.0\" height=\"12\" fill=\"#2a7ab0\"") && drawn.contains(">1.00<"), "{drawn}");
        assert!(
            drawn.contains("width=\"480.0\" height=\"12\" fill=\"#b0b0b0\"") && drawn.contains(">62.79<"),
            "{drawn}"
        );
        assert!(drawn.contains("a &lt; b") && drawn.contains("(Linux 6.12)"), "{drawn}");
    }
}
