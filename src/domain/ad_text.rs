//! Checks for ad text, and the slots in it.

use crate::domain::hidden;

/// Why a text is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextProblem {
    /// A character that is invisible or misleading.
    #[error("contains {what} (U+{code:04X}) at character {at}: remove it")]
    Hidden {
        /// Kind of character.
        what: &'static str,
        /// Unicode code point.
        code: u32,
        /// Position, counting characters from 1.
        at: usize,
    },
    /// An unknown placeholder.
    #[error("`{{{0}}}` is not a placeholder: use {{topic}} or {{entity}}")]
    Placeholder(String),
    /// A brace without its other half.
    #[error("contains `{0}` that is not closed or not opened: write {{topic}} or {{entity}}")]
    Unclosed(char),
}

/// Checks plain text: no control, bidirectional, zero-width or private-use characters, except for joiners
/// where they have a meaning.
pub(crate) fn plain(text: &str) -> Result<(), TextProblem> {
    match hidden::find(text).first() {
        None => Ok(()),
        Some(one) => Err(TextProblem::Hidden {
            what: one.what,
            code: u32::from(one.character),
            at: one.position(text),
        }),
    }
}

/// The names between braces, in order; the error is a brace without its other half.
pub(crate) fn slots(text: &str) -> Result<Vec<&str>, char> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let opened = rest[at..].strip_prefix('{').ok_or('}')?;
        let end = opened.find(['{', '}']).filter(|end| opened[*end..].starts_with('}'));
        let end = end.ok_or('{')?;
        found.push(&opened[..end]);
        rest = &opened[end + 1..];
    }
    Ok(found)
}

/// The placeholders in a text, or an error for the first unknown or unclosed one. Adjacent duplicates are
/// removed.
pub(crate) fn placeholders(text: &str) -> Result<Vec<&str>, TextProblem> {
    let mut found = slots(text).map_err(TextProblem::Unclosed)?;
    if let Some(other) = found.iter().find(|name| !["topic", "entity"].contains(*name)) {
        return Err(TextProblem::Placeholder((*other).to_owned()));
    }
    found.dedup();
    Ok(found)
}

/// Fills the placeholders in a text; `None` if a value for one is missing.
pub(crate) fn fill(text: &str, topic: Option<&str>, entity: Option<&str>) -> Option<String> {
    let mut filled = text.to_owned();
    for (placeholder, name) in [("{topic}", topic), ("{entity}", entity)] {
        if filled.contains(placeholder) {
            filled = filled.replace(placeholder, name?);
        }
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_invisible_or_direction_changing_characters_is_rejected() {
        for bad in
            ["a\u{202E}b", "a\u{200B}b", "a\nb", "\u{7f}", "a\u{2028}b", "\u{E000}", "\u{E0041}"]
        {
            assert!(plain(bad).is_err(), "{bad:?}");
        }
        for good in ["Anzeige", "4,200+ projects · no card", "广告", "Крем-брюле", "👍"]
        {
            assert_eq!(plain(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn a_text_is_used_only_if_all_its_placeholders_have_values() {
        assert_eq!(fill("on {topic}", Some("Rust"), None).as_deref(), Some("on Rust"));
        assert_eq!(fill("on {entity}", Some("Rust"), None), None);
        assert!(placeholders("{topic} and {reader}").is_err());
        assert_eq!(placeholders("{topic} {topic} {entity}").unwrap(), ["topic", "entity"]);
    }

    #[test]
    fn a_placeholder_that_is_not_closed_is_rejected() {
        for bad in
            ["on {topic", "{topic", "{", "}", "topic}", "{topic {entity}", "{{topic}", "{topic}}"]
        {
            assert!(matches!(placeholders(bad), Err(TextProblem::Unclosed(_))), "{bad}");
        }
    }
}
