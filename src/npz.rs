//! NumPy's `.npz`: arrays by name, from and for `np.savez` and `np.load`.
//!
//! Reading trusts nothing: every size in a header is checked against the bytes that are there
//! before anything is allocated, so arbitrary bytes give a sentence, never a panic.

use crate::bind::{Data, Named};
use crate::text::Lang;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::NpzWriter;
use std::io::Read;
use std::path::Path;

/// Larger files are refused unread.
const MOST_BYTES: u64 = 4 << 30;

/// Reads every array of a file.
///
/// # Errors
/// A sentence that says what is wrong with the file, and what to save instead.
pub fn read(path: &Path, lang: Lang) -> Result<Vec<Named>, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        lang.pick(
            format!("{shown} cannot be read: {error}"),
            format!("无法读取 {shown}：{error}"),
        )
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() || about.len() > MOST_BYTES {
        return Err(lang.pick(
            format!("{shown} is not a file of at most 4 GiB; save one with np.savez"),
            format!("{shown} 不是 4 GiB 以内的普通文件；请用 np.savez 保存"),
        ));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    parse(&bytes).map_err(|problem| format!("{shown}: {}", problem.say(lang)))
}

/// Writes arrays under their names, uncompressed. The file appears only when it is complete.
///
/// # Errors
/// A sentence when it cannot be written.
pub fn write(path: &Path, arrays: &[(String, Data)], lang: Lang) -> Result<(), String> {
    let part = path.with_extension("npz.part");
    let written = write_to(&part, arrays)
        .and_then(|()| std::fs::rename(&part, path).map_err(|error| error.to_string()));
    written.map_err(|error| {
        // What was written so far is of no use; it may not even exist.
        let _ = std::fs::remove_file(&part);
        let shown = path.display();
        lang.pick(
            format!("{shown} cannot be written: {error}"),
            format!("无法写入 {shown}：{error}"),
        )
    })
}

fn write_to(path: &Path, arrays: &[(String, Data)]) -> Result<(), String> {
    let file = std::fs::File::create(path).map_err(|error| error.to_string())?;
    let mut npz = NpzWriter::new(file);
    for (name, data) in arrays {
        let name = name.as_str();
        let added = match data {
            Data::Float(array) => npz.add_array(name, array),
            Data::Int(array) => npz.add_array(name, array),
            Data::Bool(array) => npz.add_array(name, array),
        };
        added.map_err(|error| error.to_string())?;
    }
    npz.finish().map(drop).map_err(|error| error.to_string())
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NpzError {
    NotZip,
    Damaged,
    Large,
    Compressed(String),
    Header(String),
    Dtype(String, String),
    Length {
        name: String,
        want: usize,
        got: usize,
    },
}

impl NpzError {
    pub fn say(&self, lang: Lang) -> String {
        match self {
            NpzError::NotZip => lang.pick(
                "this is not an .npz file (a zip of arrays); save one with np.savez(\"in.npz\", q=q, …)".into(),
                "这不是 .npz 文件（由数组组成的 zip）；请用 np.savez(\"in.npz\", q=q, …) 保存".into(),
            ),
            NpzError::Damaged => lang.pick(
                "the zip directory is damaged or cut off; save the file again".into(),
                "zip 目录已损坏或被截断；请重新保存".into(),
            ),
            NpzError::Large => lang.pick(
                "zip64 archives are not read; save smaller arrays with np.savez".into(),
                "不支持 zip64；请用 np.savez 保存较小的数组".into(),
            ),
            NpzError::Compressed(name) => lang.pick(
                format!("array `{name}` is compressed; save it with np.savez instead of np.savez_compressed"),
                format!("数组 `{name}` 是压缩存储的；请改用 np.savez（而不是 np.savez_compressed）"),
            ),
            NpzError::Header(name) => lang.pick(
                format!("`{name}` is not an array in NumPy's format (.npy, version 1 to 3)"),
                format!("`{name}` 不是 NumPy 格式（.npy，版本 1 至 3）的数组"),
            ),
            NpzError::Dtype(name, dtype) => lang.pick(
                format!("array `{name}` has dtype {dtype}; save it as float32, float64, an integer type or bool"),
                format!("数组 `{name}` 的 dtype 是 {dtype}；请保存为 float32、float64、整数类型或 bool"),
            ),
            NpzError::Length { name, want, got } => lang.pick(
                format!("array `{name}` should have {want} bytes of data and has {got}; save the file again"),
                format!("数组 `{name}` 应有 {want} 字节数据，实际为 {got}；请重新保存"),
            ),
        }
    }
}

/// Reads every array of a file's bytes.
///
/// # Errors
/// When they are no uncompressed `.npz`.
pub fn parse(bytes: &[u8]) -> Result<Vec<Named>, NpzError> {
    let entries = entries(bytes)?;
    entries
        .into_iter()
        .map(|(name, data)| array(name, data))
        .collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]) as usize)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16_at(bytes, at)? | u16_at(bytes, at.checked_add(2)?)? << 16)
}

