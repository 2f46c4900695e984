//! Reads a file of an inventory in pieces of some entries each: parsed as a whole, it takes twenty times its size in
//! memory.
//!
//! A piece begins at a line `[[LIST]]`. Read by itself it means what it means in its file, or it has a problem: a
//! table that belongs to an entry of an earlier piece, or a text or list that the end of the piece cuts. So a file in
//! which no piece has a problem is read; any other one is to be read as a whole, which also locates its problems.

use crate::config::document::Document;
use crate::domain::inventory::Inventory;
use crate::domain::lists;
use crate::domain::lists::{LISTS, ListItem, ListVisitor};

/// The least bytes of a piece, except for the last one of a file.
const PIECE_BYTES: usize = 64 * 1024;

/// The entries of a file, in its order and within the limits of their types; `None` if it must be read as a whole.
pub(super) fn read(name: &str, text: &str) -> Option<Inventory> {
    in_pieces_of(PIECE_BYTES, name, text)
}

fn in_pieces_of(bytes: usize, name: &str, text: &str) -> Option<Inventory> {
    let mut inventory = Inventory::default();
    let mut start = entry(text, 0).unwrap_or(text.len());
    // Only comments may come before the first entry.
    if Document::parse(name, &text[..start]).ok()?.names().next().is_some() {
        return None;
    }
    while start < text.len() {
        let least = text.floor_char_boundary(start + bytes);
        let end = entry(text, least.max(start + 1)).unwrap_or(text.len());
        let piece: Inventory = Document::parse(name, &text[start..end]).ok()?.into_value()?;
        if !lists::visit_all(&mut IsWithinLimits(&piece)).into_iter().all(|within| within) {
            return None;
        }
        append(piece, &mut inventory);
        start = end;
    }
    Some(inventory)
}

/// The first line that begins an entry of a list, at or after `from`.
fn entry(text: &str, from: usize) -> Option<usize> {
    let mut brackets = text[from..].match_indices("[[").map(|(at, _)| from + at);
    brackets.find(|at| {
        let begins_line = *at == 0 || text.as_bytes()[at - 1] == b'\n';
        let line = text[*at..].lines().next().unwrap_or_default();
        let name = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]"));
        begins_line && name.is_some_and(|name| LISTS.contains(&name))
    })
}

struct IsWithinLimits<'a>(&'a Inventory);

impl ListVisitor for IsWithinLimits<'_> {
    type Out = bool;
    fn visit<T: ListItem>(&mut self) -> bool {
        T::of(self.0).iter().all(|entry| entry.limits().is_empty())
    }
}

/// Moves the entries of every list to the end of that list.
pub(super) fn append(mut from: Inventory, into: &mut Inventory) {
    struct Append<'a>(&'a mut Inventory, &'a mut Inventory);
    impl ListVisitor for Append<'_> {
        type Out = ();
        fn visit<T: ListItem>(&mut self) {
            T::of_mut(self.1).append(T::of_mut(self.0));
        }
    }
    lists::visit_all(&mut Append(&mut from, into));
}

#[cfg(test)]
#[path = "pieces_tests.rs"]
mod tests;
