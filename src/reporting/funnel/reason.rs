//! The main reason why a flight is not chosen, as one sentence.

use crate::selection::slot_stage::SlotStage;
use std::collections::BTreeMap;

/// The stage at which most slots were lost, as a sentence; where that is the targeting, also the one at
/// which most of the slots that it fits were lost. `None` without any slot.
pub(crate) fn main_reason(stages: &BTreeMap<SlotStage, u64>) -> Option<String> {
    let asked: u64 = stages.values().sum();
    if asked == 0 {
        return None;
    }
    let largest = |is_meant: &dyn Fn(SlotStage) -> bool| {
        let lost = stages.iter().filter(|(stage, count)| **stage != SlotStage::Won && **count > 0);
        let meant = lost.filter(|(stage, _)| is_meant(**stage));
        meant.max_by_key(|(_, count)| **count).map(|(stage, count)| (*stage, *count))
    };
    let Some((stage, count)) = largest(&|_| true) else {
        return Some("It wins every slot that is asked for.".to_owned());
    };
    let first = format!(
        "Mostly not chosen because {} ({} of all slots)",
        stage.sentence(),
        percent(count, asked)
    );
    let fits = |stage: SlotStage| stage > SlotStage::LAST_OF_TARGETING;
    let fitting: u64 = stages.iter().filter(|(one, _)| fits(**one)).map(|(_, n)| n).sum();
    let second = match largest(&fits) {
        _ if !stage.is_targeting() => String::new(),
        _ if fitting == 0 => "; it fits no page that was asked for".to_owned(),
        None => "; it wins every slot that it fits".to_owned(),
        Some((next, count)) => format!(
            "; of the slots that it fits, {} are lost because {}",
            percent(count, fitting),
            next.sentence()
        ),
    };
    Some(format!("{first}{second}."))
}

fn percent(part: u64, whole: u64) -> String {
    let percent = part as f64 * 100.0 / whole as f64;
    match percent {
        small if small < 1.0 => format!("{small:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::filter_reason::FilterReason;

    fn reason(counts: &[(SlotStage, u64)]) -> String {
        main_reason(&counts.iter().copied().collect()).unwrap_or_default()
    }

    #[test]
    fn the_sentence_names_the_largest_loss_and_the_largest_of_the_slots_that_fit() {
        let (topic, tier) =
            (SlotStage::Filtered(FilterReason::Topic), SlotStage::Filtered(FilterReason::Tier));
        assert_eq!(reason(&[]), "");
        assert_eq!(reason(&[(SlotStage::Won, 9)]), "It wins every slot that is asked for.");
        let text = reason(&[(topic, 83), (tier, 10), (SlotStage::Draw, 5), (SlotStage::Won, 2)]);
        assert!(text.contains("excludes is (83 % of all slots)"), "{text}");
        assert!(
            text.ends_with("fits, 59 % are lost because a flight of a higher tier won."),
            "{text}"
        );
        let text = reason(&[(topic, 10), (SlotStage::Draw, 90)]);
        assert!(text.ends_with("another flight of its tier won the draw (90 % of all slots)."));
        assert!(reason(&[(topic, 10)]).ends_with("; it fits no page that was asked for."));
        let text = reason(&[(topic, 10), (SlotStage::Won, 1)]);
        assert!(text.ends_with("; it wins every slot that it fits."), "{text}");
        // Before the targeting was looked at: whether the flight fits these pages is not known.
        let commercial = SlotStage::Filtered(FilterReason::Commercial);
        let text =
            reason(&[(commercial, 40), (topic, 50), (SlotStage::Draw, 5), (SlotStage::Won, 5)]);
        assert!(text.contains("fits, 50 % are lost because another flight"), "{text}");
        let text = reason(&[(topic, 1), (SlotStage::Won, 999)]);
        assert!(text.contains("(0.1 % of all slots)"), "{text}");
    }
}
