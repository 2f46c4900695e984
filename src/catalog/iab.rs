//! Imports the IAB Content Taxonomy from its TSV file as topics.
//!
//! The column `Extension` is ignored: it marks categories that are sensitive under data protection
//! law, while `sensitive` here marks pages unsuitable for ads, which the operator decides.

use crate::config::Problem;
use crate::domain::id::TopicId;
use crate::domain::name_key;
use crate::domain::taxonomy::TopicDoc;
use std::collections::{HashMap, HashSet};

/// The number of lines before the first topic.
const HEADER_LINES: usize = 2;

struct Row<'a> {
    line: usize,
    /// The id in the file: `150`, `80DV8O`.
    id: &'a str,
    parent: &'a str,
    name: &'a str,
}

/// Parses a file with two header lines and the tab-separated columns `Unique ID`, `Parent`, `Name`
/// and more; `version` is the taxonomy's, such as `3.1`. Returns every topic, or a problem with the
/// line number for every line that cannot be parsed.
///
/// A topic's id is derived from its name, with its parent's name as a prefix if the name occurs
/// more than once. Its IAB id becomes the alias `iab-3.1-150`.
pub(crate) fn topics(file: &str, text: &str, version: &str) -> Result<Vec<TopicDoc>, Vec<Problem>> {
    let mut problems = Vec::new();
    let rows = rows(file, text, &mut problems);
    let by_id: HashMap<&str, usize> =
        rows.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
    for row in &rows {
        if !row.parent.is_empty() && !by_id.contains_key(row.parent) {
            let reason = format!("unknown parent `{}`", row.parent);
            problems.push(at_line(file, row.line, reason));
        }
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.line);
        return Err(problems);
    }
    let ids = ids(&rows, &by_id, version);
    let topic = |(row, id): (&Row<'_>, &TopicId)| TopicDoc {
        id: id.clone(),
        name: row.name.to_owned(),
        parent: by_id.get(row.parent).map(|at| ids[*at].clone()),
        aliases: vec![format!("iab-{version}-{}", row.id)],
        sensitive: false,
    };
    Ok(rows.iter().zip(&ids).map(topic).collect())
}

/// The version in a file's first line: `3.1` in "Content Taxonomy v3.1 Tiered Categories".
pub(crate) fn version_of(text: &str) -> Option<String> {
    let words = text.lines().next()?.split_whitespace();
    let digits = |word: &str| word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let mut versions = words.filter_map(|word| word.strip_prefix('v'));
    versions.find(|word| !word.is_empty() && digits(word)).map(str::to_owned)
}

fn at_line(file: &str, line: usize, reason: String) -> Problem {
    let mut problem = Problem::of_file(file, reason);
    (problem.line, problem.column) = (line, 1);
    problem
}

fn rows<'a>(file: &str, text: &'a str, problems: &mut Vec<Problem>) -> Vec<Row<'a>> {
    let mut seen = HashMap::new();
    let mut rows = Vec::new();
    for (index, content) in text.lines().enumerate().skip(HEADER_LINES) {
        let line = index + 1;
        if content.trim().is_empty() {
            continue;
        }
        let mut columns = content.split('\t').map(str::trim);
        let (Some(id), Some(parent), Some(name)) = (columns.next(), columns.next(), columns.next())
        else {
            let reason = "must have the columns id, parent and name, separated by tabs";
            problems.push(at_line(file, line, reason.into()));
            continue;
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
        problems.push(Problem::of_file(file, "contains no topics"));
    }
    rows
}

