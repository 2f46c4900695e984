//! The taxonomies of the IAB that OpenRTB numbers (`cattax`), and the aliases of their categories.

/// The number in OpenRTB and the version in aliases.
pub(crate) const TAXONOMIES: [(i64, &str); 8] = [
    (1, "1.0"),
    (2, "2.0"),
    (3, "ad-product-1.0"),
    (5, "2.1"),
    (6, "2.2"),
    (7, "3.0"),
    (8, "ad-product-2.0"),
    (9, "3.1"),
];

/// Content Category Taxonomy 1.0, the default of every `cattax`.
pub(crate) const CONTENT_1: i64 = 1;

/// The taxonomy of a code: codes such as `IAB19-6` exist in Content Category Taxonomy 1.0 alone, and are
/// sent under any `cattax`.
pub(crate) fn of_code(code: &str, stated: i64) -> i64 {
    let start = code.trim().get(..3);
    if start.is_some_and(|start| start.eq_ignore_ascii_case("IAB")) { CONTENT_1 } else { stated }
}

/// The alias that an import creates for a category, such as `iab-3.1-150`; `None` for a taxonomy without
/// aliases.
pub(crate) fn alias(taxonomy: i64, code: &str) -> Option<String> {
    let (_, version) = TAXONOMIES.iter().find(|(number, _)| *number == taxonomy)?;
    Some(format!("iab-{version}-{}", code.trim()))
}
