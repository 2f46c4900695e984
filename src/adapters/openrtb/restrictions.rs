//! What an exchange allows and blocks: seats, languages, categories and domains. A unit for which that
//! is unknown is not bid.

use crate::adapters::openrtb::no_bid_reason::NoBidReason;
use crate::adapters::openrtb::request::BidRequest;
use crate::config::adapter_settings::AdapterSettings;
use crate::domain::iab_taxonomy;
use crate::domain::iab_taxonomy::CONTENT_1;
use crate::domain::language::Language;
use crate::domain::name_key;
use crate::domain::taxonomy::TopicIx;
use crate::selection::compiled::FlightRow;
use crate::selection::snapshot::Snapshot;

/// The category codes of a bid, and their taxonomy.
pub(crate) struct Categories {
    pub(crate) codes: Vec<String>,
    pub(crate) taxonomy: i64,
}

/// The restrictions of a request, for one flight.
pub(crate) struct Restrictions<'a> {
    pub(crate) bid_request: &'a BidRequest,
    pub(crate) settings: &'a AdapterSettings,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) flight: &'a FlightRow,
}

impl Restrictions<'_> {
    /// Whether the seat may bid.
    pub(crate) fn check_seat(&self) -> Result<(), NoBidReason> {
        let advertiser = &self.snapshot.inventory.advertisers[self.flight.advertiser];
        let (allowed, blocked) = (&self.bid_request.wseat.items, &self.bid_request.bseat.items);
        let listed = |seats: &[String]| seats.iter().any(|seat| seat == advertiser.id.as_str());
        if listed(blocked) || !(allowed.is_empty() || listed(allowed)) {
            return Err(NoBidReason::Seat);
        }
        Ok(())
    }

    /// Whether a creative in this language may be bid.
    pub(crate) fn check_language(&self, own: Option<&Language>) -> Result<(), NoBidReason> {
        let own = own.ok_or(NoBidReason::Language)?;
        let parse = |text: &String| text.trim().replace('_', "-").parse::<Language>().ok();
        let two_letters = &self.bid_request.wlang.items;
        let tags = &self.bid_request.wlangb.items;
        let by_letters = two_letters.is_empty()
            || two_letters.iter().filter_map(parse).any(|one| one.primary() == own.primary());
        let by_tag = tags.is_empty() || tags.iter().filter_map(parse).any(|one| one.covers(own));
        if by_letters && by_tag { Ok(()) } else { Err(NoBidReason::Language) }
    }

    /// Whether a landing domain may be bid.
    pub(crate) fn check_domain(&self, domain: &str) -> Result<(), NoBidReason> {
        let covers = |blocked: &String| {
            let blocked = blocked.trim().trim_matches('.').to_ascii_lowercase();
            !blocked.is_empty()
                && (domain == blocked
                    || domain.strip_suffix(&*blocked).is_some_and(|rest| rest.ends_with('.')))
        };
        if self.bid_request.badv.items.iter().any(covers) {
            return Err(NoBidReason::BlockedAdvertiser);
        }
        Ok(())
    }

    /// Whether the campaign's categories may be bid.
    pub(crate) fn check_categories(&self) -> Result<(), NoBidReason> {
        let stated = self.bid_request.category_taxonomy();
        for blocked in &self.bid_request.bcat.items {
            let taxonomy = iab_taxonomy::of_code(blocked, stated);
            for code in self.all_codes(taxonomy)?.into_iter().flatten() {
                if self.is_within(taxonomy, code, blocked)? {
                    return Err(NoBidReason::BlockedCategory);
                }
            }
        }
        let allowed = &self.bid_request.acat.items;
        let Some(first) = allowed.first() else { return Ok(()) };
        let taxonomy = iab_taxonomy::of_code(first, stated);
        for code in self.all_codes(taxonomy)?.into_iter().flatten() {
            let mut within = allowed.iter().map(|outer| self.is_within(taxonomy, code, outer));
            if !within.any(|within| within == Ok(true)) {
                return Err(NoBidReason::CategoryNotAllowed);
            }
        }
        Ok(())
    }

    /// The categories that a bid names: in the request's taxonomy if every category has a code there,
    /// else in Content Taxonomy 1.0.
    pub(crate) fn categories(&self) -> Categories {
        let stated = self.bid_request.category_taxonomy();
        if let Ok(codes) = self.all_codes(stated) {
            return Categories { codes: codes.concat(), taxonomy: stated };
        }
        let ids = self.ids().filter_map(|id| self.codes(CONTENT_1, id));
        Categories { codes: ids.flatten().cloned().collect(), taxonomy: CONTENT_1 }
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        let campaign = &self.snapshot.inventory.campaigns[self.flight.campaign];
        campaign.categories.iter().map(|id| id.as_str())
    }

    /// The codes of a category in a taxonomy; `None` if it has none.
    fn codes(&self, taxonomy: i64, id: &str) -> Option<&Vec<String>> {
        let of_taxonomy = match taxonomy {
            CONTENT_1 => &self.settings.categories,
            other => self.settings.taxonomies.get(&other.to_string())?,
        };
        of_taxonomy.get(id).filter(|codes| !codes.is_empty())
    }

    /// The codes of each of the campaign's categories.
    ///
    /// # Errors
    /// `UnknownCategory` if it has no category, or one without codes in the taxonomy.
    fn all_codes(&self, taxonomy: i64) -> Result<Vec<&[String]>, NoBidReason> {
        let codes: Option<Vec<&[String]>> =
            self.ids().map(|id| Some(self.codes(taxonomy, id)?.as_slice())).collect();
        codes.filter(|codes| !codes.is_empty()).ok_or(NoBidReason::UnknownCategory)
    }

    /// Whether a code is `outer` or below it: `IAB7-39` below `IAB7`, others by the imported taxonomy.
    ///
    /// # Errors
    /// `UnknownCategory` if the taxonomy was not imported, so that this is unknown.
    fn is_within(&self, taxonomy: i64, code: &str, outer: &str) -> Result<bool, NoBidReason> {
        let outer = outer.trim();
        if code.eq_ignore_ascii_case(outer) {
            return Ok(true);
        }
        if taxonomy == CONTENT_1 {
            let start = code.get(..outer.len());
            let is_below = start.is_some_and(|start| start.eq_ignore_ascii_case(outer))
                && code[outer.len()..].starts_with('-');
            return Ok(is_below);
        }
        let taxonomies = &self.snapshot.taxonomy;
        let resolve = |code: &str| -> Option<TopicIx> {
            name_key::with_key(&iab_taxonomy::alias(taxonomy, code)?, |key| {
                taxonomies.resolve(key)
            })?
        };
        let (Some(inner), Some(outer)) = (resolve(code), resolve(outer)) else {
            return Err(NoBidReason::UnknownCategory);
        };
        Ok(taxonomies.covers(outer, inner))
    }
}
