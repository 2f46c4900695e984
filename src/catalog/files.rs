//! An inventory as a folder of TOML files; every mistake in any of them is found in one run.

use crate::catalog::check;
use crate::catalog::check::Finding;
use crate::catalog::listed;
use crate::catalog::listed::LISTS;
use crate::catalog::listed::Listed;
use crate::catalog::picture;
use crate::catalog::picture::Picture;
use crate::catalog::pictures::Pictures;
use crate::config::Problem;
use crate::config::document;
use crate::config::document::Document;
use crate::config::load;
use crate::domain::inventory::Inventory;
use crate::domain::inventory::Place;
use crate::domain::label::LabelTable;
use crate::domain::picture::Source;
use crate::domain::region::RegionGroup;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

/// The example inventory, compiled in: a first run serves it.
pub const EXAMPLE: [(&str, &str); 6] = [
    ("config/inventory/entities.toml", include_str!("../../config/inventory/entities.toml")),
    ("config/inventory/house.toml", include_str!("../../config/inventory/house.toml")),
    ("config/inventory/others.toml", include_str!("../../config/inventory/others.toml")),
    ("config/inventory/publishers.toml", include_str!("../../config/inventory/publishers.toml")),
    ("config/inventory/topics.toml", include_str!("../../config/inventory/topics.toml")),
    ("config/inventory/zahid-host.toml", include_str!("../../config/inventory/zahid-host.toml")),
];

/// The pictures beside it.
const EXAMPLE_PICTURES: [(&str, &[u8]); 4] = [
    ("kupferpfanne.png", include_bytes!("../../config/inventory/pictures/kupferpfanne.png")),
    ("lastenrad.png", include_bytes!("../../config/inventory/pictures/lastenrad.png")),
    ("pfanne.png", include_bytes!("../../config/inventory/pictures/pfanne.png")),
    ("veloria.png", include_bytes!("../../config/inventory/pictures/veloria.png")),
];

/// What a text that comes in by no file is called.
pub const STANDARD_INPUT: &str = "standard input";

/// The weights of this project, compiled in.
pub const WEIGHTS: (&str, &str) =
    ("config/weights.toml", include_str!("../../config/weights.toml"));

/// The label table of this project, compiled in.
pub const LABELS: (&str, &str) = ("config/labels.toml", include_str!("../../config/labels.toml"));

/// Reads a file, or every `.toml` file of a folder, in the order of their names.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, Vec<Problem>> {
    let refused = |error: std::io::Error| {
        vec![Problem::of_file(&path.display().to_string(), format!("cannot be read: {error}"))]
    };
    let metadata = std::fs::metadata(path).map_err(refused)?;
    if !metadata.is_dir() {
        return Ok(vec![(path.display().to_string(), load::text_of(path)?)]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(refused)? {
        let file = entry.map_err(refused)?.path();
        if file.extension().is_some_and(|ending| ending == "toml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        let name = path.display().to_string();
        return Err(vec![Problem::of_file(&name, "holds no .toml file")]);
    }
    let mut texts = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        match load::text_of(&file) {
            Ok(text) => texts.push((file.display().to_string(), text)),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

/// How many problems are shown with their place: the first of a hundred thousand alike say it all.
const SHOWN: usize = 200;

/// What files make together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// Checked; its lists are in id order. It names pictures by their addresses alone.
    pub inventory: Inventory,
    /// The pictures that lay beside the files, checked.
    pub pictures: Vec<Picture>,
}

/// Reads the bytes of a picture: the name of the file that names it, and what it says.
pub type Beside = fn(&str, &str) -> io::Result<Vec<u8>>;

/// What files name that is not in them.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Pictures by path.
    pub beside: Beside,
    /// Pictures by address; they are believed where this is absent.
    pub stored: Option<&'a Pictures>,
}

/// The inventory that these files make together, checked; its lists are in id order.
pub fn parse(files: &[(String, String)]) -> Result<Inventory, Vec<Problem>> {
    load(files, None).map(|loaded| loaded.inventory)
}

/// The same with the pictures that lie beside the files; those that it names by an address must be
/// among `stored`, where that is given.
pub fn load(files: &[(String, String)], stored: Option<&Pictures>) -> Result<Loaded, Vec<Problem>> {
    load_for(files, Around { beside: in_folder, stored }, |_| None)
}

/// The same, checked against a label table, too: every reader that a flight can reach has a label.
/// `labels` is asked once, with the groups of regions that these files define.
pub fn load_for(
    files: &[(String, String)],
    around: Around<'_>,
    labels: impl FnOnce(&[RegionGroup]) -> Option<LabelTable>,
) -> Result<Loaded, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut documents = Vec::new();
    for (name, text) in files {
        match Document::parse(name, text) {
            Ok(document) => documents.push(document),
            Err(found) => problems.extend(found),
        }
    }
    let mut inventory = Inventory::default();
    let mut origin = Origin::default();
    for (number, document) in documents.iter().enumerate() {
        problems.extend(unknown_lists(document));
        listed::each(&mut Reader {
            number,
            document,
            into: &mut inventory,
            problems: &mut problems,
            origin: &mut origin,
        });
    }
    let labels = labels(&inventory.regions);
    let mut pictures = Vec::new();
    if problems.is_empty() {
        let beside = around.beside;
        let mut findings = origin.pictures(&documents, beside, &mut inventory, &mut pictures);
        inventory.sort();
        if let Some(stored) = around.stored.filter(|_| findings.is_empty()) {
            findings.extend(check::stored(&inventory, &pictures, stored));
        }
        findings.extend(check::inventory(&inventory));
        if let Some(table) = &labels {
            findings.extend(check::labels(&inventory, table));
        }
        let first = findings.iter().take(SHOWN);
        problems.extend(first.map(|finding| origin.place(&documents, finding)));
        if let Some(more) = findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            problems.push(Problem::of_file("the inventory", format!("and {more} more problems")));
        }
    }
    if problems.is_empty() {
        return Ok(Loaded { inventory, pictures });
    }
    let whole = |problem: &Problem| problem.line == 0;
    problems.sort_by(|a, b| {
        (whole(a), &a.file, a.line, a.column).cmp(&(whole(b), &b.file, b.line, b.column))
    });
    Err(problems)
}

