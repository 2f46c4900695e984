//! Reading, validating and watching the files that operators write: settings and keys.

pub mod adapter_settings;
pub mod canary_settings;
pub(crate) mod changed;
pub(crate) mod current;
pub(crate) mod document;
pub(crate) mod files;
pub(crate) mod geo;
pub mod guard_settings;
pub(crate) mod host_name;
pub mod keys;
pub mod limit_settings;
pub mod load;
pub mod settings;
pub(crate) mod suggestion;
pub(crate) mod unreachable;
pub(crate) mod watch;
pub(crate) mod wording;

pub(crate) use changed::changed_keys;
pub(crate) use current::CurrentSettings;
pub use document::Problem;
pub(crate) use load::ConfigError;
pub use settings::Settings;
pub(crate) use watch::Watch;
