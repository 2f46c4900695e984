//! The words of the trade, one file each; no I/O, no clock, no chance.

#[macro_use]
mod closed;

pub mod campaign;
pub mod copy;
pub mod creative;
pub mod entity;
pub mod event;
pub mod id;
pub mod inventory;
pub mod label;
pub mod landing;
pub mod language;
pub mod money;
pub mod party;
pub mod picture;
pub mod region;
pub mod seldom;
pub mod taxonomy;
pub mod text;
pub mod weights;
pub mod zone;