/// The stored files of a zip: name without `.npy`, and bytes.
fn entries(bytes: &[u8]) -> Result<Vec<(String, &[u8])>, NpzError> {
    // The directory's end stands last, before a comment of at most 64 KiB.
    const END: &[u8] = b"PK\x05\x06";
    let tail = bytes.len().saturating_sub(22 + 0xFFFF);
    let end = bytes[tail..].windows(4).rposition(|window| window == END);
    let end = tail + end.ok_or(NpzError::NotZip)?;
    let count = u16_at(bytes, end + 10).ok_or(NpzError::Damaged)?;
    let mut at = u32_at(bytes, end + 16).ok_or(NpzError::Damaged)?;
    if count == 0xFFFF || at == 0xFFFF_FFFF {
        return Err(NpzError::Large);
    }
    let mut entries = Vec::new();
    let mut total = 0;
    for _ in 0..count {
        let (entry, next) = entry(bytes, at)?;
        // Entries that overlap would let a small file ask for much memory.
        total += entry.1.len();
        if total > bytes.len() {
            return Err(NpzError::Damaged);
        }
        entries.push(entry);
        at = next;
    }
    Ok(entries)
}

type Entry<'a> = ((String, &'a [u8]), usize);

/// One entry of the directory at `at`, and where the next one starts.
fn entry(bytes: &[u8], at: usize) -> Result<Entry<'_>, NpzError> {
    let field = |offset: usize| u16_at(bytes, at + offset).ok_or(NpzError::Damaged);
    let long = |offset: usize| u32_at(bytes, at + offset).ok_or(NpzError::Damaged);
    if bytes.get(at..at + 4) != Some(b"PK\x01\x02") {
        return Err(NpzError::Damaged);
    }
    let name_len = field(28)?;
    let name = bytes
        .get(at + 46..at + 46 + name_len)
        .ok_or(NpzError::Damaged)?;
    let name = String::from_utf8_lossy(name);
    let name = name.strip_suffix(".npy").unwrap_or(&name).to_string();
    let (packed, size, local) = (long(20)?, long(24)?, long(42)?);
    if [packed, size, local].contains(&0xFFFF_FFFF) {
        return Err(NpzError::Large);
    }
    if field(10)? != 0 || packed != size {
        return Err(NpzError::Compressed(name));
    }
    let local_len = |offset| u16_at(bytes, local + offset).ok_or(NpzError::Damaged);
    let start = local + 30 + local_len(26)? + local_len(28)?;
    let data = bytes.get(start..start + size).ok_or(NpzError::Damaged)?;
    Ok(((name, data), at + 46 + name_len + field(30)? + field(32)?))
}

