//! The images of an inventory, with their public URLs.

use crate::catalog::image_store::{ImageFault, ImageStore};
use crate::domain::image::{Address, Source};
use crate::domain::inventory::Inventory;
use hashbrown::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Path prefix of images on the public listener. Contains no word or size that ad blockers match.
pub(crate) const PATH: &str = "/embed/pictures/";

/// An image as served to pages.
#[derive(Debug)]
pub(crate) struct ServedImage {
    /// Content address.
    pub(crate) address: Address,
    /// Public URL; immutable, since it contains the hash.
    pub(crate) url: String,
    /// Set when the file turned out missing or altered; units are served without the image then.
    lost: AtomicBool,
}

/// The intact images of one inventory. Built when the inventory is compiled; decisions look them up by
/// number.
#[derive(Default)]
pub(crate) struct ImageSet {
    /// By advertiser number.
    logos: Box<[Option<Arc<ServedImage>>]>,
    /// By creative number.
    images: Box<[Option<Arc<ServedImage>>]>,
    by_hash: HashMap<u128, Arc<ServedImage>>,
    /// Images that are missing or altered.
    pub(crate) faults: Vec<ImageFault>,
}

impl ImageSet {
    /// Verifies every image of an inventory; reads files. Images already served from `known` are not
    /// verified again, so that a small edit does not read all of them.
    pub(crate) fn open(
        inventory: &Inventory,
        stored: &ImageStore,
        base: &str,
        known: &ImageSet,
    ) -> ImageSet {
        let mut set = ImageSet::default();
        for address in inventory.images() {
            if set.by_hash.contains_key(&address.hash) {
                continue;
            }
            let before = known.by_hash.get(&address.hash).filter(|shown| shown.matches(&address));
            let shown = match before {
                Some(before) => before.clone(),
                None => match stored.fault(&address) {
                    None => Arc::new(ServedImage::of(address, base)),
                    Some(fault) => {
                        if !set.faults.contains(&fault) {
                            set.faults.push(fault);
                        }
                        continue;
                    }
                },
            };
            set.by_hash.insert(address.hash, shown);
        }
        let of = |source: &Source| {
            let address = source.address()?;
            set.by_hash.get(&address.hash).filter(|shown| shown.address == address).cloned()
        };
        let logos = inventory.advertisers.iter();
        let logos = logos.map(|advertiser| of(advertiser.logo.as_ref()?)).collect();
        let images = inventory.creatives.iter();
        let images = images.map(|creative| of(&creative.image.as_ref()?.file)).collect();
        ImageSet { logos, images, ..set }
    }

    pub(crate) fn logo(&self, advertiser: usize) -> Option<&ServedImage> {
        self.logos.get(advertiser)?.as_deref().filter(|shown| !shown.is_lost())
    }

    pub(crate) fn image(&self, creative: usize) -> Option<&ServedImage> {
        self.images.get(creative)?.as_deref().filter(|shown| !shown.is_lost())
    }

    /// Images that the inventory refers to and that cannot be served.
    pub(crate) fn missing(&self) -> Vec<Address> {
        let at_load = self.faults.iter().filter_map(|fault| fault.address.parse().ok());
        let later = self.by_hash.values().filter(|shown| shown.is_lost());
        at_load.chain(later.map(|shown| shown.address)).collect()
    }

    pub(crate) fn find(&self, hash: u128) -> Option<&Arc<ServedImage>> {
        self.by_hash.get(&hash)
    }
}

impl ServedImage {
    fn of(address: Address, base: &str) -> ServedImage {
        let url = format!("{base}{PATH}{}.{}", address.digits(), address.format);
        ServedImage { address, url, lost: AtomicBool::new(false) }
    }

    fn matches(&self, address: &Address) -> bool {
        self.address == *address && !self.is_lost()
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// The bytes, read from disk and verified. On failure the image is marked as lost, and units are
    /// served without it.
    pub(crate) fn bytes(&self, stored: &ImageStore) -> Option<Vec<u8>> {
        match stored.load(&self.address) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                if !self.lost.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "image missing or altered; serving units without it");
                }
                None
            }
        }
    }
}
