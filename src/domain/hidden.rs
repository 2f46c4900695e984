//! Characters that are not visible as they are, such as control, bidirectional and zero-width ones: where a
//! text has them, and how a text is written where a terminal or a log shows it.
//!
//! Joiners and variation selectors are accepted where Unicode gives them a meaning (UAX 31, section
//! 2.3, and the core specification, chapters 9, 12 and 23): between letters of a cursive script, at a virama, in
//! emoji sequences, after an ideograph.

use icu_properties::props::{
    BinaryProperty, CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier,
    EnumeratedProperty, ExtendedPictographic, GeneralCategory, JoiningType, Script,
    UnifiedIdeograph,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use std::borrow::Cow;

/// A character of a text that is hidden or misleading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub(crate) character: char,
    /// Its kind, with an article.
    pub(crate) what: &'static str,
    /// Its position in bytes.
    at: usize,
}

impl Hidden {
    /// Its position in `text`, in characters from 1.
    pub(crate) fn position(&self, text: &str) -> usize {
        text[..self.at].chars().count() + 1
    }
}

const ZWNJ: char = '\u{200C}';
const ZWJ: char = '\u{200D}';
const KEYCAP: char = '\u{20E3}';

/// The flags of England, Scotland and Wales: the only sequences of tags in use.
const TAG_FLAGS: [&str; 3] = [
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
];

/// The hidden characters of a text, in order.
pub(crate) fn find(text: &str) -> Vec<Hidden> {
    let (mut found, mut start) = (Vec::new(), 0);
    // No sequence goes on in the next line, and outputs can have millions of lines.
    for line in text.split_inclusive('\n') {
        if !line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            let in_line = find_in_line(line).into_iter();
            found.extend(in_line.map(|one| Hidden { at: start + one.at, ..one }));
        }
        start += line.len();
    }
    found
}

fn find_in_line(text: &str) -> Vec<Hidden> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut found = Vec::new();
    let mut flag_end = 0;
    for (index, (at, character)) in chars.iter().copied().enumerate() {
        if let Some(flag) = TAG_FLAGS.iter().find(|flag| text[at..].starts_with(**flag)) {
            flag_end = at + flag.len();
        }
        let Some(what) = kind(character).filter(|_| at >= flag_end) else { continue };
        if !has_meaning(&chars, index) {
            found.push(Hidden { character, what, at });
        }
    }
    found
}

fn is<P: BinaryProperty>(c: char) -> bool {
    CodePointSetData::new::<P>().contains(c)
}

fn of<P: EnumeratedProperty>(c: char) -> P {
    CodePointMapData::<P>::new().get(c)
}

/// The kind of a character that is not visible as it is; `None` for a visible one.
pub(crate) fn kind(c: char) -> Option<&'static str> {
    match c {
        '\u{061C}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => {
            return Some("a character that changes the text direction");
        }
        '\u{2028}' | '\u{2029}' => return Some("a line separator"),
        '\u{FFF9}'..='\u{FFFF}' | '\u{FDD0}'..='\u{FDEF}' => return Some("a special character"),
        '\u{2800}' => return Some("an invisible character"),
        // These format characters enclose the digits that follow them.
        '\u{0600}'..='\u{0605}'
        | '\u{06DD}'
        | '\u{070F}'
        | '\u{0890}'
        | '\u{0891}'
        | '\u{08E2}' => {
            return None;
        }
        '\u{110BD}' | '\u{110CD}' => return None,
        _ => {}
    }
    match of::<GeneralCategory>(c) {
        GeneralCategory::Control => Some("a control character"),
        GeneralCategory::PrivateUse => Some("a private-use character"),
        GeneralCategory::Format => Some("an invisible character"),
        _ if is::<DefaultIgnorableCodePoint>(c) => Some("an invisible character"),
        _ if u32::from(c) & 0xFFFE == 0xFFFE => Some("a special character"),
        _ => None,
    }
}

