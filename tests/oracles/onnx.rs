//! The part of ONNX's protobuf files that its node tests use: `onnx.proto`, messages `TensorProto`
//! and `ModelProto` down to the attributes of a node.

use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;

/// A tensor of a node test. f64 holds every value of the types below exactly.
#[derive(Debug)]
pub struct Tensor {
    pub kind: Kind,
    pub values: ArrayD<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    F32,
    F16,
    I64,
    Bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    Int(i64),
    Float(f64),
    Text(String),
}

/// A `TensorProto`: its name and values.
///
/// # Panics
/// With a sentence, when the file is damaged or has an element type that no node test here uses.
pub fn tensor(file: &[u8]) -> (String, Tensor) {
    let (mut name, mut shape, mut kind, mut raw) = (String::new(), Vec::new(), 0, &[][..]);
    for (field, payload) in fields(file) {
        match field {
            1 => shape.push(payload.number() as usize),
            2 => kind = payload.number(),
            8 => name = payload.text(),
            9 => raw = payload.bytes(),
            _ => panic!("tensor `{name}` has the field {field}; this reader knows raw data alone"),
        }
    }
    let (kind, values): (Kind, Vec<f64>) = match kind {
        1 => (Kind::F32, words(raw, |b| f32::from_le_bytes(b).into())),
        7 => (Kind::I64, words(raw, |b| i64::from_le_bytes(b) as f64)),
        9 => (Kind::Bool, words(raw, |[b]| b.into())),
        10 => (Kind::F16, words(raw, |b| half(u16::from_le_bytes(b)))),
        _ => {
            panic!("tensor `{name}` has the element type {kind}; this reader knows 1, 7, 9 and 10")
        }
    };
    let count = values.len();
    let values = ArrayD::from_shape_vec(IxDyn(&shape), values)
        .unwrap_or_else(|_| panic!("tensor `{name}` has {count} values for the shape {shape:?}"));
    (name, Tensor { kind, values })
}

/// The attributes of the only node of a `ModelProto`.
///
/// # Panics
/// With a sentence, when the file is damaged or its graph has another number of nodes.
pub fn attributes(file: &[u8]) -> BTreeMap<String, Attribute> {
    let nodes: Vec<&[u8]> = children(file, 7)
        .flat_map(|graph| children(graph, 1))
        .collect();
    let [node] = nodes[..] else {
        panic!("a node test has one node, this graph has {}", nodes.len());
    };
    children(node, 5).map(attribute).collect()
}

fn attribute(message: &[u8]) -> (String, Attribute) {
    let (mut name, mut value) = (String::new(), None);
    for (field, payload) in fields(message) {
        match field {
            1 => name = payload.text(),
            2 => {
                value = Some(Attribute::Float(
                    f32::from_bits(payload.number() as u32).into(),
                ))
            }
            3 => value = Some(Attribute::Int(payload.number() as i64)),
            4 => value = Some(Attribute::Text(payload.text())),
            // The type, which the field that holds the value says too.
            20 => {}
            _ => panic!("attribute `{name}` has the field {field}, not a number or a string"),
        }
    }
    let value = value.unwrap_or_else(|| panic!("attribute `{name}` has no value"));
    (name, value)
}

/// The messages in a field that may be repeated.
fn children(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    fields(message)
        .filter(move |(field, _)| *field == number)
        .map(|(_, payload)| payload.bytes())
}

/// What a field holds: a number as its bits, anything else as bytes.
#[derive(Debug, PartialEq)]
enum Payload<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Payload<'a> {
    fn number(self) -> u64 {
        match self {
            Payload::Number(number) => number,
            Payload::Bytes(_) => panic!("damaged ONNX file: bytes in the place of a number"),
        }
    }

    fn bytes(self) -> &'a [u8] {
        match self {
            Payload::Bytes(bytes) => bytes,
            Payload::Number(_) => panic!("damaged ONNX file: a number in the place of bytes"),
        }
    }

    fn text(self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

/// The fields of a protobuf message: number and payload (protobuf.dev, «Encoding»).
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, Payload<'_>)> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let key = varint(&mut message);
        let payload = match key & 7 {
            0 => Payload::Number(varint(&mut message)),
            1 => Payload::Number(u64::from_le_bytes(array(take(&mut message, 8)))),
            2 => {
                let length = varint(&mut message) as usize;
                Payload::Bytes(take(&mut message, length))
            }
            5 => Payload::Number(u32::from_le_bytes(array(take(&mut message, 4))).into()),
            wire => panic!("damaged ONNX file: wire type {wire}"),
        };
        Some((key >> 3, payload))
    })
}

/// Seven bits to a byte, the lowest first; the top bit says that more follow.
fn varint(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("damaged ONNX file: a number of more than ten bytes")
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = message
        .split_at_checked(length)
        .expect("damaged ONNX file: it ends in the middle of a field");
    *message = rest;
    taken
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("as many bytes as were asked for")
}

fn words<const N: usize>(raw: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let (words, rest) = raw.as_chunks::<N>();
    assert!(rest.is_empty(), "damaged ONNX file: half an element");
    words.iter().map(|word| read(*word)).collect()
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    }
}

#[test]
fn half_precision_numbers_are_read() {
    let known = [
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x3555, 0.333_251_953_125),
        (0x7bff, 65504.0),
        (0x0001, 2f64.powi(-24)),
        (0xfc00, f64::NEG_INFINITY),
    ];
    for (bits, value) in known {
        assert_eq!(half(bits), value, "{bits:#06x}");
    }
    assert!(half(0x7e00).is_nan());
}

#[test]
fn a_tensor_is_read() {
    let file = b"\x08\x02\x08\x01\x10\x01\x42\x01q\x4a\x08\0\0\x80\x3f\0\0\0\xc0";
    let (name, tensor) = tensor(file);
    assert_eq!((name.as_str(), tensor.kind), ("q", Kind::F32));
    assert_eq!(tensor.values, ndarray::array![[1.0], [-2.0]].into_dyn());
}

#[test]
fn attributes_are_read() {
    // −1 takes ten bytes, as every negative number does.
    let minus_one = b"\x0a\x01i\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xa0\x01\x02";
    let float = b"\x0a\x01f\x15\0\0\0\x3f\xa0\x01\x01";
    let text = b"\x0a\x01s\x22\x03sum\xa0\x01\x03";
    let nest =
        |field: u8, message: &[u8]| [&[field << 3 | 2, message.len() as u8], message].concat();
    let node = [nest(5, minus_one), nest(5, float), nest(5, text)].concat();
    let read = attributes(&nest(7, &nest(1, &node)));
    let known = [
        ("f", Attribute::Float(0.5)),
        ("i", Attribute::Int(-1)),
        ("s", Attribute::Text("sum".into())),
    ];
    assert_eq!(
        read,
        known.map(|(name, value)| (name.to_string(), value)).into()
    );
}

#[test]
#[should_panic(expected = "it ends in the middle of a field")]
fn a_cut_file_is_refused() {
    tensor(b"\x4a\x08\0\0");
}
