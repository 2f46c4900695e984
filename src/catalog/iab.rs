//! Imports the taxonomies of the IAB from their published TSV files as topics.
//!
//! The column `Extension` is ignored: it marks categories that are sensitive under data protection
//! law, while `sensitive` here marks pages unsuitable for ads: the branches in [`SENSITIVE`].

use crate::config::Problem;
use crate::domain::iab_taxonomy::TAXONOMIES;
use crate::domain::id::TopicId;
use crate::domain::name_key;
use crate::domain::taxonomy::TopicDoc;
use std::collections::HashMap;

/// Names of the branches that are unsuitable for ads: they and all below them are marked sensitive.
const SENSITIVE: [&str; 8] = [
    "ad-safety-risk",
    "crime",
    "disasters",
    "illegal-content",
    "non-standard-content",
    "pornography",
    "sensitive-topics",
    "war-and-conflicts",
];

/// The number of lines in which the header may be.
const HEADER_LINES: usize = 5;

/// A file of one taxonomy.
pub(crate) struct File {
    /// The name, for messages.
    pub(crate) name: String,
    pub(crate) text: String,
    /// The taxonomy's version in aliases, such as `3.1`.
    pub(crate) version: String,
}

struct Row<'a> {
    line: usize,
    /// The id in the file: `150`, `80DV8O`, `IAB19-6`.
    id: &'a str,
    /// The id of the parent; empty for a root.
    parent: &'a str,
    name: &'a str,
}

/// Converts files to topics. A file has a header with the columns `Unique ID`, `Name` and `Parent`, or
/// `IAB Code` and `IAB Category`, where `IAB7-39` is below `IAB7`. Returns every topic, or a problem with
/// the line number for every line that cannot be parsed.
///
/// A topic's id is derived from its name, with its parent's name as a prefix if the name occurs
/// more than once. Its IAB id becomes the alias `iab-3.1-150`. A category that an earlier file has under
/// the same name and parent is the same topic, with an alias of each.
pub(crate) fn topics(files: &[File]) -> Result<Vec<TopicDoc>, Vec<Problem>> {
    let mut topics: Vec<TopicDoc> = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let mut own = Vec::new();
        let rows = rows(file, &mut own);
        let by_id: HashMap<&str, usize> =
            rows.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
        for row in &rows {
            if !row.parent.is_empty() && !by_id.contains_key(row.parent) {
                let reason = format!("unknown parent `{}`", row.parent);
                own.push(at_line(file, row.line, reason));
            }
        }
        if own.is_empty() {
            add(file, &rows, &by_id, &mut topics, &mut own);
        }
        own.sort_by_key(|problem| problem.line);
        problems.extend(own);
    }
    if problems.is_empty() { Ok(topics) } else { Err(problems) }
}

/// The version of a file: of its name, `2.2` in "Content Taxonomy 2.2.tsv", or else of its first line,
/// `3.1` in "Content Taxonomy v3.1 Tiered Categories". The name comes first because the published file of
/// 2.2 says 2.1. `None` if it is not a version that requests can name.
pub(crate) fn version_of(name: &str, text: &str) -> Option<String> {
    let first = text.lines().next().unwrap_or_default();
    let stem = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let is_of_products = |text: &str| {
        let text = text.to_ascii_lowercase().replace(['-', '_'], " ");
        text.contains("ad product") || text.contains("parent id")
    };
    let products = is_of_products(stem) || is_of_products(first);
    let known = |version: String| is_version(&version).then_some(version);
    let stated =
        |number: String| known(if products { format!("ad-product-{number}") } else { number });
    let codes = first.to_ascii_lowercase().contains("iab code").then(|| "1.0".to_owned());
    codes.or_else(|| number(stem).and_then(stated)).or_else(|| number(first).and_then(stated))
}

/// Whether a request can name this version.
pub(crate) fn is_version(version: &str) -> bool {
    TAXONOMIES.iter().any(|(_, known)| *known == version)
}

/// The versions that a request can name, for messages.
pub(crate) fn versions() -> String {
    TAXONOMIES.map(|(_, version)| version).join(", ")
}

/// The first version number of a text: `3.1` in "v3.1", `2.0` in "v2".
fn number(text: &str) -> Option<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    words
        .filter_map(|word| {
            let word = word.trim_matches('.');
            let (marked, digits) =
                word.strip_prefix(['v', 'V']).map_or((false, word), |d| (true, d));
            let parts: Vec<&str> = digits.split('.').collect();
            let is_number = parts.iter().all(|part| {
                (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
            });
            match parts.len() {
                1 if is_number && marked => Some(format!("{digits}.0")),
                2 if is_number => Some(digits.to_owned()),
                _ => None,
            }
        })
        .next()
}

fn at_line(file: &File, line: usize, reason: String) -> Problem {
    let mut problem = Problem::of_file(&file.name, reason);
    (problem.line, problem.column) = (line, 1);
    problem
}

/// The places of the columns.
struct Columns {
    id: usize,
    name: usize,
    /// Absent where the id has the parent's as its beginning.
    parent: Option<usize>,
}

