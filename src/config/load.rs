//! Settings from the file, overridden by the environment.

use crate::config::document;
use crate::config::document::Document;
use crate::config::document::Problem;
use crate::config::settings::Settings;
use std::path::Path;

/// The defaults, each with its reason: the file the project ships.
pub const DEFAULTS: &str = include_str!("../../config/adjacent.toml");

/// Overrides in the environment start with this.
pub const PREFIX: &str = "ADJACENT__";

/// The largest file that is read, in bytes: an inventory of a hundred thousand flights fits.
pub const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// What the operator can mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One or more files are not valid.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// A command line or an environment that cannot be followed.
    #[error("{0}")]
    Usage(String),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

impl From<Vec<Problem>> for ConfigError {
    fn from(problems: Vec<Problem>) -> ConfigError {
        ConfigError::Invalid(problems)
    }
}

/// A file's text; a symbolic loop, a directory, bytes that are not UTF-8 and a file that is too
/// large are problems like any other.
pub fn text_of(path: &Path) -> Result<String, Vec<Problem>> {
    let name = path.display().to_string();
    let refused =
        |error: std::io::Error| vec![Problem::of_file(&name, format!("cannot be read: {error}"))];
    let metadata = std::fs::metadata(path).map_err(refused)?;
    let size = metadata.len();
    if size > MAX_FILE_BYTES {
        let reason = format!("{size} bytes are too many: {MAX_FILE_BYTES} at most");
        return Err(vec![Problem::of_file(&name, reason)]);
    }
    // A pipe or a device has no end, or none in sight.
    if !metadata.is_file() {
        return Err(vec![Problem::of_file(&name, "cannot be read: it is not a file")]);
    }
    std::fs::read_to_string(path).map_err(refused)
}

/// The process's environment.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads the settings: the file when one is named or stands in its usual place, else the defaults
/// compiled in; then every `ADJACENT__SECTION__KEY` of `environment`.
pub fn settings(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Settings, ConfigError> {
    let usual = Path::new("config/adjacent.toml");
    let (name, text) = match file {
        Some(path) => (path.display().to_string(), text_of(path)?),
        None if usual.exists() => (usual.display().to_string(), text_of(usual)?),
        None => ("the built-in defaults".to_owned(), DEFAULTS.to_owned()),
    };
    let written = settings_of(&name, &text)?;
    let mut overrides = environment.filter(|(key, _)| key.starts_with(PREFIX)).peekable();
    if overrides.peek().is_none() {
        return Ok(written);
    }
    let mut table = toml::Table::try_from(&written).expect("settings are a table");
    for (key, value) in overrides {
        set(&mut table, &key, &value)?;
    }
    let text = table.to_string();
    Ok(sensible(&Document::parse("the environment", &text)?)?)
}

/// The settings that a text says, over the defaults, checked.
pub fn settings_of(name: &str, text: &str) -> Result<Settings, Vec<Problem>> {
    sensible(&Document::over(DEFAULTS, name, text)?)
}

/// Values that are each in range and still make no sense together.
fn sensible(document: &Document<'_>) -> Result<Settings, Vec<Problem>> {
    let settings: Settings = document::read(document)?;
    let mut problems = Vec::new();
    let mut refuse = |path, reason| problems.push(document.problem(path, reason, None));
    let server = &settings.server;
    if !server.listen.ip().is_loopback() && server.public_url.is_none() {
        refuse(
            "server.listen",
            "is open to the network: `public_url` must say the address readers reach it by",
        );
    }
    if server.country_header.is_some() && server.trusted_proxies.is_empty() {
        refuse("server.country_header", "is never believed: name the proxy in `trusted_proxies`");
    }
    if settings.windows.click_seconds < settings.windows.impression_seconds {
        refuse("windows.click_seconds", "is shorter than `impression_seconds`");
    }
    if settings.snapshot.too_old_after_seconds < settings.snapshot.stale_after_seconds {
        refuse("snapshot.too_old_after_seconds", "is shorter than `stale_after_seconds`");
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

fn set(table: &mut toml::Table, variable: &str, text: &str) -> Result<(), ConfigError> {
    let path: Vec<String> =
        variable[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
    let value = format!("value = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let [section, key] = path.as_slice() else {
        let reason = format!("{variable} is not a setting: write ADJACENT__SECTION__KEY");
        return Err(ConfigError::Usage(reason));
    };
    let known = table.keys().cloned().collect::<Vec<_>>().join(", ");
    match table.get_mut(section) {
        Some(toml::Value::Table(fields)) => {
            fields.insert(key.clone(), value);
            Ok(())
        }
        _ => Err(ConfigError::Usage(format!(
            "{variable}: there is no section `{section}`; there are {known}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adjacent.toml");
        std::fs::write(&path, text).unwrap();
        let pairs = environment.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        settings(Some(&path), pairs)
    }

    #[test]
    fn a_file_needs_to_say_only_what_differs() {
        let settings = read("[windows]\nclick_seconds = 1800\n", &[]).unwrap();
        assert_eq!(settings.windows.click_seconds, 1_800);
        assert_eq!(settings.windows.impression_seconds, 900);
    }

    #[test]
    fn a_typo_is_named_with_its_place_and_its_remedy() {
        let refused = read("[server]\nlisten = \"127.0.0.1:0\"\nlisen = 1\n", &[]).unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("adjacent.toml:3:1"), "{said}");
        assert!(said.contains("did you mean `listen`?"), "{said}");
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_place() {
        let said = read("[windows]\nclick_seconds = 0\n", &[]).unwrap_err().to_string();
        assert!(said.contains("adjacent.toml:2:17: windows.click_seconds"), "{said}");
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for (text, path) in [
            ("[server]\nlisten = \"0.0.0.0:80\"\n", "server.listen"),
            ("[server]\ncountry_header = \"X\"\n", "server.country_header"),
            ("[windows]\nclick_seconds = 899\n", "windows.click_seconds"),
            ("[snapshot]\ntoo_old_after_seconds = 1\n", "snapshot.too_old_after_seconds"),
        ] {
            let said = read(text, &[]).unwrap_err().to_string();
            assert!(said.contains("adjacent.toml:2:") && said.contains(path), "{said}");
        }
        let url = "[server]\nlisten = \"0.0.0.0:80\"\npublic_url = \"https://u.example\"\n";
        assert!(read(url, &[]).is_ok());
    }

    #[test]
    fn the_environment_overrides_the_file_and_is_checked_like_it() {
        let listen = [("ADJACENT__SERVER__LISTEN", "127.0.0.1:0")];
        assert_eq!(read("", &listen).unwrap().server.listen.port(), 0);
        let wrong = [("ADJACENT__SERVER__LISEN", "127.0.0.1:0")];
        assert!(read("", &wrong).unwrap_err().to_string().contains("did you mean `listen`?"));
    }
}
