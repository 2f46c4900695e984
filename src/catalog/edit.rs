//! Changes of single documents, as the admin API and its users ask for them. Pure: an inventory
//! and a wish in, another inventory or every reason against it out.

use crate::catalog::check;
use crate::catalog::check::Finding;
use crate::catalog::listed;
use crate::catalog::listed::LISTS;
use crate::catalog::listed::Listed;
use crate::config::document;
use crate::domain::creative::Creative;
use crate::domain::creative::CreativeState;
use crate::domain::inventory::Inventory;
use serde_json::Value;

/// Why an inventory stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No such list.
    #[error("there is no list `{0}`: there are {list}", list = LISTS.join(", "))]
    NoList(String),
    /// No such document.
    #[error("there is no `{id}` in {list}")]
    NotFound {
        /// The list.
        list: &'static str,
        /// The id.
        id: String,
    },
    /// A document of that id is there already.
    #[error("there is `{id}` in {list} already: replace it, or choose another id")]
    Exists {
        /// The list.
        list: &'static str,
        /// The id.
        id: String,
    },
    /// What would come of it is not valid.
    #[error("{}", said(.0))]
    Invalid(Vec<Finding>),
}

fn said(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

fn invalid<T: Listed>(id: &str, field: &str, reason: String) -> Refused {
    let (list, id, field) = (T::LIST, id.to_owned(), field.to_owned());
    Refused::Invalid(vec![Finding { list, id, field, reason, help: None }])
}

/// Adds a document to a list. A creative begins as a draft, whatever it says.
pub fn create(inventory: &Inventory, list: &str, document: Value) -> Result<Inventory, Refused> {
    change(inventory, list, Wish::Create(document))
}

/// Replaces the document `id` of a list. The document may leave its id out. A creative whose
/// content differs becomes a draft, whatever it says; one whose content does not may take a step
/// between states.
pub fn replace(
    inventory: &Inventory,
    list: &str,
    id: &str,
    document: Value,
) -> Result<Inventory, Refused> {
    change(inventory, list, Wish::Replace(id, document))
}

/// Removes the document `id` of a list. Refused while another document refers to it.
pub fn delete(inventory: &Inventory, list: &str, id: &str) -> Result<Inventory, Refused> {
    change(inventory, list, Wish::Delete(id))
}

fn change(inventory: &Inventory, list: &str, wish: Wish<'_>) -> Result<Inventory, Refused> {
    let mut new = inventory.clone();
    let mut change = Change { inventory: &mut new, wish: Some(wish) };
    let touched =
        listed::named(list, &mut change).ok_or_else(|| Refused::NoList(list.into()))??;
    if list == Creative::LIST {
        admit(inventory, &mut new, &touched)?;
    }
    new.sort();
    let findings = check::inventory(&new);
    if findings.is_empty() { Ok(new) } else { Err(Refused::Invalid(findings)) }
}

enum Wish<'a> {
    Create(Value),
    Replace(&'a str, Value),
    Delete(&'a str),
}

struct Change<'a> {
    inventory: &'a mut Inventory,
    wish: Option<Wish<'a>>,
}

impl listed::Visitor for Change<'_> {
    /// The id that was touched.
    type Out = Result<String, Refused>;
    fn visit<T: Listed>(&mut self) -> Result<String, Refused> {
        let list = T::of_mut(self.inventory);
        let find = |list: &[T], id: &str| {
            let found = list.iter().position(|one| one.id() == id);
            found.ok_or_else(|| Refused::NotFound { list: T::LIST, id: id.to_owned() })
        };
        match self.wish.take().expect("`named` visits one list") {
            Wish::Create(document) => {
                let document = read::<T>(document)?;
                let id = document.id().to_owned();
                if find(list, &id).is_ok() {
                    return Err(Refused::Exists { list: T::LIST, id });
                }
                list.push(document);
                Ok(id)
            }
            Wish::Replace(id, mut document) => {
                let at = find(list, id)?;
                if let Value::Object(fields) = &mut document {
                    fields.entry("id").or_insert_with(|| id.into());
                }
                let document = read::<T>(document)?;
                if document.id() != id {
                    let reason = format!("is `{}`, and `{id}` is replaced", document.id());
                    return Err(invalid::<T>(id, "id", reason));
                }
                list[at] = document;
                Ok(id.to_owned())
            }
            Wish::Delete(id) => {
                list.remove(find(list, id)?);
                Ok(id.to_owned())
            }
        }
    }
}

/// A document as somebody sent it, within the limits of its type.
fn read<T: Listed>(document: Value) -> Result<T, Refused> {
    let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let document: T = serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.inner().to_string();
        let help = document::did_you_mean(&reason);
        let field = if path == "." { String::new() } else { path };
        Refused::Invalid(vec![Finding { list: T::LIST, id: id.clone(), field, reason, help }])
    })?;
    let limits = document.limits();
    if limits.is_empty() {
        return Ok(document);
    }
    let finding = |(field, reason): (String, String)| {
        let id = document.id().to_owned();
        Finding { list: T::LIST, id, field, reason, help: None }
    };
    Err(Refused::Invalid(limits.into_iter().map(finding).collect()))
}

/// Which state a creative is in after it was written.
fn admit(old: &Inventory, new: &mut Inventory, id: &str) -> Result<(), Refused> {
    let find = |creative: &&Creative| creative.id.as_str() == id;
    let before = old.creatives.iter().find(find);
    let Some(after) = new.creatives.iter_mut().find(|creative| creative.id.as_str() == id) else {
        return Ok(());
    };
    match before {
        Some(before) if same_content(before, after) => step(id, before.state, after.state)?,
        _ => after.state = CreativeState::Draft,
    }
    Ok(())
}

/// What a reviewer approved is all but the state and the odds.
fn same_content(one: &Creative, other: &Creative) -> bool {
    let other = Creative { state: one.state, weight: one.weight, ..other.clone() };
    *one == other
}

/// A creative goes draft, approved, live, paused, live again; and back to draft from anywhere.
fn is_step(from: CreativeState, to: CreativeState) -> bool {
    use CreativeState::Approved;
    use CreativeState::Draft;
    use CreativeState::Live;
    use CreativeState::Paused;
    matches!(
        (from, to),
        (_, Draft) | (Draft, Approved) | (Approved | Paused, Live) | (Live, Paused)
    )
}

/// Where a creative can go from where it stands.
pub fn steps(from: CreativeState) -> Vec<CreativeState> {
    let all = CreativeState::ALL.iter().copied();
    all.filter(|to| *to != from && is_step(from, *to)).collect()
}

fn step(id: &str, from: CreativeState, to: CreativeState) -> Result<(), Refused> {
    if is_step(from, to) || from == to {
        return Ok(());
    }
    let reason = format!("cannot go from {from} to {to}: draft, approved, live, paused is the way");
    Err(invalid::<Creative>(id, "state", reason))
}

/// Takes a creative to another state.
pub fn state(inventory: &Inventory, id: &str, to: CreativeState) -> Result<Inventory, Refused> {
    let mut new = inventory.clone();
    let creative = new.creatives.iter_mut().find(|creative| creative.id.as_str() == id);
    let missing = || Refused::NotFound { list: Creative::LIST, id: id.to_owned() };
    let creative = creative.ok_or_else(missing)?;
    step(id, creative.state, to)?;
    creative.state = to;
    Ok(new)
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
