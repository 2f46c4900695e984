//! Brings the texts of files up to date with what is served. Documents are changed in place, with their comments, order
//! and formatting; new ones are appended, removed ones are removed, and a file without a difference keeps every
//! byte.

use crate::catalog::files::ImageSources;
use crate::catalog::toml_update::{edited, update, value};
use crate::catalog::{files, toml_writer};
use crate::config::Problem;
use crate::domain::inventory::Inventory;
use crate::domain::lists;
use crate::domain::lists::ListItem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use toml_edit::{DocumentMut, Item, TableLike};

/// A file's name and its text.
type Text = (String, String);

/// A document: its list and its id.
type Id = (&'static str, String);

/// The place for documents that no file has.
pub(crate) enum Place<'a> {
    /// This file.
    File(&'a Path),
    /// A file for each list in this folder.
    Folder(&'a Path),
}

/// What the files have, as far as it can be read: references between documents are not checked.
pub(crate) fn current(texts: &[Text]) -> Result<Inventory, Vec<Problem>> {
    let sources = ImageSources { read: files::in_folder, stored: None };
    let mut all = Inventory::default();
    for text in texts {
        let mut part = files::part(std::slice::from_ref(text))?;
        files::resolve_images(&text.0, sources.read, &mut part);
        lists::visit_all(&mut Merge { from: part, into: &mut all });
    }
    all.sort();
    Ok(all)
}

/// The texts of files that have exactly the documents of `wanted`, new files last.
pub(crate) fn inventory(
    texts: &[Text],
    place: &Place<'_>,
    wanted: &Inventory,
) -> Result<Vec<Text>, Vec<Problem>> {
    let mut rewritten = HashSet::new();
    // What cannot be changed in place is written anew.
    for _ in 0..2 {
        let updated = updated(texts, place, wanted, &rewritten)?;
        let differing = differing(&current(&updated)?, wanted);
        if differing.is_empty() {
            return Ok(updated);
        }
        rewritten = differing;
    }
    let name = match place {
        Place::File(path) | Place::Folder(path) => path.display().to_string(),
    };
    let of =
        rewritten.iter().next().map_or_else(String::new, |(list, id)| format!("{list} `{id}`"));
    Err(vec![Problem::of_file(&name, format!("cannot be brought up to date: {of} differs"))])
}

/// The text of a file with one document, such as the weights, that means `wanted`; a new text without one.
pub(crate) fn document<T: Serialize + DeserializeOwned + PartialEq>(
    name: &str,
    text: Option<&str>,
    wanted: &T,
) -> Result<String, Vec<Problem>> {
    let problem = |reason: String| vec![Problem::of_file(name, reason)];
    let anew = || toml::to_string(wanted).map_err(|error| problem(error.to_string()));
    let Some(text) = text else { return anew() };
    let old: T = toml::from_str(text).map_err(|error| problem(error.message().to_owned()))?;
    if old == *wanted {
        return Ok(text.to_owned());
    }
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| problem(error.message().to_owned()))?;
    update(document.as_table_mut(), &value(&old), &value(wanted));
    let text = document.to_string();
    match toml::from_str::<T>(&text).is_ok_and(|read| read == *wanted) {
        true => Ok(text),
        false => anew(),
    }
}

/// A file while it is changed.
struct FileText {
    name: String,
    text: String,
    document: DocumentMut,
    /// Its documents.
    part: Inventory,
    is_changed: bool,
    /// What comes after it.
    appended: String,
}

impl FileText {
    fn read((name, text): &Text) -> Result<FileText, Vec<Problem>> {
        let mut part = files::part(&[(name.clone(), text.clone())])?;
        files::resolve_images(name, files::in_folder, &mut part);
        let document = text.parse().map_err(|error: toml_edit::TomlError| {
            vec![Problem::of_file(name, error.message().to_owned())]
        })?;
        let (name, text) = (name.clone(), text.clone());
        Ok(FileText { name, text, document, part, is_changed: false, appended: String::new() })
    }

    fn finish(self) -> Text {
        let mut text = if self.is_changed { self.document.to_string() } else { self.text };
        if !self.appended.is_empty() {
            if !text.is_empty() {
                text.truncate(text.trim_end().len());
                text.push_str("\n\n");
            }
            text.push_str(self.appended.trim_end());
            text.push('\n');
        }
        (self.name, text)
    }

    /// The entry of a list as a table.
    fn entry(&mut self, list: &str, at: usize) -> Option<&mut dyn TableLike> {
        match self.document.get_mut(list)? {
            Item::ArrayOfTables(tables) => tables.get_mut(at).map(|table| table as _),
            Item::Value(array) => {
                array.as_array_mut()?.get_mut(at)?.as_inline_table_mut().map(|table| table as _)
            }
            _ => None,
        }
    }

    fn remove(&mut self, list: &str, at: usize) {
        match self.document.get_mut(list) {
            Some(Item::ArrayOfTables(tables)) => {
                tables.remove(at);
            }
            Some(Item::Value(array)) => {
                array.as_array_mut().map(|array| array.remove(at));
            }
            _ => {}
        }
        self.is_changed = true;
    }

    fn append<T: ListItem>(&mut self, document: &T) {
        if let Some(array) = self.document.get_mut(T::LIST).and_then(Item::as_array_mut) {
            array.push(edited(&toml::Value::Table(value(document))));
            self.is_changed = true;
            return;
        }
        let mut only = Inventory::default();
        T::of_mut(&mut only).push(document.clone());
        let mut text = Vec::new();
        let written = toml_writer::write(&only, &mut text, || {});
        if written.is_ok() {
            self.appended.push_str(&String::from_utf8_lossy(&text));
        }
    }
}

fn updated(
    texts: &[Text],
    place: &Place<'_>,
    wanted: &Inventory,
    rewritten: &HashSet<Id>,
) -> Result<Vec<Text>, Vec<Problem>> {
    let files = texts.iter().map(FileText::read).collect::<Result<Vec<_>, _>>()?;
    let (homes, existing) = (HashMap::new(), files.len());
    let mut pull = Pull { files, place, wanted, rewritten, homes, existing };
    lists::visit_all(&mut pull);
    Ok(pull.files.into_iter().map(FileText::finish).collect())
}

struct Pull<'a> {
    files: Vec<FileText>,
    place: &'a Place<'a>,
    wanted: &'a Inventory,
    /// Documents to write anew.
    rewritten: &'a HashSet<Id>,
    /// The file of each document.
    homes: HashMap<Id, usize>,
    /// How many files there were before.
    existing: usize,
}

