//! Names that read alike without being spelled alike.

use crate::domain::text;
use unicode_normalization::UnicodeNormalization;

/// What is left of a name when letters that look the same are the same: `Paypal`, `PayPaI` (with a
/// capital i) and `Раурal` (with Cyrillic letters) have one skeleton. `None` when nothing is left.
pub(super) fn skeleton(name: &str) -> Option<String> {
    let read: String = name.nfkc().map(as_read).collect();
    text::key(&read)
}

/// The Latin letter that a reader takes a character for.
fn as_read(c: char) -> char {
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
    fn a_name_in_borrowed_letters_reads_like_the_real_one() {
        for (real, borrowed) in [
            ("Paypal", "Раураl"),
            ("Alphabet", "AIphabet"),
            ("Google", "G00gle"),
            ("zahid", "zаhіd"),
        ] {
            assert_eq!(skeleton(real), skeleton(borrowed), "{borrowed}");
        }
        assert_ne!(skeleton("Rust"), skeleton("Dust"));
        assert_ne!(skeleton("Sponsor 1"), skeleton("Sponsor 11"));
    }
}
