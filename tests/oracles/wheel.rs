//! The node tests in the ONNX wheel that `tests/oracles/fetch` downloads.

use crate::onnx::{Attribute, Tensor, attributes, tensor};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use zip::ZipArchive;

const NODE_TESTS: &str = "onnx/backend/test/data/node/test_";

pub struct Wheel(ZipArchive<File>);

impl Wheel {
    /// The wheel in `$LLMLAB_ORACLES` or `target/oracles`, if there is one.
    pub fn find() -> Option<Wheel> {
        let folder =
            std::env::var_os("LLMLAB_ORACLES").map_or("target/oracles".into(), PathBuf::from);
        let path = std::fs::read_dir(folder)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("onnx-1.20.0-") && name.ends_with(".whl")
            })?;
        let zip = File::open(&path)
            .map_err(Into::into)
            .and_then(ZipArchive::new);
        let zip = zip.unwrap_or_else(|error| {
            panic!(
                "{} cannot be read ({error}); delete it and run tests/oracles/fetch",
                path.display()
            )
        });
        Some(Wheel(zip))
    }

    /// The names of the node tests that start with `prefix`, without the copies in which the
    /// operator is spelled out in simpler ones.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let tests = self.0.file_names().filter_map(|file| {
            let name = file.strip_prefix(NODE_TESTS)?.strip_suffix("/model.onnx")?;
            (name.starts_with(prefix) && !name.contains("_expanded")).then(|| name.to_string())
        });
        let mut tests: Vec<String> = tests.collect();
        tests.sort();
        tests
    }

    pub fn case(&mut self, name: &str) -> Case {
        let attributes = attributes(&self.read(&format!("{NODE_TESTS}{name}/model.onnx")));
        let folder = format!("{NODE_TESTS}{name}/test_data_set_0/");
        let files: Vec<String> = self
            .0
            .file_names()
            .filter(|file| file.starts_with(&folder) && file.ends_with(".pb"))
            .map(String::from)
            .collect();
        let tensors = files.iter().map(|file| tensor(&self.read(file))).collect();
        Case {
            attributes,
            tensors,
        }
    }

    fn read(&mut self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = self
            .0
            .by_name(name)
            .map_err(Into::into)
            .and_then(|mut file| file.read_to_end(&mut bytes));
        read.unwrap_or_else(|error| panic!("{name} in the ONNX wheel cannot be read: {error}"));
        bytes
    }
}

/// One node test. Every getter takes its item out, so that what an adapter overlooked is left.
pub struct Case {
    attributes: BTreeMap<String, Attribute>,
    tensors: BTreeMap<String, Tensor>,
}

impl Case {
    /// An input or an output that the operator cannot do without.
    pub fn tensor(&mut self, name: &str) -> Tensor {
        self.optional(name)
            .unwrap_or_else(|| panic!("the node test has no tensor `{name}`"))
    }

    pub fn optional(&mut self, name: &str) -> Option<Tensor> {
        self.tensors.remove(name)
    }

    pub fn attribute(&mut self, name: &str) -> Option<Attribute> {
        self.attributes.remove(name)
    }

    /// An attribute that is a whole number.
    pub fn int(&mut self, name: &str) -> Option<i64> {
        match self.attribute(name)? {
            Attribute::Int(value) => Some(value),
            other => panic!("attribute `{name}` should be a whole number, it is {other:?}"),
        }
    }

    /// The names of tensors and attributes that were not taken.
    pub fn left(&self) -> Vec<&str> {
        self.tensors
            .keys()
            .chain(self.attributes.keys())
            .map(String::as_str)
            .collect()
    }
}
