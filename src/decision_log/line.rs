//! The lines of the log, in the types of the rules; [`stored`](crate::decision_log::stored) has their
//! stored forms.

use crate::domain::event::NoFill;
use crate::domain::party::Style;
use crate::selection::choose::Winner;
use crate::selection::compiled::place_bit;
use crate::selection::page::Page;
use crate::selection::rotation::{Row, Scope};
use crate::selection::rules::Mask;
use crate::selection::snapshot::{Closed, State, Ticket};
use smallvec::SmallVec;
use std::sync::Arc;

/// One record of the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// A snapshot with its full state.
    World(WorldLine),
    /// The difference between a state and the one before it.
    Change(StateChange),
    /// A decision, filled or not.
    Decision(Box<DecisionLine>),
}

/// The inputs of decisions: catalog versions by content hash, and the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WorldLine {
    /// Content hash of the inventory.
    pub(crate) inventory: String,
    /// Content hash of the weights.
    pub(crate) weights: String,
    /// Content hash of the label table.
    pub(crate) labels: String,
    /// Spent, paced and paused flights, rotations, closed topics.
    pub(crate) state: State,
    /// Weights that a part of the requests gets. Readers return the world of a decision itself, which has none.
    pub(crate) canary: Option<Box<CanaryLine>>,
}

/// Weights that a part of the requests gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CanaryLine {
    /// The part of the requests, in units of 2^-32.
    pub(crate) share: u32,
    /// Their world: the same inventory, and the same state with the ranks that these weights give to flights.
    pub(crate) world: WorldLine,
}

impl WorldLine {
    /// Of the requests that the canary does not get.
    pub(crate) fn without_canary(&self) -> WorldLine {
        WorldLine { canary: None, ..self.clone() }
    }
}

/// The difference between two states of the same snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StateChange {
    /// The new state's number.
    pub(crate) number: u64,
    /// Flights whose budget is spent since the previous state.
    pub(crate) spent: Vec<u32>,
    /// Flights whose budget is available again.
    pub(crate) unspent: Vec<u32>,
    /// Flights with a new pacing share.
    pub(crate) paced: Vec<(u32, u32)>,
    /// Flights no longer paced.
    pub(crate) unpaced: Vec<u32>,
    /// Flights newly paused.
    pub(crate) paused: Vec<u32>,
    /// Flights resumed.
    pub(crate) resumed: Vec<u32>,
    /// Flights with a new ticket or another one.
    pub(crate) tickets: Vec<Ticket>,
    /// Flights that have none any more.
    pub(crate) returned: Vec<u32>,
    /// New rows of rotations, and others for the same pages.
    pub(crate) rotations: Vec<Row>,
    /// Rows of rotations that are gone.
    pub(crate) forgotten: Vec<(u32, Scope)>,
    /// Advertisers that have taken their part of a topic since the previous state.
    pub(crate) closed: Vec<Closed>,
    /// Advertisers that may take more of a topic again.
    pub(crate) reopened: Vec<Closed>,
    /// The change of the canary's state, while there is a canary.
    pub(crate) canary: Option<Box<StateChange>>,
}

fn only_in_first<T: PartialEq + Copy>(from: &[T], to: &[T]) -> Vec<T> {
    from.iter().filter(|one| !to.contains(one)).copied().collect()
}

/// Compares two sorted lists: elements only in `to`, and elements only in `from`.
fn sorted_difference<T: Ord + Copy>(from: &[T], to: &[T]) -> (Vec<T>, Vec<T>) {
    let missing = |list: &[T], other: &[T]| {
        list.iter().filter(|one| other.binary_search(one).is_err()).copied().collect()
    };
    (missing(to, from), missing(from, to))
}

fn places(tickets: &[Ticket]) -> Vec<u32> {
    tickets.iter().map(|one| one.place).collect()
}

impl StateChange {
    /// The change from `from` to `to`.
    pub(crate) fn between(from: &State, to: &State) -> StateChange {
        let (spent, unspent) = sorted_difference(&from.spent, &to.spent);
        let (paused, resumed) = sorted_difference(&from.paused, &to.paused);
        let positions =
            |list: &[(u32, u32)]| list.iter().map(|(place, _)| *place).collect::<Vec<_>>();
        let (rotations, forgotten) = from.rotations.difference(&to.rotations);
        let (closed, reopened) = sorted_difference(&from.closed, &to.closed);
        StateChange {
            number: to.number,
            spent,
            unspent,
            paced: only_in_first(&to.paced, &from.paced),
            unpaced: sorted_difference(&positions(&from.paced), &positions(&to.paced)).1,
            paused,
            resumed,
            tickets: only_in_first(&to.tickets, &from.tickets),
            returned: sorted_difference(&places(&from.tickets), &places(&to.tickets)).1,
            rotations,
            forgotten,
            closed,
            reopened,
            canary: None,
        }
    }

