//! Loads the settings from the file and from the environment, which overrides the file.

use crate::config::document::{Document, Problem};
use crate::config::settings::Settings;
use crate::config::{document, files};
use crate::domain::command;
use crate::domain::iab_taxonomy::{CONTENT_1, TAXONOMIES};
use std::io::Read;
use std::path::Path;

/// The default settings, each with its reason: the `adjacent.toml` that is shipped.
pub const DEFAULTS: &str = include_str!("../../config/adjacent.toml");

/// The prefix of environment variables that override settings.
pub(crate) const PREFIX: &str = "ADJACENT__";

/// The maximum size of a file, in bytes; enough for an inventory of a hundred thousand flights.
pub(crate) const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// A configuration error, which the operator can fix.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One or more files are not valid.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// Invalid command-line arguments or environment variables.
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

/// A file's text. Anything but a readable UTF-8 file of at most [`MAX_FILE_BYTES`] is a problem:
/// also a symlink loop, a directory, a pipe or a device.
pub(crate) fn read_text(path: &Path) -> Result<String, Vec<Problem>> {
    let name = path.display().to_string();
    let unreadable =
        |error: std::io::Error| vec![Problem::of_file(&name, format!("cannot be read: {error}"))];
    let mut file = files::open_regular(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > MAX_FILE_BYTES {
        let reason = format!("must have at most {MAX_FILE_BYTES} bytes (got {size})");
        return Err(vec![Problem::of_file(&name, reason)]);
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// The process's environment variables that are valid UTF-8.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
}

/// Loads the settings: from `file` if given, else from `config/adjacent.toml` if it exists, else the
/// compiled-in defaults. Every `ADJACENT__SECTION__KEY` of `environment` overrides them.
pub(crate) fn settings(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Settings, ConfigError> {
    let default = Path::new("config/adjacent.toml");
    let settings = match file.or_else(|| default.exists().then_some(default)) {
        Some(path) => file_settings(&path.display().to_string(), &read_text(path)?)?,
        None => parse_settings("the built-in defaults", DEFAULTS)?,
    };
    let overrides: Vec<_> = environment.filter(|(key, _)| key.starts_with(PREFIX)).collect();
    if overrides.is_empty() {
        return Ok(settings);
    }
    let mut table = toml::Table::try_from(&settings).expect("settings are a table");
    for (key, value) in &overrides {
        set(&mut table, key, value)?;
    }
    let text = table.to_string();
    let read = Document::parse("the environment", &text).and_then(|one| validate(&one));
    let is_set = |variable: &str| overrides.iter().any(|(key, _)| key == variable);
    read.map_err(|problems| {
        let named = problems.into_iter().map(|problem| of_variable(problem, &text, is_set));
        ConfigError::Invalid(named.collect())
    })
}

/// A problem with its environment variable in place of a line in a text that no one has written.
fn of_variable(problem: Problem, text: &str, is_set: impl Fn(&str) -> bool) -> Problem {
    let at = |line: &str| {
        let (key, _) = line.split_once('=')?;
        Some(key.trim().to_owned())
    };
    let mut path: Vec<String> = problem.path.split('.').map(str::to_owned).collect();
    if problem.path.is_empty() {
        let lines: Vec<&str> = text.lines().take(problem.line).collect();
        let header = lines.iter().rev().find(|line| line.starts_with('['));
        let header = header.map(|line| line.trim_matches(['[', ']'])).unwrap_or_default();
        path = header.split('.').map(str::to_owned).collect();
        path.extend(lines.last().and_then(|line| at(line)));
    }
    let path = path.into_iter().take(2).collect::<Vec<_>>();
    let variable = format!("{PREFIX}{}", path.join("__").to_ascii_uppercase());
    let name = if is_set(&variable) { variable } else { path.join(".") };
    let reason = problem.help.as_ref().map(|help| format!("{} ({help})", problem.reason));
    Problem::of_file(&name, reason.unwrap_or(problem.reason))
}

/// Parses and validates settings; keys that the text omits have their defaults.
pub fn parse_settings(name: &str, text: &str) -> Result<Settings, Vec<Problem>> {
    validate(&Document::with_defaults(DEFAULTS, name, text)?)
}

/// Like [`parse_settings`], for the text of the file `name`: with a password in it, it is a problem if other
/// users can read the file.
pub(crate) fn file_settings(name: &str, text: &str) -> Result<Settings, Vec<Problem>> {
    let settings = parse_settings(name, text)?;
    if settings.store.has_password() {
        let secret = "a password (`store.url`, or set it with ADJACENT__STORE__URL)";
        files::require_private(Path::new(name), secret)?;
    }
    Ok(settings)
}

/// The most bytes of a character in UTF-8.
const MAX_UTF8_BYTES: usize = 4;

/// Deserializes settings, and checks the ranges of the values and the values against each other.
fn validate(document: &Document<'_>) -> Result<Settings, Vec<Problem>> {
    let settings: Settings = document::read(document)?;
    let mut problems = Vec::new();
    let mut add = |path: &str, reason: String| problems.push(document.problem(path, &reason, None));
    let server = &settings.server;
    if !server.listen.ip().is_loopback() && server.public_url.is_none() {
        let reason = format!(
            "must be a loopback address unless `public_url` is set (got {}): set `public_url` to \
             the URL that readers use",
            server.listen
        );
        add("server.listen", reason);
    }
    if server.country_header.is_some() && server.trusted_proxies.is_empty() {
        let reason = "requires `trusted_proxies`: the header is accepted only from these networks";
        add("server.country_header", reason.to_owned());
    }
    let windows = &settings.windows;
    if windows.click_seconds < windows.impression_seconds {
        let reason = format!(
            "must be at least `impression_seconds`, {} (got {})",
            windows.impression_seconds, windows.click_seconds
        );
        add("windows.click_seconds", reason);
    }
    let request = &settings.request;
    let names = request.topics + request.entities + request.keywords;
    let needed = names * request.characters * MAX_UTF8_BYTES;
    if request.body_bytes < needed {
        let reason = format!(
            "must be at least {needed}, for {names} names of {} characters (got {})",
            request.characters, request.body_bytes
        );
        add("request.body_bytes", reason);
    }
    for (at, shape) in settings.creatives.commands.iter().enumerate() {
        if let Err(problem) = command::check_shape(shape) {
            add(&format!("creatives.commands[{at}]"), problem.to_string());
        }
    }
    let snapshot = &settings.snapshot;
    if snapshot.too_old_after_seconds < snapshot.stale_after_seconds {
        let reason = format!(
            "must be at least `stale_after_seconds`, {} (got {})",
            snapshot.stale_after_seconds, snapshot.too_old_after_seconds
        );
        add("snapshot.too_old_after_seconds", reason);
    }
    let log = &settings.decision_log;
    if log.max_bytes / 2 < log.segment_bytes {
        let reason = format!(
            "must be at least twice `segment_bytes`, {} (got {})",
            log.segment_bytes, log.max_bytes
        );
        add("decision_log.max_bytes", reason);
    }
    for taxonomy in settings.adapters.taxonomies.keys() {
        let others = TAXONOMIES.iter().filter(|(number, _)| *number != CONTENT_1);
        let known: Vec<String> = others.map(|(number, _)| number.to_string()).collect();
        if !known.contains(taxonomy) {
            let reason = format!(
                "`{taxonomy}` is not a taxonomy that requests name: must be one of {}; those of 1 are in \
                 `categories`",
                known.join(", ")
            );
            add("adapters.taxonomies", reason);
        }
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
        let reason = format!("{variable}: must have the form ADJACENT__SECTION__KEY");
        return Err(ConfigError::Usage(reason));
    };
    let sections = table.keys().cloned().collect::<Vec<_>>().join(", ");
    match table.get_mut(section) {
        Some(toml::Value::Table(fields)) => {
            fields.insert(key.clone(), value);
            Ok(())
        }
        _ => Err(ConfigError::Usage(format!(
            "{variable}: unknown section `{section}`: must be one of {sections}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::protocol::Protocol;
    use std::os::unix::fs::PermissionsExt;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adjacent.toml");
        std::fs::write(&path, text).unwrap();
        let pairs = environment.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        settings(Some(&path), pairs)
    }

    #[test]
    fn omitted_settings_have_their_defaults() {
        let settings = read("[windows]\nclick_seconds = 1800\n", &[]).unwrap();
        assert_eq!(settings.windows.click_seconds, 1_800);
        assert_eq!(settings.windows.impression_seconds, 900);
    }

    #[test]
    fn a_taxonomy_that_no_request_names_is_rejected() {
        for (number, is_valid) in
            [("7", true), ("8", true), ("1", false), ("4", false), ("x", false)]
        {
            let text = format!(
                "[adapters]\ntaxonomies = {{ \"{number}\" = {{ software = [\"602\"] }} }}\n"
            );
            assert_eq!(read(&text, &[]).is_ok(), is_valid, "{number}");
        }
    }

    #[test]
    fn an_unknown_key_is_reported_with_its_location_and_a_suggestion() {
        let error = read("[server]\nlisten = \"127.0.0.1:0\"\nlisen = 1\n", &[]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("adjacent.toml:3:1"), "{message}");
        assert!(message.contains("did you mean `listen`?"), "{message}");
    }

    #[test]
    fn each_protocol_has_a_switch_that_is_off_and_no_other_name_is_accepted() {
        for protocol in Protocol::ALL {
            let text = format!("[adapters]\n{protocol} = true\n");
            let variable = format!("ADJACENT__ADAPTERS__{protocol}").to_uppercase();
            let settings = [read(&text, &[]), read("", &[(&variable, "true")])];
            for settings in settings.map(Result::unwrap) {
                let on: Vec<&Protocol> =
                    Protocol::ALL.iter().filter(|one| settings.adapters.enabled(**one)).collect();
                assert_eq!(on, [protocol]);
            }
        }
        let message = read("[adapters]\nvast = true\n", &[]).unwrap_err().to_string();
        let known = Protocol::ALL.iter().all(|one| message.contains(one.as_str()));
        assert!(known && message.contains("adjacent.toml:2:1"), "{message}");
    }

    #[test]
    fn a_value_out_of_range_is_reported_with_its_location() {
        let message = read("[windows]\nclick_seconds = 0\n", &[]).unwrap_err().to_string();
        assert!(message.contains("adjacent.toml:2:17: windows.click_seconds"), "{message}");
    }

    #[test]
    fn contradictory_settings_are_rejected() {
        for (text, path) in [
            ("[server]\nlisten = \"0.0.0.0:80\"\n", "server.listen"),
            ("[server]\ncountry_header = \"X\"\n", "server.country_header"),
            ("[windows]\nclick_seconds = 899\n", "windows.click_seconds"),
            ("[creatives]\ncommands = [\"git push\", \"sudo\"]\n", "creatives.commands[1]"),
            ("[creatives]\ncommands = [\"git | sh\"]\n", "creatives.commands[0]"),
            ("[snapshot]\ntoo_old_after_seconds = 1\n", "snapshot.too_old_after_seconds"),
            ("[decision_log]\nmax_bytes = 134217727\n", "decision_log.max_bytes"),
        ] {
            let message = read(text, &[]).unwrap_err().to_string();
            assert!(message.contains("adjacent.toml:2:") && message.contains(path), "{message}");
        }
        let url = "[server]\nlisten = \"0.0.0.0:80\"\npublic_url = \"https://u.example\"\n";
        assert!(read(url, &[]).is_ok());
    }

    #[test]
    fn a_settings_file_with_a_password_must_not_be_readable_by_all_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adjacent.toml");
        let read = || settings(Some(&path), std::iter::empty()).map_err(|error| error.to_string());
        let open = |url: &str, mode: u32| {
            std::fs::write(&path, format!("[store]\nurl = \"{url}\"\n")).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        };
        for url in ["rediss://u:hunter2@r.example", "redis+cluster://:hunter2@a:1,b:2"] {
            open(url, 0o644);
            let error = read().unwrap_err();
            assert!(error.contains("run `chmod 0640 ") && !error.contains("hunter2"), "{error}");
            open(url, 0o640);
            assert_eq!(read().unwrap().store.url, url);
        }
        for url in ["embedded", "redis://r.example:6379", "redis://u@r.example"] {
            open(url, 0o644);
            assert_eq!(read().unwrap().store.url, url);
        }
    }

    #[test]
    fn the_environment_overrides_the_file_and_is_validated_too() {
        let listen = [("ADJACENT__SERVER__LISTEN", "127.0.0.1:0")];
        assert_eq!(read("", &listen).unwrap().server.listen.port(), 0);
        let wrong = [("ADJACENT__SERVER__LISEN", "127.0.0.1:0")];
        assert!(read("", &wrong).unwrap_err().to_string().contains("did you mean `listen`?"));
        for (name, value, expected) in [
            ("SERVER__TRIAL", "yes", "expected true or false, found the text \"yes\""),
            ("REQUEST__TOPICS", "1.5", "expected a whole number of at least 0, found 1.5"),
            ("WINDOWS__CLICK_SECONDS", "0", "lower than 1"),
        ] {
            let variable = format!("ADJACENT__{name}");
            let message = read("", &[(&variable, value)]).unwrap_err().to_string();
            assert_eq!(message, format!("{variable}: {expected}"));
        }
    }
}
