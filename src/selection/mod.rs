//! Ad selection: pure rules over a compiled inventory that decide which unit fills a slot, and why.
//!
//! Start with [`page`] (input), [`compiled`] (the inventory), [`dimension`] (targeting), [`rules`] (the
//! filters, one line each), [`index`] (the same filters as bitmaps), [`score`], [`draw`] and [`choose`]
//! (the whole selection of one slot).

pub(crate) mod bitmap;
pub(crate) mod boosts;
pub(crate) mod brand_group;
pub(crate) mod carry;
pub mod choose;
pub mod compile;
pub(crate) mod compiled;
pub(crate) mod custom_input;
pub(crate) mod custom_rows;
pub(crate) mod custom_targets;
pub(crate) mod dice;
pub(crate) mod dimension;
pub(crate) mod draw;
pub(crate) mod entity_input;
pub(crate) mod entrants;
pub mod filter_reason;
pub(crate) mod fixed;
pub(crate) mod index;
pub mod input_text;
pub(crate) mod no_fill;
pub mod odds;
pub mod page;
pub(crate) mod page_warnings;
pub(crate) mod plan;
pub(crate) mod price;
pub(crate) mod query;
mod recent_matches;
pub(crate) mod repeats;
pub mod resolve;
pub mod rotation;
pub mod rules;
pub(crate) mod score;
pub mod slot_stage;
pub mod snapshot;
pub(crate) mod targets;
pub mod trace;
pub mod translate;
pub(crate) mod value_rows;
pub mod wording;
