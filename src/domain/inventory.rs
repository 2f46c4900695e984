//! Everything that can be served and everywhere it can be served, as people write it.

use crate::domain::campaign::Campaign;
use crate::domain::campaign::Flight;
use crate::domain::creative::Creative;
use crate::domain::entity::EntityDoc;
use crate::domain::party::Advertiser;
use crate::domain::party::Publisher;
use crate::domain::party::Sector;
use crate::domain::picture::Address;
use crate::domain::picture::Source;
use crate::domain::region::RegionGroup;
use crate::domain::taxonomy::TopicDoc;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// An inventory, or a part of one: files of a folder are put together list by list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inventory {
    /// The topic tree.
    pub topics: Vec<TopicDoc>,
    /// Whom pages can be about.
    pub entities: Vec<EntityDoc>,
    /// Groups of countries besides the built-in ones.
    pub regions: Vec<RegionGroup>,
    /// Lines of business.
    pub sectors: Vec<Sector>,
    /// Who pays.
    pub advertisers: Vec<Advertiser>,
    /// Their budgets.
    pub campaigns: Vec<Campaign>,
    /// What runs when, where, for how much.
    pub flights: Vec<Flight>,
    /// The units.
    pub creatives: Vec<Creative>,
    /// The sites.
    pub publishers: Vec<Publisher>,
}

impl Inventory {
    /// Puts everything into the order of ids, so that the order of files and of entries in them
    /// changes neither the inventory's hash nor any decision.
    pub fn sort(&mut self) {
        self.topics.sort_by(|a, b| a.id.cmp(&b.id));
        self.entities.sort_by(|a, b| a.id.cmp(&b.id));
        self.regions.sort_by(|a, b| a.id.cmp(&b.id));
        self.sectors.sort_by(|a, b| a.id.cmp(&b.id));
        self.advertisers.sort_by(|a, b| a.id.cmp(&b.id));
        self.campaigns.sort_by(|a, b| a.id.cmp(&b.id));
        self.flights.sort_by(|a, b| a.id.cmp(&b.id));
        self.creatives.sort_by(|a, b| a.id.cmp(&b.id));
        self.publishers.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// Adds everything of `other`.
    pub fn append(&mut self, mut other: Inventory) {
        self.topics.append(&mut other.topics);
        self.entities.append(&mut other.entities);
        self.regions.append(&mut other.regions);
        self.sectors.append(&mut other.sectors);
        self.advertisers.append(&mut other.advertisers);
        self.campaigns.append(&mut other.campaigns);
        self.flights.append(&mut other.flights);
        self.creatives.append(&mut other.creatives);
        self.publishers.append(&mut other.publishers);
    }
    /// Every place that names a picture.
    pub fn pictures_mut(&mut self) -> impl Iterator<Item = (Place, &mut Source)> {
        let logos = self.advertisers.iter_mut().filter_map(|advertiser| {
            let id = advertiser.id.to_string();
            Some((Place { list: "advertisers", id, field: "logo" }, advertiser.logo.as_mut()?))
        });
        let images = self.creatives.iter_mut().filter_map(|creative| {
            let id = creative.id.to_string();
            let image = creative.image.as_mut()?;
            Some((Place { list: "creatives", id, field: "image.file" }, &mut image.file))
        });
        logos.chain(images)
    }

    /// Every stored picture that is named, once for each place that names it.
    pub fn pictures(&self) -> impl Iterator<Item = Address> {
        let logos = self.advertisers.iter().filter_map(|advertiser| advertiser.logo.as_ref());
        let images = self.creatives.iter().filter_map(|creative| creative.image.as_ref());
        logos.chain(images.map(|image| &image.file)).filter_map(Source::address)
    }
}

/// Where a picture is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The list.
    pub list: &'static str,
    /// The document's id.
    pub id: String,
    /// The document's field.
    pub field: &'static str,
}
