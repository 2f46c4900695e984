//! The ten lists of an inventory and their names, as files, URLs and findings use them.

use crate::domain::campaign::{Campaign, Flight};
use crate::domain::context_key::ContextKey;
use crate::domain::creative::Creative;
use crate::domain::entity::EntityDoc;
use crate::domain::inventory::Inventory;
use crate::domain::party::{Advertiser, Category, Publisher};
use crate::domain::region::RegionGroup;
use crate::domain::taxonomy::TopicDoc;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A document in one of the lists.
pub(crate) trait ListItem: Clone + PartialEq + Serialize + DeserializeOwned {
    /// The name of its list, such as `flights`.
    const LIST: &'static str;
    /// Its id, unique in the list.
    fn id(&self) -> &str;
    /// The fields that violate the limits of their type: field path and reason.
    fn limits(&self) -> Vec<(String, String)>;
    fn of(inventory: &Inventory) -> &Vec<Self>;
    /// Its list in an inventory, mutable.
    fn of_mut(inventory: &mut Inventory) -> &mut Vec<Self>;
}

/// An operation on a list of any document type.
pub(crate) trait ListVisitor {
    /// Its result.
    type Out;
    /// Runs the operation on the list of `T`.
    fn visit<T: ListItem>(&mut self) -> Self::Out;
}

/// The document with this id, in an inventory whose lists are in id order.
pub(crate) fn find<'a, T: ListItem>(inventory: &'a Inventory, id: &str) -> Option<&'a T> {
    let list = T::of(inventory);
    list.binary_search_by(|one| one.id().cmp(id)).ok().map(|at| &list[at])
}

/// Whether every list is in id order, as [`Inventory::sort`] leaves it.
pub(crate) fn are_sorted(inventory: &Inventory) -> bool {
    struct AreSorted<'a>(&'a Inventory);
    impl ListVisitor for AreSorted<'_> {
        type Out = bool;
        fn visit<T: ListItem>(&mut self) -> bool {
            T::of(self.0).is_sorted_by(|one, next| one.id() <= next.id())
        }
    }
    visit_all(&mut AreSorted(inventory)).into_iter().all(|sorted| sorted)
}

macro_rules! lists {
    ($($list:ident: $type:ident, $limits:expr;)*) => {
        /// The names of the lists; a list comes before the lists that refer to it.
        pub(crate) const LISTS: [&str; 10] = [$(stringify!($list)),*];

        /// Visits the list called `name`; `None` if there is no such list.
        pub(crate) fn visit_named<V: ListVisitor>(name: &str, visitor: &mut V) -> Option<V::Out> {
            match name {
                $(stringify!($list) => Some(visitor.visit::<$type>()),)*
                _ => None,
            }
        }

        /// Visits every list.
        pub(crate) fn visit_all<V: ListVisitor>(visitor: &mut V) -> Vec<V::Out> {
            vec![$(visitor.visit::<$type>()),*]
        }

        $(impl ListItem for $type {
            const LIST: &'static str = stringify!($list);
            fn id(&self) -> &str {
                self.id.as_str()
            }
            fn limits(&self) -> Vec<(String, String)> {
                let limits: fn(&$type) -> Vec<(String, String)> = $limits;
                limits(self)
            }
            fn of(inventory: &Inventory) -> &Vec<Self> {
                &inventory.$list
            }
            fn of_mut(inventory: &mut Inventory) -> &mut Vec<Self> {
                &mut inventory.$list
            }
        })*
    };
}

lists! {
    topics: TopicDoc, |_| Vec::new();
    entities: EntityDoc, |_| Vec::new();
    regions: RegionGroup, |_| Vec::new();
    context_keys: ContextKey, declared;
    categories: Category, declared;
    advertisers: Advertiser, declared;
    campaigns: Campaign, declared;
    flights: Flight, declared;
    creatives: Creative, declared;
    publishers: Publisher, declared;
}

/// Checks the limits declared in the attributes of the fields.
pub(crate) fn declared<T: garde::Validate<Context = ()>>(document: &T) -> Vec<(String, String)> {
    match document.validate() {
        Ok(()) => Vec::new(),
        Err(report) => report
            .iter()
            .map(|(path, error)| (path.to_string(), error.message().to_owned()))
            .collect(),
    }
}
