//! A curve as a picture, without more than text: points over a logarithmic axis, with their quarters.

use std::fmt::Write;
use std::path::Path;

use super::Spread;

/// Where the pictures of the documentation are.
const FOLDER: &str = "docs/images";

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 56.0;

/// One picture.
#[derive(Debug)]
pub struct Plot {
    /// Its file.
    pub file: &'static str,
    /// What stands below it.
    pub title: &'static str,
    /// What was varied, and the cost of a record.
    pub points: Vec<(u64, Spread)>,
}

impl Plot {
    fn x(&self, value: u64) -> f64 {
        let log = |value: u64| (value as f64).ln();
        let (first, last) = (self.points.first().map_or(1, |point| point.0), self.points.last().map_or(10, |point| point.0));
        MARGIN + (WIDTH - 2.0 * MARGIN) * (log(value) - log(first)) / (log(last) - log(first))
    }

    /// The highest figure that the axis shows.
    fn top(&self) -> f64 {
        let highest = self.points.iter().map(|(_, spread)| spread.three_quarters).fold(0.0, f64::max);
        (highest * 1.2 / 10.0).ceil() * 10.0
    }

    fn y(&self, micros: f64) -> f64 {
        HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * micros / self.top()
    }

    fn svg(&self) -> Result<String, std::fmt::Error> {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <!-- Drawn by benches/process: make cost PART=records -->\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for step in 0..=4 {
            let micros = self.top() * f64::from(step) / 4.0;
            let (y, right) = (self.y(micros), WIDTH - MARGIN);
            writeln!(
                svg,
                "<path d=\"M{MARGIN} {y:.1}H{right}\" stroke=\"#ddd\"/><text x=\"48\" y=\"{:.1}\" text-anchor=\"end\">{micros:.0}</text>",
                y + 4.0
            )?;
        }
        for (value, spread) in &self.points {
            let x = self.x(*value);
            let [low, y, high] = [spread.quarter, spread.median, spread.three_quarters].map(|micros| self.y(micros));
            writeln!(
                svg,
                "<path d=\"M{x:.1} {low:.1}V{high:.1}\" stroke=\"#36c\" stroke-width=\"5\" opacity=\"0.4\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#36c\"/>"
            )?;
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.1}</text>", y - 10.0, spread.median)?;
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>", HEIGHT - MARGIN + 18.0)?;
        }
        let line: Vec<_> =
            self.points.iter().map(|(value, spread)| format!("{:.1},{:.1}", self.x(*value), self.y(spread.median))).collect();
        writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"#36c\"/>", line.join(" "))?;
        writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>", WIDTH / 2.0, HEIGHT - 12.0, self.title)?;
        writeln!(
            svg,
            "<text x=\"12\" y=\"24\">µs of a processor for each record, whole process; median, and half of the rounds</text>\n</svg>"
        )?;
        Ok(svg)
    }
}

/// Writes the picture.
pub fn draw(plot: &Plot) -> anyhow::Result<()> {
    std::fs::create_dir_all(FOLDER)?;
    Ok(std::fs::write(Path::new(FOLDER).join(plot.file), plot.svg()?)?)
}
