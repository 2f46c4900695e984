//! Weights and labels as files; every mistake in them has its place.

use crate::catalog::check;
use crate::config::Problem;
use crate::config::document;
use crate::config::document::Document;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;

/// The weights a text holds, checked.
pub fn weights(name: &str, text: &str) -> Result<Weights, Vec<Problem>> {
    let document = Document::parse(name, text)?;
    let weights: Weights = document::read(&document)?;
    let found = check::weights::check(&weights);
    let problem = |(path, reason): (&str, String)| document.problem(path, &reason, None);
    if found.is_empty() { Ok(weights) } else { Err(found.into_iter().map(problem).collect()) }
}

/// The label table a text holds, checked; `regions` are those of the inventory beside it.
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

    fn refused_weights(from: &str, to: &str) -> String {
        let text = files::WEIGHTS.1.replace(from, to);
        assert_ne!(text, files::WEIGHTS.1);
        weights("w.toml", &text).unwrap_err()[0].to_string()
    }

    fn refused_labels(from: &str, to: &str) -> String {
        let text = files::LABELS.1.replacen(from, to, 1);
        assert_ne!(text, files::LABELS.1);
        labels("l.toml", &text, &Regions::build(&[]).unwrap()).unwrap_err()[0].to_string()
    }

    #[test]
    fn the_tables_of_this_project_are_valid() {
        assert_eq!(weights(files::WEIGHTS.0, files::WEIGHTS.1).unwrap(), Weights::default());
        let regions = Regions::build(&files::example().regions).unwrap();
        assert!(labels(files::LABELS.0, files::LABELS.1, &regions).is_ok());
    }

    #[test]
    fn weights_are_finite_in_range_and_serve_something() {
        for bad in ["nan", "inf", "-inf", "-1.0", "0.0", "1e400", "101.0"] {
            let said = refused_weights("entity_boost = 2.0", &format!("entity_boost = {bad}"));
            assert!(said.starts_with("w.toml:5:16: entity_boost"), "{bad}: {said}");
        }
        let said = refused_weights("relevance_floor = 1.0", "relevance_floor = 9.0");
        assert!(said.contains("relevance_floor: is more than any unit can reach"), "{said}");
        let said = refused_weights("entity_boost", "entity_bost");
        assert!(said.contains("did you mean `entity_boost`?"), "{said}");
    }

    #[test]
    fn a_label_names_regions_that_exist_once_and_shows_all_of_itself() {
        for (from, to, expected) in [
            ("regions = [\"DE\"]", "regions = [\"DEE\"]", "there is no region `dee`"),
            ("regions = [\"DE\"]", "regions = [\"DE\", \"D\"]", "is not a region"),
            ("regions = [\"AT\"]", "regions = [\"DE\"]", "`DE` has a label in `de` already"),
            ("\"Anzeige\"", "\"An\\u200Bzeige\"", "does not show"),
            ("von {sponsor}\"", "von {sponsor} {x}\"", "`{x}` is not a slot"),
            ("language = \"en\"\nbecause", "language = \"eo\"\nbecause", "has no `en`"),
        ] {
            let said = refused_labels(from, to);
            assert!(said.contains(expected), "{to}: {said}");
        }
    }
}
