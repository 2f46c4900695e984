//! The lines of the log.

use crate::domain::event::NoFill;
use crate::domain::party::Style;
use crate::selection::page::Page;
use crate::selection::rules::Mask;
use crate::selection::snapshot::State;
use serde::Deserialize;
use serde::Serialize;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Line {
    /// A snapshot and the state put on it, whole.
    World(Box<WorldLine>),
    /// A state that differs from the one before it.
    Change(Box<StateChange>),
    /// A decision, or a call without any unit.
    Decision(Box<DecisionLine>),
}

/// What a decision read, by the names that the catalog keeps it under.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorldLine {
    /// Content hash of the inventory.
    pub inventory: String,
    /// Content hash of the weights.
    pub weights: String,
    /// Content hash of the label table.
    pub labels: String,
    /// What moves.
    pub state: State,
}

/// From one state to the next, on the same snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StateChange {
    /// The new state's number.
    pub number: u64,
    /// Flights whose budget is now spent.
    pub spent: Vec<u32>,
    /// Flights that have budget again.
    pub unspent: Vec<u32>,
    /// Flights with a new share.
    pub paced: Vec<(u32, u32)>,
    /// Flights that take all again.
    pub unpaced: Vec<u32>,
    /// Flights now stopped.
    pub stopped: Vec<u32>,
    /// Flights that run again.
    pub resumed: Vec<u32>,
}

fn gone<T: PartialEq + Copy>(from: &[T], to: &[T]) -> Vec<T> {
    from.iter().filter(|one| !to.contains(one)).copied().collect()
}

/// Both lists sorted; what is in `to` alone and what is in `from` alone.
fn differ<T: Ord + Copy>(from: &[T], to: &[T]) -> (Vec<T>, Vec<T>) {
    let missing = |list: &[T], other: &[T]| {
        list.iter().filter(|one| other.binary_search(one).is_err()).copied().collect()
    };
    (missing(to, from), missing(from, to))
}

impl StateChange {
    /// What leads from `from` to `to`.
    pub fn between(from: &State, to: &State) -> StateChange {
        let (spent, unspent) = differ(&from.spent, &to.spent);
        let (stopped, resumed) = differ(&from.stopped, &to.stopped);
        let places = |list: &[(u32, u32)]| list.iter().map(|(place, _)| *place).collect::<Vec<_>>();
        StateChange {
            number: to.number,
            spent,
            unspent,
            paced: gone(&to.paced, &from.paced),
            unpaced: differ(&places(&from.paced), &places(&to.paced)).1,
            stopped,
            resumed,
        }
    }

    /// Applies the change.
    pub fn apply(&self, state: &mut State) {
        let merge = |list: &mut Vec<u32>, add: &[u32], remove: &[u32]| {
            list.retain(|place| !remove.contains(place));
            list.extend_from_slice(add);
            list.sort_unstable();
        };
        merge(&mut state.spent, &self.spent, &self.unspent);
        merge(&mut state.stopped, &self.stopped, &self.resumed);
        state.paced.retain(|(place, _)| {
            !self.unpaced.contains(place) && !self.paced.iter().any(|(new, _)| new == place)
        });
        state.paced.extend_from_slice(&self.paced);
        state.paced.sort_unstable();
        state.number = self.number;
    }
}

/// A call and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionLine {
    /// The request's id; a slot's decision id is this with the slot's number from 1 in the lowest
    /// byte.
    pub request: u128,
    /// When, in unix milliseconds.
    pub at_ms: i64,
    /// The state it was made on.
    pub state: u64,
    /// The page, normalised.
    pub page: Page,
    /// As much of its address as the publisher keeps.
    pub url: Option<Box<str>>,
    /// A creative the operator forced: such a call is a test.
    pub forced: Option<Box<str>>,
    /// A test: never counts.
    pub test: bool,
    /// The slots, in request order.
    pub slots: Vec<SlotLine>,
}

/// One slot's choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotLine {
    /// Flights that were passed over before this choice.
    pub masked: Vec<Mask>,
    /// The choice.
    pub result: Result<Chosen, NoFill>,
}

/// The winner as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Its place in rank order.
    pub place: u32,
    /// Its creative's number.
    pub creative: u32,
    /// Which wording.
    pub variant: u8,
    /// How it was shown.
    pub style: Style,
    /// P(flight | earlier slots, masks, world), in 2^32nds.
    pub flight_propensity: u32,
    /// P(creative and wording | flight), in 2^32nds.
    pub creative_propensity: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn state(number: u64)(
            spent in prop::collection::btree_set(0u32..40, 0..20),
            stopped in prop::collection::btree_set(0u32..40, 0..20),
            paced in prop::collection::btree_map(0u32..40, 0u32..3, 0..20),
        ) -> State {
            State {
                number,
                spent: spent.into_iter().collect(),
                paced: paced.into_iter().collect(),
                stopped: stopped.into_iter().collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn a_change_leads_from_one_state_to_the_next(from in state(1), to in state(2)) {
            let mut state = from.clone();
            StateChange::between(&from, &to).apply(&mut state);
            prop_assert_eq!(state, to);
        }
    }
}
