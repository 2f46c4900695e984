//! A publisher blocks advertisers, categories and entities on its own pages.
//!
//! Only the block itself is validated, not the whole inventory: an unrelated error must not keep a
//! publisher from blocking a sponsor.

use crate::catalog::edit;
use crate::catalog::edit::EditError;
use crate::catalog::pause::find;
use crate::config::suggestion::nearest;
use crate::domain::entity::EntityDoc;
use crate::domain::id::{AdvertiserId, CategoryId, EntityId};
use crate::domain::inventory::Inventory;
use crate::domain::lists::ListItem;
use crate::domain::party::{Advertiser, Category, Publisher};
use std::fmt::Display;

/// Most entries of each list that a publisher may set itself.
const MAX_BLOCKS: usize = 200;

/// What a publisher blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// An advertiser.
    Advertiser(AdvertiserId),
    /// A category of advertisers.
    Category(CategoryId),
    /// An entity: advertisers that are it or are owned by it.
    Entity(EntityId),
}

/// Blocks (`true`) or unblocks (`false`) something on the pages of a publisher. Idempotent.
pub(crate) fn set(
    inventory: &Inventory,
    publisher: &str,
    what: &Blocked,
    blocked: bool,
) -> Result<Inventory, EditError> {
    let mut new = inventory.clone();
    let site = find::<Publisher>(&mut new, publisher)?;
    let Publisher { blocks: files, manual_blocks: own, .. } = site;
    let changed = match what {
        Blocked::Advertiser(id) => set_entry::<Advertiser, _>(
            inventory,
            &files.advertisers,
            &mut own.advertisers,
            id,
            blocked,
        ),
        Blocked::Category(id) => {
            set_entry::<Category, _>(inventory, &files.categories, &mut own.categories, id, blocked)
        }
        Blocked::Entity(id) => {
            set_entry::<EntityDoc, _>(inventory, &files.entities, &mut own.entities, id, blocked)
        }
    };
    let field = match what {
        Blocked::Advertiser(_) => "blocks.advertisers",
        Blocked::Category(_) => "blocks.categories",
        Blocked::Entity(_) => "blocks.entities",
    };
    changed.map_err(|reason| edit::invalid::<Publisher>(publisher, field, reason))?;
    Ok(new)
}

/// Adds an entry to the publisher's own list, or removes it. `files` is what the operator's files block.
///
/// # Errors
/// Why it is rejected.
fn set_entry<T: ListItem, I: Clone + PartialEq + Display>(
    inventory: &Inventory,
    files: &[I],
    own: &mut Vec<I>,
    id: &I,
    blocked: bool,
) -> Result<(), String> {
    if !blocked {
        own.retain(|other| other != id);
        if files.contains(id) {
            return Err(format!(
                "`{id}` is blocked in the inventory files, which only the operator changes"
            ));
        }
        return Ok(());
    }
    let known = || T::of(inventory).iter().map(ListItem::id);
    let text = id.to_string();
    if !known().any(|known| known == text) {
        let near = nearest(&text, known());
        let help = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("`{id}` is not in {}{help}", T::LIST));
    }
    if own.contains(id) || files.contains(id) {
        return Ok(());
    }
    if own.len() >= MAX_BLOCKS {
        return Err(format!("{MAX_BLOCKS} are blocked already: unblock some first"));
    }
    own.push(id.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::archive::Archive;
    use crate::catalog::{check, files, pause};

    const SITE: &str = "eu-tech-news";

    fn of(kind: &str, id: &str) -> Blocked {
        match kind {
            "advertiser" => Blocked::Advertiser(id.parse().unwrap()),
            "category" => Blocked::Category(id.parse().unwrap()),
            _ => Blocked::Entity(id.parse().unwrap()),
        }
    }

    fn known(example: &Inventory) -> [Blocked; 3] {
        [
            of("advertiser", example.advertisers[0].id.as_str()),
            of("category", example.categories[0].id.as_str()),
            of("entity", example.entities[0].id.as_str()),
        ]
    }

    #[test]
    fn a_block_is_in_a_valid_inventory_and_unblocking_restores_the_state_before() {
        let example = files::example();
        for what in known(&example) {
            let blocked = set(&example, SITE, &what, true).unwrap();
            assert_ne!(blocked, example, "{what:?}");
            assert_eq!(check::inventory(&blocked), []);
            assert_eq!(set(&blocked, SITE, &what, true).unwrap(), blocked, "idempotent");
            assert_eq!(set(&blocked, SITE, &what, false).unwrap(), example, "{what:?}");
        }
    }

    #[test]
    fn applying_files_and_rolling_back_neither_set_nor_clear_a_block() {
        let example = files::example();
        let [what, other, _] = known(&example);
        let blocked = set(&example, SITE, &what, true).unwrap();

        let mut applied = set(&example, SITE, &other, true).unwrap();
        pause::carry(&blocked, &Archive::default(), &mut applied);
        assert_eq!(applied, blocked);
        let mut applied = blocked.clone();
        pause::carry(&example, &Archive::default(), &mut applied);
        assert_eq!(applied, example);
    }

    #[test]
    fn what_is_unknown_or_blocked_by_the_operator_is_rejected_with_its_field() {
        let mut inventory = files::example();
        let [what, ..] = known(&inventory);
        let Blocked::Advertiser(id) = &what else { unreachable!() };
        for site in &mut inventory.publishers {
            site.blocks.advertisers = vec![id.clone()];
        }
        for (what, blocked, field, reason) in [
            (
                of("advertiser", "zahid-hots"),
                true,
                "blocks.advertisers",
                "did you mean `zahid-host`?",
            ),
            (of("category", "no-such"), true, "blocks.categories", "is not in categories"),
            (of("entity", "no-such"), true, "blocks.entities", "is not in entities"),
            (what, false, "blocks.advertisers", "only the operator"),
        ] {
            let error = set(&inventory, SITE, &what, blocked).unwrap_err();
            let EditError::Invalid(found) = &error else { panic!("{error}") };
            assert_eq!(found[0].field, field);
            assert!(found[0].reason.contains(reason), "{error}");
        }
        let unknown = set(&inventory, "no-such", &of("category", "x"), true);
        assert!(matches!(unknown, Err(EditError::NotFound { .. })));
    }

    #[test]
    fn a_publisher_has_a_bounded_number_of_blocks() {
        let mut inventory = files::example();
        let first = inventory.advertisers[0].clone();
        for number in 0..=MAX_BLOCKS {
            let id = format!("more-{number}").parse().unwrap();
            inventory.advertisers.push(Advertiser { id, ..first.clone() });
        }
        for number in 0..MAX_BLOCKS {
            inventory =
                set(&inventory, SITE, &of("advertiser", &format!("more-{number}")), true).unwrap();
        }
        assert!(
            set(&inventory, SITE, &of("advertiser", "more-1"), true).is_ok(),
            "blocked already"
        );
        let one_more = of("advertiser", &format!("more-{MAX_BLOCKS}"));
        let error = set(&inventory, SITE, &one_more, true).unwrap_err();
        assert!(error.to_string().contains("unblock some"), "{error}");
    }
}
