//! Ad selection: pure rules over a compiled inventory that decide which unit fills a slot, and why.
//!
//! Start with [`page`] (input), [`compiled`] (the inventory), [`dimension`] (targeting), [`rules`] (the
//! filters, one line each), [`index`] (the same filters as bitmaps), [`score`], [`draw`] and [`choose`]
//! (the whole selection of one slot).

pub mod bitmap;
pub mod boosts;
pub mod brand_group;
pub mod choose;
pub mod compile;
pub mod compiled;
pub mod dice;
pub mod dimension;
pub mod draw;
pub mod filter_reason;
pub mod fixed;
pub mod index;
pub mod no_fill;
pub mod page;
pub mod plan;
pub mod query;
pub mod resolve;
pub mod rules;
pub mod score;
pub mod snapshot;
pub mod targets;
pub mod trace;
pub mod value_rows;
pub mod wording;
