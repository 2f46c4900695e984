//! `adjacent init`: writes a commented starter inventory, and says how to serve it.

use crate::catalog::config_files::ConfigFiles;
use crate::cli::access::DataArgs;
use crate::cli::output::Output;
use crate::config::ConfigError;
use crate::domain::id::{AdvertiserId, PublisherId};
use anyhow::Context;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  adjacent init                                      config/inventory, for `my-site` and `first-sponsor`
  adjacent init shop --publisher shop-news           another folder and publisher
  adjacent init --advertiser acme --domain acme.com  an advertiser and where its links may lead";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Init {
    /// Folder for the files; the inventory goes to its subfolder `inventory`.
    #[arg(default_value = "config")]
    folder: PathBuf,
    /// Id of the publisher.
    #[arg(long, default_value = "my-site", value_name = "ID")]
    publisher: PublisherId,
    /// Id of the advertiser.
    #[arg(long, default_value = "first-sponsor", value_name = "ID")]
    advertiser: AdvertiserId,
    /// Domain of the advertiser, where its links may lead [default: ADVERTISER.example]
    #[arg(long)]
    domain: Option<String>,
    #[command(flatten)]
    place: DataArgs,
}

impl Init {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let settings = self.place.settings()?;
        let folder = self.folder.join("inventory");
        let files = self.files(&folder)?;
        must_be_free(&folder, &files)?;
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for (path, text) in &files {
            write_new(path, text)?;
        }
        let mut data = PathBuf::from(&settings.store.data);
        // What another inventory has served stays as it is.
        if data.join("catalog").exists() {
            data = self.folder.join("data");
        }
        let config = self.place.config().map(|file| format!(" --config {}", quoted(file)));
        let config = config.unwrap_or_default();
        let serve = format!(
            "adjacent serve{config} --data {} --inventory {} --watch",
            quoted(&data),
            quoted(&folder)
        );
        let base = match &settings.server.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", settings.server.listen),
        };
        let snippet = format!(
            "<script async src=\"{base}/embed/v1/adjacent.js\"\n  data-publisher=\"{}\" data-placement=\"article-end\" \
             data-topics=\"cloud-computing\"></script>",
            self.publisher
        );
        let report = format!("{base}/reports/{}", self.advertiser);
        let link =
            format!("adjacent keys link {}{config} --data {}", self.advertiser, quoted(&data));
        let simulate = format!("adjacent simulate{config} --data {} --for 5m", quoted(&data));
        let written: Vec<String> =
            files.iter().map(|(path, _)| path.display().to_string()).collect();
        let text = format!(
            "wrote {}\n\n\
             1. Serve it; a saved file is applied at once:\n\n  {serve}\n\n\
             2. Put a unit on a page:\n\n  {}\n\n\
             3. See what it does: {report} (the report, with the key of {} in {}, or a link by `{link}`), \
             and for some traffic\n\n  {simulate}",
            written.join(", "),
            snippet.replace('\n', "\n  "),
            self.advertiser,
            data.join("local-keys.toml").display(),
        );
        let object = json!({
            "files": written, "serve": serve, "snippet": snippet, "report": report,
            "report_link": link, "simulate": simulate,
        });
        Ok(output.result(text, &object)?)
    }

    /// The paths and texts of the files, which are valid together.
    fn files(&self, folder: &Path) -> Result<Vec<(PathBuf, String)>, ConfigError> {
        if self.advertiser.as_str() == "house" {
            let reason = "--advertiser house: is the publisher's own; name another one";
            return Err(ConfigError::Usage(reason.into()));
        }
        let domain = self.domain.clone().unwrap_or_else(|| format!("{}.example", self.advertiser));
        let fill = |text: &str| {
            text.replace("PUBLISHER", self.publisher.as_str())
                .replace("ADVERTISER", self.advertiser.as_str())
                .replace("DOMAIN", &domain)
        };
        let file = |name: &str, text: &str| (folder.join(name), fill(text));
        let files = vec![
            file("topics.toml", include_str!("starter/topics.toml")),
            file("publisher.toml", include_str!("starter/publisher.toml")),
            file("advertiser.toml", include_str!("starter/advertiser.toml")),
        ];
        let mut layout = ConfigFiles::default();
        for (path, text) in &files {
            layout.add_text(path.display().to_string(), text.clone())?;
        }
        layout.read()?;
        Ok(files)
    }
}

/// Fails, before anything is written, if a file exists, or others that would be read with them.
fn must_be_free(folder: &Path, files: &[(PathBuf, String)]) -> Result<(), ConfigError> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let others = entries.map(|entry| entry.path());
    let others = others.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let mut found: Vec<PathBuf> =
        files.iter().map(|(path, _)| path.clone()).filter(|path| path.exists()).collect();
    found.extend(others);
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
    Err(ConfigError::Usage(format!(
        "nothing written: {} has an inventory already ({}); name another folder: adjacent init FOLDER",
        folder.display(),
        names.join(", ")
    )))
}

/// Writes a file that must not exist yet.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let create =
        || -> std::io::Result<File> { OpenOptions::new().write(true).create_new(true).open(path) };
    let mut file = create().with_context(|| path.display().to_string())?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
