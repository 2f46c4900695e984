//! The files of a configuration, wherever they lie: settings, weights, labels, inventory.

use crate::catalog::files;
use crate::catalog::files::Around;
use crate::catalog::files::Loaded;
use crate::catalog::picture::Picture;
use crate::catalog::pictures::Pictures;
use crate::catalog::schema::Kind;
use crate::catalog::tables;
use crate::config::Problem;
use crate::config::Settings;
use crate::config::load;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use std::path::Path;

/// A file's name and its text.
type Text = (String, String);

/// The texts of a configuration, unread.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    settings: Option<Text>,
    weights: Option<Text>,
    labels: Option<Text>,
    inventory: Vec<Text>,
    /// They are those compiled in.
    built_in: bool,
}

/// What they say, each part checked, and the parts against each other; absent where no file says it.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// `adjacent.toml`, over the defaults.
    pub settings: Option<Settings>,
    /// `weights.toml`.
    pub weights: Option<Weights>,
    /// `labels.toml`.
    pub labels: Option<LabelTable>,
    /// Everything else.
    pub inventory: Option<Inventory>,
    /// The pictures that lie beside it.
    pub pictures: Vec<Picture>,
}

impl Layout {
    /// The configuration that is compiled in.
    pub fn example() -> Layout {
        let own = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        Layout {
            settings: Some(own(("config/adjacent.toml", load::DEFAULTS))),
            weights: Some(own(files::WEIGHTS)),
            labels: Some(own(files::LABELS)),
            inventory: files::EXAMPLE.map(own).into(),
            built_in: true,
        }
    }

    /// Adds a file; or the `.toml` files of a folder and of the folder `inventory` in it.
    pub fn add(&mut self, path: &Path) -> Result<(), Vec<Problem>> {
        let inner = path.join("inventory");
        let nested = inner.is_dir();
        match files::read(path) {
            Ok(texts) => {
                for (name, text) in texts {
                    self.add_text(name, text)?;
                }
            }
            // Files of its own are not needed where there is an inventory below.
            Err(_) if nested && path.is_dir() => {}
            Err(problems) => return Err(problems),
        }
        if nested {
            self.inventory.extend(files::read(&inner)?);
        }
        Ok(())
    }

    /// Adds a text; `name` is for messages and for telling what it is.
    pub fn add_text(&mut self, name: String, text: String) -> Result<(), Vec<Problem>> {
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
            let reason = format!("holds the same as `{other}`: name one of them");
            return Err(vec![Problem::of_file(&name, reason)]);
        }
        *slot = Some((name, text));
        Ok(())
    }

    /// Reads all of it; every mistake in any file is found. Where no label table is among the
    /// files, flights are checked against the one compiled in.
    pub fn read(&self) -> Result<Checked, Vec<Problem>> {
        self.read_with(None)
    }

    /// The same; pictures that are named by an address must be among `stored`.
    pub fn read_with(&self, stored: Option<&Pictures>) -> Result<Checked, Vec<Problem>> {
        let mut problems = Vec::new();
        let settings = self.settings.as_ref().map(|(name, text)| load::settings_of(name, text));
        let weights = self.weights.as_ref().map(|(name, text)| tables::weights(name, text));
        let mut labels = None;
        // A label may name a group of the inventory's, and a flight needs a label: the groups
        // are read first, then the labels, then the flights are checked.
        let beside = if self.built_in { files::compiled_in } else { files::in_folder };
        let inventory = files::load_for(&self.inventory, Around { beside, stored }, |groups| {
            let regions = Regions::build(groups).unwrap_or_default();
            let Some((name, text)) = &self.labels else {
                return tables::labels(files::LABELS.0, files::LABELS.1, &regions).ok();
            };
            let read = tables::labels(name, text, &regions);
            let table = read.as_ref().ok().cloned();
            labels = Some(read);
            table
        });
        let inventory = (!self.inventory.is_empty()).then_some(inventory);
        let (inventory, pictures) = match keep(inventory, &mut problems) {
            Some(Loaded { inventory, pictures }) => (Some(inventory), pictures),
            None => (None, Vec::new()),
        };
        let checked = Checked {
            settings: keep(settings, &mut problems),
            weights: keep(weights, &mut problems),
            labels: keep(labels, &mut problems),
            inventory,
            pictures,
        };
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }
}

