//! Arrays in and out: what is written is read back, what is wrong is named, and no bytes panic.

use llmlab::bind::{Data, Named, bind};
use llmlab::lesson::Lesson;
use llmlab::lessons::LESSONS;
use llmlab::npz;
use llmlab::problem::ArgKind;
use llmlab::tensor::Value;
use llmlab::text::Lang;
use ndarray::{ArrayD, arr0};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::path::Path;
use std::process::Command;

fn llmlab(words: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmlab"));
    command.env("LLMLAB_LANG", "en").args(words);
    command.output().expect("the program starts")
}

/// A lesson's inputs of one kind as arrays.
fn arrays(lesson: &Lesson, kind: &str) -> Vec<Named> {
    let case = llmlab::check::case(lesson.problem, kind, 1, &[]).expect("a known kind");
    let inputs = (lesson.problem.inputs)(&case);
    let named = inputs.iter().filter_map(|(name, value)| {
        let data = match value {
            Value::Float(x) => Data::Float(x.mapv(f64::from)),
            Value::Int(x) => Data::Int(x.clone()),
            Value::Number(x) => Data::Float(arr0(*x).into_dyn()),
            Value::Absent => return None,
        };
        Some(named(name, data))
    });
    named.collect()
}

fn named(name: &str, data: Data) -> Named {
    let dtype = match data {
        Data::Float(_) => "float64",
        Data::Int(_) => "int64",
        Data::Bool(_) => "bool",
    };
    Named {
        name: name.to_string(),
        dtype,
        data,
    }
}

fn pairs(arrays: &[Named]) -> Vec<(String, Data)> {
    arrays
        .iter()
        .map(|array| (array.name.clone(), array.data.clone()))
        .collect()
}

fn write(path: &Path, arrays: &[Named]) {
    npz::write(path, &pairs(arrays), Lang::En).expect("a file");
}

#[test]
fn arrays_are_read_back_as_they_were_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.npz");
    let written = vec![
        named("scalar", Data::Float(arr0(-0.5).into_dyn())),
        named(
            "inf",
            Data::Float(ArrayD::from_elem(vec![2, 3], f64::NEG_INFINITY)),
        ),
        named("empty", Data::Float(ArrayD::zeros(vec![0, 4]))),
        named(
            "labels",
            Data::Int(ArrayD::from_shape_fn(vec![3, 2], |i| {
                i[0] as i64 * 10 - i[1] as i64
            })),
        ),
        named(
            "keep",
            Data::Bool(ArrayD::from_shape_fn(vec![5], |i| i[0] % 2 == 0)),
        ),
        named(
            "transposed",
            Data::Float(
                ArrayD::from_shape_fn(vec![2, 3, 4], |i| (i[0] * 100 + i[1] * 10 + i[2]) as f64)
                    .reversed_axes(),
            ),
        ),
    ];
    write(&path, &written);
    assert_eq!(npz::read(&path, Lang::En).expect("arrays"), written);
}

#[test]
fn every_step_is_saved_and_every_kind_of_case_can_be_read_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (
        directory.path().join("a.npz"),
        directory.path().join("b.npz"),
    );
    let (first, second) = (
        first.to_str().expect("UTF-8"),
        second.to_str().expect("UTF-8"),
    );
    let mut compared = 0;
    for lesson in LESSONS {
        for kind in lesson.problem.kinds {
            let save = llmlab(&["trace", lesson.id, "--case", kind.id, "--save", first]);
            assert!(
                save.status.success(),
                "{}",
                String::from_utf8_lossy(&save.stderr)
            );
            let load = llmlab(&["trace", lesson.id, "--inputs", first, "--save", second]);
            assert!(
                load.status.success(),
                "{} {}: {}",
                lesson.id,
                kind.id,
                String::from_utf8_lossy(&load.stderr)
            );
            let read = |path| npz::read(Path::new(path), Lang::En).expect("arrays");
            let (saved, loaded) = (read(first), read(second));
            assert_eq!(
                format!("{saved:?}"),
                format!("{loaded:?}"),
                "{} {}",
                lesson.id,
                kind.id
            );
            for (name, _) in lesson.problem.outputs {
                assert!(
                    saved.iter().any(|array| array.name == *name),
                    "{name} of {}",
                    lesson.id
                );
            }
            compared += saved.len();
        }
    }
    println!("{compared} arrays compared");
}