/// Whether Unicode gives the joiner or variation selector at `index` a meaning there.
fn has_meaning(chars: &[(usize, char)], index: usize) -> bool {
    let at = |index: usize| chars.get(index).map(|(_, c)| *c);
    let before = index.checked_sub(1).and_then(at);
    let after = at(index + 1);
    let Some(previous) = before else { return chars[index].1 == ZWJ && is_joined(chars, index) };
    match chars[index].1 {
        ZWNJ => is_cursive_pair(chars, index) || follows_virama(chars, index),
        ZWJ => {
            is_emoji_joined(chars, index)
                || follows_virama(chars, index)
                || (after.is_some_and(is_virama) && is_letter(previous))
                || is_joined(chars, index)
        }
        '\u{FE0E}' | '\u{FE0F}' if previous.is_ascii() => {
            after == Some(KEYCAP) && is::<Emoji>(previous)
        }
        '\u{FE0E}' | '\u{FE0F}' => is::<Emoji>(previous),
        '\u{FE00}'..='\u{FE02}' => {
            is::<UnifiedIdeograph>(previous)
                || of::<GeneralCategory>(previous) == GeneralCategory::MathSymbol
                || matches!(of::<Script>(previous), Script::Myanmar | Script::PhagsPa)
                || "\u{3001}\u{3002}\u{FF01}\u{FF0C}\u{FF0E}\u{FF1A}\u{FF1B}\u{FF1F}"
                    .contains(previous)
        }
        '\u{E0100}'..='\u{E01EF}' => is::<UnifiedIdeograph>(previous),
        '\u{180B}'..='\u{180F}' => {
            of::<Script>(previous) == Script::Mongolian && is_letter(previous)
        }
        _ => false,
    }
}

fn is_letter(c: char) -> bool {
    of::<GeneralCategory>(c) == GeneralCategory::OtherLetter
        || of::<GeneralCategory>(c) == GeneralCategory::ModifierLetter
}

fn is_virama(c: char) -> bool {
    of::<CanonicalCombiningClass>(c) == CanonicalCombiningClass::Virama
}

/// Whether a virama of an Indic script, of a letter, is before the joiner at `index`.
fn follows_virama(chars: &[(usize, char)], index: usize) -> bool {
    let mut before = chars[..index].iter().rev().map(|(_, c)| *c);
    before.next().is_some_and(is_virama)
        && before
            .find(|c| of::<CanonicalCombiningClass>(*c) == CanonicalCombiningClass::NotReordered)
            .is_some_and(is_letter)
}

/// The types of the joining letters around `index`, marks not counted.
fn joining_types(
    chars: &[(usize, char)],
    index: usize,
) -> (Option<JoiningType>, Option<JoiningType>) {
    let joining = |c: &(usize, char)| {
        Some(of::<JoiningType>(c.1)).filter(|of| *of != JoiningType::Transparent)
    };
    (chars[..index].iter().rev().find_map(joining), chars[index + 1..].iter().find_map(joining))
}

const JOINS_NEXT: [JoiningType; 2] = [JoiningType::DualJoining, JoiningType::LeftJoining];
const JOINS_PREVIOUS: [JoiningType; 2] = [JoiningType::DualJoining, JoiningType::RightJoining];

/// Whether the characters on both sides are letters of cursive scripts. UAX 31 also requires that the
/// first one would join the second, but Persian is written so without that: کار‌ها.
fn is_cursive_pair(chars: &[(usize, char)], index: usize) -> bool {
    let is_cursive = |of: Option<JoiningType>| {
        of.is_some_and(|of| JOINS_NEXT.contains(&of) || JOINS_PREVIOUS.contains(&of))
    };
    let (before, after) = joining_types(chars, index);
    is_cursive(before) && is_cursive(after)
}

/// Whether the joiner at `index` gives a letter of a cursive script its joined form, at the end or the
/// start of a word: ه‍.
fn is_joined(chars: &[(usize, char)], index: usize) -> bool {
    let (before, after) = joining_types(chars, index);
    let ends_word = index == 0 || chars[index - 1].1.is_whitespace();
    before.is_some_and(|of| JOINS_NEXT.contains(&of) && !ends_word)
        || after.is_some_and(|of| JOINS_PREVIOUS.contains(&of) && ends_word)
}

/// Whether emoji are on both sides of the joiner at `index`; the first may have a skin tone or a
/// variation selector.
fn is_emoji_joined(chars: &[(usize, char)], index: usize) -> bool {
    let is_modifier = |c: &char| *c == '\u{FE0F}' || is::<EmojiModifier>(*c);
    let mut before = chars[..index].iter().rev().map(|(_, c)| *c);
    let base = before.find(|c| !is_modifier(c));
    let after = chars.get(index + 1).map(|(_, c)| *c);
    base.is_some_and(is::<ExtendedPictographic>) && after.is_some_and(is::<ExtendedPictographic>)
}

/// A text for a terminal: hidden characters are written as escapes such as `\u{202e}`, except for
/// line breaks and tabs.
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    replace(text, &['\n', '\t'], |c| c.escape_default().to_string())
}

/// A text for one line of a terminal or a log, with line breaks escaped as well. Characters in `kept`
/// stay.
pub(crate) fn escape_line<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    replace(text, kept, |c| c.escape_default().to_string())
}

/// A JSON text with the same values: hidden characters in its strings are written as JSON escapes.
pub(crate) fn escape_json(text: &str) -> Cow<'_, str> {
    replace(text, &['\n'], |c| {
        c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    })
}

