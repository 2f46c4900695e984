//! The rows that one slot of one page takes: joined inside a dimension, intersected over them.

use crate::selection::index::dimension::Levels;
use crate::selection::index::row;
use crate::selection::index::row::Block;
use crate::selection::index::row::Union;
use crate::selection::score::Boosts;
use crate::selection::score::Level;
use smallvec::SmallVec;

/// The rows of one slot of one page. Blocks are asked for in rising order.
#[derive(Default)]
pub struct Plan<'a> {
    /// Each dimension's: a flight must be in all of them.
    pub(super) within: SmallVec<[Union<'a>; 10]>,
    /// Those who refuse what the page is.
    pub(super) without: Union<'a>,
    /// The page is a sensitive one.
    pub(super) is_sensitive: bool,
    /// Flights that accept sensitive pages.
    pub(super) sensitive: Union<'a>,
    /// Flights in a style the slot takes.
    pub(super) styles: Union<'a>,
    /// Flights whose line of business the publisher or the law does not allow.
    pub(super) unpermitted: Union<'a>,
    /// Flights that the publisher blocks.
    pub(super) blocked: Union<'a>,
    /// Sponsors that the story keeps away.
    pub(super) conflict: Union<'a>,
    /// Sponsors that the rest of the page keeps away.
    pub(super) shown: Union<'a>,
    pub(super) topics: Levels<'a>,
    pub(super) regions: Levels<'a>,
    pub(super) entities: Levels<'a>,
    pub(super) keywords: Levels<'a>,
}

/// One block of a plan's flights; each set holds the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Those that publisher, law and placement take, of those whose targeting meets the page.
    pub matched: Block,
    /// Those of them that neither the story nor the rest of the page keeps away.
    pub left: Block,
}

/// The flights of a block that each rule besides targeting keeps.
pub struct Kept {
    /// Accept the page's sensitivity.
    pub sensitive: Block,
    /// Are in a line of business that publisher and law allow.
    pub permitted: Block,
    /// Have nothing to do with the story.
    pub quiet: Block,
    /// Have nothing to do with what is on the page already.
    pub unshown: Block,
    /// Are not blocked by the publisher.
    pub unblocked: Block,
    /// Have a style that the slot takes.
    pub style: Block,
}

/// How closely each flight of a block meets the page.
pub struct Relevance {
    topic: [Block; 2],
    region: [Block; 2],
    entity: Block,
    keyword: Block,
}

impl Plan<'_> {
    /// The flights of a block whose targeting meets the page, of those in `among`.
    #[inline]
    pub fn targeted(&mut self, at: usize, among: &Block) -> Block {
        let mut bits = *among;
        for union in &mut self.within {
            bits = row::and(&bits, &union.block(at));
            if row::is_zero(&bits) {
                return bits;
            }
        }
        out_of(&bits, &mut self.without, at)
    }

    /// The flights of a block that meet the page, of those in `among`; `None` when there are none.
    #[inline]
    pub fn met(&mut self, at: usize, among: &Block) -> Option<Met> {
        let mut bits = self.targeted(at, among);
        if self.is_sensitive {
            bits = row::and(&bits, &self.sensitive.block(at));
        }
        bits = row::and(&bits, &self.styles.block(at));
        if row::is_zero(&bits) {
            return None;
        }
        let permitted = out_of(&bits, &mut self.unpermitted, at);
        let matched = out_of(&permitted, &mut self.blocked, at);
        let quiet = out_of(&matched, &mut self.conflict, at);
        Some(Met { matched, left: out_of(&quiet, &mut self.shown, at) })
    }

    /// What each rule besides targeting keeps of a block.
    pub fn kept(&mut self, at: usize) -> Kept {
        let all = [u64::MAX; row::WORDS];
        Kept {
            sensitive: if self.is_sensitive { self.sensitive.block(at) } else { all },
            permitted: out_of(&all, &mut self.unpermitted, at),
            quiet: out_of(&all, &mut self.conflict, at),
            unshown: out_of(&all, &mut self.shown, at),
            unblocked: out_of(&all, &mut self.blocked, at),
            style: self.styles.block(at),
        }
    }

    /// How closely the flights of a block meet the page.
    pub fn relevance(&mut self, at: usize) -> Relevance {
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
fn out_of(bits: &Block, union: &mut Union<'_>, at: usize) -> Block {
    if union.is_empty() { *bits } else { row::and_not(bits, &union.block(at)) }
}

impl Relevance {
    /// The logarithm of a flight's relevance, as [`score`](crate::selection::score::score) has it.
    #[inline]
    pub fn of(&self, boosts: &Boosts, word: usize, bit: u32) -> crate::selection::fixed::Q32 {
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
