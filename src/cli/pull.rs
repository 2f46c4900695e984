//! `adjacent pull`: brings files up to date with what is served, keeping their comments, order and formatting.

use crate::catalog::change::{ExpectedVersion, HeadUpdate};
use crate::catalog::detail::{Detail, FileVersion};
use crate::catalog::pull::Place;
use crate::catalog::schema::Kind;
use crate::catalog::{AuditContext, Catalog, config_files, difference, files, pause, pull};
use crate::cli::access::ServerAccess;
use crate::cli::catalog;
use crate::cli::catalog::Served;
use crate::cli::confirm::confirmed;
use crate::cli::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, load};
use crate::publishing::source;
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Pull {
    /// The file or folder to bring up to date; a folder that does not exist or is empty gets a file for each list.
    #[arg(required_unless_present = "weights")]
    path: Option<PathBuf>,
    /// The weights file to bring up to date.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    access: ServerAccess,
    /// Write without asking. Without a terminal, the answer is read from standard input otherwise.
    #[arg(long)]
    yes: bool,
    /// The name to record in the audit log.
    #[arg(long, env = "USER", default_value = "command line", hide_env_values = true)]
    who: String,
}

/// A file that is brought up to date.
struct Written {
    path: PathBuf,
    /// `None` for a new file.
    before: Option<String>,
    after: String,
}

/// What is to be written, and what it is compared with.
#[derive(Default)]
struct Plan {
    written: Vec<Written>,
    difference: difference::Difference,
    versions: Vec<FileVersion>,
}

impl Pull {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let served = catalog::served(&self.access.data()?)?;
        if served.number == 0 {
            let reason = format!(
                "{}: nothing was ever applied to this data directory",
                self.access.data()?.display()
            );
            return Err(ConfigError::Usage(reason).into());
        }
        let mut plan = Plan::default();
        if let Some(path) = &self.path {
            plan.folder(path, &served)?;
        }
        if let Some(path) = &self.weights {
            plan.weights(path, &served)?;
        }
        plan.written.retain(|file| file.before.as_ref() != Some(&file.after));
        output.line(plan.difference.to_string().trim_end())?;
        for file in &plan.written {
            let verb = if file.before.is_some() { "changes" } else { "creates" };
            output.line(format_args!("{verb} {}", file.path.display()))?;
        }
        let outcome = |written: bool| {
            let files: Vec<String> =
                plan.written.iter().map(|file| file.path.display().to_string()).collect();
            serde_json::json!({
                "written": written, "files": files, "difference": plan.difference,
            })
        };
        if !plan.written.is_empty() {
            if !self.yes && !confirmed("write these files?")? {
                output.line("not written")?;
                return Ok(output.json_only(&outcome(false))?);
            }
            for file in &plan.written {
                let name = file.path.display();
                replace(&file.path, &file.after).with_context(|| format!("cannot write {name}"))?;
            }
        }
        self.record(plan.versions.clone())?;
        Ok(output.json_only(&outcome(!plan.written.is_empty()))?)
    }

    /// Records that the files have what is served, so that later changes of them are applied.
    fn record(&self, files: Vec<FileVersion>) -> anyhow::Result<()> {
        let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let what = format!("pull {}", names.join(" "));
        if let Some(server) = self.access.find()? {
            let body = serde_json::json!({ "files": files, "what": what });
            server.put("/v1/admin/inventory", &body)?;
            return Ok(());
        }
        let at = SystemClock::starting_at_least(0).now();
        let by = AuditContext { who: self.who.clone(), what, at, request: None };
        let detail = Detail { files, ..Detail::default() };
        let parts = HeadUpdate { detail: Some(&detail), ..HeadUpdate::default() };
        let catalog = Catalog::open(&self.access.data()?.join("catalog"))?;
        catalog.put(&parts, ExpectedVersion::Any, &by)?;
        Ok(())
    }
}

impl Plan {
    /// A file or folder with an inventory, and the weights and labels in it.
    fn folder(&mut self, path: &Path, served: &Served) -> anyhow::Result<()> {
        let Some(inventory) = &served.inventory else {
            return Err(ConfigError::Usage("no inventory is served".to_owned()).into());
        };
        let mut wanted = pause::content(inventory);
        wanted.sort();
        let inner = path.join("inventory");
        let folder = if inner.is_dir() { inner.as_path() } else { path };
        let mut texts = texts(folder)?;
        texts.retain(|(name, text)| config_files::kind(name, text) == Kind::Inventory);
        let is_file = folder.is_file() || folder.extension().is_some_and(|end| end == "toml");
        let place = if is_file { Place::File(folder) } else { Place::Folder(folder) };
        let before = pull::current(&texts).map_err(ConfigError::from)?;
        let after = pull::inventory(&texts, &place, &wanted).map_err(ConfigError::from)?;
        self.difference.lists = difference::inventories(&pause::content(&before), &wanted);
        for (number, (name, after)) in after.into_iter().enumerate() {
            let before = texts.get(number).map(|(_, text)| text.clone());
            self.written.push(Written { path: name.into(), before, after });
        }
        self.versions.push(source::inventory_version(folder, &wanted));
        let others = if path.is_dir() { self::texts(path)? } else { Vec::new() };
        for (name, text) in others {
            match config_files::kind(&name, &text) {
                Kind::Weights => self.weights(Path::new(&name), served)?,
                Kind::Labels => self.labels(Path::new(&name), &text, served)?,
                Kind::Inventory | Kind::Config => {}
            }
        }
        Ok(())
    }

    fn weights(&mut self, path: &Path, served: &Served) -> anyhow::Result<()> {
        let Some(wanted) = &served.weights else { return Ok(()) };
        if self.written.iter().any(|file| file.path == path) {
            return Ok(());
        }
        let name = path.display().to_string();
        let before = path.exists().then(|| load::read_text(path)).transpose();
        let before = before.map_err(ConfigError::from)?;
        let after = pull::document(&name, before.as_deref(), wanted).map_err(ConfigError::from)?;
        let old = before.as_deref().and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
        self.difference.weights = difference::weights(&old, wanted);
        self.versions.push(source::weights_version(path, wanted));
        self.written.push(Written { path: path.to_owned(), before, after });
        Ok(())
    }

    fn labels(&mut self, path: &Path, text: &str, served: &Served) -> anyhow::Result<()> {
        let Some(wanted) = &served.labels else { return Ok(()) };
        let name = path.display().to_string();
        let after = pull::document(&name, Some(text), wanted).map_err(ConfigError::from)?;
        if let Ok(old) = toml::from_str(text) {
            self.difference.labels = difference::labels(&old, wanted);
        }
        self.written.push(Written { path: path.to_owned(), before: Some(text.to_owned()), after });
        Ok(())
    }
}

/// The texts of a file or folder; none if it does not exist or is empty.
fn texts(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let has_text = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        !name.to_string_lossy().starts_with('.') && name.to_string_lossy().ends_with(".toml")
    };
    let is_empty = match path.is_dir() {
        true => !std::fs::read_dir(path)?.filter_map(Result::ok).any(has_text),
        false => !path.exists(),
    };
    if is_empty {
        return Ok(Vec::new());
    }
    Ok(files::read(path).map_err(ConfigError::from)?)
}

/// Replaces a file as a whole; the target of a symbolic link stays one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // The name begins with a dot: no reader of the folder takes it for a file of the inventory.
    let temporary = folder.join(format!(".{name}.new"));
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = std::fs::metadata(&path) {
        file.set_permissions(metadata.permissions())?;
    }
    file.sync_all()?;
    std::fs::rename(&temporary, &path)
}
