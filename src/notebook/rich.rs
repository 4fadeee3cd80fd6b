//! What a cell's last expression looks like.

use super::Trouble;
use super::program::lang;
use crate::show::{HeatMap, Summary, html};
use crate::text::without_colour;
use crate::trace::{Element, Step, Trace};
use ndarray::{ArrayBase, ArrayD, Data, Dimension};
use std::fmt::{Debug, Display};
use std::io::Write;

/// A value that shows itself in a notebook. evcxr calls `evcxr_display` on a cell's last expression.
pub trait Rich {
    /// Contents by media type: the words first, for those who see no HTML.
    fn contents(&self) -> Vec<(&'static str, String)>;

    /// Hands the contents to evcxr, which reads them from this process's stdout.
    fn evcxr_display(&self) {
        hand_over(self.contents());
    }
}

fn hand_over(contents: Vec<(&'static str, String)>) {
    let mut out = std::io::stdout().lock();
    for (media, content) in contents {
        // Nobody can be told where stdout is closed.
        let _ = write!(
            out,
            "EVCXR_BEGIN_CONTENT {media}\n{}\nEVCXR_END_CONTENT\n",
            content.trim_end_matches('\n')
        );
    }
    let _ = out.flush();
}

/// A number shows its digits. evcxr would find that out by itself, were there no [`Rich`]: beside that trait rustc
/// has to know which number `let a = 3; a` is before it can say that it is not rich.
pub trait Number: Debug {
    /// See [`Rich::evcxr_display`].
    fn evcxr_display(&self) {
        hand_over(vec![("text/plain", format!("{self:?}"))]);
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$( impl Number for $number {} )*};
}

numbers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

/// HTML and its words.
pub fn both(html: String) -> Vec<(&'static str, String)> {
    vec![("text/plain", html::words(&html)), ("text/html", html)]
}

/// Something that the program has drawn or said.
#[derive(Clone, Debug)]
pub struct Shown(Vec<(&'static str, String)>);

impl Shown {
    /// Words with colours, which Jupyter shows.
    pub fn text(text: &str) -> Shown {
        Shown(vec![("text/plain", text.to_string())])
    }

    pub fn markdown(text: String) -> Shown {
        Shown(vec![("text/plain", text.clone()), ("text/markdown", text)])
    }

    pub fn html(html: String) -> Shown {
        Shown(both(html))
    }

    /// A picture, named for those who do not see it.
    pub fn svg(svg: &str, name: &str) -> Shown {
        Shown(vec![
            ("text/plain", format!("[{name}]")),
            ("text/html", html::fragment("llmlab-picture", &bare(svg))),
        ])
    }

    pub fn text_and_svg(text: &str, svg: &str) -> Shown {
        let words = format!("<pre>{}</pre>\n", html::escape(&without_colour(text)));
        let html = html::fragment("llmlab-bench", &(words + &bare(svg)));
        Shown(vec![("text/plain", text.to_string()), ("text/html", html)])
    }
}

/// An SVG without the XML declaration that a file begins with.
fn bare(svg: &str) -> String {
    let start = svg.find("<svg").unwrap_or(0);
    format!("{}\n", svg[start..].trim())
}

impl Rich for Shown {
    fn contents(&self) -> Vec<(&'static str, String)> {
        self.0.clone()
    }
}

impl Rich for Trouble {
    fn contents(&self) -> Vec<(&'static str, String)> {
        both(html::trouble(&self.to_string()))
    }
}

impl<T: Rich, E: Display> Rich for Result<T, E> {
    fn contents(&self) -> Vec<(&'static str, String)> {
        match self {
            Ok(value) => value.contents(),
            Err(error) => Trouble::new(error.to_string()).contents(),
        }
    }
}

impl Rich for () {
    fn contents(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Rich for Trace {
    fn contents(&self) -> Vec<(&'static str, String)> {
        let sizes: Vec<_> = self.sizes().iter().map(|(k, v)| (k.clone(), *v)).collect();
        both(html::trace("", &sizes, self, lang()))
    }
}

impl Rich for Step {
    fn contents(&self) -> Vec<(&'static str, String)> {
        both(html::step(self, lang()))
    }
}

/// Arrays of any number type and rank are heat maps; a number alone stays one.
impl<T, S, D> Rich for ArrayBase<S, D>
where
    T: Element + Debug,
    S: Data<Elem = T>,
    D: Dimension,
{
    fn contents(&self) -> Vec<(&'static str, String)> {
        let mut contents = vec![("text/plain", format!("{self:?}"))];
        let axes: Vec<String> = (0..self.ndim()).map(|i| format!("axis {i}")).collect();
        contents.extend(picture("", &axes, &self.mapv(T::to_f64).into_dyn()));
        contents
    }
}

/// An array whose axes have names.
#[derive(Clone, Debug)]
pub struct Named {
    axes: Vec<String>,
    value: ArrayD<f64>,
}

/// An array with names for its axes: `heat_map(&weights, "h i j")`.
///
/// # Errors
/// A sentence when there are not as many names as axes.
pub fn heat_map<T, S, D>(array: &ArrayBase<S, D>, axes: &str) -> Result<Named, Trouble>
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    let names: Vec<String> = axes.split_whitespace().map(String::from).collect();
    if names.len() != array.ndim() {
        return Err(Trouble::new(lang().pick(
            format!(
                "`{axes}` names {} axes and the array has {}, with sizes {:?}: name each once",
                names.len(),
                array.ndim(),
                array.shape()
            ),
            format!(
                "`{axes}` 给出 {} 个轴名，而数组有 {} 个轴，尺寸 {:?}：请为每个轴各起一个名字",
                names.len(),
                array.ndim(),
                array.shape()
            ),
        )));
    }
    Ok(Named {
        axes: names,
        value: array.mapv(T::to_f64).into_dyn(),
    })
}

impl Rich for Named {
    fn contents(&self) -> Vec<(&'static str, String)> {
        let mut contents = vec![("text/plain", format!("{:?}", self.value))];
        contents.extend(picture("", &self.axes, &self.value));
        contents
    }
}

fn picture(title: &str, axes: &[String], value: &ArrayD<f64>) -> Option<(&'static str, String)> {
    let map = HeatMap::of(title, axes, value, [24, 48], 8)?;
    Some(("text/html", html::tensor(&map, &Summary::of(value), lang())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr0, array};

    fn html(value: &impl Rich) -> Option<String> {
        let contents = value.contents();
        let html = contents
            .into_iter()
            .find(|(media, _)| *media == "text/html");
        html.map(|(_, content)| content)
    }

    #[test]
    fn arrays_of_every_type_are_heat_maps() {
        assert!(
            html(&array![[1i64, 2], [3, 4]])
                .unwrap()
                .contains(">4.00</td>")
        );
        assert!(html(&array![0.5f32, 1.0]).unwrap().contains("axis 0 →"));
        assert_eq!(html(&arr0(1.0f64)), None);
        let named = heat_map(&array![[1.0, 2.0]], "row column");
        assert!(html(&named).unwrap().contains("row ↓ column →"));
    }

    #[test]
    fn what_is_wrong_is_a_sentence() {
        let wrong = heat_map(&array![[1.0, 2.0]], "n");
        let shown = html(&wrong).unwrap();
        assert!(shown.contains("class=\"llmlab llmlab-trouble\""), "{shown}");
        assert!(
            shown.contains("names 1 axes and the array has 2"),
            "{shown}"
        );
    }
}