/// A text whose hidden characters, apart from those in `kept`, are replaced.
pub(crate) fn replace<'a>(
    text: &'a str,
    kept: &[char],
    written: impl Fn(char) -> String,
) -> Cow<'a, str> {
    let mut found = find(text);
    found.retain(|one| !kept.contains(&one.character));
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8 * found.len());
    let mut end = 0;
    for one in found {
        out.push_str(&text[end..one.at]);
        out.push_str(&written(one.character));
        end = one.at + one.character.len_utf8();
    }
    out.push_str(&text[end..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joiners_and_selectors_are_accepted_where_unicode_gives_them_a_meaning() {
        for good in [
            "می\u{200C}خواهم کتاب\u{200C}های نرم\u{200C}افزار کار\u{200C}ها", // Persian
            "۱۴۴۵ ه\u{200D}.ق.",                                              // joined form of heh
            "क्\u{200D}ष और क्\u{200C}ष, श्रीमान्\u{200C}",                       // Hindi
            "ন্\u{200D}ত র\u{200D}্যাব",                                         // Bengali
            "ශ්\u{200D}රී ලංකාව",                                                // Sinhala
            "അവന്\u{200D} വന്നു",                                                // Malayalam
            "ಕ್\u{200C}ಷ ர்\u{200C}க",                                          // Kannada, Tamil
            "👩\u{200D}💻 👨\u{200D}👩\u{200D}👧 👩🏽\u{200D}🚀 🏳\u{FE0F}\u{200D}🌈 ❤\u{FE0F}\u{200D}🔥",
            "1\u{FE0F}\u{20E3} ☎\u{FE0E} ☎\u{FE0F} ⚠\u{FE0F}",
            "\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F} Scotland",
            "葛\u{E0100}城市 社\u{FE00}",
            "ᠠ\u{180B}",
        ] {
            assert_eq!(find(good), [], "{good}");
        }
    }

    #[test]
    fn joiners_and_selectors_without_a_meaning_are_found() {
        for (bad, count) in [
            ("pay\u{200C}pal", 1),
            ("pay\u{200D}pal", 1),
            ("\u{200D}", 1),
            ("می\u{200C}\u{200C}خواهم", 2),
            ("می\u{200C} خواهم", 1),
            ("क\u{200D}ष", 1),
            ("क्\u{200D}\u{200D}ष", 1),
            ("👩\u{200D}x", 1),
            ("x\u{200D}👩", 1),
            ("a\u{FE0F}", 1),
            ("1\u{FE0F}", 1),
            ("👍\u{FE0F}\u{FE0F}", 1),
            ("👍\u{E0100}\u{E0101}\u{E0102}", 3), // bytes smuggled behind an emoji
            ("葛\u{E0100}\u{E0101}", 1),
            ("\u{1F3F4}\u{E0067}\u{E0062}", 2),
            ("a\u{E0041}\u{E0042}", 2),
            (
                "a\u{200B}\u{2060}\u{FEFF}\u{00AD}\u{034F}\u{3164}\u{115F}\u{2800}\u{1D173}\u{13430}",
                10,
            ),
            ("\u{061C}\u{200E}\u{200F}\u{202A}\u{202E}\u{2066}\u{2069}\u{206A}", 8),
            ("\u{1b}\u{9b}\u{7f}\u{0}\u{2028}\u{E000}\u{FFFC}\u{1FFFE}", 8),
        ] {
            assert_eq!(find(bad).len(), count, "{bad:?}");
        }
    }

    #[test]
    fn foreign_text_on_a_terminal_has_no_control_or_direction_and_json_keeps_its_value() {
        let attack = "a\u{1b}]0;x\u{7}\u{9b}31m\u{202e}txt\r\nb\u{200b}\u{e0041} \u{645}\u{6cc}\u{200c}\u{62e}";
        let line = escape_line(attack, &[]);
        assert_eq!(
            line,
            "a\\u{1b}]0;x\\u{7}\\u{9b}31m\\u{202e}txt\\r\\nb\\u{200b}\\u{e0041} \u{645}\u{6cc}\u{200c}\u{62e}"
        );
        assert_eq!(escape_lines("a\n\tb\r"), "a\n\tb\\r");
        let json = serde_json::to_string_pretty(&[attack]).unwrap();
        let written = escape_json(&json);
        assert_eq!(find(&written.replace('\n', "")), []);
        assert_eq!(serde_json::from_str::<[String; 1]>(&written).unwrap(), [attack]);
        assert!(matches!(escape_lines("plain text"), Cow::Borrowed(_)));
    }
}
