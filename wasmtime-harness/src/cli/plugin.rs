//! The options that say what the proxy's own configuration says about a filter.

use std::{fs, path::PathBuf};

use clap::Args;
use proxy_host_model::{Model, Properties};

/// A filter and its configuration.
#[derive(Args)]
pub(super) struct Plugin {
    /// The module.
    #[arg(value_name = "FILE.wasm")]
    pub(super) module: PathBuf,
    /// The plugin's configuration, from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "config_text")]
    config: Option<PathBuf>,
    /// The plugin's configuration itself.
    #[arg(long, value_name = "TEXT")]
    config_text: Option<String>,
    /// The VM's configuration, from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "vm_config_text")]
    vm_config: Option<PathBuf>,
    /// The VM's configuration itself.
    #[arg(long, value_name = "TEXT")]
    vm_config_text: Option<String>,
    /// The VM's id, which shared data and queues belong to.
    #[arg(long, value_name = "ID")]
    vm_id: Option<String>,
    /// The plugin's root id.
    #[arg(long, value_name = "ID")]
    root_id: Option<String>,
    /// The plugin's name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A property that every request has, as text, such as `xds.route_name=public`; a part with a
    /// dot in it cannot be said here.
    #[arg(long = "property", value_name = "PATH=VALUE", value_parser = pair)]
    properties: Vec<(String, String)>,
}

impl Plugin {
    /// The plugin's configuration.
    pub(super) fn configuration(&self) -> Result<Vec<u8>, String> {
        text_or_file("--config", self.config_text.as_ref(), self.config.as_ref())
    }

    /// The VM's configuration.
    pub(super) fn vm_configuration(&self) -> Result<Vec<u8>, String> {
        text_or_file("--vm-config", self.vm_config_text.as_ref(), self.vm_config.as_ref())
    }

    /// Writes down in the model what the options say.
    pub(super) fn apply(&self, model: &mut Model) {
        let settings = &mut model.settings;
        for (field, option) in [
            (&mut settings.vm_id, &self.vm_id),
            (&mut settings.root_id, &self.root_id),
            (&mut settings.name, &self.name),
        ] {
            if let Some(option) = option {
                field.clone_from(option);
            }
        }
        let mut properties = Properties::default();
        for (path, value) in &self.properties {
            properties.set(&path.split('.').collect::<Vec<_>>(), value.as_bytes());
        }
        model.properties = properties;
    }
}

/// Reads `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("found {text:?}, expected a name, `=` and a value")),
    }
}

fn text_or_file(
    option: &str,
    text: Option<&String>,
    file: Option<&PathBuf>,
) -> Result<Vec<u8>, String> {
    match (text, file) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(file)) => fs::read(file)
            .map_err(|error| format!("{option}: cannot read {}: {error}", file.display())),
        (None, None) => Ok(Vec::new()),
    }
}
