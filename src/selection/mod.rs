//! Ad selection: pure rules over a compiled inventory that decide which unit fills a slot, and why.
//!
//! Start with [`page`] (input), [`snapshot`] (compiled inventory), [`rules`] (the filters, one line
//! each), [`index`] (the same filters as bitmaps), [`score`], [`draw`] and [`choose`] (the whole
//! selection of one slot).

pub mod choose;
pub mod compile;
pub mod dice;
pub mod draw;
pub mod filter_reason;
pub mod fixed;
pub mod index;
pub mod no_fill;
pub mod page;
pub mod resolve;
pub mod rules;
pub mod score;
pub mod snapshot;
pub mod trace;
pub mod wording;
