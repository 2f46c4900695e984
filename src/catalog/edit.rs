//! Edits of single documents, for the admin API. Pure functions: each takes an inventory and an
//! edit, and returns the edited inventory or every reason why it is rejected.

use crate::catalog::check;
use crate::catalog::check::Finding;
use crate::config::suggestion;
use crate::domain::campaign::PausedBy;
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::inventory::Inventory;
use crate::domain::lists;
use crate::domain::lists::{LISTS, ListItem};
use serde_json::Value;

/// Why an edit is rejected.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is no list of this name.
    #[error("unknown list `{0}`: must be one of {list}", list = LISTS.join(", "))]
    NoList(String),
    /// There is no document with this id.
    #[error("{list}: no document has the id `{id}`")]
    NotFound {
        /// The list.
        list: &'static str,
        /// The id.
        id: String,
    },
    /// A document with this id exists already.
    #[error(
        "{list}: a document with the id `{id}` exists already; replace it or choose another id"
    )]
    Exists {
        /// The list.
        list: &'static str,
        /// The id.
        id: String,
    },
    /// The edited inventory would not be valid.
    #[error("{}", lines(.0))]
    Invalid(Vec<Finding>),
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

/// A rejection of a field of a document.
pub(super) fn invalid<T: ListItem>(id: &str, field: &str, reason: String) -> EditError {
    let (list, id, field) = (T::LIST, id.to_owned(), field.to_owned());
    EditError::Invalid(vec![Finding { list, id, field, reason, help: None }])
}

/// Adds a document to a list. A new creative is a draft, whatever state it declares.
pub(crate) fn create(
    inventory: &Inventory,
    list: &str,
    document: Value,
) -> Result<Inventory, EditError> {
    apply(inventory, list, Edit::Create(document))
}

/// Replaces the document `id` of a list; the document itself may omit its id. A creative whose
/// content differs becomes a draft, whatever state it declares; one with the same content may move
/// to a state that [`next_states`] allows.
pub(crate) fn replace(
    inventory: &Inventory,
    list: &str,
    id: &str,
    document: Value,
) -> Result<Inventory, EditError> {
    apply(inventory, list, Edit::Replace(id, document))
}

/// Removes the document `id` of a list. Rejected while another document refers to it.
pub(crate) fn delete(inventory: &Inventory, list: &str, id: &str) -> Result<Inventory, EditError> {
    apply(inventory, list, Edit::Delete(id))
}

fn apply(inventory: &Inventory, list: &str, edit: Edit<'_>) -> Result<Inventory, EditError> {
    let mut new = inventory.clone();
    let mut editor = Editor { inventory: &mut new, edit: Some(edit) };
    let edited =
        lists::visit_named(list, &mut editor).ok_or_else(|| EditError::NoList(list.into()))??;
    if list == Creative::LIST {
        check_state(inventory, &mut new, &edited)?;
    }
    new.sort();
    let findings = check::inventory(&new);
    if findings.is_empty() { Ok(new) } else { Err(EditError::Invalid(findings)) }
}

enum Edit<'a> {
    Create(Value),
    Replace(&'a str, Value),
    Delete(&'a str),
}

struct Editor<'a> {
    inventory: &'a mut Inventory,
    edit: Option<Edit<'a>>,
}

impl lists::ListVisitor for Editor<'_> {
    /// The id of the edited document.
    type Out = Result<String, EditError>;
    fn visit<T: ListItem>(&mut self) -> Result<String, EditError> {
        let list = T::of_mut(self.inventory);
        let find = |list: &[T], id: &str| {
            let found = list.iter().position(|one| one.id() == id);
            found.ok_or_else(|| EditError::NotFound { list: T::LIST, id: id.to_owned() })
        };
        match self.edit.take().expect("`visit_named` visits one list") {
            Edit::Create(document) => {
                let document = read::<T>(document)?;
                let id = document.id().to_owned();
                if find(list, &id).is_ok() {
                    return Err(EditError::Exists { list: T::LIST, id });
                }
                list.push(document);
                Ok(id)
            }
            Edit::Replace(id, mut document) => {
                let index = find(list, id)?;
                if let Value::Object(fields) = &mut document {
                    fields.entry("id").or_insert_with(|| id.into());
                }
                let document = read::<T>(document)?;
                if document.id() != id {
                    let reason = format!("must be `{id}` or left out (got `{}`)", document.id());
                    return Err(invalid::<T>(id, "id", reason));
                }
                list[index] = document;
                Ok(id.to_owned())
            }
            Edit::Delete(id) => {
                list.remove(find(list, id)?);
                Ok(id.to_owned())
            }
        }
    }
}

