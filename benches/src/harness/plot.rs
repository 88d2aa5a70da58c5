//! The ratios as a picture: a bar a row, its target, its bound, and C as the line at 1.

use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::report::{Bar, Report};

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Pixels: the whole width, the names at the left, a row, the title and the axis.
const WIDTH: u32 = 1000;
const NAMES: u32 = 260;
const ROW: u32 = 38;
const TITLE: u32 = 84;
const AXIS: u32 = 46;

const OK: RGBColor = RGBColor(46, 125, 90);
const SHORT: RGBColor = RGBColor(201, 102, 40);
const INK: RGBColor = RGBColor(40, 44, 52);
const FAINT: RGBColor = RGBColor(150, 156, 166);

/// Draws all rows that are ratios.
///
/// # Errors
/// If the file cannot be written.
pub fn draw(report: &Report, title: &str, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // The errors of the library borrow the picture.
    picture(&report.bars, title, path).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

fn picture(bars: &[Bar], title: &str, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let rows = bars.len() as f64;
    let height = TITLE + AXIS + ROW * bars.len() as u32;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    legend(&root, title)?;
    let widest = bars.iter().flat_map(|bar| [bar.ratio[2], bar.target]).fold(1.2, f64::max);
    let mut chart = ChartBuilder::on(&root)
        .margin_top(TITLE)
        .margin_right(40)
        .x_label_area_size(AXIS)
        .margin_left(NAMES)
        .build_cartesian_2d(0.0..widest * 1.08, rows..0.0)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().disable_y_axis().light_line_style(TRANSPARENT).bold_line_style(FAINT.mix(0.35));
    mesh.x_desc("time, as a multiple of the fastest C").axis_style(FAINT).label_style(("sans-serif", 13, &INK));
    mesh.x_label_formatter(&|ratio| format!("{ratio:.1}")).draw()?;
    let area = chart.plotting_area();
    area.draw(&PathElement::new([(1.0, 0.0), (1.0, rows)], INK.stroke_width(1)))?;
    for (at, bar) in bars.iter().enumerate() {
        one(area, at as f64, bar)?;
        let name = TextStyle::from(("sans-serif", 14)).color(&INK).pos(Pos::new(HPos::Right, VPos::Center));
        let middle = (TITLE + ROW * at as u32 + ROW / 2) as i32;
        root.draw(&Text::new(bar.name.clone(), (NAMES as i32 - 12, middle), name))?;
    }
    root.present()?;
    Ok(())
}

/// Draws one bar, its quartiles, its target, its bound and its figure.
fn one(area: &Canvas<'_>, at: f64, bar: &Bar) -> Result<(), Box<dyn std::error::Error>> {
    let [low, ratio, high] = bar.ratio;
    let color = if ratio <= bar.target { OK } else { SHORT };
    let (top, middle, bottom) = (at + 0.24, at + 0.5, at + 0.76);
    area.draw(&Rectangle::new([(0.0, top), (ratio, bottom)], color.mix(0.8).filled()))?;
    area.draw(&PathElement::new([(low, middle), (high, middle)], INK.stroke_width(2)))?;
    let target = [(bar.target, at + 0.1), (bar.target, at + 0.9)];
    area.draw(&PathElement::new(target, INK.stroke_width(3)))?;
    let bound =
        EmptyElement::at((bar.bound, middle)) + Circle::new((0, 0), 4, WHITE.filled()) + Circle::new((0, 0), 4, INK);
    area.draw(&bound)?;
    let figure = TextStyle::from(("sans-serif", 13)).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    let beyond = high.max(ratio).max(if bar.target > ratio { bar.target } else { 0.0 });
    area.draw(&(EmptyElement::at((beyond, middle)) + Text::new(format!("{ratio:.2}"), (8, 0), figure)))?;
    Ok(())
}

/// Draws the title, and what the marks mean.
fn legend(
    root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let style = TextStyle::from(("sans-serif", 18)).color(&INK);
    root.draw(&Text::new(title.to_owned(), (20, 16), style))?;
    let text = || TextStyle::from(("sans-serif", 13)).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    let y = 58;
    let say = |x: i32, words: &'static str| root.draw(&Text::new(words, (x, y), text()));
    say(42, "at its target")?;
    say(172, "short of it")?;
    say(290, "target")?;
    say(378, "bound: what cannot be done without")?;
    say(640, "quartiles")?;
    say(738, "C")?;
    root.draw(&Rectangle::new([(20, y - 6), (36, y + 6)], OK.mix(0.8).filled()))?;
    root.draw(&Rectangle::new([(150, y - 6), (166, y + 6)], SHORT.mix(0.8).filled()))?;
    root.draw(&PathElement::new([(278, y - 9), (278, y + 9)], INK.stroke_width(3)))?;
    root.draw(&Circle::new((364, y), 4, INK))?;
    root.draw(&PathElement::new([(616, y), (632, y)], INK.stroke_width(2)))?;
    root.draw(&PathElement::new([(728, y - 9), (728, y + 9)], INK.stroke_width(1)))?;
    Ok(())
}
