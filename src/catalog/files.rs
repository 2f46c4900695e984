//! Reads an inventory from a folder of TOML files and reports every error in all of them at once.

use crate::catalog::check::Finding;
use crate::catalog::image::ImageFile;
use crate::catalog::image_store::ImageStore;
use crate::catalog::{check, image, pieces};
use crate::config::document::Document;
use crate::config::files::{is_hidden, open_regular};
use crate::config::{Problem, load, suggestion};
use crate::domain::image::Source;
use crate::domain::inventory::{ImageField, Inventory};
use crate::domain::label::LabelTable;
use crate::domain::lists;
use crate::domain::lists::{LISTS, ListItem};
use crate::domain::region::RegionGroup;
use crate::domain::weights::Weights;
use std::collections::HashMap;
use std::io;
use std::io::Read;
use std::path::Path;

/// The example inventory, compiled in; a first run serves it.
pub const EXAMPLE: [(&str, &str); 6] = [
    ("config/inventory/entities.toml", include_str!("../../config/inventory/entities.toml")),
    ("config/inventory/house.toml", include_str!("../../config/inventory/house.toml")),
    ("config/inventory/others.toml", include_str!("../../config/inventory/others.toml")),
    ("config/inventory/publishers.toml", include_str!("../../config/inventory/publishers.toml")),
    ("config/inventory/topics.toml", include_str!("../../config/inventory/topics.toml")),
    ("config/inventory/zahid-host.toml", include_str!("../../config/inventory/zahid-host.toml")),
];

/// The images of the example inventory, by file name.
const EXAMPLE_PICTURES: [(&str, &[u8]); 4] = [
    ("kupferpfanne.png", include_bytes!("../../config/inventory/pictures/kupferpfanne.png")),
    ("lastenrad.png", include_bytes!("../../config/inventory/pictures/lastenrad.png")),
    ("pfanne.png", include_bytes!("../../config/inventory/pictures/pfanne.png")),
    ("veloria.png", include_bytes!("../../config/inventory/pictures/veloria.png")),
];

/// The file name in problems of a text that was read from standard input.
pub(crate) const STANDARD_INPUT: &str = "standard input";

/// The default weights, compiled in: file name and text.
pub const WEIGHTS: (&str, &str) =
    ("config/weights.toml", include_str!("../../config/weights.toml"));

/// The default label table, compiled in: file name and text.
pub const LABELS: (&str, &str) = ("config/labels.toml", include_str!("../../config/labels.toml"));

