//! What the index is asked: one slot of one page, after the slots before it.

use crate::domain::entity::EntityIx;
use crate::domain::event_kinds::EventKinds;
use crate::domain::party::SubjectConflict;
use crate::selection::compiled::{Compiled, PublisherRow, style_bit};
use crate::selection::page::{Page, Role, Slot};

/// One slot of one page, with what earlier slots placed on it.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    /// The compiled inventory.
    pub(crate) compiled: &'a Compiled,
    pub(crate) page: &'a Page,
    pub(crate) slot: &'a Slot,
    /// Indices of the advertisers that earlier slots of this request placed on the page.
    pub(crate) placed: &'a [usize],
    /// Events that the caller cannot report.
    pub(crate) unreported: EventKinds,
}

impl<'a> Query<'a> {
    /// The page's publisher.
    pub(crate) fn publisher(&self) -> &'a PublisherRow {
        &self.compiled.publishers[self.page.publisher as usize]
    }

    /// The placement's id, or the slot's key if the placement is unknown.
    pub(crate) fn placement(&self) -> &'a str {
        match self.slot.placement {
            Some(ix) => &self.publisher().placements[ix as usize].0,
            None => &self.slot.key,
        }
    }

    /// The styles that the slot accepts, one bit each.
    pub(crate) fn styles(&self) -> u8 {
        self.slot.styles.iter().fold(0, |bits, style| bits | style_bit(*style))
    }

    /// The page's entities that count for subject conflicts, by the publisher's policy.
    pub(crate) fn conflict_entities(&self) -> impl Iterator<Item = EntityIx> + use<'a> {
        let policy = self.publisher().conflict;
        self.page.entities.iter().filter_map(move |(entity, role)| match (policy, role) {
            (SubjectConflict::Off, _) => None,
            (SubjectConflict::Subject, Role::Mention) => None,
            _ => Some(*entity),
        })
    }

    /// The advertisers already on the page: of creatives declared by the page and of earlier slots.
    pub(crate) fn advertisers_on_page(&self) -> impl Iterator<Item = usize> + use<'a> {
        let compiled = self.compiled;
        let named = self.page.shown.iter().filter_map(move |creative| {
            let row = compiled.creatives.get(*creative as usize)?;
            Some(compiled.flights[row.flight?].advertiser)
        });
        named.chain(self.placed.iter().copied())
    }
}
