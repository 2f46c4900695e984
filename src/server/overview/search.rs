//! What an operator types to find one of many.

use crate::server::overview::document::FlightStatus;

/// What is looked for: every word must be somewhere.
pub(super) struct Search(Vec<String>);

impl Search {
    /// Reads what was typed.
    pub fn of(text: &str) -> Search {
        Search(plain(text).split_whitespace().map(str::to_owned).collect())
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every word is in one of these.
    pub fn finds(&self, texts: &[&str]) -> bool {
        self.0.is_empty() || {
            let texts = plain(&texts.join("\n"));
            self.0.iter().all(|word| texts.contains(word.as_str()))
        }
    }
}

/// As people type it: states are read with spaces.
fn plain(text: &str) -> String {
    text.to_lowercase().replace('_', " ")
}

/// The word by which what is stopped is found.
pub(super) fn stopped_word(stopped: bool) -> &'static str {
    if stopped { FlightStatus::Stopped.as_str() } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_be_somewhere_in_whatever_case() {
        let texts = ["zahid-ai-europe", "zahid.host", "no_live_creative"];
        for found in ["", "  ", "ZAHID", "europe host", "no live", "no_live_creative zahid"] {
            assert!(Search::of(found).finds(&texts), "{found}");
        }
        for missed in ["gitlift", "zahid gitlift", "zahid.host.evil"] {
            assert!(!Search::of(missed).finds(&texts), "{missed}");
        }
    }
}