impl Columns {
    fn of(header: &str) -> Option<Columns> {
        let cells: Vec<String> =
            header.split('\t').map(|cell| cell.trim().to_ascii_lowercase()).collect();
        let find = |names: &[&str]| cells.iter().position(|cell| names.contains(&&**cell));
        Some(Columns {
            id: find(&["unique id", "iab code", "iab unique id"])?,
            name: find(&["name", "iab category"])?,
            parent: find(&["parent", "parent id"]),
        })
    }
}

fn rows<'a>(file: &'a File, problems: &mut Vec<Problem>) -> Vec<Row<'a>> {
    let text = file.text.trim_start_matches('\u{feff}');
    let header = text.lines().take(HEADER_LINES).enumerate();
    let found = header.filter_map(|(at, line)| Some((at, Columns::of(line)?))).next();
    let Some((header, columns)) = found else {
        let reason = "has no header with the columns `Unique ID` and `Name`, or `IAB Code` and \
                      `IAB Category`, separated by tabs";
        problems.push(Problem::of_file(&file.name, reason));
        return Vec::new();
    };
    let mut seen = HashMap::new();
    let mut rows = Vec::new();
    for (index, content) in text.lines().enumerate().skip(header + 1) {
        let line = index + 1;
        if content.trim().is_empty() {
            continue;
        }
        let cells: Vec<&str> = content.split('\t').map(str::trim).collect();
        let cell = |at: usize| cells.get(at).copied();
        let parent = columns.parent.map_or(Some(""), cell);
        let (Some(id), Some(parent), Some(name)) = (cell(columns.id), parent, cell(columns.name))
        else {
            let reason = "must have the columns id, parent and name, separated by tabs";
            problems.push(at_line(file, line, reason.into()));
            continue;
        };
        let parent = match columns.parent {
            None => id.rsplit_once('-').map_or("", |(parent, _)| parent),
            // Published files name a root as its own parent.
            Some(_) if parent == id => "",
            Some(_) => parent,
        };
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            problems.push(at_line(
                file,
                line,
                format!("`{id}` is not an id of the taxonomy: must be letters, digits and `-`"),
            ));
        } else if name_key::key(name).is_none() {
            problems.push(at_line(file, line, "the name must contain a letter or a digit".into()));
        } else if let Some(other) = seen.insert(id, line) {
            problems.push(at_line(
                file,
                line,
                format!("duplicate id `{id}`: first used in line {other}"),
            ));
        } else {
            rows.push(Row { line, id, parent, name });
        }
    }
    if rows.is_empty() && problems.is_empty() {
        problems.push(Problem::of_file(&file.name, "contains no topics"));
    }
    rows
}

/// Adds the rows of a file to the topics of the files before it.
fn add(
    file: &File,
    rows: &[Row<'_>],
    by_id: &HashMap<&str, usize>,
    topics: &mut Vec<TopicDoc>,
    problems: &mut Vec<Problem>,
) {
    let mut count: HashMap<String, usize> = HashMap::new();
    let slug = |row: &Row<'_>| name_key::key(row.name).unwrap_or_default();
    for row in rows {
        *count.entry(slug(row)).or_default() += 1;
    }
    let earlier = topics.len();
    let mut used: HashMap<TopicId, usize> =
        topics.iter().enumerate().map(|(at, topic)| (topic.id.clone(), at)).collect();
    let mut ids: Vec<Option<TopicId>> = vec![None; rows.len()];
    loop {
        let mut progress = false;
        for (at, row) in
            rows.iter().enumerate().filter(|(at, _)| ids[*at].is_none()).collect::<Vec<_>>()
        {
            // A parent may follow its children.
            let above = by_id.get(row.parent);
            let parent = above.and_then(|above| ids[*above].clone());
            if above.is_some() && parent.is_none() {
                continue;
            }
            let own = slug(row);
            let prefixed = above.map(|above| format!("{}-{own}", slug(&rows[*above])));
            let unique = (count[&own] == 1).then_some(own);
            let code = name_key::key(&format!("iab-{}-{}", file.version, row.id));
            let candidates = [unique, prefixed, code].into_iter().flatten();
            let alias = format!("iab-{}-{}", file.version, row.id);
            let found = candidates.filter_map(|text| text.parse::<TopicId>().ok()).find_map(|id| {
                let Some(same) = used.get(&id).copied() else { return Some((id, None)) };
                let topic = &topics[same];
                let is_same = same < earlier && topic.parent == parent && topic.name == row.name;
                is_same.then_some((id, Some(same)))
            });
            let Some((id, same)) = found else {
                problems.push(at_line(file, row.line, format!("`{}` is used twice", row.id)));
                return;
            };
            match same {
                Some(same) => topics[same].aliases.push(alias),
                None => {
                    used.insert(id.clone(), topics.len());
                    topics.push(TopicDoc {
                        id: id.clone(),
                        name: row.name.to_owned(),
                        parent,
                        aliases: vec![alias],
                        sensitive: SENSITIVE.contains(&&*slug(row)),
                    });
                }
            }
            ids[at] = Some(id);
            progress = true;
        }
        if ids.iter().all(Option::is_some) {
            return;
        }
        if !progress {
            let cyclic = rows.iter().zip(&ids).filter(|(_, id)| id.is_none());
            problems.extend(cyclic.map(|(row, _)| {
                at_line(file, row.line, format!("`{}` is its own ancestor", row.id))
            }));
            return;
        }
    }
}

#[cfg(test)]
mod tests;
