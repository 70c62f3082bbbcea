//! The names under which a module exports what is in it.
//!
//! Own code, although there are crates that read and write modules: they are larger than all of this
//! program, which is the first thing that a newcomer compiles, and what comes out is read by V8 and by
//! wasmtime in every test.

use std::{collections::BTreeSet, str};

use anyhow::{Context, Result, bail, ensure};

/// What every module of this version begins with.
const HEADER: &[u8] = b"\0asm\x01\0\0\0";
/// The number of the section of exports.
const EXPORTS: u8 = 7;

/// Gives exports of a module other names; pairs of the name that an export has and the one it gets.
///
/// # Errors
///
/// It is no module, it does not export one of them, or two exports would have one name.
pub(crate) fn rename(module: &[u8], renames: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut rest = module.strip_prefix(HEADER).context("found no WebAssembly module, version 1")?;
    let mut renamed = HEADER.to_vec();
    let mut missing: BTreeSet<&str> = renames.iter().map(|(from, _)| *from).collect();
    while let Some((&id, after)) = rest.split_first() {
        rest = after;
        let section = bytes(&mut rest)?;
        renamed.push(id);
        if id == EXPORTS {
            write_bytes(&rename_in(section, renames, &mut missing)?, &mut renamed)?;
        } else {
            write_bytes(section, &mut renamed)?;
        }
    }
    ensure!(missing.is_empty(), "found no export {missing:?}, expected one");
    Ok(renamed)
}

fn rename_in<'n>(
    mut section: &[u8],
    renames: &[(&'n str, &str)],
    missing: &mut BTreeSet<&'n str>,
) -> Result<Vec<u8>> {
    let rest = &mut section;
    let count = number(rest)?;
    let mut renamed = Vec::new();
    write_number(count, &mut renamed);
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let name = str::from_utf8(bytes(rest)?).context("found a name that is no text")?;
        let new = renames.iter().find(|(from, _)| *from == name);
        let name = new.map_or(name, |(from, to)| {
            missing.remove(from);
            to
        });
        ensure!(names.insert(name), "found two exports {name}, expected one");
        write_bytes(name.as_bytes(), &mut renamed)?;
        renamed.push(byte(rest)?);
        write_number(number(rest)?, &mut renamed);
    }
    ensure!(rest.is_empty(), "found {} bytes behind the last export", rest.len());
    Ok(renamed)
}

fn byte(rest: &mut &[u8]) -> Result<u8> {
    let (byte, after) = rest.split_first().context("found the end of a section too early")?;
    *rest = after;
    Ok(*byte)
}

/// A number, and as many bytes behind it.
fn bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = usize::try_from(number(rest)?)?;
    let split = rest.split_at_checked(length);
    let (bytes, after) = split.context("found the end of a section too early")?;
    *rest = after;
    Ok(bytes)
}

/// Seven bits in a byte, the lowest first; the highest bit says that there are more (LEB128).
fn number(rest: &mut &[u8]) -> Result<u32> {
    let mut number = 0_u64;
    for place in 0..5 {
        let byte = byte(rest)?;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return u32::try_from(number).context("found a number beyond 32 bits");
        }
    }
    bail!("found a number beyond 32 bits")
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    write_number(u32::try_from(bytes.len())?, out);
    out.extend_from_slice(bytes);
    Ok(())
}

fn write_number(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A custom section, and the exports `f` (function 200) and `m` (memory 0).
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\0\x03\x02abx\x07\x0a\x02\x01f\0\xc8\x01\x01m\x02\0";

    fn module() -> Vec<u8> {
        // The custom section's length covers its name and one byte of content.
        let mut module = MODULE.to_vec();
        module[9] = 4;
        module
    }

    #[test]
    fn an_export_gets_another_name_and_nothing_else_changes() {
        let renamed = rename(&module(), &[("f", "proxy_on_tick")]).unwrap();
        let mut expected = module()[..14].to_vec();
        expected.extend_from_slice(b"\x07\x16\x02\x0dproxy_on_tick\0\xc8\x01\x01m\x02\0");
        assert_eq!(renamed, expected);
        assert_eq!(rename(&renamed, &[("proxy_on_tick", "f")]).unwrap(), module());
    }

    #[test]
    fn sizes_of_more_than_a_byte_are_read_and_written() {
        let long = "f".repeat(300);
        let renamed = rename(&module(), &[("f", &long)]).unwrap();
        assert_eq!(rename(&renamed, &[(&long, "f")]).unwrap(), module());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |module: &[u8], renames: &[(&str, &str)], expected: &str| {
            let error = format!("{:#}", rename(module, renames).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        refused(&module(), &[("g", "h")], "no export {\"g\"}");
        refused(&module(), &[("f", "m")], "two exports m");
        refused(b"\0asm\x02\0\0\0", &[], "no WebAssembly module");
        refused(&[HEADER, &[7, 0xff, 0xff, 0xff, 0xff, 0xff]].concat(), &[], "beyond 32 bits");
        refused(&[HEADER, &[7, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat(), &[], "beyond 32 bits");
        for length in HEADER.len() + 1..module().len() {
            if length != 14 {
                refused(&module()[..length], &[], "too early");
            }
        }
    }
}
