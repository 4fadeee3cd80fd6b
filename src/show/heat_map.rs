//! A step's values as shades: panels of rows and columns.

use crate::trace::Step;
use ndarray::{Array2, ArrayD, ArrayView2, Axis, Ix2, s};

/// A tensor's last two axes as rows and columns; each index of the axes before them is a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// The step's name.
    pub title: String,
    pub rows: Side,
    pub columns: Side,
    pub panels: Vec<Panel>,
    /// How many panels there are; only the first ones are in `panels`.
    pub all: usize,
    pub scale: Scale,
}

/// One side of every panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The axis; empty where the tensor has none.
    pub name: String,
    pub size: usize,
    /// How many neighbours a cell is the mean of.
    pub pool: usize,
}

/// The values of one panel, pooled.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// `b=0 h=1`; empty where there is one only.
    pub name: String,
    pub cells: Array2<f64>,
}

/// What the shades mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
}

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shade {
    /// From 0 (the scale's low end) to 1.
    Value(f64),
    /// −∞: what a mask hides.
    Hidden,
    /// NaN or +∞.
    NotFinite,
}

impl HeatMap {
    /// A step's values; see [`HeatMap::of`].
    pub fn new(step: &Step, most: [usize; 2], most_panels: usize) -> Option<HeatMap> {
        HeatMap::of(&step.name, &step.axes, &step.value, most, most_panels)
    }

    /// With at most so many rows, columns and panels: larger sides are pooled. None for a single number
    /// and for a tensor without elements.
    pub fn of(
        title: &str,
        axes: &[String],
        value: &ArrayD<f64>,
        most: [usize; 2],
        most_panels: usize,
    ) -> Option<HeatMap> {
        if value.ndim() == 0 || value.is_empty() {
            return None;
        }
        let mut names = axes.to_vec();
        let mut value = value.clone();
        if value.ndim() == 1 {
            value.insert_axis_inplace(Axis(0));
            names.insert(0, String::new());
        }
        let rank = value.ndim();
        let side = |axis: usize, most: usize| {
            let size = value.shape()[axis];
            Side {
                name: names[axis].clone(),
                size,
                pool: size.div_ceil(most.max(1)),
            }
        };
        let (rows, columns) = (side(rank - 2, most[0]), side(rank - 1, most[1]));
        let outer = &value.shape()[..rank - 2];
        let all: usize = outer.iter().product();
        let panels = (0..all.min(most_panels)).map(|at| {
            let mut view = value.view();
            let mut name = Vec::new();
            let mut rest = at;
            for (axis, size) in outer.iter().enumerate() {
                let stride: usize = outer[axis + 1..].iter().product();
                let index = rest / stride;
                rest %= stride;
                view.index_axis_inplace(Axis(0), index);
                if *size > 1 {
                    name.push(format!("{}={index}", names[axis]));
                }
            }
            let matrix = view.into_dimensionality::<Ix2>().ok()?;
            Some(Panel {
                name: name.join(" "),
                cells: pooled(&matrix, rows.pool, columns.pool),
            })
        });
        let panels: Vec<Panel> = panels.collect::<Option<_>>()?;
        let scale = Scale::of(panels.iter().flat_map(|panel| panel.cells.iter().copied()));
        Some(HeatMap {
            title: title.to_string(),
            rows,
            columns,
            panels,
            all,
            scale,
        })
    }

    /// Panels with names of their own, on one scale. All have the same shape.
    pub fn beside(
        title: impl Into<String>,
        [rows, columns]: [&str; 2],
        panels: impl IntoIterator<Item = (String, Array2<f64>)>,
    ) -> HeatMap {
        let panels = panels.into_iter();
        let panels: Vec<Panel> = panels.map(|(name, cells)| Panel { name, cells }).collect();
        let (n, m) = panels.first().map_or((0, 0), |panel| panel.cells.dim());
        let side = |name: &str, size: usize| Side {
            name: name.to_string(),
            size,
            pool: 1,
        };
        HeatMap {
            title: title.into(),
            rows: side(rows, n),
            columns: side(columns, m),
            all: panels.len(),
            scale: Scale::of(panels.iter().flat_map(|panel| panel.cells.iter().copied())),
            panels,
        }
    }

