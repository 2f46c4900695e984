//! The pictures of what is served, with the addresses that pages get.

use crate::catalog::pictures::Fault;
use crate::catalog::pictures::Pictures;
use crate::domain::inventory::Inventory;
use crate::domain::picture::Address;
use crate::domain::picture::Source;
use crate::server::Server;
use hashbrown::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Where the public listener serves pictures. No word and no size in it is one that blockers match.
pub const PATH: &str = "/embed/pictures/";

/// A picture as pages get it.
#[derive(Debug)]
pub struct Shown {
    /// What it is called.
    pub address: Address,
    /// Where it is: an address that never means anything else.
    pub url: String,
    /// It was lost or altered while it was served: units go without it.
    lost: AtomicBool,
}

/// The pictures that one inventory names, those that are whole. Made when an inventory is compiled:
/// a decision looks up by number.
#[derive(Default)]
pub struct Gallery {
    /// By the advertiser's number.
    logos: Box<[Option<Arc<Shown>>]>,
    /// By the creative's number.
    images: Box<[Option<Arc<Shown>>]>,
    /// By hash.
    shown: HashMap<u128, Arc<Shown>>,
    /// Those that are not whole.
    pub faults: Vec<Fault>,
}

impl Gallery {
    /// Looks at every picture that an inventory names: reads files. What `known` showed already is
    /// believed, so that a change of one word does not read them all again.
    pub fn open(inventory: &Inventory, stored: &Pictures, base: &str, known: &Gallery) -> Gallery {
        let mut gallery = Gallery::default();
        for address in inventory.pictures() {
            if gallery.shown.contains_key(&address.hash) {
                continue;
            }
            let before = known.shown.get(&address.hash).filter(|shown| shown.is_of(&address));
            let shown = match before {
                Some(before) => before.clone(),
                None => match stored.fault(&address) {
                    None => Arc::new(Shown::of(address, base)),
                    Some(fault) => {
                        if !gallery.faults.contains(&fault) {
                            gallery.faults.push(fault);
                        }
                        continue;
                    }
                },
            };
            gallery.shown.insert(address.hash, shown);
        }
        let of = |source: &Source| {
            let address = source.address()?;
            gallery.shown.get(&address.hash).filter(|shown| shown.address == address).cloned()
        };
        let logos = inventory.advertisers.iter();
        let logos = logos.map(|advertiser| of(advertiser.logo.as_ref()?)).collect();
        let images = inventory.creatives.iter();
        let images = images.map(|creative| of(&creative.image.as_ref()?.file)).collect();
        Gallery { logos, images, ..gallery }
    }

    /// The logo of an advertiser, by its number.
    pub fn logo(&self, advertiser: usize) -> Option<&Shown> {
        self.logos.get(advertiser)?.as_deref().filter(|shown| !shown.is_lost())
    }

    /// The image of a creative, by its number.
    pub fn image(&self, creative: usize) -> Option<&Shown> {
        self.images.get(creative)?.as_deref().filter(|shown| !shown.is_lost())
    }

    /// Pictures that are named and not shown.
    pub fn lost(&self) -> Vec<Address> {
        let never = self.faults.iter().filter_map(|fault| fault.address.parse().ok());
        let since = self.shown.values().filter(|shown| shown.is_lost());
        never.chain(since.map(|shown| shown.address)).collect()
    }

    /// The picture of a hash.
    pub fn find(&self, hash: u128) -> Option<&Arc<Shown>> {
        self.shown.get(&hash)
    }
}

impl Shown {
    fn of(address: Address, base: &str) -> Shown {
        let url = format!("{base}{PATH}{}.{}", address.digits(), address.format);
        Shown { address, url, lost: AtomicBool::new(false) }
    }

    fn is_of(&self, address: &Address) -> bool {
        self.address == *address && !self.is_lost()
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// The bytes, from the disk; from then on, when they are not what was stored, units go without
    /// it.
    pub fn bytes(&self, stored: &Pictures) -> Option<Vec<u8>> {
        match stored.load(&self.address) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                if !self.lost.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "a picture is lost: units are served without it");
                }
                None
            }
        }
    }
}

impl Server {
    /// The picture of a hash, where the inventory that is served names it, or one of those that
    /// were served before it and are still in memory: pages show what they were given.
    pub fn picture(&self, hash: u128) -> Option<Arc<Shown>> {
        let live = self.live();
        live.fixtures.gallery.find(hash).cloned().or_else(|| self.versions.picture(hash))
    }

    /// Says which pictures of the inventory that is served are not whole.
    pub fn note_pictures(&self) {
        for fault in &self.live().fixtures.gallery.faults {
            let Fault { address, reason } = fault;
            tracing::error!(
                picture = address,
                "a unit is served without its picture, which {reason}"
            );
        }
    }
}
