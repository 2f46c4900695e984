//! The query plan of one slot: rows united within a dimension and intersected across dimensions.

use crate::selection::bitmap;
use crate::selection::bitmap::{Block, Union};
use crate::selection::boosts::{Boosts, Level};
use crate::selection::fixed::Q32;
use crate::selection::recent_matches::Match;
use smallvec::SmallVec;
use std::ops::Range;

/// The rows for one slot of one page. Blocks must be requested in ascending order.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    /// One union per dimension; a flight must be in all of them.
    pub(super) included: SmallVec<[Union<'a>; 10]>,
    /// Flights that exclude a value of the page.
    pub(super) excluded: Union<'a>,
    /// Whether the page is sensitive.
    pub(super) is_sensitive: bool,
    /// Flights that accept sensitive pages.
    pub(super) sensitive: Union<'a>,
    /// Flights in a style that the slot accepts.
    pub(super) styles: Union<'a>,
    /// Flights with a category that the publisher or the country does not allow.
    pub(super) unpermitted: Union<'a>,
    /// Flights that need an event that the caller cannot report.
    pub(super) unreported: Union<'a>,
    /// Flights that the publisher blocks.
    pub(super) blocked: Union<'a>,
    /// Flights with a subject conflict.
    pub(super) conflict: Union<'a>,
    /// Flights whose advertiser or a competitor is already on the page.
    pub(super) shown: Union<'a>,
    pub(super) topics: Levels<'a>,
    pub(super) regions: Levels<'a>,
    pub(super) entities: Levels<'a>,
    pub(super) keywords: Levels<'a>,
}

/// For each rule besides targeting, the flights of a block that pass it.
pub(crate) struct Passing {
    /// Accept the page's sensitivity.
    pub(crate) sensitive: Block,
    /// Have only categories that publisher and country allow.
    pub(crate) permitted: Block,
    /// Have no subject conflict.
    pub(crate) no_conflict: Block,
    /// Have neither their advertiser nor a competitor on the page.
    pub(crate) separated: Block,
    /// Are not blocked by the publisher.
    pub(crate) unblocked: Block,
    /// Have a style that the slot accepts.
    pub(crate) style: Block,
    /// Need no event that the caller cannot report.
    pub(crate) reported: Block,
}

/// How closely each flight of a block matches the page.
pub(crate) struct Relevance {
    topic: [Block; 2],
    region: [Block; 2],
    entity: Block,
    keyword: Block,
}

/// How closely the flights of a block match the page in one dimension.
pub(crate) struct BlockLevels {
    /// Flights that do not target the dimension.
    pub(crate) any: Block,
    /// Flights that target exactly a value of the page.
    pub(crate) exact: Block,
}

/// Rows with how closely flights match a page in one dimension.
#[derive(Default)]
pub(crate) struct Levels<'a> {
    pub(super) any: Option<&'a [Block]>,
    pub(super) exact: Union<'a>,
}

impl Levels<'_> {
    pub(crate) fn block(&mut self, at: usize) -> BlockLevels {
        BlockLevels {
            any: self.any.map_or([u64::MAX; bitmap::WORDS], |bits| bits[at]),
            exact: self.exact.block(at),
        }
    }
}

impl Plan<'_> {
    /// The flights of a block, among those in `among`, whose targeting matches the page.
    #[inline]
    pub(crate) fn targeted(&mut self, at: usize, among: &Block) -> Block {
        let mut bits = *among;
        for union in &mut self.included {
            bits = bitmap::and(&bits, &union.block(at));
            if bitmap::is_zero(&bits) {
                return bits;
            }
        }
        subtract(&bits, &mut self.excluded, at)
    }

    /// The flights of a block, among those in `among`, that pass every rule which the index holds; `None` if
    /// there are none.
    #[inline]
    pub(crate) fn matches(&mut self, at: usize, among: &Block) -> Option<Block> {
        let mut bits = self.targeted(at, among);
        if self.is_sensitive {
            bits = bitmap::and(&bits, &self.sensitive.block(at));
        }
        bits = bitmap::and(&bits, &self.styles.block(at));
        if bitmap::is_zero(&bits) {
            return None;
        }
        let reported = subtract(&bits, &mut self.unreported, at);
        let permitted = subtract(&reported, &mut self.unpermitted, at);
        let matched = subtract(&permitted, &mut self.blocked, at);
        let no_conflict = subtract(&matched, &mut self.conflict, at);
        Some(subtract(&no_conflict, &mut self.shown, at))
    }

    /// All flights of a tier that pass every rule which the index holds. The blocks must not have been asked for.
    pub(super) fn all_matches(&mut self, boosts: &Boosts, range: &Range<usize>) -> Vec<Match> {
        let mut all = Vec::new();
        for at in range.start / bitmap::FLIGHTS..range.end.div_ceil(bitmap::FLIGHTS) {
            let Some(matching) = self.matches(at, &bitmap::between(range, at)) else { continue };
            let relevance = self.relevance(at);
            for place in bitmap::places(at, &matching) {
                let (word, bit) = (place as usize % bitmap::FLIGHTS / 64, place % 64);
                all.push(Match { place, ln_relevance: relevance.of(boosts, word, bit) });
            }
        }
        all
    }

    /// For each rule besides targeting, the flights of a block that pass it.
    pub(crate) fn passing(&mut self, at: usize) -> Passing {
        let all = [u64::MAX; bitmap::WORDS];
        Passing {
            sensitive: if self.is_sensitive { self.sensitive.block(at) } else { all },
            permitted: subtract(&all, &mut self.unpermitted, at),
            no_conflict: subtract(&all, &mut self.conflict, at),
            separated: subtract(&all, &mut self.shown, at),
            unblocked: subtract(&all, &mut self.blocked, at),
            style: self.styles.block(at),
            reported: subtract(&all, &mut self.unreported, at),
        }
    }

    /// How closely the flights of a block match the page.
    pub(crate) fn relevance(&mut self, at: usize) -> Relevance {
        let (topics, regions) = (self.topics.block(at), self.regions.block(at));
        Relevance {
            topic: [topics.any, topics.exact],
            region: [regions.any, regions.exact],
            entity: self.entities.block(at).any,
            keyword: self.keywords.block(at).any,
        }
    }
}

#[inline]
fn subtract(bits: &Block, union: &mut Union<'_>, at: usize) -> Block {
    if union.is_empty() { *bits } else { bitmap::and_not(bits, &union.block(at)) }
}

impl Relevance {
    /// The logarithm of a flight's relevance, equal to that of [`score`](crate::selection::score::score).
    #[inline]
    pub(crate) fn of(&self, boosts: &Boosts, word: usize, bit: u32) -> Q32 {
        let has = |block: &Block| block[word] >> bit & 1 == 1;
        let level = |[any, exact]: &[Block; 2]| match (has(any), has(exact)) {
            (true, _) => Level::Any,
            (false, true) => Level::Exact,
            (false, false) => Level::Broader,
        };
        let (topic, region) = (level(&self.topic), level(&self.region));
        boosts.ln_relevance(topic, region, !has(&self.entity), !has(&self.keyword))
    }
}
