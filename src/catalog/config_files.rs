//! The files of a configuration (settings, weights, labels, inventory), wherever they are stored.

use crate::catalog::check::Finding;
use crate::catalog::files::{Against, ImageSources, Loaded};
use crate::catalog::image::ImageFile;
use crate::catalog::image_store::ImageStore;
use crate::catalog::schema::Kind;
use crate::catalog::{check, files, tables};
use crate::config::{Problem, Settings, load};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use std::path::{Path, PathBuf};

/// A file's name and its text.
type Text = (String, String);

/// The texts of a configuration, not parsed yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConfigFiles {
    settings: Option<Text>,
    weights: Option<Text>,
    labels: Option<Text>,
    inventory: Vec<Text>,
    /// The files and folders that the inventory is in.
    inventory_paths: Vec<PathBuf>,
    /// Whether these are the compiled-in files.
    built_in: bool,
}

/// A configuration whose parts are validated, also against each other. A part without a file is
/// `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckedConfig {
    /// `adjacent.toml`, over the defaults.
    pub(crate) settings: Option<Settings>,
    /// `weights.toml`.
    pub(crate) weights: Option<Weights>,
    /// `labels.toml`.
    pub(crate) labels: Option<LabelTable>,
    /// The inventory, from all other files.
    pub(crate) inventory: Option<Inventory>,
    /// The images that the inventory's files refer to by path.
    pub(crate) images: Vec<ImageFile>,
}

impl CheckedConfig {
    /// What is allowed, and may not be meant.
    pub(crate) fn warnings(&self, now_ms: i64) -> Vec<Finding> {
        let inventory = self.inventory.iter().flat_map(|one| check::warnings(one, now_ms));
        inventory.chain(self.weights.iter().flat_map(check::weight_warnings)).collect()
    }
}

impl ConfigFiles {
    /// The compiled-in configuration.
    pub(crate) fn example() -> ConfigFiles {
        let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        ConfigFiles {
            settings: Some(owned(("config/adjacent.toml", load::DEFAULTS))),
            weights: Some(owned(files::WEIGHTS)),
            labels: Some(owned(files::LABELS)),
            inventory: files::EXAMPLE.map(owned).into(),
            inventory_paths: Vec::new(),
            built_in: true,
        }
    }

    /// Adds a file, or the `.toml` files of a folder and of its subfolder `inventory`.
    pub(crate) fn add(&mut self, path: &Path) -> Result<(), Vec<Problem>> {
        let inner = path.join("inventory");
        let nested = inner.is_dir();
        match files::read(path) {
            Ok(texts) => {
                let before = self.inventory.len();
                for (name, text) in texts {
                    self.add_text(name, text)?;
                }
                if self.inventory.len() > before {
                    self.inventory_paths.push(path.to_owned());
                }
            }
            // A folder with a subfolder `inventory` needs no `.toml` files itself.
            Err(_) if nested && path.is_dir() => {}
            Err(problems) => return Err(problems),
        }
        if nested {
            self.inventory.extend(files::read(&inner)?);
            self.inventory_paths.push(inner);
        }
        Ok(())
    }

    /// The file or folder that has the whole inventory; `None` if there are several, or a text without a file.
    pub(crate) fn inventory_path(&self) -> Option<&Path> {
        let has_text = self.inventory.iter().any(|(name, _)| name == files::STANDARD_INPUT);
        match self.inventory_paths.as_slice() {
            [only] if !has_text => Some(only),
            _ => None,
        }
    }

    /// The weights file.
    pub(crate) fn weights_path(&self) -> Option<&Path> {
        let (name, _) = self.weights.as_ref()?;
        (!self.built_in && name != files::STANDARD_INPUT).then_some(Path::new(name))
    }