/// One `.npy` file.
fn array(name: String, bytes: &[u8]) -> Result<Named, NpzError> {
    let (header, data) = header(bytes).ok_or_else(|| NpzError::Header(name.clone()))?;
    let (big, code) = match header.descr.split_at_checked(1) {
        Some((">", code)) => (true, code),
        Some(("<" | "|" | "=", code)) => (false, code),
        _ => return Err(NpzError::Dtype(name, header.descr)),
    };
    let size: usize = match code {
        "b1" | "i1" | "u1" => 1,
        "i2" | "u2" => 2,
        "f4" | "i4" | "u4" => 4,
        "f8" | "i8" | "u8" => 8,
        _ => return Err(NpzError::Dtype(name, header.descr)),
    };
    let elements = header
        .shape
        .iter()
        .try_fold(1usize, |n, size| n.checked_mul(*size));
    let want = elements
        .and_then(|n| n.checked_mul(size))
        .unwrap_or(usize::MAX);
    if want != data.len() {
        let got = data.len();
        return Err(NpzError::Length { name, want, got });
    }
    let shape = IxDyn(&header.shape).set_f(header.fortran);
    macro_rules! read {
        ($t:ident as $variant:ident $to:ident) => {{
            let values = data.chunks_exact(size).map(|chunk| {
                let bytes = chunk.try_into().expect("chunks have the type's size");
                let value = if big {
                    $t::from_be_bytes(bytes)
                } else {
                    $t::from_le_bytes(bytes)
                };
                value as $to
            });
            Data::$variant(
                shaped(shape, values.collect()).ok_or_else(|| NpzError::Header(name.clone()))?,
            )
        }};
    }
    let (dtype, data) = match code {
        "f4" => ("float32", read!(f32 as Float f64)),
        "f8" => ("float64", read!(f64 as Float f64)),
        "i1" => ("int8", read!(i8 as Int i64)),
        "i2" => ("int16", read!(i16 as Int i64)),
        "i4" => ("int32", read!(i32 as Int i64)),
        "i8" => ("int64", read!(i64 as Int i64)),
        "u1" => ("uint8", read!(u8 as Int i64)),
        "u2" => ("uint16", read!(u16 as Int i64)),
        "u4" => ("uint32", read!(u32 as Int i64)),
        "u8" => {
            // What does not fit i64 has no meaning as a label or a count: the largest stands for it.
            let fit = |data: Data| match data {
                Data::Int(x) => Data::Int(x.mapv(|x| if x < 0 { i64::MAX } else { x })),
                data => data,
            };
            ("uint64", fit(read!(u64 as Int i64)))
        }
        _ => {
            let values = data.iter().map(|byte| *byte != 0).collect();
            let array = shaped(shape, values).ok_or_else(|| NpzError::Header(name.clone()))?;
            ("bool", Data::Bool(array))
        }
    };
    Ok(Named { name, dtype, data })
}

fn shaped<T>(shape: ndarray::Shape<IxDyn>, values: Vec<T>) -> Option<ArrayD<T>> {
    ArrayD::from_shape_vec(shape, values).ok()
}

struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

/// The header of a `.npy` file and the data behind it. Only the plain form that NumPy writes is
/// read: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
fn header(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (length, start): (usize, usize) = match rest.first()? {
        1 => (u16_at(rest, 2)?, 4),
        2 | 3 => (u32_at(rest, 2)?, 6),
        _ => return None,
    };
    let text = std::str::from_utf8(rest.get(start..start.checked_add(length)?)?).ok()?;
    let after = |key: &str| {
        Some(
            text.split_once(key)?
                .1
                .trim_start()
                .strip_prefix(':')?
                .trim_start(),
        )
    };
    let descr = after("'descr'")?;
    let descr = match descr.strip_prefix('\'') {
        Some(quoted) => quoted.split_once('\'')?.0.to_string(),
        None => "a record".to_string(),
    };
    let fortran = after("'fortran_order'")?.starts_with("True");
    let shape = after("'shape'")?.strip_prefix('(')?.split_once(')')?.0;
    let shape = shape
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let shape: Vec<usize> = shape.map(|size| size.parse().ok()).collect::<Option<_>>()?;
    // NumPy's own limit.
    (shape.len() <= 64).then_some(())?;
    Some((
        Header {
            descr,
            fortran,
            shape,
        },
        &rest[start + length..],
    ))
}
