//! Normalisation of names: every spelling of a name maps to one canonical key.

use deunicode::deunicode_char;
use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use unicase::UniCase;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Maximum length of a name and of its key, in characters; the rest is ignored. A single character can
/// stand for 18 (U+FDFA), so that the length is limited after normalisation as well.
pub(crate) const MAX_CHARS: usize = 128;

/// The canonical key of a name, or `None` if no letter or digit remains.
///
/// Removes ™ ® ©; applies NFKC; strips leading `@`, `#`, `$`; folds case (Unicode's full folding: `ß` is
/// `ss`, a final `ς` is `σ`); removes diacritics from Latin, Greek and Cyrillic letters; replaces Latin
/// letters that do not decompose (`ø`, `ł`, `đ`, `ı`, `æ`) by the letters of ASCII; replaces `&` with `and`; keeps `c++`, `c#`, `.net` and
/// similar names distinct from `c` and `net`; removes apostrophes; replaces every other run of
/// characters that are neither letters nor digits with one `-`. Other scripts keep their letters
/// and marks. Idempotent.
pub(crate) fn key(name: &str) -> Option<String> {
    with_key(name, str::to_owned)
}

/// Calls `use_key` with the canonical key of a name and returns its result. For ASCII names, the
/// common case, the key stays on the stack.
pub(crate) fn with_key<T>(name: &str, use_key: impl FnOnce(&str) -> T) -> Option<T> {
    let mut buffer = [0; ASCII_BUFFER_BYTES];
    match ascii_key(name, &mut buffer) {
        Some(key) => (!key.is_empty()).then(|| use_key(key)),
        None => unicode_key(name).map(|key| use_key(&key)),
    }
}

fn unicode_key(name: &str) -> Option<String> {
    let mut found = pass(name)?;
    // One pass can join characters (a letter and a mark, say) that the next pass folds again.
    for _ in 0..8 {
        // A key has no other characters that a pass changes.
        if is_folded(&found) {
            break;
        }
        let again = pass(&found)?;
        if again == found {
            break;
        }
        found = again;
    }
    Some(found)
}

fn pass(name: &str) -> Option<String> {
    let folded = fold(name);
    let spelled = spell_out(folded.trim_start_matches(['@', '#', '$', ' ']));
    let mut out = String::with_capacity(spelled.len());
    let mut gap = false;
    for c in spelled.chars() {
        match c {
            '\'' | '\u{2019}' | '\u{2018}' | '\u{02B9}'..='\u{02BF}' | '\u{2032}' | '`' => {}
            '&' => {
                separate(&mut out, true);
                out.push_str("and");
                gap = true;
            }
            c if c.is_alphanumeric() || (is_combining_mark(c) && !out.is_empty() && !gap) => {
                separate(&mut out, gap);
                gap = false;
                out.push(c);
            }
            _ => gap = true,
        }
    }
    if let Some((end, _)) = out.char_indices().nth(MAX_CHARS) {
        out.truncate(end);
        out.truncate(out.trim_end_matches('-').len());
    }
    (!out.is_empty()).then_some(out)
}

fn separate(out: &mut String, gap: bool) {
    if gap && !out.is_empty() && !out.ends_with('-') {
        out.push('-');
    }
}

/// Buffer size for the key of an ASCII name; a longer key is cut by [`unicode_key`].
const ASCII_BUFFER_BYTES: usize = MAX_CHARS;

/// Fast path: the key of an ASCII name, empty if no letter or digit remains. `None` for a name that
/// needs [`unicode_key`]: too long, not ASCII, or containing `+`, `#` or `.`, which distinguish
/// names of programming languages and platforms.
fn ascii_key<'r>(name: &str, buffer: &'r mut [u8; ASCII_BUFFER_BYTES]) -> Option<&'r str> {
    let bytes = name.trim_start_matches(['@', '#', '$', ' ']).as_bytes();
    if name.len() > MAX_CHARS {
        return None;
    }
    let (mut end, mut gap) = (0, false);
    for byte in bytes {
        match byte {
            b'\'' | b'`' => {}
            b'+' | b'#' | b'.' | 0x80.. => return None,
            b'&' => {
                let and: &[u8] = if end > 0 { b"-and" } else { b"and" };
                buffer.get_mut(end..end + and.len())?.copy_from_slice(and);
                end += and.len();
                gap = true;
            }
            byte if byte.is_ascii_alphanumeric() => {
                if gap && end > 0 {
                    *buffer.get_mut(end)? = b'-';
                    end += 1;
                }
                gap = false;
                *buffer.get_mut(end)? = byte.to_ascii_lowercase();
                end += 1;
            }
            _ => gap = true,
        }
    }
    std::str::from_utf8(&buffer[..end]).ok()
}