    /// Gives maps one scale, so that their shades can be compared.
    pub fn share_scale(maps: &mut [HeatMap]) {
        let cells = maps.iter().flat_map(|map| &map.panels);
        let scale = Scale::of(cells.flat_map(|panel| panel.cells.iter().copied()));
        for map in maps {
            map.scale = scale;
        }
    }

    /// The same with at most so many rows and columns: larger sides are pooled.
    pub fn fitted(&self, most: [usize; 2]) -> HeatMap {
        let by = |cells: usize, most: usize| cells.div_ceil(most.max(1)).max(1);
        let (rows, columns) = self
            .panels
            .first()
            .map_or((1, 1), |panel| panel.cells.dim());
        let (rows, columns) = (by(rows, most[0]), by(columns, most[1]));
        let mut fitted = self.clone();
        fitted.rows.pool *= rows;
        fitted.columns.pool *= columns;
        for panel in &mut fitted.panels {
            panel.cells = pooled(&panel.cells.view(), rows, columns);
        }
        fitted
    }

    /// Whether a cell is more than one number.
    pub fn is_pooled(&self) -> bool {
        self.rows.pool * self.columns.pool > 1
    }
}

/// Means of blocks. Numbers that are not finite count only where a block has no others.
fn pooled(x: &ArrayView2<'_, f64>, rows: usize, columns: usize) -> Array2<f64> {
    let size = [x.nrows().div_ceil(rows), x.ncols().div_ceil(columns)];
    Array2::from_shape_fn(size, |(i, j)| {
        let (bottom, right) = ((i + 1) * rows, (j + 1) * columns);
        let block = x.slice(s![
            i * rows..bottom.min(x.nrows()),
            j * columns..right.min(x.ncols())
        ]);
        let finite = || block.iter().filter(|x| x.is_finite());
        match finite().count() {
            0 => block[[0, 0]],
            count => finite().sum::<f64>() / count as f64,
        }
    })
}

