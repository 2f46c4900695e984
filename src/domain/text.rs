//! One spelling for a name, however a page writes it.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;
use unicode_normalization::char::is_combining_mark;

/// The longest name that is read, in characters.
pub const MAX_CHARS: usize = 128;

/// The canonical key of a name, or `None` when nothing of it is left.
///
/// Signs ™ ® © go; NFKC; leading `@`, `#`, `$` go; lower case; marks on Latin, Greek and Cyrillic
/// letters go; `&` is `and`; `c++`, `c#`, `.net` and their like stay apart from `c` and `net`;
/// apostrophes vanish; every other run that is neither letter nor digit becomes one `-`.
/// Other scripts keep their letters and marks. The key of a key is itself.
pub fn key(name: &str) -> Option<String> {
    with_key(name, str::to_owned)
}

/// What `use_key` makes of the canonical key of a name; for a name in ASCII, as almost all are, the
/// key is on the stack.
pub fn with_key<T>(name: &str, use_key: impl FnOnce(&str) -> T) -> Option<T> {
    let mut room = [0; ASCII_ROOM];
    match ascii_key(name, &mut room) {
        Some(key) => (!key.is_empty()).then(|| use_key(key)),
        None => long_way(name).map(|key| use_key(&key)),
    }
}

fn long_way(name: &str) -> Option<String> {
    let mut found = pass(name)?;
    // What one pass brings together (a letter and a mark, say), the next may fold again.
    for _ in 0..8 {
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
    let named = tongues(folded.trim_start_matches(['@', '#', '$', ' ']));
    let mut out = String::with_capacity(named.len());
    let mut gap = false;
    for c in named.chars() {
        match c {
            '\'' | '\u{2019}' | '\u{2018}' | '\u{02BC}' | '`' => {}
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
    (!out.is_empty()).then_some(out)
}

fn separate(out: &mut String, gap: bool) {
    if gap && !out.is_empty() && !out.ends_with('-') {
        out.push('-');
    }
}

/// Room for the key of an ASCII name.
const ASCII_ROOM: usize = MAX_CHARS + 32;

/// The way of almost every name: the key of one in ASCII, empty where nothing is left of it.
/// `None` for a name that must take the long way: too long, not ASCII, or with one of the signs in
/// it by which languages and platforms differ.
fn ascii_key<'r>(name: &str, room: &'r mut [u8; ASCII_ROOM]) -> Option<&'r str> {
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
                room.get_mut(end..end + and.len())?.copy_from_slice(and);
                end += and.len();
                gap = true;
            }
            byte if byte.is_ascii_alphanumeric() => {
                if gap && end > 0 {
                    *room.get_mut(end)? = b'-';
                    end += 1;
                }
                gap = false;
                *room.get_mut(end)? = byte.to_ascii_lowercase();
                end += 1;
            }
            _ => gap = true,
        }
    }
    std::str::from_utf8(&room[..end]).ok()
}

/// NFKC, lower case, marks off Latin, Greek and Cyrillic, until nothing changes any more: a
/// lower-cased letter can decompose once again.
fn fold(name: &str) -> String {
    let mut text: String =
        name.chars().filter(|c| !matches!(c, '™' | '®' | '©' | '℠')).take(MAX_CHARS).collect();
    for _ in 0..4 {
        let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
        let mut bare = String::with_capacity(lower.len());
        for c in lower.nfkc() {
            let mut base = c;
            if marked_script(c) {
                let mut first = None;
                decompose_canonical(c, |part| {
                    first.get_or_insert(part);
                });
                base = first.unwrap_or(c);
            }
            let after_marked = bare.chars().next_back().is_some_and(marked_script);
            if !(is_combining_mark(base) && after_marked) {
                bare.push(base);
            }
        }
        if bare == text {
            break;
        }
        text = bare;
    }
    text
}

fn marked_script(c: char) -> bool {
    c.is_alphabetic()
        && matches!(u32::from(c), 0x41..=0x24F | 0x370..=0x3FF | 0x400..=0x52F | 0x1E00..=0x1FFF)
}

/// Names of languages and platforms that differ by signs alone, as words.
fn tongues(name: &str) -> String {
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
    fn a_name_has_one_key_however_it_is_written() {
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
    fn c_and_its_children_stay_apart() {
        let keys = ["C", "C++", "C#", ".NET", "net"].map(|name| key(name).unwrap());
        assert_eq!(keys, ["c", "cplusplus", "csharp", "dotnet", "net"]);
    }

    #[test]
    fn a_name_of_signs_alone_has_no_key() {
        for name in ["", " ", "™", "@", "--", "\u{200B}", "'"] {
            assert_eq!(key(name), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn the_key_of_a_key_is_itself(name in "\\PC{0,40}") {
            if let Some(once) = key(&name) {
                prop_assert_eq!(key(&once), Some(once));
            }
        }

        #[test]
        fn the_short_way_and_the_long_way_agree(name in "[@#$ ]{0,3}[\\x00-\\x7F]{0,30}", words in "[a-z0-9 &'-]{0,20}") {
            for name in [name, words] {
                if let Some(short) = ascii_key(&name, &mut [0; ASCII_ROOM]) {
                    prop_assert_eq!(short, long_way(&name).unwrap_or_default());
                }
            }
        }
    }
}
