//! Which unit a placement gets, and why: pure rules over a compiled inventory.
//!
//! Read: [`page`] (what comes in), [`snapshot`] (what is compiled), [`rules`] (the funnel, one line
//! a rule), [`index`] (the same as bitmaps), [`score`], [`draw`], [`choose`] (all of it in order).

pub mod choose;
pub mod compile;
pub mod dice;
pub mod draw;
pub mod fixed;
pub mod index;
pub mod no_fill;
pub mod page;
pub mod removed;
pub mod resolve;
pub mod rules;
pub mod score;
pub mod snapshot;
pub mod trace;
pub mod wording;
