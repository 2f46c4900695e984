//! What an operator types to find one of many.

use crate::server::overview::document::FlightStatus;

/// What is looked for: every word must be somewhere, and it must be this advertiser's, where one is
/// named.
pub(super) struct Search {
    words: Vec<String>,
    owner: Option<String>,
}

impl Search {
    /// Reads what was typed.
    pub fn of(text: &str) -> Search {
        let words = plain(text).split_whitespace().map(str::to_owned).collect();
        Search { words, owner: None }
    }

    /// Everything that is one advertiser's, and nothing else.
    pub fn of_advertiser(id: &str) -> Search {
        Search { words: Vec::new(), owner: Some(id.to_owned()) }
    }

    /// Whether it looks for what this advertiser has.
    pub fn concerns(&self, advertiser: &str) -> bool {
        self.owner.as_deref().is_none_or(|owner| owner == advertiser)
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether every word is in one of these.
    pub fn finds(&self, texts: &[&str]) -> bool {
        self.is_empty() || {
            let texts = plain(&texts.join("\n"));
            self.words.iter().all(|word| texts.contains(word.as_str()))
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
