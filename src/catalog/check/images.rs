//! Checks that images are stored and that their dimensions fit a unit.

use crate::catalog::check::{Finding, Findings};
use crate::catalog::image::ImageFile;
use crate::catalog::image_store::ImageStore;
use crate::domain::creative::Creative;
use crate::domain::image::{Address, Source};
use crate::domain::inventory::Inventory;
use crate::domain::party::Advertiser;

/// The longest side of a logo, in pixels: a logo is shown one line of text high.
const LOGO_SIDE: u16 = 512;
/// The largest ratio of a logo's width to its height: a logo is shown beside text.
const LOGO_RATIO: u16 = 6;
/// The minimum width of an image, in pixels: it is shown at the unit's width or its own.
const IMAGE_WIDTH: u16 = 160;

pub(super) fn logo(advertiser: &Advertiser, findings: &mut Findings) {
    let Some(address) = advertiser.logo.as_ref().and_then(Source::address) else { return };
    let Address { width, height, .. } = address;
    if width.max(height) > LOGO_SIDE {
        let reason =
            format!("must be at most {LOGO_SIDE} pixels wide and high (got {width} by {height})");
        findings.add("logo", reason);
    }
    if width > height.saturating_mul(LOGO_RATIO) || height > width {
        let reason = format!(
            "must be 1 to {LOGO_RATIO} times as wide as high (got {width} by {height} pixels)"
        );
        findings.add("logo", reason);
    }
}

pub(super) fn image(creative: &Creative, findings: &mut Findings) {
    let Some(image) = &creative.image else { return };
    findings.required_text("image.alt", &image.alt, 160);
    let Some(Address { width, height, .. }) = image.file.address() else { return };
    if width < IMAGE_WIDTH {
        let reason = format!("must be at least {IMAGE_WIDTH} pixels wide (got {width})");
        findings.add("image.file", reason);
    }
    if height > width {
        let reason = format!(
            "must not be higher than wide, to limit the height of the unit \
             (got {width} by {height} pixels)"
        );
        findings.add("image.file", reason);
    }
}

/// Images that an inventory refers to and that are neither in `new` nor intact in `store`.
pub fn stored(inventory: &Inventory, new: &[ImageFile], store: &ImageStore) -> Vec<Finding> {
    let logos = inventory.advertisers.iter().filter_map(|advertiser| {
        Some(("advertisers", advertiser.id.as_str(), "logo", advertiser.logo.as_ref()?))
    });
    let images = inventory.creatives.iter().filter_map(|creative| {
        let image = creative.image.as_ref()?;
        Some(("creatives", creative.id.as_str(), "image.file", &image.file))
    });
    let problem = |source: &Source| match source {
        Source::Stored(address) if new.iter().any(|new| new.address() == *address) => None,
        Source::Stored(address) => store.fault(address).map(|fault| fault.reason),
        Source::File(path) => Some(format!(
            "must be the address of a stored image (got the path `{path}`): upload the file with \
             POST /v1/admin/images and use the address in the response"
        )),
    };
    logos
        .chain(images)
        .filter_map(|(list, id, field, source)| {
            let (id, field) = (id.to_owned(), field.to_owned());
            Some(Finding { list, id, field, reason: problem(source)?, help: None })
        })
        .collect()
}
