//! Reading, validating and watching the files that operators write: settings and keys.

pub mod current;
pub mod document;
pub mod geo;
pub mod keys;
pub mod load;
pub mod settings;
pub mod watch;

pub use current::CurrentSettings;
pub use document::Problem;
pub use load::ConfigError;
pub use settings::Settings;
pub use watch::Watch;
