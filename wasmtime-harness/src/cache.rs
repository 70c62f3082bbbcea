//! Compiled modules on disk.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process,
};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

/// The size of the digest in front of each file.
const DIGEST: usize = 32;

/// Where the compiled form of one module is kept.
pub(crate) struct Cache(PathBuf);

impl Cache {
    /// The place in `folder` for a module compiled by this engine.
    ///
    /// The name depends on the module, and on wasmtime's version and configuration.
    pub(crate) fn new(folder: &Path, module: &[u8], engine: &Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let digest: String =
            Sha256::digest(module).iter().map(|byte| format!("{byte:02x}")).collect();
        Self(folder.join(format!("{digest}-{:016x}.cwasm", hasher.finish())))
    }

    /// The compiled form, if it is there and whole.
    pub(crate) fn load(&self, engine: &Engine) -> Option<wasmtime::Module> {
        let file = fs::read(&self.0).ok()?;
        let (digest, compiled) = file.split_at_checked(DIGEST)?;
        if Sha256::digest(compiled).as_slice() != digest {
            return None;
        }
        // SAFETY: the bytes must come from `Module::serialize` of this wasmtime. The name says that
        // they were written for it, the digest that they are what was written; who can forge both
        // can change the test programs in the same folder as well.
        unsafe { wasmtime::Module::deserialize(engine, compiled) }.ok()
    }

    /// Keeps the compiled form; a folder that cannot be written costs time and nothing else.
    pub(crate) fn store(&self, module: &wasmtime::Module) {
        let Ok(compiled) = module.serialize() else {
            return;
        };
        let mut file = Sha256::digest(&compiled).to_vec();
        file.extend_from_slice(&compiled);
        // Under another name first: a second process must not find half a file.
        let unfinished = self.0.with_extension(format!("{}", process::id()));
        let written = self.0.parent().map_or(Ok(()), fs::create_dir_all);
        let written = written.and_then(|()| fs::write(&unfinished, &file));
        if written.and_then(|()| fs::rename(&unfinished, &self.0)).is_err() {
            let _ = fs::remove_file(&unfinished);
        }
    }
}
