//! Arrays of a person's own as the inputs of a problem. Everything that a reference takes for
//! granted about names, types and shapes is checked here, before it runs.

use crate::lesson::Lesson;
use crate::near::nearest;
use crate::problem::{Arg, ArgKind, Problem};
use crate::tensor::{Inputs, Value};
use crate::text::Lang;
use ndarray::ArrayD;
use std::collections::BTreeMap;

/// One named array as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    pub name: String,
    /// NumPy's name: `float32`.
    pub dtype: &'static str,
    pub data: Data,
}

/// The values of an array, in the widest type of their kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Float(ArrayD<f64>),
    Int(ArrayD<i64>),
    Bool(ArrayD<bool>),
}

impl Data {
    pub fn shape(&self) -> &[usize] {
        match self {
            Data::Float(array) => array.shape(),
            Data::Int(array) => array.shape(),
            Data::Bool(array) => array.shape(),
        }
    }

    /// The values as f64, whatever they are.
    pub fn to_f64(&self) -> ArrayD<f64> {
        match self {
            Data::Float(array) => array.clone(),
            Data::Int(array) => array.mapv(|x| x as f64),
            Data::Bool(array) => array.mapv(|x| f64::from(u8::from(x))),
        }
    }
}

/// Inputs, and the size of every axis in them.
pub type Bound = (Inputs, BTreeMap<String, usize>);

/// Takes each argument of the lesson's problem from the array of its name. A number that is
/// missing keeps the default; arrays named like a step or an output are left aside, so that what
/// `trace --save` wrote can be read back.
///
/// # Errors
/// A sentence that names the array, what was expected and what came.
pub fn bind(lesson: &Lesson, arrays: &[Named], lang: Lang) -> Result<Bound, String> {
    let problem = lesson.problem;
    let first = crate::check::case(problem, problem.kinds[0].id, 0, &[]);
    let first = (problem.inputs)(&first.map_err(|error| error.say(lang))?);
    unknown(lesson, &first, arrays, lang)?;

    let mut inputs = Inputs::new();
    let mut sizes: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for arg in problem.args {
        let value = match arrays.iter().find(|array| array.name == arg.name) {
            Some(array) => value(arg, array, lang)?,
            None => match arg.kind {
                ArgKind::OptionalBroadcast(_) => Value::Absent,
                ArgKind::Number => first.get(arg.name).clone(),
                _ => return Err(missing(problem, arg, arrays, lang)),
            },
        };
        if let ArgKind::Float(axes) | ArgKind::Int(axes) = arg.kind {
            for (axis, &size) in axes.split_whitespace().zip(value.shape()) {
                fits(problem, arg, axis, size, &mut sizes, lang)?;
            }
        }
        inputs.set(arg.name, value);
    }
    for arg in problem.args {
        if let (ArgKind::OptionalBroadcast(axes), Value::Float(array)) =
            (arg.kind, inputs.get(arg.name))
        {
            broadcasts(arg.name, axes, array.shape(), &sizes, lang)?;
        }
    }
    let sizes = sizes.into_iter().map(|(axis, (size, _))| (axis, size));
    Ok((inputs, sizes.collect()))
}

/// Refuses an array whose name is neither an argument nor a step nor an output.
fn unknown(lesson: &Lesson, first: &Inputs, arrays: &[Named], lang: Lang) -> Result<(), String> {
    let problem = lesson.problem;
    let arg = |name: &str| problem.args.iter().any(|arg| arg.name == name);
    let output = |name: &str| problem.outputs.iter().any(|(known, _)| *known == name);
    let mut others = arrays
        .iter()
        .filter(|array| !arg(&array.name) && !output(&array.name))
        .peekable();
    if others.peek().is_none() {
        return Ok(());
    }
    let mut trace = crate::trace::Trace::new();
    (problem.reference)(first, &mut trace);
    // How many numbered steps there are (`x1`, `x2` …) hangs on the sizes.
    let stem = |name: &str| {
        let name = name.trim_end_matches("_step");
        name.trim_end_matches(|c: char| c.is_ascii_digit())
            .to_string()
    };
    let step = |name: &str| {
        let known = |step: &crate::trace::Step| stem(&step.name) == stem(name);
        trace.steps().iter().any(known)
    };
    let Some(array) = others.find(|array| !step(&array.name)) else {
        return Ok(());
    };
    let (name, id, known) = (&array.name, lesson.id, expected(problem));
    let meant = match nearest(name, problem.args.iter().map(|arg| arg.name)) {
        Some(near) => lang.pick(
            format!("; did you mean `{near}`?"),
            format!("；是不是 `{near}`？"),
        ),
        None => String::new(),
    };
    Err(lang.pick(
        format!("array `{name}` is no input of {id}; its inputs are {known}{meant}"),
        format!("数组 `{name}` 不是 {id} 的输入；它的输入有 {known}{meant}"),
    ))
}

/// Every argument with its axes: `q [b h n d], mask [b h n m] (optional)`.
fn expected(problem: &Problem) -> String {
    let args = problem.args.iter().map(|arg| match arg.kind {
        ArgKind::Number => arg.name.to_string(),
        ArgKind::OptionalBroadcast(axes) => format!("{} [{axes}] (optional)", arg.name),
        kind => format!("{} [{}]", arg.name, kind.axes()),
    });
    args.collect::<Vec<_>>().join(", ")
}

fn missing(problem: &Problem, arg: &Arg, arrays: &[Named], lang: Lang) -> String {
    let (name, expected) = (arg.name, expected(problem));
    let names: Vec<&str> = arrays.iter().map(|array| array.name.as_str()).collect();
    let names = names.join(", ");
    lang.pick(
        format!("array `{name}` is missing: the inputs are {expected}; the file holds {names}"),
        format!("缺少数组 `{name}`：输入有 {expected}；文件里只有 {names}"),
    )
}

