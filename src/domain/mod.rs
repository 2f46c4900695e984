//! Domain types: ids, money, regions, inventory documents, events. No I/O, clock or randomness.

#[macro_use]
mod string_enum;

pub mod ad_text;
pub mod attribution;
pub mod boxed_or_default;
pub mod campaign;
pub mod creative;
pub mod entity;
pub mod event;
pub mod id;
pub mod image;
pub mod inventory;
pub mod label;
pub mod landing;
pub mod language;
pub mod lists;
pub mod money;
pub mod name_key;
pub mod page_facts;
pub mod party;
pub mod protocol;
pub mod region;
#[macro_use]
pub mod targeting;
pub mod taxonomy;
pub mod weights;
pub mod zone;