/// Applies NFKC and case folding, removes marks from Latin, Greek and Cyrillic letters and spells Latin
/// letters in ASCII, repeatedly until nothing changes: a folded letter can decompose again.
fn fold(name: &str) -> String {
    let mut text: String =
        name.chars().filter(|c| !matches!(c, '™' | '®' | '©' | '℠')).take(MAX_CHARS).collect();
    for _ in 0..4 {
        let composed: String = text.nfkc().take(MAX_CHARS).collect();
        let folded = UniCase::unicode(composed).to_folded_case();
        let folded: String = folded.chars().take(MAX_CHARS).collect();
        let mut bare = String::with_capacity(folded.len());
        for c in folded.nfkc().take(MAX_CHARS) {
            let mut base = c;
            if marked_script(c) {
                let mut first = None;
                decompose_canonical(c, |part| {
                    first.get_or_insert(part);
                });
                base = first.unwrap_or(c);
            }
            let after_marked = bare.chars().next_back().is_some_and(marked_script);
            match in_ascii(base) {
                Some(letters) => bare.extend(letters.chars().map(|c| c.to_ascii_lowercase())),
                None if is_combining_mark(base) && after_marked => {}
                None => bare.push(base),
            }
        }
        if bare == text {
            break;
        }
        text = bare;
        if is_folded(&text) {
            break;
        }
    }
    text
}

/// Whether [`fold`] changes nothing, as far as a quick look shows: what normalisation costs is paid once
/// for most names. `false` if unsure.
fn is_folded(text: &str) -> bool {
    let mut before = ' ';
    is_nfkc_quick(text.chars()) == IsNormalized::Yes
        && text.chars().all(|c| {
            let is_mark = is_combining_mark(c) && marked_script(before);
            before = c;
            let mut first = None;
            if marked_script(c) {
                decompose_canonical(c, |part| {
                    first.get_or_insert(part);
                });
            }
            !is_mark && first.is_none_or(|first| first == c) && in_ascii(c).is_none()
        })
        && UniCase::unicode(text).to_folded_case() == text
}

/// The letters of ASCII that a Latin letter outside of it is written with.
fn in_ascii(c: char) -> Option<&'static str> {
    let is_latin = || CodePointMapData::<Script>::new().get(c) == Script::Latin;
    let letters =
        (!c.is_ascii() && c.is_alphabetic() && is_latin()).then(|| deunicode_char(c))??;
    let is_spelled = !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_alphabetic());
    is_spelled.then_some(letters)
}

fn marked_script(c: char) -> bool {
    c.is_alphabetic()
        && matches!(u32::from(c), 0x41..=0x24F | 0x370..=0x3FF | 0x400..=0x52F | 0x1E00..=0x1FFF)
}

