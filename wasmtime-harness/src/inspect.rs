//! What a module asks for and offers, and which hosts would refuse it.

use std::fmt;

use serde::Serialize;
use wasmparser::{
    ExternalKind, Parser, Payload, ValType, Validator,
    types::{EntityType, Types},
};

use crate::{error::Error, hosts};

/// What can be told of a module without running it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Inspection {
    /// Bytes of the module.
    pub size: usize,
    /// The version of the proxy-wasm ABI, by the marker that it exports, such as `0.2.1`.
    pub abi: Option<String>,
    /// Pages of 64 KiB that its memory has at first, and at most if it says so.
    pub memory: Option<(u64, Option<u64>)>,
    /// What it asks of a host, in its own order.
    pub imports: Vec<Item>,
    /// What it offers to a host, in its own order.
    pub exports: Vec<Item>,
    /// What each known host makes of it.
    pub hosts: Vec<Verdict>,
}

/// An import or an export.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Item {
    /// Its name; an import's begins with the module that it comes from, as in `env.proxy_log`.
    pub name: String,
    /// A function's type, such as `(i32, i64) -> i32`, or another kind, such as `memory`.
    pub kind: String,
}

/// What one host makes of a module.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Verdict {
    /// The host.
    pub host: &'static str,
    /// Why it would refuse to load the module; it loads one that nothing speaks against.
    pub refuses: Vec<String>,
    /// What it loads and then treats in another way than Envoy does.
    pub beware: Vec<String>,
}

impl Inspection {
    /// Looks into a module.
    ///
    /// # Errors
    ///
    /// The bytes are not a valid WebAssembly module.
    pub fn of(bytes: &[u8]) -> Result<Self, Error> {
        let types = Validator::new().validate_all(bytes).map_err(Error::Parse)?;
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        let mut memory = None;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(Error::Parse)? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(Error::Parse)?;
                        let kind = types.as_ref().entity_type_from_import(&import);
                        imports.push(Item {
                            name: format!("{}.{}", import.module, import.name),
                            kind: kind.map_or_else(String::new, |kind| describe(&types, kind)),
                        });
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(Error::Parse)?;
                        let kind = types.as_ref().entity_type_from_export(&export);
                        if let (ExternalKind::Memory, Some(EntityType::Memory(found))) =
                            (export.kind, kind)
                        {
                            memory = Some((found.initial, found.maximum));
                        }
                        exports.push(Item {
                            name: export.name.to_owned(),
                            kind: kind.map_or_else(String::new, |kind| describe(&types, kind)),
                        });
                    }
                }
                _ => {}
            }
        }
        let marker = |item: &Item| item.name.strip_prefix("proxy_abi_version_").map(str::to_owned);
        let abi = exports.iter().find_map(marker).map(|version| version.replace('_', "."));
        let hosts = hosts::judge(&imports, &exports);
        Ok(Self { size: bytes.len(), abi, memory, imports, exports, hosts })
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "size     {} bytes", self.size)?;
        writeln!(f, "ABI      {}", self.abi.as_deref().unwrap_or("no marker"))?;
        match self.memory {
            Some((first, Some(most))) => writeln!(f, "memory   {first} to {most} pages")?,
            Some((first, None)) => writeln!(f, "memory   {first} pages, no limit of its own")?,
            None => writeln!(f, "memory   not exported")?,
        }
        for (what, items) in [("imports", &self.imports), ("exports", &self.exports)] {
            writeln!(f, "{what}  {}", items.len())?;
            for Item { name, kind } in items {
                let space = if kind.starts_with('(') { "" } else { ": " };
                writeln!(f, "  {name}{space}{kind}")?;
            }
        }
        writeln!(f, "hosts")?;
        for Verdict { host, refuses, beware } in &self.hosts {
            let verdict = if refuses.is_empty() { "loads it" } else { "refuses it" };
            writeln!(f, "  {host:<16} {verdict}")?;
            for (mark, lines) in [("because", refuses), ("beware:", beware)] {
                for line in lines {
                    writeln!(f, "    {mark} {line}")?;
                }
            }
        }
        Ok(())
    }
}

fn describe(types: &Types, kind: EntityType) -> String {
    match kind {
        EntityType::Func(id) | EntityType::FuncExact(id) => {
            let Some(function) = types.as_ref().get(id).map(|found| found.unwrap_func()) else {
                return "a function".to_owned();
            };
            let names = |list: &[ValType]| {
                list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            };
            let parameters = format!("({})", names(function.params()));
            match function.results() {
                [] => parameters,
                results => format!("{parameters} -> {}", names(results)),
            }
        }
        EntityType::Table(_) => "table".to_owned(),
        EntityType::Memory(_) => "memory".to_owned(),
        EntityType::Global(_) => "global".to_owned(),
        EntityType::Tag(_) => "tag".to_owned(),
    }
}