/// The example inventory.
pub fn example() -> Inventory {
    example_loaded().inventory
}

/// The same with its pictures.
pub fn example_loaded() -> Loaded {
    let files = EXAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned()));
    load_for(&files, Around { beside: compiled_in, stored: None }, |_| None)
        .expect("a test checks the example inventory")
}

/// Pictures in the folder of the file that names them. No more of one is read than it may have, and
/// a byte to tell.
pub(super) fn in_folder(file: &str, path: &str) -> io::Result<Vec<u8>> {
    if file == STANDARD_INPUT {
        return Err(io::Error::other("standard input has no folder: name the files"));
    }
    let path = Path::new(file).parent().unwrap_or(Path::new("")).join(path);
    let opened = File::open(path)?;
    // A pipe or a device has no end, or none in sight.
    if !opened.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(picture::MAX_BYTES + 1).unwrap_or(u64::MAX);
    opened.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Pictures of the example.
pub(super) fn compiled_in(_: &str, path: &str) -> io::Result<Vec<u8>> {
    let name = path.strip_prefix("pictures/").unwrap_or(path);
    let found = EXAMPLE_PICTURES.iter().find(|(own, _)| *own == name);
    found.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn unknown_lists(document: &Document<'_>) -> Vec<Problem> {
    let unknown = document.names().filter(|(name, _)| !LISTS.contains(name));
    unknown
        .map(|(name, _)| {
            let help = document::nearest(name, LISTS.into_iter())
                .map(|near| format!("did you mean `{near}`?"))
                .or_else(|| Some(format!("an inventory has {}", LISTS.join(", "))));
            document.problem(name, &format!("unknown list `{name}`"), help)
        })
        .collect()
}

/// Where every document came from: (list, id) to (file, place), each time it was written.
#[derive(Default)]
struct Origin {
    places: HashMap<(&'static str, String), Vec<(usize, usize)>>,
}

impl Origin {
    /// A finding as a problem with file, line and column. A second document of the same id is
    /// shown where the second one stands.
    fn place(&self, documents: &[Document<'_>], finding: &Finding) -> Problem {
        let key = (finding.list, finding.id.clone());
        let found = self.places.get(&key).and_then(|places| places.last());
        let (number, at) = found.copied().unwrap_or_default();
        let path = format!("{}[{at}].{}", finding.list, finding.field);
        documents[number].problem(path.trim_end_matches('.'), &finding.reason, finding.help.clone())
    }

    /// Reads the pictures that documents name by their paths, and has the documents name them by
    /// their addresses instead.
    fn pictures(
        &self,
        documents: &[Document<'_>],
        beside: Beside,
        inventory: &mut Inventory,
        read: &mut Vec<Picture>,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (Place { list, id, field }, source) in inventory.pictures_mut() {
            let Source::File(path) = &*source else { continue };
            let places = self.places.get(&(list, id.clone()));
            let number = places.and_then(|places| places.last()).map_or(0, |(number, _)| *number);
            match one_picture(documents[number].file(), path, beside) {
                Ok(picture) => {
                    *source = Source::Stored(picture.address());
                    if !read.iter().any(|known| known.address() == picture.address()) {
                        read.push(picture);
                    }
                }
                Err(why) => {
                    let (field, reason) = (field.to_owned(), format!("`{path}` {why}"));
                    findings.push(Finding { list, id, field, reason, help: None });
                }
            }
        }
        findings
    }
}

fn one_picture(file: &str, path: &str, beside: Beside) -> Result<Picture, String> {
    let bytes = beside(file, path).map_err(|error| format!("cannot be read: {error}"))?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    Picture::read(&bytes, Some(ending)).map_err(|refused| refused.to_string())
}

/// Reads one document's part of every list; entries that cannot be read are problems, the others
/// go on.
struct Reader<'a, 'text> {
    number: usize,
    document: &'a Document<'text>,
    into: &'a mut Inventory,
    problems: &'a mut Vec<Problem>,
    origin: &'a mut Origin,
}

impl listed::Visitor for Reader<'_, '_> {
    type Out = ();
    fn visit<T: Listed>(&mut self) {
        let name = T::LIST;
        let Some(count) = self.document.entries(name) else {
            if self.document.names().any(|(written, _)| written == name) {
                let reason = format!("`{name}` is a list: write [[{name}]]");
                self.problems.push(self.document.problem(name, &reason, None));
            }
            return;
        };
        for at in 0..count {
            if self.problems.len() >= SHOWN {
                return;
            }
            match self.document.entry::<T>(name, at) {
                Ok(entry) => {
                    for (path, reason) in entry.limits() {
                        let path = format!("{name}[{at}].{path}");
                        self.problems.push(self.document.problem(&path, &reason, None));
                    }
                    let key = (name, entry.id().to_owned());
                    self.origin.places.entry(key).or_default().push((self.number, at));
                    T::of_mut(self.into).push(entry);
                }
                Err(found) => self.problems.extend(found),
            }
        }
    }
}
