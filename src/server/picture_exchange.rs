//! Pictures among machines that share a store, and those that were lost: each machine gives the
//! others what it has and takes what it lacks; a unit has its picture again as soon as it is back.

use crate::catalog::Catalog;
use crate::catalog::picture::Picture;
use crate::domain::picture::Address;
use crate::server::Server;
use crate::server::agreed::AgreedError;
use crate::server::apply::ApplyError;
use crate::server::apply::away;
use crate::server::gallery::Gallery;
use crate::store::Client;
use crate::store::pictures;
use hashbrown::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// How many pictures are taken or given between two looks at what others have changed: a stop must
/// not wait for a library of images.
pub(super) const BETWEEN_LOOKS: usize = 32;

/// How many pictures the store had when both had the same.
pub struct Seen(AtomicU64);

impl Default for Seen {
    /// Nobody has looked yet.
    fn default() -> Seen {
        Seen(AtomicU64::new(u64::MAX))
    }
}

impl Seen {
    /// Look again, whatever the store's number is.
    fn forget(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }
}

/// Gives the store those of some pictures that are here and not there.
pub async fn give(
    catalog: &Catalog,
    client: &Client,
    wanted: impl Iterator<Item = Address>,
) -> Result<(), AgreedError> {
    let wanted: Vec<Address> = wanted.collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let theirs: HashSet<String> = pictures::addresses(client).await?.into_iter().collect();
    for address in wanted {
        let name = address.to_string();
        // One that is lost here is nothing to give; what is wrong with it is told elsewhere.
        if !theirs.contains(&name)
            && let Ok(bytes) = catalog.pictures().load(&address)
        {
            pictures::put(client, &name, &bytes).await?;
        }
    }
    Ok(())
}

/// Copies every picture of one store to another.
pub(super) async fn copy(from: &Client, to: &Client) -> Result<(), AgreedError> {
    let theirs: HashSet<String> = pictures::addresses(to).await?.into_iter().collect();
    for name in pictures::addresses(from).await? {
        if !theirs.contains(&name)
            && let Some(bytes) = pictures::get(from, &name).await?
        {
            pictures::put(to, &name, &bytes).await?;
        }
    }
    Ok(())
}

/// Takes those of some pictures from the store that are not here, or not whole. What the store does
/// not have either is no error: the unit is shown without it.
pub async fn take(
    catalog: &Catalog,
    client: &Client,
    wanted: impl Iterator<Item = Address>,
) -> Result<(), AgreedError> {
    for address in wanted {
        if catalog.pictures().load(&address).is_ok() {
            continue;
        }
        let Some(bytes) = pictures::get(client, &address.to_string()).await? else { continue };
        let read = away(move || Picture::read(&bytes, None)).await;
        let fits = read.ok().filter(|picture| picture.address() == address);
        match fits.map(|picture| catalog.put_picture(&picture)) {
            Some(Ok(())) => tracing::info!(picture = %address, "a picture came from the store"),
            Some(Err(error)) => {
                tracing::error!(picture = %address, %error, "a picture cannot be kept");
            }
            None => tracing::error!(picture = %address, "the store holds something else under it"),
        }
    }
    Ok(())
}

/// Makes both have what either has, `most` pictures at a time; asks for one number while nothing
/// was added anywhere.
pub async fn exchange(
    catalog: &Catalog,
    client: &Client,
    seen: &Seen,
    most: usize,
) -> Result<(), AgreedError> {
    let count = pictures::count(client).await?;
    if seen.0.load(Ordering::Relaxed) == count {
        return Ok(());
    }
    let named = pictures::addresses(client).await?;
    let theirs: HashSet<Address> = named.iter().filter_map(|name| name.parse().ok()).collect();
    let ours: HashSet<Address> =
        catalog.pictures().list()?.into_iter().map(|(address, _)| address).collect();
    let mut missing: Vec<Address> = theirs.difference(&ours).copied().collect();
    let mut unknown: Vec<Address> = ours.difference(&theirs).copied().collect();
    let is_all = missing.len() + unknown.len() <= most;
    missing.truncate(most);
    unknown.truncate(most - missing.len());
    take(catalog, client, missing.into_iter()).await?;
    give(catalog, client, unknown.into_iter()).await?;
    if is_all {
        seen.0.store(pictures::count(client).await?, Ordering::Relaxed);
    }
    Ok(())
}

impl Server {
    /// Shares a picture that was handed in here, and shows it where it was missing.
    pub async fn hand_on(&self, address: Address) -> Result<(), ApplyError> {
        let _one_at_a_time = self.changing.lock().await;
        if let Some(shared) = self.ledger.shared() {
            let given = give(&self.catalog, shared.client(), std::iter::once(address)).await;
            if let Err(error) = given {
                // It is on disk here: the next look at the store gives it.
                tracing::warn!(picture = %address, %error, "a picture is not with the others yet");
                self.exchanged.forget();
            }
        }
        self.heal_alone().await
    }

    /// Shows pictures that were lost, or never here, and are there again.
    pub async fn heal(&self) -> Result<(), ApplyError> {
        let _one_at_a_time = self.changing.lock().await;
        self.heal_alone().await
    }

    /// Takes what others have handed in, gives what they lack, and heals; for a caller that holds
    /// the lock.
    pub(super) async fn lend_alone(&self, most: usize) -> Result<(), ApplyError> {
        let Some(shared) = self.ledger.shared() else { return Ok(()) };
        exchange(&self.catalog, shared.client(), &self.exchanged, most).await?;
        self.heal_alone().await
    }

    async fn heal_alone(&self) -> Result<(), ApplyError> {
        let live = self.live();
        let lost = live.fixtures.gallery.lost();
        if lost.is_empty() {
            return Ok(());
        }
        if let Some(shared) = self.ledger.shared()
            && let Err(error) = take(&self.catalog, shared.client(), lost.iter().copied()).await
        {
            tracing::debug!(%error, "the store cannot be asked for pictures that are lost");
        }
        let snapshot = live.world.snapshot.clone();
        let (stored, base) = (self.catalog.pictures().clone(), self.public_url.clone());
        let gallery = away(move || {
            let known = &live.fixtures.gallery;
            Gallery::open(&snapshot.inventory, &stored, &base, known)
        })
        .await;
        let left = gallery.lost().len();
        if left < lost.len() {
            self.serve(self.live().world.snapshot.clone(), gallery).await?;
            tracing::info!(
                back = lost.len() - left,
                left,
                "pictures that were lost are shown again"
            );
        }
        Ok(())
    }
}