fn keep<T>(read: Option<Result<T, Vec<Problem>>>, problems: &mut Vec<Problem>) -> Option<T> {
    match read? {
        Ok(value) => Some(value),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

/// What a text is: by its file's name, else by the first thing it says.
fn kind(name: &str, text: &str) -> Kind {
    let file = Path::new(name).file_name().and_then(|file| file.to_str()).unwrap_or(name);
    match file {
        "adjacent.toml" => return Kind::Config,
        "weights.toml" => return Kind::Weights,
        "labels.toml" => return Kind::Labels,
        _ => {}
    }
    let says = |line: &str| {
        let word = line.trim().trim_start_matches('[');
        word.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().map(str::to_owned)
    };
    let telling = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let Some(first) = text.lines().find(telling).and_then(says) else { return Kind::Inventory };
    let fields = |kind| {
        let schema = crate::catalog::schema::of(kind);
        schema["properties"].as_object().is_some_and(|fields| fields.contains_key(&first))
    };
    [Kind::Inventory, Kind::Labels, Kind::Weights, Kind::Config]
        .into_iter()
        .find(|kind| fields(*kind))
        .unwrap_or(Kind::Inventory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_of_this_project_is_valid_on_disk_and_compiled_in() {
        let mut layout = Layout::default();
        layout.add(Path::new("config")).unwrap();
        for checked in [layout.read().unwrap(), Layout::example().read().unwrap()] {
            assert_eq!(checked.inventory.unwrap(), files::example());
            assert_eq!(checked.weights.unwrap(), Weights::default());
            assert!(checked.settings.is_some() && checked.labels.is_some());
        }
    }

    #[test]
    fn a_text_is_known_by_what_it_says_first() {
        let of = |(_, text): (&str, &str)| kind("x.toml", text);
        assert_eq!(of(files::WEIGHTS), Kind::Weights);
        assert_eq!(of(files::LABELS), Kind::Labels);
        assert_eq!(of(("", load::DEFAULTS)), Kind::Config);
        assert!(files::EXAMPLE.into_iter().all(|file| of(file) == Kind::Inventory));
        assert_eq!(of(("", "# nothing\n")), Kind::Inventory);
    }

    #[test]
    fn a_flight_is_checked_against_the_labels_beside_it() {
        let mut layout = Layout::default();
        layout.add(Path::new("config/inventory")).unwrap();
        let (name, text) = files::LABELS;
        let start = text.find("[[label]]").unwrap();
        let words = text.find("[[words]]").unwrap();
        let world = text.find("[[label]]\nregions = [\"world\"]").unwrap();
        let only_world = format!("{}{}", &text[..start], &text[world..]);
        layout.add_text(name.into(), only_world.clone()).unwrap();
        assert!(layout.read().is_ok(), "the world's label is everybody's");

        let mut narrow = Layout { labels: None, ..layout };
        let german = only_world[..words - (world - start)].replace("\"world\"", "\"DE\"");
        let table = format!("{german}{}", &text[words..]);
        narrow.add_text(name.into(), table.clone()).unwrap();
        let problems = narrow.read().unwrap_err();
        assert!(problems.iter().any(|problem| problem.reason.contains("nobody knows")));

        let table: LabelTable = toml::from_str(&table).unwrap();
        let around = Around { beside: files::in_folder, stored: None };
        let problems = files::load_for(&narrow.inventory, around, |_| Some(table)).unwrap_err();
        let zahid = problems.iter().find(|problem| problem.file.contains("zahid")).unwrap();
        assert!(zahid.reason.contains("where no label was reviewed"), "{zahid}");
        assert!(zahid.line > 1 && zahid.path.ends_with("targeting.regions"), "{zahid}");
    }

    #[test]
    fn the_same_file_twice_is_refused() {
        let mut layout = Layout::example();
        let again = layout.add_text("weights.toml".into(), String::new()).unwrap_err();
        assert!(again[0].to_string().contains("config/weights.toml"), "{}", again[0]);
    }
}