#[test]
fn wrong_arrays_are_named_before_the_reference_sees_them() {
    for lesson in LESSONS {
        let right = arrays(lesson, lesson.problem.kinds[0].id);
        bind(lesson, &right, Lang::En).expect("right inputs");
        let refused = |arrays: &[Named], word: &str| {
            for lang in [Lang::En, Lang::Zh] {
                let sentence = bind(lesson, arrays, lang).expect_err("wrong inputs");
                assert!(sentence.contains(word), "{}: {sentence}", lesson.id);
            }
        };
        refused(&[], lesson.problem.args[0].name);
        for arg in lesson.problem.args {
            let at = right.iter().position(|array| array.name == arg.name);
            let Some(at) = at else { continue };
            let changed = |change: &dyn Fn(&mut Named)| {
                let mut arrays = right.clone();
                change(&mut arrays[at]);
                arrays
            };
            let name = arg.name;
            refused(&changed(&|array| array.name = format!("{name}x")), name);
            // Seven axes are too many for any argument, two elements for a number.
            let shape = match arg.kind {
                ArgKind::Number => vec![2],
                _ => vec![1; 7],
            };
            let many = Data::Float(ArrayD::zeros(shape));
            refused(&changed(&|array| array.data = many.clone()), name);
            if let ArgKind::Float(_) | ArgKind::Int(_) = arg.kind {
                let shape = right[at].data.shape().to_vec();
                for axis in 0..shape.len() {
                    let mut sizes = shape.clone();
                    sizes[axis] = 0;
                    let zeros = match arg.kind {
                        ArgKind::Int(_) => Data::Int(ArrayD::zeros(sizes)),
                        _ => Data::Float(ArrayD::zeros(sizes)),
                    };
                    refused(&changed(&|array| array.data = zeros.clone()), name);
                }
                let other = match arg.kind {
                    ArgKind::Int(_) => Data::Float(ArrayD::zeros(shape)),
                    _ => Data::Int(ArrayD::zeros(shape)),
                };
                refused(&changed(&|array| array.data = other.clone()), "astype");
            }
        }
    }
}

