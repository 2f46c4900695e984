//! Carries what was recorded on one snapshot over to another one, by the names of both: states, pages and
//! exclusions.

use crate::selection::page::Page;
use crate::selection::rotation::{Rotations, Row};
use crate::selection::rules::Mask;
use crate::selection::snapshot::{Closed, Snapshot, State, Ticket};
use crate::selection::translate::{Names, Translation};
use std::borrow::Cow;
use std::sync::Arc;

/// From one snapshot to another one.
pub(crate) struct Carry {
    to: Arc<Snapshot>,
    /// `None` where the positions are the same.
    translation: Option<Translation>,
    /// Positions of advertisers and topics, by those before.
    advertisers: Vec<Option<u32>>,
    topics: Vec<Option<u32>>,
}

impl Carry {
    /// Takes time in proportion to the names of both.
    pub(crate) fn between(from: &Arc<Snapshot>, to: &Arc<Snapshot>) -> Carry {
        // The rank of a flight depends on its weight, so other weights are other positions, too.
        let is_same = Arc::ptr_eq(from, to);
        let translation = (!is_same).then(|| Translation::between(&Names::of(from), to));
        let known = &to.inventory.advertisers;
        let advertiser = |id: &str| {
            let found = known.binary_search_by(|one| one.id.as_str().cmp(id)).ok();
            found.and_then(|at| u32::try_from(at).ok())
        };
        let advertisers = from.inventory.advertisers.iter().map(|one| advertiser(one.id.as_str()));
        let topic = |ix| to.taxonomy.resolve(from.taxonomy.id(ix).as_str()).map(|ix| ix.0);
        Carry {
            translation,
            advertisers: advertisers.collect(),
            topics: from.taxonomy.all().map(topic).collect(),
            to: to.clone(),
        }
    }

    /// The snapshot that things are carried to.
    pub(crate) fn to(&self) -> &Arc<Snapshot> {
        &self.to
    }

    /// A state. Which creative of a flight is drawn is not carried.
    pub(crate) fn state(&self, state: &State) -> State {
        let Some(translation) = &self.translation else { return state.clone() };
        let carried = |places: &[u32]| {
            let mut places: Vec<u32> =
                places.iter().filter_map(|place| translation.flight(*place)).collect();
            places.sort_unstable();
            places
        };
        let mut paced: Vec<(u32, u32)> = state
            .paced
            .iter()
            .filter_map(|(place, share)| Some((translation.flight(*place)?, *share)))
            .collect();
        paced.sort_unstable();
        let mut tickets: Vec<Ticket> = state
            .tickets
            .iter()
            .filter_map(|one| Some(Ticket { place: translation.flight(one.place)?, ..*one }))
            .collect();
        tickets.sort_unstable_by_key(|one| one.place);
        State {
            number: state.number,
            spent: carried(&state.spent),
            paused: carried(&state.paused),
            paced,
            tickets,
            rotations: Rotations::default(),
            closed: self.closed(&state.closed),
        }
    }

    /// A state with what was learned about creatives. The inventories must be the same: creatives and topics keep
    /// their positions.
    pub(crate) fn whole_state(&self, state: &State) -> State {
        let rows = state.rotations.rows();
        let carried = || {
            let row = |row: &Row| Some(Row { place: self.flight(row.place)?, ..row.clone() });
            Rotations::new(rows.iter().filter_map(row).collect())
        };
        let rotations = if rows.is_empty() { Rotations::default() } else { carried() };
        State { rotations, ..self.state(state) }
    }

    /// Closed pairs of advertiser and topic, unless the weights carried to have no bound.
    fn closed(&self, recorded: &[Closed]) -> Vec<Closed> {
        if self.to.fairness.is_none() {
            return Vec::new();
        }
        let carried = |(advertiser, topic): &Closed| {
            let advertiser = self.advertisers.get(*advertiser as usize).copied()??;
            Some((advertiser, self.topics.get(*topic as usize).copied()??))
        };
        let mut closed: Vec<Closed> = recorded.iter().filter_map(carried).collect();
        closed.sort_unstable();
        closed
    }

    /// A page; `None` if its publisher is not in the snapshot.
    pub(crate) fn page<'a>(&self, page: &'a Page, url: Option<&str>) -> Option<Cow<'a, Page>> {
        match &self.translation {
            None => Some(Cow::Borrowed(page)),
            Some(translation) => translation.page(page, url).map(Cow::Owned),
        }
    }

    /// An exclusion; `None` if what it excludes is not in the snapshot.
    pub(crate) fn mask(&self, mask: Mask) -> Option<Mask> {
        self.translation.as_ref().map_or(Some(mask), |translation| translation.mask(mask))
    }

    /// The rank of the flight that had this rank; `None` if it is not in the snapshot.
    pub(crate) fn flight(&self, place: u32) -> Option<u32> {
        self.translation.as_ref().map_or(Some(place), |translation| translation.flight(place))
    }
}