impl Scale {
    /// From the least finite value to the largest; as far below 0 as above where there are both signs.
    fn of(values: impl Iterator<Item = f64>) -> Scale {
        let finite = values.filter(|x| x.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        match low <= high {
            false => Scale {
                low: 0.0,
                high: 0.0,
            },
            true if low < 0.0 && high > 0.0 => {
                let most = high.max(-low);
                Scale {
                    low: -most,
                    high: most,
                }
            }
            true => Scale { low, high },
        }
    }

    /// Whether 0 lies in the middle.
    pub fn is_signed(self) -> bool {
        self.low < 0.0 && self.high > 0.0
    }

    pub fn shade(self, x: f64) -> Shade {
        match x {
            x if x == f64::NEG_INFINITY => Shade::Hidden,
            x if !x.is_finite() => Shade::NotFinite,
            // One value everywhere.
            _ if !(self.high > self.low) => Shade::Value(0.5),
            x => Shade::Value(((x - self.low) / (self.high - self.low)).clamp(0.0, 1.0)),
        }
    }

    /// Red, green and blue. One sign: from dark to light, as viridis (van der Walt and Smith 2015), which
    /// is read as well without seeing colours. Both: blue below 0, white, vermilion above (Okabe and Ito 2008).
    pub fn color(self, shade: Shade) -> [u8; 3] {
        const ONE_SIGN: [[u8; 3]; 5] = [
            [68, 1, 84],
            [59, 82, 139],
            [33, 145, 140],
            [94, 201, 98],
            [253, 231, 37],
        ];
        const BOTH: [[u8; 3]; 3] = [[0, 114, 178], [247, 247, 247], [213, 94, 0]];
        let at = match shade {
            Shade::Value(at) => at,
            Shade::Hidden => return [150, 150, 150],
            Shade::NotFinite => return [204, 0, 120],
        };
        let stops: &[[u8; 3]] = if self.is_signed() { &BOTH } else { &ONE_SIGN };
        let place = at * (stops.len() - 1) as f64;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let before = (place as usize).min(stops.len() - 2);
        let part = place - before as f64;
        std::array::from_fn(|i| {
            let [a, b] = [stops[before][i], stops[before + 1][i]].map(f64::from);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let mixed = (a + (b - a) * part).round() as u8;
            mixed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;
    use ndarray::{Array1, Array4, arr0, array};

    fn step(axes: &str, value: &ArrayD<f64>) -> Step {
        let mut trace = Trace::new();
        trace.step("x", "x", axes, value).clone()
    }

    #[test]
    fn outer_axes_are_panels_in_order() {
        let value = Array4::from_shape_fn((2, 3, 4, 5), |(b, h, n, m)| {
            (b * 1000 + h * 100 + n * 10 + m) as f64
        });
        let map = HeatMap::new(&step("b h n m", &value.into_dyn()), [64, 64], 4).unwrap();
        let names: Vec<&str> = map.panels.iter().map(|panel| panel.name.as_str()).collect();
        assert_eq!(names, ["b=0 h=0", "b=0 h=1", "b=0 h=2", "b=1 h=0"]);
        assert_eq!((map.all, map.rows.size, map.columns.size), (6, 4, 5));
        assert_eq!(map.panels[3].cells[[2, 3]], 1023.0);
        assert!(!map.scale.is_signed() && !map.is_pooled());
    }

    #[test]
    fn large_sides_are_means_and_masks_stay_masks() {
        let hidden = f64::NEG_INFINITY;
        let value = array![[1.0, 3.0, hidden, hidden], [1.0, 3.0, hidden, 5.0]];
        let map = HeatMap::new(&step("n m", &value.into_dyn()), [1, 2], 1).unwrap();
        assert_eq!(map.panels[0].cells, array![[2.0, 5.0]]);
        assert_eq!((map.rows.pool, map.columns.pool), (2, 2));
        let all_hidden = array![[hidden, hidden]];
        let map = HeatMap::new(&step("n m", &all_hidden.into_dyn()), [9, 9], 1).unwrap();
        assert_eq!(map.scale.shade(map.panels[0].cells[[0, 0]]), Shade::Hidden);
    }

    #[test]
    fn a_map_is_fitted_where_it_is_too_large() {
        let cells = Array2::from_shape_fn((4, 6), |(i, j)| (6 * i + j) as f64);
        let map = HeatMap::beside("x", ["n", "m"], [(String::new(), cells)]);
        assert_eq!(map.fitted([4, 6]), map);
        let fitted = map.fitted([4, 3]);
        assert_eq!(fitted.panels[0].cells.row(0), array![0.5, 2.5, 4.5]);
        assert_eq!((fitted.rows.pool, fitted.columns.pool), (1, 2));
    }

    #[test]
    fn both_signs_put_nothing_in_the_middle() {
        let value = Array1::from(vec![-1.0, 0.0, 4.0]).into_dyn();
        let map = HeatMap::new(&step("n", &value), [9, 9], 1).unwrap();
        let shades = map.panels[0].cells.map(|x| map.scale.shade(*x));
        let want = [0.375, 0.5, 1.0].map(Shade::Value);
        assert_eq!(shades.iter().copied().collect::<Vec<_>>(), want);
        assert_eq!(map.scale.color(Shade::Value(0.5)), [247, 247, 247]);
        assert_eq!(map.scale.color(Shade::Value(1.0)), [213, 94, 0]);
    }

    #[test]
    fn a_number_and_nothing_are_no_maps() {
        assert_eq!(
            HeatMap::new(&step("", &arr0(1.0).into_dyn()), [9, 9], 1),
            None
        );
        let empty = ArrayD::zeros(vec![0, 3]);
        assert_eq!(HeatMap::new(&step("n m", &empty), [9, 9], 1), None);
    }
}