/// Spells out names of programming languages and platforms that differ only by punctuation.
fn spell_out(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for (at, word) in name.split_whitespace().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let bare = word.trim_end_matches([',', ';', ':', '!', '?', ')']);
        match bare {
            "c++" => out.push_str("cplusplus"),
            "c#" => out.push_str("csharp"),
            "f#" => out.push_str("fsharp"),
            ".net" => out.push_str("dotnet"),
            "asp.net" => out.push_str("asp-dotnet"),
            _ => out.push_str(word),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_spellings_of_a_name_have_one_key() {
        for (name, expected) in [
            ("@alibaba cloud", "alibaba-cloud"),
            ("ＡＬＩＢＡＢＡ Cloud", "alibaba-cloud"),
            ("Alibaba-Cloud™", "alibaba-cloud"),
            ("Nestlé", "nestle"),
            ("AT&T", "at-and-t"),
            ("McDonald's", "mcdonalds"),
            ("McDonald’s", "mcdonalds"),
            ("  #Rust  ", "rust"),
            ("阿里云", "阿里云"),
            ("한국", "한국"),
            ("Ελλάδα", "ελλαδα"),
            ("Россия й", "россия-и"),
            ("ai_infrastructure", "ai-infrastructure"),
        ] {
            assert_eq!(key(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn letters_that_case_or_decomposition_do_not_join_have_one_key() {
        for names in [
            &["Fußball", "FUSSBALL", "FUẞBALL", "fussball"][..],
            &["Diyarbakır", "DİYARBAKIR", "Diyarbakir", "DIYARBAKIR"],
            &["İzmir", "izmir", "IZMIR", "i\u{307}zmir"],
            &["Iğdır", "IĞDIR", "ığdır"],
            &["Ελλάδας", "ΕΛΛΑΔΑΣ", "ΕΛΛΆΔΑΣ", "ελλαδασ"],
            &["Οδυσσεύς", "ΟΔΥΣΣΕΥΣ"],
            &["Łódź", "ŁÓDŹ", "Lodz"],
            &["Ørsted", "ØRSTED", "Orsted"],
            &["Đà Nẵng", "ĐÀ NẴNG", "Da Nang"],
            &["Đorđe", "Dorde"],
            &["Ħamrun", "Hamrun"],
            &["Þingvellir", "ÞINGVELLIR", "Thingvellir"],
            &["Ærø", "ÆRØ", "Aero"],
            &["Œuvre", "Oeuvre"],
            &["Hawaiʻi", "Hawai'i", "Hawaii"],
            &["ﬃ", "FFI"],
        ] {
            let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
            assert!(keys.iter().all(|one| one.is_some() && *one == keys[0]), "{names:?}: {keys:?}");
        }
        for (one, other) in
            [("Zürich", "Zuerich"), ("ґ", "г"), ("ə", "a"), ("Møre", "More or less")]
        {
            assert_ne!(key(one), key(other));
        }
    }

    #[test]
    fn c_and_its_descendants_have_distinct_keys() {
        let keys = ["C", "C++", "C#", ".NET", "net"].map(|name| key(name).unwrap());
        assert_eq!(keys, ["c", "cplusplus", "csharp", "dotnet", "net"]);
    }

    #[test]
    fn a_name_without_letters_or_digits_has_no_key() {
        for name in ["", " ", "™", "@", "--", "\u{200B}", "'"] {
            assert_eq!(key(name), None, "{name:?}");
        }
    }

    /// A character of each kind that normalisation expands, and how many it becomes.
    const EXPANDING: [(char, usize); 7] = [
        ('\u{FDFA}', 18),
        ('\u{FDFB}', 8),
        ('\u{3316}', 6),
        ('\u{33AF}', 6),
        ('\u{1F82}', 4),
        ('\u{FB03}', 3),
        ('\u{0390}', 3),
    ];

    #[test]
    fn a_character_that_stands_for_many_makes_no_longer_key() {
        for (c, expanded) in EXPANDING {
            let all: usize = c.to_string().nfkd().count();
            assert!(all >= expanded - 2, "{c:?} becomes {all}");
            for count in [1, 40, 128, 5_000] {
                let key = key(&c.to_string().repeat(count)).unwrap();
                assert!(key.chars().count() <= MAX_CHARS, "{count} of {c:?}");
                assert!(key.len() <= 4 * MAX_CHARS);
            }
        }
        assert_eq!(key(&"&".repeat(500)).unwrap().len(), MAX_CHARS - 1);
    }

    proptest! {
        #[test]
        fn normalising_a_key_returns_it_unchanged(name in "\\PC{0,40}") {
            if let Some(once) = key(&name) {
                prop_assert_eq!(key(&once), Some(once));
            }
        }

        #[test]
        fn letter_case_makes_no_difference(name in "[A-Za-zÀ-ɏΑ-ωά-ώА-яІіЇї &'-]{1,20}") {
            // Upper case of `ŉ` and others is another word; folding is what Unicode compares with.
            let (lower, upper) = (name.to_lowercase(), name.to_uppercase());
            prop_assert_eq!(key(&lower), key(&UniCase::unicode(&lower).to_folded_case()));
            prop_assert_eq!(key(&upper), key(&UniCase::unicode(&upper).to_folded_case()));
            prop_assert_eq!(key(&name), key(&UniCase::unicode(&name).to_folded_case()));
        }

        #[test]
        fn what_looks_folded_is_folded(name in "(\\PC|[ﷺﬃÅåéİıßſẞøŁđÐŋςΣǅᏸꭰ\u{301}\u{64B}]){0,40}") {
            let folded = fold(&name);
            for text in [name, folded] {
                if is_folded(&text) && text.chars().all(|c| !"™®©℠".contains(c)) {
                    prop_assert_eq!(fold(&text), text);
                }
            }
        }

        #[test]
        fn normalising_the_key_of_a_long_name_returns_it_unchanged(name in "(\\PC|[&ﷺﬃ a]){100,200}") {
            if let Some(once) = key(&name) {
                prop_assert!(once.chars().count() <= MAX_CHARS);
                prop_assert_eq!(key(&once), Some(once));
            }
        }

        #[test]
        fn the_ascii_and_the_unicode_path_agree(name in "[@#$ ]{0,3}[\\x00-\\x7F]{0,30}", words in "[a-z0-9 &'-]{0,20}") {
            for name in [name, words] {
                if let Some(key) = ascii_key(&name, &mut [0; ASCII_BUFFER_BYTES]) {
                    prop_assert_eq!(key, unicode_key(&name).unwrap_or_default());
                }
            }
        }
    }
}