    /// Adds a text. `name` appears in problems and determines the kind of file.
    pub(crate) fn add_text(&mut self, name: String, text: String) -> Result<(), Vec<Problem>> {
        let slot = match kind(&name, &text) {
            Kind::Config => &mut self.settings,
            Kind::Weights => &mut self.weights,
            Kind::Labels => &mut self.labels,
            Kind::Inventory => {
                self.inventory.push((name, text));
                return Ok(());
            }
        };
        if let Some((other, _)) = slot {
            let reason = format!("is the same kind of file as `{other}`: pass only one of them");
            return Err(vec![Problem::of_file(&name, reason)]);
        }
        *slot = Some((name, text));
        Ok(())
    }

    /// The documents of files that are a part of an inventory; references to others are not checked.
    pub(crate) fn part(&self) -> Result<Inventory, Vec<Problem>> {
        let others = [&self.settings, &self.weights, &self.labels];
        if let Some((name, _)) = others.into_iter().flatten().next() {
            return Err(vec![Problem::of_file(name, "is not a file of the inventory")]);
        }
        files::part(&self.inventory)
    }

    /// Parses and validates all files and returns every problem in any of them. Without a label
    /// table among the files, flights are checked against the compiled-in one; without settings,
    /// commands against those that a server would read.
    pub(crate) fn read(&self) -> Result<CheckedConfig, Vec<Problem>> {
        self.read_with(None, None)
    }

    /// Like [`Self::read`]; images that are named by an address must be in `stored`, if given. With the time in
    /// Unix milliseconds, prices are checked against the weights among the files, else the given ones.
    pub(crate) fn read_with(
        &self,
        stored: Option<&ImageStore>,
        prices: Option<(&Weights, i64)>,
    ) -> Result<CheckedConfig, Vec<Problem>> {
        let mut problems = Vec::new();
        let settings = self.settings.as_ref().map(|(name, text)| {
            match self.built_in || name == files::STANDARD_INPUT {
                true => load::parse_settings(name, text),
                false => load::file_settings(name, text),
            }
        });
        let weights = self.weights.as_ref().map(|(name, text)| tables::weights(name, text));
        let commands = self.approved_commands(settings.as_ref());
        let mut labels = None;
        // Labels may refer to the inventory's region groups, and flights need labels. So the groups
        // are read first, then the labels, and then the flights are checked.
        let read = if self.built_in { files::compiled_in } else { files::in_folder };
        let images = ImageSources { read, stored };
        let inventory = files::load_with(&self.inventory, images, commands.as_deref(), |groups| {
            let regions = Regions::build(groups).unwrap_or_default();
            let prices = prices.and_then(|(known, now_ms)| match &weights {
                // Invalid weights are a problem of their own.
                Some(read) => Some((read.clone().ok()?, now_ms)),
                None => Some((known.clone(), now_ms)),
            });
            let Some((name, text)) = &self.labels else {
                let labels = tables::labels(files::LABELS.0, files::LABELS.1, &regions).ok();
                return Against { labels, prices };
            };
            let result = tables::labels(name, text, &regions);
            let table = result.as_ref().ok().cloned();
            labels = Some(result);
            Against { labels: table, prices }
        });
        let inventory = (!self.inventory.is_empty()).then_some(inventory);
        let (inventory, images) = match collect(inventory, &mut problems) {
            Some(Loaded { inventory, images }) => (Some(inventory), images),
            None => (None, Vec::new()),
        };
        let checked = CheckedConfig {
            settings: collect(settings, &mut problems),
            weights: collect(weights, &mut problems),
            labels: collect(labels, &mut problems),
            inventory,
            images,
        };
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }
}

impl ConfigFiles {
    /// The commands that creatives may offer; `None` if the settings are not valid.
    fn approved_commands(
        &self,
        settings: Option<&Result<Settings, Vec<Problem>>>,
    ) -> Option<Vec<String>> {
        let commands = |settings: Settings| settings.creatives.commands;
        match settings {
            Some(read) => read.clone().ok().map(commands),
            None => load::settings(None, load::environment()).ok().map(commands),
        }
    }
}

