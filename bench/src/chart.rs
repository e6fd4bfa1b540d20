//! Curves as a picture: what something costs against how much there is of something else.

use std::path::Path;

use anyhow::{Context, anyhow};
use epaint_default_fonts::UBUNTU_LIGHT;
use plotters::prelude::*;
use plotters::style::register_font;

/// Width and height in pixels.
const SIZE: (u32, u32) = (960, 540);
const FONT: &str = "sans-serif";
const COLOURS: [RGBColor; 3] = [RGBColor(0, 90, 181), RGBColor(220, 50, 32), RGBColor(64, 64, 64)];

/// One line of points, by growing first number.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// What is drawn.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What the first numbers count; on a logarithmic axis.
    pub(crate) across: &'static str,
    /// What the second numbers count, from zero.
    pub(crate) up: &'static str,
    pub(crate) curves: Vec<Curve>,
}

impl Chart {
    /// Draws it as a PNG. Errors: there is nothing to draw, or the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        register_font(FONT, FontStyle::Normal, UBUNTU_LIGHT)
            .map_err(|_| anyhow!("the letters of the chart cannot be read"))?;
        self.draw(path).with_context(|| format!("drawing {}", path.display()))
    }

    fn draw(&self, path: &Path) -> anyhow::Result<()> {
        let points = || self.curves.iter().flat_map(|curve| curve.points.iter().copied());
        let (least, most) =
            points().fold((f64::MAX, 0.0_f64), |(low, high), (x, _)| (low.min(x), high.max(x)));
        let top = points().map(|(_, y)| y).fold(0.0, f64::max) * 1.1;
        if least >= most || top <= 0.0 {
            return Err(anyhow!("a curve needs two points"));
        }
        let area = BitMapBackend::new(path, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, (FONT, 22))
            .margin(16)
            .margin_right(48)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d((least..most).log_scale(), 0.0..top)?;
        let number = |value: &f64| format!("{value:.0}");
        chart
            .configure_mesh()
            .x_desc(self.across)
            .y_desc(self.up)
            .x_label_formatter(&number)
            .label_style((FONT, 16))
            .axis_desc_style((FONT, 18))
            .draw()?;
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let style = colour.stroke_width(2);
            let points = || curve.points.iter().copied();
            chart
                .draw_series(LineSeries::new(points(), style))?
                .label(curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
            chart.draw_series(points().map(|point| Circle::new(point, 4, colour.filled())))?;
        }
        let legend = SeriesLabelPosition::UpperLeft;
        chart
            .configure_series_labels()
            .position(legend)
            .label_font((FONT, 16))
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()?;
        area.present()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_a_png_and_one_of_nothing_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("chart.png");
        let chart = |points| Chart {
            title: "cost".to_owned(),
            across: "runs",
            up: "ms",
            curves: vec![Curve { name: "p50", points }],
        };
        chart(vec![(1e3, 2.0), (1e4, 2.5), (1e6, 3.0)]).write(&path).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"\x89PNG"));
        assert!(chart(Vec::new()).write(&path).is_err());
    }
}
