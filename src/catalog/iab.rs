//! The IAB Content Taxonomy, as its TSV file gives it, as topics of ours.
//!
//! Its column `Extension` marks data protection's sensitive categories; our `sensitive` means
//! pages no sponsor wants to be beside, which is for the operator to say. It is left out.

use crate::config::Problem;
use crate::domain::id::TopicId;
use crate::domain::taxonomy::TopicDoc;
use crate::domain::text;
use std::collections::HashMap;
use std::collections::HashSet;

/// Lines above the first topic.
const HEADER_LINES: usize = 2;

struct Row<'a> {
    line: usize,
    /// As the file has it: `150`, `80DV8O`.
    id: &'a str,
    parent: &'a str,
    name: &'a str,
}

/// Every topic of a file with tab-separated columns `Unique ID`, `Parent`, `Name` and more, two
/// header lines on top; `version` is that of the taxonomy, such as `3.1`. All or nothing: a line
/// that cannot be read is a problem with its number.
///
/// A topic's id is its name, with its parent's in front where names repeat; its IAB id is kept as
/// the alias `iab-3.1-150`.
pub fn topics(file: &str, text: &str, version: &str) -> Result<Vec<TopicDoc>, Vec<Problem>> {
    let mut problems = Vec::new();
    let rows = rows(file, text, &mut problems);
    let by_id: HashMap<&str, usize> =
        rows.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
    for row in &rows {
        if !row.parent.is_empty() && !by_id.contains_key(row.parent) {
            let reason = format!("there is no parent `{}`", row.parent);
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

/// The version that a file's first line names: `3.1` in "Content Taxonomy v3.1 Tiered Categories".
pub fn version_of(text: &str) -> Option<String> {
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
    for (at, content) in text.lines().enumerate().skip(HEADER_LINES) {
        let line = at + 1;
        if content.trim().is_empty() {
            continue;
        }
        let mut columns = content.split('\t').map(str::trim);
        let (Some(id), Some(parent), Some(name)) = (columns.next(), columns.next(), columns.next())
        else {
            let reason = "has fewer than three columns: id, parent and name, tabs between them";
            problems.push(at_line(file, line, reason.into()));
            continue;
        };
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            problems.push(at_line(file, line, format!("`{id}` is not an id of the taxonomy")));
        } else if text::key(name).is_none() {
            problems.push(at_line(file, line, "has no name".into()));
        } else if let Some(other) = seen.insert(id, line) {
            problems.push(at_line(file, line, format!("`{id}` was given in line {other}")));
        } else {
            rows.push(Row { line, id, parent, name });
        }
    }
    if rows.is_empty() && problems.is_empty() {
        problems.push(Problem::of_file(file, "holds no topic"));
    }
    rows
}

/// An id for every row, no two alike: the name; where names repeat, with the parent's name in
/// front; else, and where a name does not make an id, the IAB's.
fn ids(rows: &[Row<'_>], by_id: &HashMap<&str, usize>, version: &str) -> Vec<TopicId> {
    let mut count: HashMap<String, usize> = HashMap::new();
    let slug = |row: &Row<'_>| text::key(row.name).unwrap_or_default();
    for row in rows {
        *count.entry(slug(row)).or_default() += 1;
    }
    let mut taken: HashSet<TopicId> = HashSet::new();
    rows.iter()
        .map(|row| {
            let own = slug(row);
            let above = by_id.get(row.parent).map(|at| slug(&rows[*at]));
            let longer = above.map(|above| format!("{above}-{own}"));
            let alone = (count[&own] == 1).then_some(own);
            let chosen = [alone, longer]
                .into_iter()
                .flatten()
                .filter_map(|text| text.parse::<TopicId>().ok())
                .find(|id| !taken.contains(id));
            let id = chosen.unwrap_or_else(|| {
                let text = text::key(&format!("iab-{version}-{}", row.id)).unwrap_or_default();
                text.parse().expect("letters, digits and `-`, short: `rows` let no other id in")
            });
            taken.insert(id.clone());
            id
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::check;
    use crate::domain::inventory::Inventory;

    /// The shape of the real file, its content our own.
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
    fn every_row_is_a_topic_under_its_parent_with_its_number_as_an_alias() {
        assert_eq!(topics("t.tsv", EXCERPT, "3.1").unwrap().len(), 12);
        assert_eq!(version_of(EXCERPT).as_deref(), Some("3.1"));
        assert_eq!(of("2"), ("boats-and-ships".into(), Some("vehicles".into())));
        assert_eq!(of("6"), ("creme-brulee".into(), Some("food".into())));
        assert_eq!(of("X7QZ"), ("health-special".into(), Some("food".into())));
    }

    #[test]
    fn where_names_repeat_the_parents_stands_in_front() {
        assert_eq!(of("5"), ("food-history".into(), Some("food".into())));
        assert_eq!(of("11").0, "boats-and-ships-history");
        // `3` would be `vehicles-history`, and so would `12`, by its own name.
        assert_eq!(of("3").0, "vehicles-history");
        assert_eq!(of("12").0, "history-vehicles-history");
    }

    #[test]
    fn a_name_that_makes_no_id_leaves_the_number() {
        assert_eq!(of("8"), ("iab-3-1-8".into(), Some("cooking".into())));
        assert_eq!(of("10").0, "iab-3-1-10");
    }

    #[test]
    fn the_topics_pass_the_checks() {
        let topics = topics("t.tsv", EXCERPT, "3.1").unwrap();
        let mut inventory = Inventory { topics, ..Inventory::default() };
        inventory.sort();
        assert_eq!(check::inventory(&inventory), []);
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line() {
        let text =
            format!("{EXCERPT}broken\r\n13\tnowhere\tLost\t\r\n1\t\tAgain\t\r\n14\t\t \t\r\n");
        let problems = topics("t.tsv", &text, "3.1").unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "t.tsv:15:1: has fewer than three columns: id, parent and name, tabs between them",
                "t.tsv:16:1: there is no parent `nowhere`",
                "t.tsv:17:1: `1` was given in line 3",
                "t.tsv:18:1: has no name",
            ]
        );
    }
}