impl lists::ListVisitor for Pull<'_> {
    type Out = ();
    fn visit<T: ListItem>(&mut self) {
        let wanted: HashMap<&str, &T> =
            T::of(self.wanted).iter().map(|one| (one.id(), one)).collect();
        let mut seen: HashSet<String> = HashSet::new();
        for (number, file) in self.files.iter_mut().enumerate() {
            let documents = T::of(&file.part).clone();
            let mut removed = Vec::new();
            for (at, document) in documents.iter().enumerate() {
                let id = (T::LIST, document.id().to_owned());
                let target = wanted.get(document.id());
                let target =
                    target.filter(|_| !self.rewritten.contains(&id) && !seen.contains(&id.1));
                let Some(target) = target else {
                    removed.push(at);
                    continue;
                };
                seen.insert(id.1.clone());
                self.homes.insert(id, number);
                if document != *target
                    && let Some(table) = file.entry(T::LIST, at)
                {
                    update(table, &value(document), &value(*target));
                    file.is_changed = true;
                }
            }
            removed.into_iter().rev().for_each(|at| file.remove(T::LIST, at));
        }
        for document in T::of(self.wanted).iter().filter(|one| !seen.contains(one.id())) {
            let home = self.home(document);
            self.homes.insert((T::LIST, document.id().to_owned()), home);
            self.files[home].append(document);
        }
    }
}

impl Pull<'_> {
    /// The file for a new document: that of the document it belongs to, else the last one with documents of its
    /// list, else a new one.
    fn home<T: ListItem>(&mut self, document: &T) -> usize {
        const PARENTS: [(&str, &str, &str); 3] = [
            ("campaigns", "advertiser", "advertisers"),
            ("flights", "campaign", "campaigns"),
            ("creatives", "flight", "flights"),
        ];
        let parent = PARENTS.iter().find(|(list, _, _)| *list == T::LIST).and_then(|parent| {
            let id = value(document).get(parent.1)?.as_str()?.to_owned();
            self.homes.get(&(parent.2, id)).copied()
        });
        let of_list = || {
            let homes = self.homes.iter().filter(|((list, _), _)| *list == T::LIST);
            homes.map(|(_, file)| *file).max()
        };
        let parent = parent.filter(|home| *home < self.existing);
        if let Some(home) = parent.or_else(of_list) {
            return home;
        }
        let path = match self.place {
            Place::File(path) => path.to_path_buf(),
            Place::Folder(path) => path.join(format!("{}.toml", T::LIST)),
        };
        let name = path.display().to_string();
        if let Some(known) = self.files.iter().position(|file| file.name == name) {
            return known;
        }
        let (text, document) = (String::new(), DocumentMut::new());
        let (part, appended) = (Inventory::default(), String::new());
        self.files.push(FileText { name, text, document, part, is_changed: false, appended });
        self.files.len() - 1
    }
}

struct Merge<'a> {
    from: Inventory,
    into: &'a mut Inventory,
}

impl lists::ListVisitor for Merge<'_> {
    type Out = ();
    fn visit<T: ListItem>(&mut self) {
        T::of_mut(self.into).append(T::of_mut(&mut self.from));
    }
}

/// The documents of two inventories that are not the same.
fn differing(found: &Inventory, wanted: &Inventory) -> HashSet<Id> {
    struct Differing<'a>(&'a Inventory, &'a Inventory);
    impl lists::ListVisitor for Differing<'_> {
        type Out = Vec<Id>;
        fn visit<T: ListItem>(&mut self) -> Vec<Id> {
            let by_id = |list: &[T]| -> HashMap<String, T> {
                list.iter().map(|one| (one.id().to_owned(), one.clone())).collect()
            };
            let (found, wanted) = (by_id(T::of(self.0)), by_id(T::of(self.1)));
            let ids: HashSet<&String> = found.keys().chain(wanted.keys()).collect();
            let ids = ids.into_iter().filter(|id| found.get(*id) != wanted.get(*id));
            ids.map(|id| (T::LIST, id.clone())).collect()
        }
    }
    lists::visit_all(&mut Differing(found, wanted)).into_iter().flatten().collect()
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