/// Deserializes a submitted document and checks the limits of its fields.
fn read<T: ListItem>(document: Value) -> Result<T, EditError> {
    let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let document: T = serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.inner().to_string();
        let help = suggestion::did_you_mean(&reason);
        let field = if path == "." { String::new() } else { path };
        EditError::Invalid(vec![Finding { list: T::LIST, id: id.clone(), field, reason, help }])
    })?;
    let limits = document.limits();
    if limits.is_empty() {
        return Ok(document);
    }
    let finding = |(field, reason): (String, String)| {
        let id = document.id().to_owned();
        Finding { list: T::LIST, id, field, reason, help: None }
    };
    Err(EditError::Invalid(limits.into_iter().map(finding).collect()))
}

/// Checks or sets the state of a creative that was created or replaced: same content, an allowed
/// transition; new or changed content, a draft.
fn check_state(old: &Inventory, new: &mut Inventory, id: &str) -> Result<(), EditError> {
    let find = |creative: &&Creative| creative.id.as_str() == id;
    let before = old.creatives.iter().find(find);
    let Some(after) = new.creatives.iter_mut().find(|creative| creative.id.as_str() == id) else {
        return Ok(());
    };
    match before {
        Some(before) if same_content(before, after) => {
            check_transition(id, before.state, after.state)?;
        }
        _ => after.state = CreativeState::Draft,
    }
    Ok(())
}

/// Whether two creatives have the content that a reviewer approved: everything but the state, the
/// weight and a pause.
fn same_content(one: &Creative, other: &Creative) -> bool {
    let Creative { state, weight, paused_by, .. } = *one;
    let other = Creative { state, weight, paused_by, ..other.clone() };
    *one == other
}

/// Transitions: draft to approved, approved or paused to live, live to paused, any state to draft.
fn is_allowed(from: CreativeState, to: CreativeState) -> bool {
    use CreativeState::{Approved, Draft, Live, Paused};
    matches!(
        (from, to),
        (_, Draft) | (Draft, Approved) | (Approved | Paused, Live) | (Live, Paused)
    )
}

/// The states that a creative can move to from its current one.
pub(crate) fn next_states(from: CreativeState) -> Vec<CreativeState> {
    let all = CreativeState::ALL.iter().copied();
    all.filter(|to| *to != from && is_allowed(from, *to)).collect()
}

fn check_transition(id: &str, from: CreativeState, to: CreativeState) -> Result<(), EditError> {
    if is_allowed(from, to) || from == to {
        return Ok(());
    }
    let allowed: Vec<&str> = next_states(from).into_iter().map(CreativeState::as_str).collect();
    let reason = format!("must be {} after {from} (got {to})", allowed.join(" or "));
    Err(invalid::<Creative>(id, "state", reason))
}

/// Moves a creative to another state.
pub(crate) fn set_state(
    inventory: &Inventory,
    id: &str,
    to: CreativeState,
) -> Result<Inventory, EditError> {
    let mut new = inventory.clone();
    let creative = new.creatives.iter_mut().find(|creative| creative.id.as_str() == id);
    let missing = || EditError::NotFound { list: Creative::LIST, id: id.to_owned() };
    let creative = creative.ok_or_else(missing)?;
    check_transition(id, creative.serving_state(), to)?;
    match to {
        // A pause by hand, which no file ends.
        CreativeState::Paused if creative.state == CreativeState::Live => {
            creative.paused_by = Some(PausedBy::Operator);
        }
        _ => (creative.state, creative.paused_by) = (to, None),
    }
    Ok(new)
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
