//! The inventory document: everything that can be served and every site it can be served on.

use crate::domain::campaign::{Campaign, Flight};
use crate::domain::context_key::ContextKey;
use crate::domain::creative::Creative;
use crate::domain::entity::EntityDoc;
use crate::domain::image::{Address, Source};
use crate::domain::party::{Advertiser, Category, Publisher};
use crate::domain::region::RegionGroup;
use crate::domain::taxonomy::TopicDoc;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An inventory or a part of one: the files of a folder are merged list by list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inventory {
    /// The topic tree.
    pub(crate) topics: Vec<TopicDoc>,
    /// Entities that pages can be about.
    pub(crate) entities: Vec<EntityDoc>,
    /// Custom country groups, in addition to the built-in ones.
    pub(crate) regions: Vec<RegionGroup>,
    /// Custom context keys that pages state and flights target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) context_keys: Vec<ContextKey>,
    /// Advertiser categories.
    pub(crate) categories: Vec<Category>,
    /// Advertisers.
    pub(crate) advertisers: Vec<Advertiser>,
    /// Campaigns and their budgets.
    pub(crate) campaigns: Vec<Campaign>,
    /// Flights: dates, targeting and prices.
    pub flights: Vec<Flight>,
    /// Creatives.
    pub creatives: Vec<Creative>,
    /// Publishers and their placements.
    pub(crate) publishers: Vec<Publisher>,
}

impl Inventory {
    /// Sorts every list by id, so that the order of files and of their entries affects neither the
    /// inventory's hash nor any decision.
    pub(crate) fn sort(&mut self) {
        self.topics.sort_by(|a, b| a.id.cmp(&b.id));
        self.entities.sort_by(|a, b| a.id.cmp(&b.id));
        self.regions.sort_by(|a, b| a.id.cmp(&b.id));
        self.context_keys.sort_by(|a, b| a.id.cmp(&b.id));
        self.categories.sort_by(|a, b| a.id.cmp(&b.id));
        self.advertisers.sort_by(|a, b| a.id.cmp(&b.id));
        self.campaigns.sort_by(|a, b| a.id.cmp(&b.id));
        self.flights.sort_by(|a, b| a.id.cmp(&b.id));
        self.creatives.sort_by(|a, b| a.id.cmp(&b.id));
        self.publishers.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// Every image reference with the field it is in.
    pub(crate) fn image_fields_mut(&mut self) -> impl Iterator<Item = (ImageField, &mut Source)> {
        let logos = self.advertisers.iter_mut().filter_map(|advertiser| {
            let id = advertiser.id.to_string();
            let logo = advertiser.logo.as_mut()?;
            Some((ImageField { list: "advertisers", id, field: "logo" }, logo))
        });
        let images = self.creatives.iter_mut().filter_map(|creative| {
            let id = creative.id.to_string();
            let image = creative.image.as_mut()?;
            Some((ImageField { list: "creatives", id, field: "image.file" }, &mut image.file))
        });
        logos.chain(images)
    }

    /// The address of every referenced stored image, once per reference.
    pub(crate) fn images(&self) -> impl Iterator<Item = Address> {
        let logos = self.advertisers.iter().filter_map(|advertiser| advertiser.logo.as_ref());
        let images = self.creatives.iter().filter_map(|creative| creative.image.as_ref());
        logos.chain(images.map(|image| &image.file)).filter_map(Source::address)
    }
}

/// A document field that references an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageField {
    pub(crate) list: &'static str,
    /// The document's id.
    pub(crate) id: String,
    /// The path of the field in the document.
    pub(crate) field: &'static str,
}