/// Reads a file, or every `.toml` file of a folder in the order of their names; a name that begins with a
/// dot is of an editor or of a file system. Each result is a file's name and text.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, Vec<Problem>> {
    let unreadable = |error: std::io::Error| {
        vec![Problem::of_file(&path.display().to_string(), format!("cannot be read: {error}"))]
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_dir() {
        return Ok(vec![(path.display().to_string(), load::read_text(path)?)]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let visible = !file.file_name().is_some_and(is_hidden);
        if visible && file.extension().is_some_and(|extension| extension == "toml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        let name = path.display().to_string();
        return Err(vec![Problem::of_file(&name, "contains no .toml file")]);
    }
    let mut texts = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        match load::read_text(&file) {
            Ok(text) => texts.push((file.display().to_string(), text)),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

/// The most problems that are reported with their location; a hundred thousand similar ones add nothing.
const MAX_PROBLEMS: usize = 200;

/// An inventory that was read from files.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Loaded {
    /// The inventory, validated. Its lists are in id order, and it refers to images by address only.
    pub(crate) inventory: Inventory,
    /// The images that the files refer to by path, validated.
    pub(crate) images: Vec<ImageFile>,
}

impl Loaded {
    fn add_image(&mut self, image: ImageFile) {
        if !self.images.iter().any(|known| known.address() == image.address()) {
            self.images.push(image);
        }
    }
}

/// Reads the bytes of an image. Arguments: the name of the TOML file, and the image's path in it.
pub(crate) type ReadImage = fn(&str, &str) -> io::Result<Vec<u8>>;

/// Where the images that files refer to are found.
#[derive(Clone, Copy)]
pub(crate) struct ImageSources<'a> {
    /// Reads an image that is named by its path.
    pub(crate) read: ReadImage,
    /// Images that are named by their address. `None`: assume that they are stored.
    pub(crate) stored: Option<&'a ImageStore>,
}

/// The validated inventory that these files define together; its lists are in id order.
pub fn parse(files: &[(String, String)]) -> Result<Inventory, Vec<Problem>> {
    let images = ImageSources { read: in_folder, stored: None };
    load_with(files, images, None, |_| Against::default()).map(|loaded| loaded.inventory)
}

/// Like [`parse`], and reads the images that the files refer to by path. Images that they refer to
/// by address must be in `stored`, if given; creatives may offer the approved `commands`.
pub(crate) fn load(
    files: &[(String, String)],
    stored: Option<&ImageStore>,
    commands: &[String],
) -> Result<Loaded, Vec<Problem>> {
    load_with(files, ImageSources { read: in_folder, stored }, Some(commands), |_| {
        Against::default()
    })
}

/// What an inventory is checked against, as far as it is known.
#[derive(Default)]
pub(crate) struct Against {
    /// Every reader a flight can reach has a label in it.
    pub(crate) labels: Option<LabelTable>,
    /// Weights by which prices are compared, and the time in Unix milliseconds.
    pub(crate) prices: Option<(Weights, i64)>,
}

/// Like [`load()`], with `None` for commands that are not to be checked, and checks against labels and weights.
/// `against` is called with the region groups that these files define, and once more if there are problems.
pub(crate) fn load_with(
    files: &[(String, String)],
    sources: ImageSources<'_>,
    commands: Option<&[String]>,
    mut against: impl FnMut(&[RegionGroup]) -> Against,
) -> Result<Loaded, Vec<Problem>> {
    if let Some(mut loaded) = load_in_pieces(files, sources.read) {
        let against = against(&loaded.inventory.regions);
        loaded.inventory.sort();
        if all_findings(&loaded, sources.stored, commands, &against).is_empty() {
            return Ok(loaded);
        }
    }
    let mut problems = Vec::new();
    let mut documents = Vec::new();
    for (name, text) in files {
        match Document::parse(name, text) {
            Ok(document) => documents.push(document),
            Err(found) => problems.extend(found),
        }
    }
    let mut inventory = Inventory::default();
    let mut origins = Origins::default();
    for (number, document) in documents.iter().enumerate() {
        problems.extend(unknown_lists(document));
        lists::visit_all(&mut Reader {
            number,
            document,
            into: &mut inventory,
            problems: &mut problems,
            origins: &mut origins,
        });
    }
    let against = against(&inventory.regions);
    let mut loaded = Loaded { inventory, images: Vec::new() };
    if problems.is_empty() {
        let mut findings = origins.load_images(&documents, sources.read, &mut loaded);
        loaded.inventory.sort();
        let stored = sources.stored.filter(|_| findings.is_empty());
        findings.extend(all_findings(&loaded, stored, commands, &against));
        let first = findings.iter().take(MAX_PROBLEMS);
        problems.extend(first.map(|finding| origins.locate(&documents, finding)));
        if let Some(more) = findings.len().checked_sub(MAX_PROBLEMS).filter(|more| *more > 0) {
            problems.push(Problem::of_file("the inventory", format!("and {more} more problems")));
        }
    }
    if problems.is_empty() {
        return Ok(loaded);
    }
    let whole = |problem: &Problem| problem.line == 0;
    problems.sort_by(|a, b| {
        (whole(a), &a.file, a.line, a.column).cmp(&(whole(b), &b.file, b.line, b.column))
    });
    Err(problems)
}

/// The inventory in these files, unchecked; `None` if they must be read as a whole.
fn load_in_pieces(files: &[(String, String)], read: ReadImage) -> Option<Loaded> {
    let mut loaded = Loaded::default();
    for (name, text) in files {
        let mut inventory = pieces::read(name, text)?;
        for (_, source) in inventory.image_fields_mut() {
            let Source::File(path) = &*source else { continue };
            let image = load_image(name, path, read).ok()?;
            *source = Source::Stored(image.address());
            loaded.add_image(image);
        }
        pieces::append(inventory, &mut loaded.inventory);
    }
    Some(loaded)
}

/// All findings about what was read. Stored images are looked up in `stored`, if given.
fn all_findings(
    Loaded { inventory, images }: &Loaded,
    stored: Option<&ImageStore>,
    commands: Option<&[String]>,
    Against { labels, prices }: &Against,
) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    all.extend(stored.iter().flat_map(|stored| stored.missing(inventory, images)));
    all.extend(check::inventory(inventory));
    all.extend(commands.iter().flat_map(|approved| check::commands(inventory, approved)));
    all.extend(labels.iter().flat_map(|table| check::labels(inventory, table)));
    all.extend(prices.iter().flat_map(|(known, now_ms)| check::prices(inventory, known, *now_ms)));
    all
}

/// The documents of files that are a part of an inventory: references to others are not checked, and images that
/// are named by a path stay as they are.
pub(crate) fn part(files: &[(String, String)]) -> Result<Inventory, Vec<Problem>> {
    let (mut problems, mut inventory) = (Vec::new(), Inventory::default());
    for (name, text) in files {
        let document = Document::parse(name, text)?;
        problems.extend(unknown_lists(&document));
        lists::visit_all(&mut Reader {
            number: 0,
            document: &document,
            into: &mut inventory,
            problems: &mut problems,
            origins: &mut Origins::default(),
        });
    }
    if problems.is_empty() { Ok(inventory) } else { Err(problems) }
}

/// Replaces the paths of images by the addresses of these files, where they can be read. `name`: the file that has
/// the documents.
pub(super) fn resolve_images(name: &str, read: ReadImage, inventory: &mut Inventory) {
    for (_, source) in inventory.image_fields_mut() {
        let Source::File(path) = &*source else { continue };
        if let Ok(image) = load_image(name, path, read) {
            *source = Source::Stored(image.address());
        }
    }
}

/// The example inventory.
pub fn example() -> Inventory {
    example_with_images().inventory
}

/// The example inventory with its images.
pub(crate) fn example_with_images() -> Loaded {
    let files = EXAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned()));
    load_with(&files, ImageSources { read: compiled_in, stored: None }, None, |_| {
        Against::default()
    })
    .expect("a test validates the example inventory")
}

