//! "Did you mean …?" for names that are not known.

/// Names that earlier builds used in files, today's name, and how to write it.
const RENAMED: [(&str, &str, &str); 14] = [
    ("bills", "pricing", "write `pricing = \"cpm\"`, `\"vcpm\"`, `\"cpc\"` or `\"flat\"`"),
    ("impression", "cpm", "a price per 1,000 impressions"),
    ("viewable", "vcpm", "a price per 1,000 viewable impressions"),
    ("click", "cpc", "a price per click"),
    ("stopped", "status", "write `status = \"paused\"`"),
    ("held", "paused_by", "pauses by an operator are set by API or console, not in files"),
    ("sectors", "categories", ""),
    ("stopped_paths", "paused_paths", ""),
    ("stopped_topics", "paused_topics", ""),
    ("bookkeeping_seconds", "reconcile_interval_seconds", ""),
    ("house_only_below_percent", "low_disk_percent", ""),
    ("house_only_below_mib", "low_disk_mib", ""),
    ("view_ratio_least", "view_ratio_min", ""),
    ("view_ratio_most", "view_ratio_max", ""),
];

/// A suggestion for one of serde's error messages. For "unknown field `x`, expected one of `a`,
/// `b`": the new name of `x` if it was renamed, else the most similar of the expected names.
pub(crate) fn did_you_mean(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let given = quoted.next()?;
    suggestion(given, quoted)
}

/// "did you mean …?" for a name that is not in `known`, if one of them was meant.
pub(crate) fn suggestion<'a>(
    given: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    let renamed = RENAMED.iter().find(|(old, _, _)| *old == given);
    match renamed.filter(|(_, new, _)| known.clone().any(|word| word == *new)) {
        Some((_, new, "")) => Some(format!("did you mean `{new}`?")),
        Some((_, new, how)) => Some(format!("did you mean `{new}`? {how}")),
        None => nearest(given, known).map(|near| format!("did you mean `{near}`?")),
    }
}

/// The name in `known` that is most similar to `given`, if its edit distance is at most a third of
/// the longer one's length.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|word| (strsim::damerau_levenshtein(given, word), word))
        .filter(|(distance, word)| *distance <= (word.len().max(given.len()) / 3).max(1))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_field_or_value_is_refused_with_its_new_name() {
        let help = |given: &str, known: &[&str]| {
            let expected = known.join("`, `");
            did_you_mean(&format!("unknown field `{given}`, expected one of `{expected}`"))
        };
        let flight = ["id", "pricing", "price_micros", "pacing", "status", "paused_by"];
        assert!(
            help("bills", &flight).unwrap().starts_with("did you mean `pricing`? write `pricing")
        );
        assert!(help("stopped", &flight).unwrap().contains("write `status = \"paused\"`"));
        assert_eq!(help("sectors", &["categories"]).unwrap(), "did you mean `categories`?");
        assert_eq!(help("sectors", &["sector_ids"]).unwrap(), "did you mean `sector_ids`?");
        let value = "unknown variant `impression`, expected one of `cpm`, `vcpm`, `cpc`, `flat`";
        assert!(did_you_mean(value).unwrap().starts_with("did you mean `cpm`?"));
        assert_eq!(help("colour", &flight), None);
    }
}