/// The array as the kind of value that the argument is.
fn value(arg: &Arg, array: &Named, lang: Lang) -> Result<Value, String> {
    let shape = array.data.shape();
    let rank = arg.kind.axes().split_whitespace().count();
    let right_rank = match arg.kind {
        ArgKind::Number => array.data.to_f64().len() == 1,
        ArgKind::OptionalBroadcast(_) => shape.len() <= rank,
        _ => shape.len() == rank,
    };
    let (name, dtype) = (arg.name, array.dtype);
    if !right_rank {
        let axes = arg.kind.axes();
        return Err(match arg.kind {
            ArgKind::Number => lang.pick(
                format!("`{name}` is one number; an array of shape {shape:?} came"),
                format!("`{name}` 应是一个数，得到的却是形状为 {shape:?} 的数组"),
            ),
            ArgKind::OptionalBroadcast(_) => lang.pick(
                format!("`{name}` must broadcast to [{axes}], which are {rank} axes; shape {shape:?} came"),
                format!("`{name}` 必须能广播到 [{axes}]（共 {rank} 个轴），得到的形状是 {shape:?}"),
            ),
            _ => lang.pick(
                format!("`{name}` has the axes [{axes}]; shape {shape:?} came, which has {} instead of {rank}", shape.len()),
                format!("`{name}` 的轴是 [{axes}]，得到的形状 {shape:?} 有 {} 个轴，应为 {rank} 个", shape.len()),
            ),
        });
    }
    match (arg.kind, &array.data) {
        (ArgKind::Number, Data::Float(_) | Data::Int(_)) => {
            Ok(Value::Number(array.data.to_f64().sum()))
        }
        (ArgKind::Float(_) | ArgKind::OptionalBroadcast(_), Data::Float(x)) => {
            Ok(Value::Float(x.mapv(|x| x as f32)))
        }
        (ArgKind::Int(_), Data::Int(x)) => Ok(Value::Int(x.clone())),
        (ArgKind::Int(_), Data::Bool(x)) => Ok(Value::Int(x.mapv(i64::from))),
        (kind, _) => {
            let axes = kind.axes();
            let want = match kind {
                ArgKind::Int(_) => "int64",
                _ => "float32",
            };
            let mask = match (kind, &array.data) {
                (ArgKind::OptionalBroadcast(_), Data::Bool(_)) => lang.pick(
                    ", with 0 where a key may be seen and -inf where not".to_string(),
                    "，可见处为 0，被屏蔽处为 -inf".to_string(),
                ),
                _ => String::new(),
            };
            Err(lang.pick(
                format!("`{name}` [{axes}] takes {want}{mask}; {dtype} came: save {name}.astype(np.{want})"),
                format!("`{name}` [{axes}] 需要 {want}{mask}，得到的是 {dtype}；保存前请用 {name}.astype(np.{want}) 转换"),
            ))
        }
    }
}

/// Checks one axis against its setting, and against the arrays before.
fn fits<'a>(
    problem: &Problem,
    arg: &'a Arg,
    axis: &str,
    size: usize,
    sizes: &mut BTreeMap<String, (usize, &'a str)>,
    lang: Lang,
) -> Result<(), String> {
    let name = arg.name;
    let setting = problem
        .settings
        .iter()
        .find(|setting| setting.axis && setting.name == axis);
    let (min, step) = setting.map_or((1, 1), |setting| (setting.min, setting.multiple_of));
    if size < min || !size.is_multiple_of(step) {
        let rule = match step {
            1 => lang.pick(format!("at least {min}"), format!("至少为 {min}")),
            step => lang.pick(format!("a multiple of {step}"), format!("{step} 的倍数")),
        };
        return Err(lang.pick(
            format!("axis {axis} of `{name}` has size {size}; it must be {rule}"),
            format!("`{name}` 的轴 {axis} 大小为 {size}，应{rule}"),
        ));
    }
    if let Ok(fixed) = axis.parse::<usize>() {
        return match fixed == size {
            true => Ok(()),
            false => Err(lang.pick(
                format!("`{name}` has an axis of size {fixed}; {size} came"),
                format!("`{name}` 有一个大小为 {fixed} 的轴，得到的是 {size}"),
            )),
        };
    }
    let (known, other) = *sizes.entry(axis.to_string()).or_insert((size, name));
    if known != size {
        return Err(lang.pick(
            format!("axis {axis} has size {known} in `{other}` and {size} in `{name}`; they must be equal"),
            format!("轴 {axis} 在 `{other}` 中是 {known}，在 `{name}` 中是 {size}，两者必须相等"),
        ));
    }
    Ok(())
}

fn broadcasts(
    name: &str,
    axes: &str,
    shape: &[usize],
    sizes: &BTreeMap<String, (usize, &str)>,
    lang: Lang,
) -> Result<(), String> {
    for (axis, &got) in axes.split_whitespace().rev().zip(shape.iter().rev()) {
        let fixed = axis.parse().ok();
        let want = fixed.or_else(|| sizes.get(axis).map(|(size, _)| *size));
        if got != 1 && want.is_some_and(|want| want != got) {
            let want = want.unwrap_or(1);
            return Err(lang.pick(
                format!("`{name}` must broadcast to [{axes}]: axis {axis} is 1 or {want}; {got} came (shape {shape:?})"),
                format!("`{name}` 必须能广播到 [{axes}]：轴 {axis} 应为 1 或 {want}，得到的是 {got}（形状 {shape:?}）"),
            ));
        }
    }
    Ok(())
}