/// A unique id for every row: from the name; if the name occurs more than once, from the parent's
/// name and the name; if neither is a valid unused id, from the IAB id.
fn ids(rows: &[Row<'_>], by_id: &HashMap<&str, usize>, version: &str) -> Vec<TopicId> {
    let mut count: HashMap<String, usize> = HashMap::new();
    let slug = |row: &Row<'_>| name_key::key(row.name).unwrap_or_default();
    for row in rows {
        *count.entry(slug(row)).or_default() += 1;
    }
    let mut used: HashSet<TopicId> = HashSet::new();
    rows.iter()
        .map(|row| {
            let own = slug(row);
            let parent = by_id.get(row.parent).map(|index| slug(&rows[*index]));
            let prefixed = parent.map(|parent| format!("{parent}-{own}"));
            let unique = (count[&own] == 1).then_some(own);
            let chosen = [unique, prefixed]
                .into_iter()
                .flatten()
                .filter_map(|text| text.parse::<TopicId>().ok())
                .find(|id| !used.contains(id));
            let id = chosen.unwrap_or_else(|| {
                let text = name_key::key(&format!("iab-{version}-{}", row.id)).unwrap_or_default();
                text.parse().expect("`rows` admits only ids of letters, digits and `-`")
            });
            used.insert(id.clone());
            id
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::check;
    use crate::domain::inventory::Inventory;

    /// The structure of the real file with invented content.
    const EXCERPT: &str = "Relational ID System\t\t\tOur own tiers v3.1 in short\t\t\t\tExtension\t\r\n\
        Unique ID\tParent\tName\tTier 1\tTier 2\tTier 3\tTier 4\t\t\r\n\
        1\t\tVehicles\tVehicles\t\t\t\t\t\r\n\
        2\t1\tBoats & Ships\tVehicles\tBoats & Ships\t\t\t\t\r\n\
        3\t1\tHistory\tVehicles\tHistory\t\t\t\t\r\n\
        4\t\tFood\tFood\t\t\t\t\t\r\n\
        5\t4\tHistory\tFood\tHistory\t\t\t\t\r\n\
        6\t4\tCrème brûlée\tFood\tCrème brûlée\t\t\t\t\r\n\
        X7QZ\t4\tHealth (special)\tFood\tHealth (special)\t\t\tSCD\t\r\n\
        8\t7A\t料理\tFood\t\t\t\t\t\r\n\
        7A\t4\tCooking\tFood\tCooking\t\t\t\t\r\n\
        10\t7A\tA name that is so very long that it does not fit into an id of sixty-four bytes\t\t\t\t\t\t\r\n\
        11\t2\tHistory\tVehicles\tBoats & Ships\tHistory\t\t\t\r\n\
        12\t3\tVehicles History\tVehicles\tHistory\t\t\t\t\r\n";

    fn of(id: &str) -> (String, Option<String>) {
        let topics = topics("t.tsv", EXCERPT, "3.1").unwrap();
        let alias = format!("iab-3.1-{id}");
        let topic = topics.into_iter().find(|topic| topic.aliases == [alias.as_str()]).unwrap();
        (topic.id.to_string(), topic.parent.map(String::from))
    }

    #[test]
    fn every_row_becomes_a_topic_under_its_parent_with_the_iab_id_as_an_alias() {
        assert_eq!(topics("t.tsv", EXCERPT, "3.1").unwrap().len(), 12);
        assert_eq!(version_of(EXCERPT).as_deref(), Some("3.1"));
        assert_eq!(of("2"), ("boats-and-ships".into(), Some("vehicles".into())));
        assert_eq!(of("6"), ("creme-brulee".into(), Some("food".into())));
        assert_eq!(of("X7QZ"), ("health-special".into(), Some("food".into())));
    }

    #[test]
    fn a_repeated_name_is_prefixed_with_the_parents_name() {
        assert_eq!(of("5"), ("food-history".into(), Some("food".into())));
        assert_eq!(of("11").0, "boats-and-ships-history");
        // `3` would be `vehicles-history`, and so would `12`, by its own name.
        assert_eq!(of("3").0, "vehicles-history");
        assert_eq!(of("12").0, "history-vehicles-history");
    }

    #[test]
    fn a_name_that_is_not_a_valid_id_is_replaced_by_the_iab_id() {
        assert_eq!(of("8"), ("iab-3-1-8".into(), Some("cooking".into())));
        assert_eq!(of("10").0, "iab-3-1-10");
    }

    #[test]
    fn imported_topics_are_valid() {
        let topics = topics("t.tsv", EXCERPT, "3.1").unwrap();
        let mut inventory = Inventory { topics, ..Inventory::default() };
        inventory.sort();
        assert_eq!(check::inventory(&inventory), []);
    }

    #[test]
    fn a_line_that_cannot_be_parsed_is_reported_with_its_number() {
        let text =
            format!("{EXCERPT}broken\r\n13\tnowhere\tLost\t\r\n1\t\tAgain\t\r\n14\t\t \t\r\n");
        let problems = topics("t.tsv", &text, "3.1").unwrap_err();
        let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "t.tsv:15:1: must have the columns id, parent and name, separated by tabs",
                "t.tsv:16:1: unknown parent `nowhere`",
                "t.tsv:17:1: duplicate id `1`: first used in line 3",
                "t.tsv:18:1: the name must contain a letter or a digit",
            ]
        );
    }
}