/// The value of a result; its problems are added to `problems`.
fn collect<T>(result: Option<Result<T, Vec<Problem>>>, problems: &mut Vec<Problem>) -> Option<T> {
    match result? {
        Ok(value) => Some(value),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

/// The kind of a text: by its file's name, else by its first key or table.
pub(crate) fn kind(name: &str, text: &str) -> Kind {
    let file = Path::new(name).file_name().and_then(|file| file.to_str()).unwrap_or(name);
    match file {
        "adjacent.toml" => return Kind::Config,
        "weights.toml" => return Kind::Weights,
        "labels.toml" => return Kind::Labels,
        _ => {}
    }
    let key = |line: &str| {
        let word = line.trim().trim_start_matches('[');
        word.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().map(str::to_owned)
    };
    let has_key = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let Some(first) = text.lines().find(has_key).and_then(key) else { return Kind::Inventory };
    let matches = |kind| {
        let schema = crate::catalog::schema::of(kind);
        schema["properties"].as_object().is_some_and(|fields| fields.contains_key(&first))
    };
    [Kind::Inventory, Kind::Labels, Kind::Weights, Kind::Config]
        .into_iter()
        .find(|kind| matches(*kind))
        .unwrap_or(Kind::Inventory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_configuration_is_valid_on_disk_and_compiled_in() {
        let mut layout = ConfigFiles::default();
        layout.add(Path::new("config")).unwrap();
        for checked in [layout.read().unwrap(), ConfigFiles::example().read().unwrap()] {
            assert_eq!(checked.inventory.unwrap(), files::example());
            assert_eq!(checked.weights.unwrap(), Weights::default());
            assert!(checked.settings.is_some() && checked.labels.is_some());
        }
    }

    #[test]
    fn the_kind_of_a_file_follows_from_its_first_key() {
        let of = |(_, text): (&str, &str)| kind("x.toml", text);
        assert_eq!(of(files::WEIGHTS), Kind::Weights);
        assert_eq!(of(files::LABELS), Kind::Labels);
        assert_eq!(of(("", load::DEFAULTS)), Kind::Config);
        assert!(files::EXAMPLE.into_iter().all(|file| of(file) == Kind::Inventory));
        assert_eq!(of(("", "# nothing\n")), Kind::Inventory);
    }

    #[test]
    fn flights_are_checked_against_the_labels_in_the_same_configuration() {
        let mut layout = ConfigFiles::default();
        layout.add(Path::new("config/inventory")).unwrap();
        let (name, text) = files::LABELS;
        let start = text.find("[[label]]").unwrap();
        let words = text.find("[[words]]").unwrap();
        let world = text.find("[[label]]\nregions = [\"world\"]").unwrap();
        let only_world = format!("{}{}", &text[..start], &text[world..]);
        layout.add_text(name.into(), only_world.clone()).unwrap();
        assert!(layout.read().is_ok(), "the label for `world` applies in every country");

        let mut narrow = ConfigFiles { labels: None, ..layout };
        let german = only_world[..words - (world - start)].replace("\"world\"", "\"DE\"");
        let table = format!("{german}{}", &text[words..]);
        narrow.add_text(name.into(), table.clone()).unwrap();
        let problems = narrow.read().unwrap_err();
        assert!(problems.iter().any(|problem| problem.reason.contains("unknown country")));

        let table: LabelTable = toml::from_str(&table).unwrap();
        let images = ImageSources { read: files::in_folder, stored: None };
        let problems = files::load_with(&narrow.inventory, images, None, |_| Against {
            labels: Some(table.clone()),
            prices: None,
        })
        .unwrap_err();
        let zahid = problems.iter().find(|problem| problem.file.contains("zahid")).unwrap();
        assert!(zahid.reason.contains("without a reviewed label"), "{zahid}");
        assert!(zahid.line > 1 && zahid.path.ends_with("targeting.regions"), "{zahid}");
    }

    #[test]
    fn two_files_of_the_same_kind_are_rejected() {
        let mut layout = ConfigFiles::example();
        let again = layout.add_text("weights.toml".into(), String::new()).unwrap_err();
        assert!(again[0].to_string().contains("config/weights.toml"), "{}", again[0]);
    }
}
