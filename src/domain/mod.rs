//! Domain types: ids, money, regions, inventory documents, events. No I/O, clock or randomness.

#[macro_use]
mod string_enum;

pub(crate) mod ad_text;
pub mod attribution;
pub(crate) mod boxed_or_default;
pub(crate) mod breakdown;
pub mod campaign;
pub(crate) mod command;
pub(crate) mod context_key;
pub(crate) mod creative;
pub(crate) mod entity;
pub mod event;
pub mod event_kinds;
pub(crate) mod exact_list;
pub(crate) mod exchange_rates;
pub mod goal;
pub(crate) mod hidden;
pub(crate) mod hours;
pub(crate) mod iab_taxonomy;
pub(crate) mod id;
pub(crate) mod image;
pub mod inventory;
pub mod label;
pub(crate) mod landing;
pub(crate) mod language;
pub(crate) mod lists;
pub(crate) mod local_time;
pub mod money;
pub(crate) mod name_key;
pub(crate) mod origin;
pub(crate) mod page_address;
pub(crate) mod page_facts;
pub(crate) mod party;
#[macro_use]
pub(crate) mod protocol;
pub mod region;
pub(crate) mod reported_keys;
#[macro_use]
pub mod targeting;
pub(crate) mod taxonomy;
pub mod weights;
pub(crate) mod zone;