/// A zip entry by hand, to write what no library writes.
fn zip(name: &str, method: u16, data: &[u8]) -> Vec<u8> {
    let size = (data.len() as u32).to_le_bytes();
    let name_len = (name.len() as u16).to_le_bytes();
    let mut out = b"PK\x03\x04\x14\0\0\0".to_vec();
    out.extend(method.to_le_bytes());
    out.extend([0; 8]);
    out.extend(size);
    out.extend(size);
    out.extend(name_len);
    out.extend([0; 2]);
    out.extend(name.as_bytes());
    out.extend(data);
    let directory = out.len() as u32;
    out.extend(b"PK\x01\x02\x14\0\x14\0\0\0");
    out.extend(method.to_le_bytes());
    out.extend([0; 8]);
    out.extend(size);
    out.extend(size);
    out.extend(name_len);
    out.extend([0; 16]);
    out.extend(name.as_bytes());
    let end = out.len() as u32;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend((end - directory).to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY\x01\0".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

#[test]
fn every_dtype_order_and_byte_order_is_read() {
    let read = |header: &str, data: &[u8]| npz::parse(&zip("x.npy", 0, &npy(header, data)));
    let floats =
        |text: &str, data: &[u8]| read(text, data).expect("an array").remove(0).data.to_f64();
    let header = |descr: &str, fortran: &str, shape: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
    };
    let big: Vec<u8> = [1.5f32, -2.0]
        .iter()
        .flat_map(|x| x.to_be_bytes())
        .collect();
    assert_eq!(
        floats(&header(">f4", "False", "(2,)"), &big).as_slice(),
        Some(&[1.5, -2.0][..])
    );
    let half: Vec<u8> = (0..6i16).flat_map(i16::to_le_bytes).collect();
    let fortran = floats(&header("<i2", "True", "(2, 3)"), &half);
    assert_eq!(fortran[[1, 0]], 1.0);
    assert_eq!(
        floats(&header("|b1", "False", "(2,)"), &[0, 1]).as_slice(),
        Some(&[0.0, 1.0][..])
    );
    assert_eq!(floats(&header("|u1", "False", "()"), &[200]).sum(), 200.0);
    let sentences = [
        (read(&header("<f2", "False", "(1,)"), &[0, 0]), "float32"),
        (read(&header("|O", "False", "(1,)"), &[0]), "float32"),
        (
            read(&header("<f4", "False", "(1000000000000,)"), &[0; 8]),
            "bytes",
        ),
        (
            read(
                &header(
                    "<f8",
                    "False",
                    "(18446744073709551615, 18446744073709551615)",
                ),
                &[0; 8],
            ),
            "bytes",
        ),
        (
            read(&header("<f8", "False", "(0, 18446744073709551615, 3)"), &[]),
            "x",
        ),
        (read(&header("<f8", "False", "(-1,)"), &[]), "NumPy"),
        (read(&"(".repeat(60_000), &[]), "NumPy"),
        (npz::parse(&zip("x.npy", 8, b"xx")), "savez"),
        (npz::parse(b"not a zip"), "np.savez"),
        (npz::parse(b""), "np.savez"),
    ];
    for (result, word) in sentences {
        let sentence = result.expect_err("a wrong file").say(Lang::En);
        assert!(sentence.contains(word), "{sentence}");
    }
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut rng = StdRng::seed_from_u64(11);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.npz");
    let mut seeds = vec![
        Vec::new(),
        zip(
            "x.npy",
            0,
            &npy(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
                &[0; 24],
            ),
        ),
    ];
    for lesson in LESSONS {
        let kinds = lesson.problem.kinds;
        let smallest = kinds
            .iter()
            .find(|kind| kind.id == "tiny")
            .unwrap_or(&kinds[0]);
        write(&path, &arrays(lesson, smallest.id));
        seeds.push(std::fs::read(&path).expect("a file"));
    }
    let (mut tried, mut read, mut bound) = (0, 0, 0);
    for i in 0..20_000 {
        let mut bytes = seeds[i % seeds.len()].clone();
        if bytes.is_empty() {
            bytes = (0..rng.random_range(0..300))
                .map(|_| rng.random())
                .collect();
        }
        for _ in 0..rng.random_range(0..8) {
            let at = rng.random_range(0..bytes.len().max(1));
            match rng.random_range(0..5) {
                0 => bytes.truncate(at),
                1 => bytes
                    .splice(at.min(bytes.len())..at.min(bytes.len()), *b"PK\x05\x06")
                    .for_each(drop),
                2 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0xff][rng.random_range(0..4)],
                3 if at < bytes.len() => bytes[at] = b"0123456789(),"[rng.random_range(0..13)],
                _ if at < bytes.len() => bytes[at] = rng.random(),
                _ => {}
            }
        }
        tried += 1;
        if let Ok(arrays) = npz::parse(&bytes) {
            read += 1;
            for lesson in LESSONS {
                bound += usize::from(bind(lesson, &arrays, Lang::Zh).is_ok());
            }
        }
    }
    println!("{tried} files tried, {read} read, {bound} bound as inputs");
    assert!(read > 500);
}

#[test]
fn values_that_the_reference_cannot_take_are_a_sentence() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.npz");
    for lesson in LESSONS {
        for arg in lesson.problem.args {
            let mut arrays = arrays(lesson, lesson.problem.kinds[0].id);
            for array in arrays.iter_mut().filter(|array| array.name == arg.name) {
                match &mut array.data {
                    Data::Int(x) => x.fill(i64::MAX),
                    Data::Float(x) => x.fill(f64::NAN),
                    Data::Bool(_) => {}
                }
            }
            write(&path, &arrays);
            let output = llmlab(&[
                "trace",
                lesson.id,
                "--inputs",
                path.to_str().expect("UTF-8"),
            ]);
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                matches!(output.status.code(), Some(0 | 2)),
                "{}: {words}",
                lesson.id
            );
            assert!(!words.contains("panicked"), "{words}");
        }
    }
}
