//! The values that go in and out of an exercise.

use ndarray::{ArrayD, ArrayViewD};

/// A float tensor of any rank: what exercises take and give.
pub type Tensor = ArrayD<f32>;
/// Integers of any rank: targets, positions, counts.
pub type Labels = ArrayD<i64>;

/// One named input of an exercise.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Float(Tensor),
    Int(Labels),
    Number(f64),
    /// An optional input that was not given.
    Absent,
}

impl Value {
    /// The sizes of the axes; empty for a number or an absent input.
    pub fn shape(&self) -> &[usize] {
        match self {
            Value::Float(array) => array.shape(),
            Value::Int(array) => array.shape(),
            Value::Number(_) | Value::Absent => &[],
        }
    }
}

/// The inputs of one case, in the order of the exercise's arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs(Vec<(&'static str, Value)>);

impl Inputs {
    pub fn new() -> Inputs {
        Inputs::default()
    }

    /// Adds or replaces one input.
    pub fn with(mut self, name: &'static str, value: Value) -> Inputs {
        self.set(name, value);
        self
    }

    /// Adds or replaces one input in place.
    pub fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((name, value)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub fn get(&self, name: &str) -> &Value {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(&Value::Absent, |(_, value)| value)
    }

    /// A float input. Panics when the problem's own table says otherwise: a mistake in the lesson.
    pub fn float(&self, name: &str) -> &Tensor {
        match self.get(name) {
            Value::Float(array) => array,
            other => panic!("input `{name}` should be a float tensor, it is {other:?}"),
        }
    }

    /// A float input in the reference's precision.
    pub fn f64(&self, name: &str) -> ArrayD<f64> {
        self.float(name).mapv(f64::from)
    }

    /// A float input that may be absent.
    pub fn optional(&self, name: &str) -> Option<&Tensor> {
        match self.get(name) {
            Value::Float(array) => Some(array),
            _ => None,
        }
    }

    pub fn int(&self, name: &str) -> &Labels {
        match self.get(name) {
            Value::Int(array) => array,
            other => panic!("input `{name}` should be integers, it is {other:?}"),
        }
    }

    pub fn number(&self, name: &str) -> f64 {
        match self.get(name) {
            Value::Number(number) => *number,
            other => panic!("input `{name}` should be a number, it is {other:?}"),
        }
    }
}

/// The outputs of one run in f64, in the order of the problem's `outputs`.
pub type Outputs = Vec<ArrayD<f64>>;

/// max |x| over the finite elements; 0 when there is none.
pub fn max_abs<'a, T>(array: impl Into<ArrayViewD<'a, T>>) -> f64
where
    T: Copy + Into<f64> + 'a,
{
    let values = array.into();
    let finite = values.iter().map(|&x| x.into().abs());
    finite.filter(|x| x.is_finite()).fold(0.0, f64::max)
}
