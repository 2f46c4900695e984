//! What a reply says about the values of a page that match nothing as they are written.

use crate::domain::language::Language;
use crate::domain::page_address;
use crate::domain::page_address::{PageAddress, Prefix};
use crate::domain::region::Region;
use crate::selection::resolve::PageInput;
use crate::selection::snapshot::Snapshot;

/// The warnings about a page of the publisher with index `publisher`.
pub(crate) fn of(snapshot: &Snapshot, publisher: u32, page: &PageInput<'_>) -> Vec<String> {
    let row = &snapshot.publishers[publisher as usize];
    let mut warnings = address(&row.paused_paths, page.url.as_deref());
    if let Some(tag) = stated(page.language.as_deref())
        && Language::of_request(tag).is_none()
    {
        let own = &snapshot.inventory.publishers[row.doc].language;
        warnings.push(format!(
            "page.language: `{}` is not a BCP 47 tag such as en or de-AT: the publisher's language, \
             `{own}`, is used",
            shown(tag)
        ));
    }
    if let Some(text) = stated(page.region.as_deref()) {
        let known = text.parse::<Region>().is_ok_and(|region| snapshot.regions.contains(&region));
        if !known {
            warnings.push(format!(
                "page.region: `{}` is neither an ISO 3166 country such as DE nor a group of the inventory: \
                 ignored",
                shown(text)
            ));
        }
    }
    warnings.extend(page.custom.warnings(&snapshot.context_keys));
    warnings
}

/// What follows from an address that is not known.
const MAY_BE_PAUSED: &str =
    "no unit, because the publisher has paused paths and this page may be below one";

/// About its address: that it cannot be read, or is close to a paused prefix and not below it.
fn address(prefixes: &[Prefix], url: Option<&str>) -> Vec<String> {
    let Some(url) = url.filter(|url| !url.trim().is_empty()) else {
        let missing = format!("page.url: is missing: {MAY_BE_PAUSED}");
        return if prefixes.is_empty() { Vec::new() } else { vec![missing] };
    };
    if prefixes.is_empty() && page_address::has_plain_host(url) {
        return Vec::new();
    }
    match PageAddress::parse(url) {
        Err(problem) if prefixes.is_empty() => vec![format!("page.url: {problem}: ignored")],
        Err(problem) => vec![format!("page.url: {problem}: {MAY_BE_PAUSED}")],
        Ok(page) if prefixes.iter().any(|prefix| prefix.covers(&page)) => Vec::new(),
        Ok(page) => {
            let near = |prefix: &Prefix| {
                let difference = prefix.difference(&page)?;
                Some(format!(
                    "page.url: not paused by the prefix `{prefix}`, from which it differs {difference}"
                ))
            };
            prefixes.iter().filter_map(near).collect()
        }
    }
}

/// A value that is more than blank.
fn stated(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

fn shown(text: &str) -> String {
    text.chars().take(128).collect()
}