    /// The same, of both states of a world with a canary.
    pub(crate) fn of_world(from: &WorldLine, to: &State, canary: Option<&State>) -> StateChange {
        let of_canary = from.canary.as_ref().zip(canary);
        let of_canary = of_canary.map(|(from, to)| StateChange::between(&from.world.state, to));
        StateChange { canary: of_canary.map(Box::new), ..StateChange::between(&from.state, to) }
    }

    /// Makes a world the next one.
    pub(crate) fn apply_to(&self, world: &mut WorldLine) {
        self.apply(&mut world.state);
        if let (Some(canary), Some(change)) = (&mut world.canary, &self.canary) {
            change.apply(&mut canary.world.state);
        }
    }

    pub(crate) fn apply(&self, state: &mut State) {
        fn merge<T: Ord + Copy>(list: &mut Vec<T>, add: &[T], remove: &[T]) {
            list.retain(|one| !remove.contains(one));
            list.extend_from_slice(add);
            list.sort_unstable();
        }
        merge(&mut state.spent, &self.spent, &self.unspent);
        merge(&mut state.paused, &self.paused, &self.resumed);
        merge(&mut state.closed, &self.closed, &self.reopened);
        state.rotations = state.rotations.changed(&self.rotations, &self.forgotten);
        state.paced.retain(|(place, _)| {
            !self.unpaced.contains(place) && !self.paced.iter().any(|(new, _)| new == place)
        });
        state.paced.extend_from_slice(&self.paced);
        state.paced.sort_unstable();
        let is_new = |place: &u32| self.tickets.iter().any(|new| new.place == *place);
        state.tickets.retain(|one| !self.returned.contains(&one.place) && !is_new(&one.place));
        state.tickets.extend_from_slice(&self.tickets);
        state.tickets.sort_unstable_by_key(|one| one.place);
        state.number = self.number;
    }
}

/// A request and its result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DecisionLine {
    /// The request id; a slot's decision id is this with the slot number, from 1, in the lowest byte.
    pub(crate) request: u128,
    pub(crate) at_ms: i64,
    pub(crate) state: u64,
    /// The normalised page context.
    pub(crate) page: Arc<Page>,
    /// The page URL, as far as the publisher's setting stores it.
    pub(crate) url: Option<Arc<str>>,
    /// A creative forced by the operator: the request is a test.
    pub(crate) forced: Option<Box<str>>,
    /// A test: never counts.
    pub(crate) test: bool,
    /// The slots, in request order.
    pub(crate) slots: SmallVec<[SlotLine; 2]>,
}

/// The result of one slot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SlotLine {
    /// Flights and creatives excluded before this choice.
    pub(crate) masked: Vec<Mask>,
    /// The winner, or why the slot stayed empty.
    pub(crate) result: Result<Chosen, NoFill>,
}

/// A slot's winner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chosen {
    /// Position of the flight in rank order.
    pub(crate) place: u32,
    pub(crate) creative: u32,
    /// Text variant of the creative.
    pub(crate) variant: u8,
    /// Style it was rendered in.
    pub(crate) style: Style,
    /// P(flight | earlier slots, exclusions, world), in units of 2^-32.
    pub(crate) flight_propensity: u32,
    /// P(creative and variant | flight), in units of 2^-32.
    pub(crate) creative_propensity: u32,
}

impl From<&Winner> for Chosen {
    fn from(win: &Winner) -> Chosen {
        Chosen {
            place: place_bit(win.place),
            creative: win.creative,
            variant: win.variant,
            style: win.style,
            flight_propensity: win.flight_propensity,
            creative_propensity: win.creative_propensity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::rotation;
    use proptest::prelude::*;

    prop_compose! {
        fn state(number: u64)(
            spent in prop::collection::btree_set(0u32..40, 0..20),
            paused in prop::collection::btree_set(0u32..40, 0..20),
            paced in prop::collection::btree_map(0u32..40, 0u32..3, 0..20),
            tickets in prop::collection::btree_map(0u32..40, (0u32..3, 0u32..3), 0..20),
            rotations in rotation::tests::table(),
            closed in prop::collection::btree_set((0u32..4, 0u32..4), 0..9),
        ) -> State {
            let ticket = |(place, (share, turn))| Ticket { place, share, turn };
            State {
                number,
                spent: spent.into_iter().collect(),
                paced: paced.into_iter().collect(),
                paused: paused.into_iter().collect(),
                tickets: tickets.into_iter().map(ticket).collect(),
                rotations,
                closed: closed.into_iter().collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn a_change_transforms_one_state_into_the_next(from in state(1), to in state(2)) {
            let mut state = from.clone();
            StateChange::between(&from, &to).apply(&mut state);
            prop_assert_eq!(state, to);
        }
    }
}
