//! Parses weights and labels from TOML; every problem has its location in the file.

use crate::catalog::check;
use crate::config::document::Document;
use crate::config::{Problem, document};
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;

/// Parses and validates weights; `name` is the file's name in problems.
pub fn weights(name: &str, text: &str) -> Result<Weights, Vec<Problem>> {
    let document = Document::parse(name, text)?;
    let weights: Weights = document::read(&document)?;
    let found = check::weights::check(&weights);
    let problem = |(path, reason): (String, String)| document.problem(&path, &reason, None);
    if found.is_empty() { Ok(weights) } else { Err(found.into_iter().map(problem).collect()) }
}

/// Parses and validates a label table; `regions` are those of the inventory it is used with.
pub fn labels(name: &str, text: &str, regions: &Regions) -> Result<LabelTable, Vec<Problem>> {
    let document = Document::parse(name, text)?;
    let table: LabelTable = document::read(&document)?;
    let found = check::labels::table(&table, regions);
    let problem =
        |finding: check::Finding| document.problem(&finding.field, &finding.reason, finding.help);
    if found.is_empty() { Ok(table) } else { Err(found.into_iter().map(problem).collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::files;

    fn weights_problem(from: &str, to: &str) -> String {
        let text = files::WEIGHTS.1.replace(from, to);
        assert_ne!(text, files::WEIGHTS.1);
        weights("w.toml", &text).unwrap_err()[0].to_string()
    }

    fn labels_problem(from: &str, to: &str) -> String {
        let text = files::LABELS.1.replacen(from, to, 1);
        assert_ne!(text, files::LABELS.1);
        labels("l.toml", &text, &Regions::build(&[]).unwrap()).unwrap_err()[0].to_string()
    }

    #[test]
    fn the_default_weights_and_labels_are_valid() {
        assert_eq!(weights(files::WEIGHTS.0, files::WEIGHTS.1).unwrap(), Weights::default());
        let regions = Regions::build(&files::example().regions).unwrap();
        assert!(labels(files::LABELS.0, files::LABELS.1, &regions).is_ok());
    }

    #[test]
    fn weights_must_be_finite_in_range_and_leave_something_to_serve() {
        for bad in ["nan", "inf", "-inf", "-1.0", "0.0", "1e400", "101.0"] {
            let problem = weights_problem("entity_boost = 2.0", &format!("entity_boost = {bad}"));
            assert!(problem.starts_with("w.toml:5:16: entity_boost"), "{bad}: {problem}");
        }
        let problem = weights_problem("relevance_floor = 1.0", "relevance_floor = 9.0");
        assert!(problem.contains("relevance_floor: must be at most 8, the"), "{problem}");
        let problem = weights_problem("entity_boost", "entity_bost");
        assert!(problem.contains("did you mean `entity_boost`?"), "{problem}");
    }

    #[test]
    fn a_label_has_known_regions_once_and_only_visible_characters() {
        for (from, to, expected) in [
            ("regions = [\"DE\"]", "regions = [\"DEE\"]", "unknown region `dee`"),
            ("regions = [\"DE\"]", "regions = [\"DE\", \"D\"]", "is not a region"),
            ("regions = [\"AT\"]", "regions = [\"DE\"]", "duplicate label for `DE` in `de`"),
            ("\"Anzeige\"", "\"An\\u200Bzeige\"", "an invisible character"),
            ("von {sponsor}\"", "von {sponsor} {x}\"", "unknown slot `{x}`"),
            (
                "language = \"en\"\nbecause",
                "language = \"eo\"\nbecause",
                "must have an entry for `en`",
            ),
            ("shown_by = \"Von\"\n", "", "l.toml:"),
            ("shown_by = \"Von\"\n", "", "missing field `shown_by`"),
            ("shown_by = \"Von\"", "shown_by = \" \"", "words[1].page.shown_by: must not be empty"),
        ] {
            let problem = labels_problem(from, to);
            assert!(problem.contains(expected), "{to}: {problem}");
        }
    }
}
