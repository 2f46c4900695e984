//! Reads inventories that older versions stored. A stored version is never rewritten: it keeps its bytes
//! and its hash, by which tokens and the decision log name it, and is converted when it is read.
//!
//! | stored until | was | is |
//! |---|---|---|
//! | November 2026 | flights: `bills` = `impression`, `viewable`, `click`, `flat` | `pricing` = `cpm`, `vcpm`, `cpc`, `flat` |
//! | | `stopped: true` | `status: "paused"` |
//! | | `held: true`; of a publisher `held: {site, paths, topics}` | `paused_by: "operator"`; `manual_pauses` |
//! | | publishers: `stopped_paths`, `stopped_topics` | `paused_paths`, `paused_topics` |
//! | | `sectors`, also in `blocks` | `categories` |

use crate::domain::inventory::Inventory;
use serde_json::{Map, Value};

/// An inventory from the bytes of a stored version. The error is that of today's form.
pub(super) fn inventory(bytes: &[u8]) -> serde_json::Result<Inventory> {
    serde_json::from_slice(bytes).or_else(|error| {
        let mut document: Value = serde_json::from_slice(bytes)?;
        let Value::Object(lists) = &mut document else { return Err(error) };
        convert(lists);
        serde_json::from_value(document).map_err(|_| error)
    })
}

fn convert(lists: &mut Map<String, Value>) {
    rename(lists, "sectors", "categories");
    for (_, list) in lists.iter_mut() {
        for document in list.as_array_mut().into_iter().flatten() {
            let Value::Object(fields) = document else { continue };
            rename(fields, "sectors", "categories");
            rename(fields, "stopped_paths", "paused_paths");
            rename(fields, "stopped_topics", "paused_topics");
            if let Some(Value::Object(blocks)) = fields.get_mut("blocks") {
                rename(blocks, "sectors", "categories");
            }
            if fields.remove("stopped") == Some(Value::Bool(true)) {
                fields.insert("status".to_owned(), "paused".into());
            }
            match fields.remove("held") {
                Some(Value::Bool(true)) => {
                    fields.insert("paused_by".to_owned(), "operator".into());
                }
                Some(parts @ Value::Object(_)) => {
                    fields.insert("manual_pauses".to_owned(), parts);
                }
                _ => {}
            }
            if let Some(Value::String(event)) = fields.remove("bills") {
                let pricing = match event.as_str() {
                    "impression" => "cpm".to_owned(),
                    "viewable" => "vcpm".to_owned(),
                    "click" => "cpc".to_owned(),
                    _ => event,
                };
                fields.insert("pricing".to_owned(), pricing.into());
            }
        }
    }
}

fn rename(fields: &mut Map<String, Value>, old: &str, new: &str) {
    if let Some(value) = fields.remove(old) {
        fields.insert(new.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::files;
    use crate::domain::campaign::{PausedBy, ServingStatus};
    use crate::domain::event::Pricing;

    /// The example inventory in the form of November 2026, everything paused in every way.
    fn old() -> Value {
        let mut document = serde_json::to_value(files::example()).unwrap();
        let lists = document.as_object_mut().unwrap();
        rename(lists, "categories", "sectors");
        for (_, list) in lists.iter_mut() {
            for document in list.as_array_mut().into_iter().flatten() {
                let Value::Object(fields) = document else { continue };
                rename(fields, "categories", "sectors");
                rename(fields, "paused_paths", "stopped_paths");
                rename(fields, "paused_topics", "stopped_topics");
                if let Some(Value::Object(blocks)) = fields.get_mut("blocks") {
                    rename(blocks, "categories", "sectors");
                }
                if let Some(pricing) = fields.remove("pricing") {
                    let event = match pricing.as_str().unwrap() {
                        "cpm" => "impression",
                        "vcpm" => "viewable",
                        "cpc" => "click",
                        _ => "flat",
                    };
                    fields.insert("bills".to_owned(), event.into());
                }
            }
        }
        document
    }

    #[test]
    fn an_inventory_in_the_form_of_november_is_read_as_the_same_inventory() {
        let old = old();
        assert!(serde_json::from_value::<Inventory>(old.clone()).is_err());
        let bytes = serde_json::to_vec(&old).unwrap();
        assert_eq!(inventory(&bytes).unwrap(), files::example());
    }

    #[test]
    fn pauses_of_files_and_of_operators_survive() {
        let mut old = old();
        old["flights"][0]["stopped"] = true.into();
        old["campaigns"][0]["held"] = true.into();
        old["publishers"][0]["held"] =
            serde_json::json!({ "site": false, "paths": ["/x"], "topics": [] });
        let read = inventory(&serde_json::to_vec(&old).unwrap()).unwrap();
        assert_eq!(read.flights[0].status, ServingStatus::Paused);
        assert_eq!(read.campaigns[0].paused_by, Some(PausedBy::Operator));
        assert_eq!(read.publishers[0].manual_pauses.paths, ["/x"]);
        assert_eq!(read.flights[0].pricing, files::example().flights[0].pricing);
        assert!(read.flights.iter().any(|flight| flight.pricing == Pricing::Cpc));
    }

    #[test]
    fn a_version_that_no_form_fits_names_the_field_of_todays_form() {
        let mut broken = old();
        broken["flights"][0]["colour"] = "red".into();
        broken["flights"][0]["bills"] = "impression".into();
        let error = inventory(&serde_json::to_vec(&broken).unwrap()).unwrap_err();
        assert!(error.to_string().contains("unknown field"), "{error}");
    }
}
