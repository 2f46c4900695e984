//! Detects names that look alike but are spelled differently.

use crate::domain::name_key;
use unicode_normalization::UnicodeNormalization;

/// A name with confusable characters replaced: `Paypal`, `PayPaI` (with a capital i) and `Раурal`
/// (with Cyrillic letters) have the same skeleton. `None` if it has no letters or digits.
pub(super) fn skeleton(name: &str) -> Option<String> {
    let latin: String = name.nfkc().take(name_key::MAX_CHARS).map(latin_lookalike).collect();
    name_key::key(&latin)
}

/// The Latin letter that a character looks like, or the character itself.
fn latin_lookalike(c: char) -> char {
    match c {
        'I' | 'l' | '1' | '|' | 'І' | 'ӏ' | 'Ӏ' | 'Ι' => 'l',
        '0' | 'О' | 'о' | 'Ο' | 'ο' | 'օ' => 'o',
        'А' | 'а' | 'Α' | 'α' => 'a',
        'В' | 'Β' => 'b',
        'С' | 'с' | 'Ϲ' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'Е' | 'е' | 'Ε' | 'ҽ' => 'e',
        'ɡ' => 'g',
        'Н' | 'Η' | 'һ' => 'h',
        'і' | 'ι' | 'ı' => 'i',
        'Ј' | 'ј' => 'j',
        'К' | 'к' | 'Κ' | 'κ' => 'k',
        'М' | 'м' | 'Μ' => 'm',
        'Ν' | 'ո' => 'n',
        'Р' | 'р' | 'Ρ' | 'ρ' => 'p',
        'ԛ' => 'q',
        'Ѕ' | 'ѕ' => 's',
        'Т' | 'т' | 'Τ' | 'τ' => 't',
        'ս' | 'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'Ԝ' | 'ԝ' => 'w',
        'Х' | 'х' | 'Χ' | 'χ' => 'x',
        'У' | 'у' | 'Υ' | 'ү' => 'y',
        'Ζ' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_lookalike_letters_has_the_same_skeleton() {
        for (real, lookalike) in [
            ("Paypal", "Раураl"),
            ("Alphabet", "AIphabet"),
            ("Google", "G00gle"),
            ("zahid", "zаhіd"),
        ] {
            assert_eq!(skeleton(real), skeleton(lookalike), "{lookalike}");
        }
        assert_ne!(skeleton("Rust"), skeleton("Dust"));
        assert_ne!(skeleton("Sponsor 1"), skeleton("Sponsor 11"));
    }
}