/// Reads an image relative to the folder of the file that refers to it. Reads at most one byte more
/// than the size limit, so that a larger file is detected.
pub(super) fn in_folder(file: &str, path: &str) -> io::Result<Vec<u8>> {
    if file == STANDARD_INPUT {
        return Err(io::Error::other("standard input has no folder: pass the file names instead"));
    }
    let path = Path::new(file).parent().unwrap_or(Path::new("")).join(path);
    let opened = open_regular(&path)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(image::MAX_BYTES + 1).unwrap_or(u64::MAX);
    opened.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads an image of the example inventory.
pub(super) fn compiled_in(_: &str, path: &str) -> io::Result<Vec<u8>> {
    let name = path.strip_prefix("pictures/").unwrap_or(path);
    let found = EXAMPLE_PICTURES.iter().find(|(own, _)| *own == name);
    found.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn unknown_lists(document: &Document<'_>) -> Vec<Problem> {
    let unknown = document.names().filter(|(name, _)| !LISTS.contains(name));
    unknown
        .map(|(name, _)| {
            let help = suggestion::suggestion(name, LISTS.into_iter())
                .or_else(|| Some(format!("must be one of {}", LISTS.join(", "))));
            document.problem(name, &format!("unknown list `{name}`"), help)
        })
        .collect()
}

/// Where each document was defined: (list, id) to every (file, index in the list).
#[derive(Default)]
struct Origins {
    places: HashMap<(&'static str, String), Vec<(usize, usize)>>,
}

impl Origins {
    /// Converts a finding to a problem with file, line and column. If an id was used twice, the
    /// location is that of the last document.
    fn locate(&self, documents: &[Document<'_>], finding: &Finding) -> Problem {
        let key = (finding.list, finding.id.clone());
        let found = self.places.get(&key).and_then(|places| places.last());
        let (number, index) = found.copied().unwrap_or_default();
        let path = format!("{}[{index}].{}", finding.list, finding.field);
        documents[number].problem(path.trim_end_matches('.'), &finding.reason, finding.help.clone())
    }

    /// Reads the images that documents refer to by path, adds them to `loaded`, and replaces each
    /// path by the image's address.
    fn load_images(
        &self,
        documents: &[Document<'_>],
        read: ReadImage,
        loaded: &mut Loaded,
    ) -> Vec<Finding> {
        let (mut findings, mut images) = (Vec::new(), Vec::new());
        for (ImageField { list, id, field }, source) in loaded.inventory.image_fields_mut() {
            let Source::File(path) = &*source else { continue };
            let places = self.places.get(&(list, id.clone()));
            let number = places.and_then(|places| places.last()).map_or(0, |(number, _)| *number);
            match load_image(documents[number].file(), path, read) {
                Ok(image) => {
                    *source = Source::Stored(image.address());
                    images.push(image);
                }
                Err(reason) => {
                    let (field, reason) = (field.to_owned(), format!("`{path}` {reason}"));
                    findings.push(Finding { list, id, field, reason, help: None });
                }
            }
        }
        images.into_iter().for_each(|image| loaded.add_image(image));
        findings
    }
}

fn load_image(file: &str, path: &str, read: ReadImage) -> Result<ImageFile, String> {
    let bytes = read(file, path).map_err(|error| format!("cannot be read: {error}"))?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ImageFile::read(&bytes, Some(extension)).map_err(|error| error.to_string())
}

/// Reads one document's entries of every list. An entry that cannot be read becomes a problem, and
/// reading continues with the next.
struct Reader<'a, 'text> {
    number: usize,
    document: &'a Document<'text>,
    into: &'a mut Inventory,
    problems: &'a mut Vec<Problem>,
    origins: &'a mut Origins,
}

impl lists::ListVisitor for Reader<'_, '_> {
    type Out = ();
    fn visit<T: ListItem>(&mut self) {
        let name = T::LIST;
        let Some(count) = self.document.entries(name) else {
            if self.document.names().any(|(key, _)| key == name) {
                let reason = format!("must be a list: write [[{name}]]");
                self.problems.push(self.document.problem(name, &reason, None));
            }
            return;
        };
        for index in 0..count {
            if self.problems.len() >= MAX_PROBLEMS {
                return;
            }
            match self.document.entry::<T>(name, index) {
                Ok(entry) => {
                    for (path, reason) in entry.limits() {
                        let path = format!("{name}[{index}].{path}");
                        self.problems.push(self.document.problem(&path, &reason, None));
                    }
                    let key = (name, entry.id().to_owned());
                    self.origins.places.entry(key).or_default().push((self.number, index));
                    T::of_mut(self.into).push(entry);
                }
                Err(found) => self.problems.extend(found),
            }
        }
    }
}
