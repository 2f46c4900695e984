//! The search of the overview.

use crate::reporting::flight_state::FlightStatus;

/// A search: every word must match, and optionally the advertiser.
pub(super) struct Search {
    words: Vec<String>,
    owner: Option<String>,
}

impl Search {
    /// Parses a search text.
    pub(crate) fn of(text: &str) -> Search {
        let words = normalise(text).split_whitespace().map(str::to_owned).collect();
        Search { words, owner: None }
    }

    /// Matches everything of one advertiser and nothing else.
    pub(crate) fn of_advertiser(id: &str) -> Search {
        Search { words: Vec::new(), owner: Some(id.to_owned()) }
    }

    /// Whether objects of this advertiser can match.
    pub(crate) fn includes(&self, advertiser: &str) -> bool {
        self.owner.as_deref().is_none_or(|owner| owner == advertiser)
    }

    /// Whether it is for one advertiser, which sees less than an operator.
    pub(crate) fn is_of_one(&self) -> bool {
        self.owner.is_some()
    }

    /// Whether the search has no words.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether every word occurs in one of these texts.
    pub(crate) fn matches(&self, texts: &[&str]) -> bool {
        self.is_empty() || {
            let texts = normalise(&texts.join("\n"));
            self.words.iter().all(|word| texts.contains(word.as_str()))
        }
    }
}

/// Normalises case, and underscores of states to spaces.
fn normalise(text: &str) -> String {
    text.to_lowercase().replace('_', " ")
}

/// Search term for paused objects.
pub(super) fn paused_term(paused: bool) -> &'static str {
    if paused { FlightStatus::Paused.as_str() } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_occur_regardless_of_case() {
        let texts = ["zahid-ai-europe", "zahid.host", "no_live_creative"];
        for found in ["", "  ", "ZAHID", "europe host", "no live", "no_live_creative zahid"] {
            assert!(Search::of(found).matches(&texts), "{found}");
        }
        for missed in ["gitlift", "zahid gitlift", "zahid.host.evil"] {
            assert!(!Search::of(missed).matches(&texts), "{missed}");
        }
    }
}
