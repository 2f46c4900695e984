//! Ten thousand mutated files: each is valid or is rejected with a position and a reason. None causes
//! a panic.

use adjacent::catalog::{check, files, tables};
use adjacent::config::{Problem, load};
use adjacent::domain::region::Regions;
use garde::Validate;
use rand::RngExt;
use rand_pcg::Pcg64;

/// Valid and invalid text that users, editors and disks may put into a file.
const TOKENS: [&str; 40] = [
    "nan",
    "-nan",
    "inf",
    "-inf",
    "+inf",
    "-1",
    "0",
    "-0.0",
    "1e400",
    "1e-400",
    "9007199254740992",
    "9223372036854775808",
    "99999999999999999999999999",
    "0x10",
    "0b1",
    "1_000",
    "\"\"",
    "\"DE\"",
    "\"XX\"",
    "\"\\u202E\"",
    "\"\\u200B\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "#",
    "true",
    "false",
    "[]",
    "{}",
    "2026-13-45",
    "2026-01-01T00:00:00Z",
    "\u{FEFF}",
    "\u{0}",
    "é",
    "[[flights]]",
];

struct Mutator(Pcg64);

impl Mutator {
    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// An offset on a character boundary.
    fn offset(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn token(&mut self) -> &'static str {
        TOKENS[self.below(TOKENS.len())]
    }

    /// The text with one to three mutations.
    fn mutated(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(3) {
            text = self.mutate_once(&text);
        }
        text
    }

    fn mutate_once(&mut self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let line = self.below(lines.len());
        match self.below(7) {
            0 => text[..self.offset(text)].to_owned(),
            1 => {
                let mut bytes = text.as_bytes().to_vec();
                let (one, other) = (self.below(bytes.len()), self.below(bytes.len()));
                if !bytes.is_empty() {
                    bytes.swap(one, other);
                }
                String::from_utf8_lossy(&bytes).into_owned()
            }
            2 => {
                let repeated = lines.iter().enumerate().flat_map(|(at, one)| {
                    std::iter::repeat_n(*one, if at == line { 2 } else { 1 })
                });
                repeated.collect::<Vec<_>>().join("\n")
            }
            3 => {
                let remaining = lines.iter().enumerate().filter(|(at, _)| *at != line);
                remaining.map(|(_, one)| *one).collect::<Vec<_>>().join("\n")
            }
            4 => {
                let at = self.offset(text);
                format!("{}{}{}", &text[..at], self.token(), &text[at..])
            }
            5 => self.replace_value(text),
            _ => {
                let other = self.below(lines.len());
                let mut lines = lines;
                if !lines.is_empty() {
                    lines.swap(line, other);
                }
                lines.join("\n")
            }
        }
    }

    /// The text with another value for one key.
    fn replace_value(&mut self, text: &str) -> String {
        let marks: Vec<usize> = text.match_indices("= ").map(|(at, _)| at + 2).collect();
        let Some(start) = (!marks.is_empty()).then(|| marks[self.below(marks.len())]) else {
            return text.to_owned();
        };
        let end = text[start..].find([',', '\n', ' ', '}']).map_or(text.len(), |at| start + at);
        format!("{}{}{}", &text[..start], self.token(), &text[end..])
    }
}

/// Runs `count` mutations of `text` through `read`, which returns the problems of an invalid text.
fn check_mutations(
    seed: u64,
    count: usize,
    text: &str,
    read: impl Fn(&str) -> Result<(), Vec<Problem>>,
) {
    let mut mutator = Mutator(Pcg64::new(u128::from(seed), 11));
    let mut rejected = 0;
    for number in 0..count {
        let mutated = mutator.mutated(text);
        if let Err(problems) = read(&mutated) {
            rejected += 1;
            assert!(!problems.is_empty(), "{number}: {mutated}");
            for problem in problems {
                assert!(!problem.file.is_empty() && !problem.reason.is_empty(), "{problem}");
                assert!(problem.line > 0 && problem.column > 0, "{problem}\n{mutated}");
                assert!(problem.line <= mutated.lines().count() + 1, "{problem}");
                assert!(!format!("{:?}", problem.report()).is_empty());
            }
        }
    }
    assert!(rejected > count / 4 && rejected < count, "{rejected} of {count} were rejected");
}

#[test]
fn four_thousand_mutated_weights_are_rejected_or_valid() {
    check_mutations(1, 4_000, files::WEIGHTS.1, |text| {
        let weights = tables::weights("weights.toml", text)?;
        assert!(weights.validate().is_ok());
        let numbers = serde_json::to_value(&weights).unwrap();
        assert!(!numbers.to_string().contains("null"), "NaN and infinity would be null in JSON");
        assert!(check::weights::check(&weights).is_empty());
        Ok(())
    });
}

#[test]
fn four_thousand_mutated_settings_are_rejected_or_valid() {
    check_mutations(2, 4_000, load::DEFAULTS, |text| {
        assert!(load::parse_settings("adjacent.toml", text)?.validate().is_ok());
        Ok(())
    });
}

#[test]
fn a_thousand_mutated_label_tables_are_rejected_or_valid() {
    let regions = Regions::build(&[]).unwrap();
    check_mutations(3, 1_000, files::LABELS.1, |text| {
        let table = tables::labels("labels.toml", text, &regions)?;
        assert!(table.validate().is_ok());
        assert_eq!(check::labels::table(&table, &regions), []);
        Ok(())
    });
}

#[test]
fn a_thousand_mutated_inventories_are_rejected_or_valid() {
    let whole: String = files::EXAMPLE.iter().map(|(_, text)| *text).collect();
    check_mutations(4, 1_000, &whole, |text| {
        let inventory = files::parse(&[("config/inventory/inventory.toml".into(), text.into())])?;
        assert_eq!(check::inventory(&inventory), []);
        let parsed = serde_json::from_slice(&serde_json::to_vec(&inventory).unwrap()).unwrap();
        assert_eq!(inventory, parsed, "a valid inventory survives a round trip through JSON");
        Ok(())
    });
}

#[test]
fn a_file_that_is_too_large_a_loop_or_missing_is_reported_as_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::File::create(at("large.toml")).unwrap().set_len(1 << 30).unwrap();
    std::fs::write(at("binary.toml"), [0xFF, 0xFE, 0x00]).unwrap();
    for (name, reason) in [
        ("large.toml", "must have at most"),
        ("binary.toml", "cannot be read"),
        ("none.toml", "cannot be read"),
    ] {
        let problems = files::read(&at(name)).unwrap_err();
        assert!(problems[0].to_string().contains(name), "{}", problems[0]);
        assert!(problems[0].reason.contains(reason), "{}", problems[0]);
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("loop.toml", at("loop.toml")).unwrap();
        assert!(files::read(&at("loop.toml")).unwrap_err()[0].reason.contains("cannot be read"));
        let endless = files::read(std::path::Path::new("/dev/zero")).unwrap_err();
        assert!(endless[0].reason.contains("not a regular file"));
    }
}
