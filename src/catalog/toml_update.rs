//! Changes values in a TOML text and leaves everything else of it as it is: comments, order, formatting.

use toml::Value;
use toml_edit::{Array, ArrayOfTables, InlineTable, Item, Table, TableLike};

/// A document as TOML, without empty tables, which mean the same as missing ones.
pub(super) fn value(document: &impl serde::Serialize) -> toml::Table {
    let mut value = Value::try_from(document).expect("documents are plain data");
    prune(&mut value);
    match value {
        Value::Table(table) => table,
        _ => toml::Table::new(),
    }
}

/// Removes empty tables, recursively.
pub(super) fn prune(value: &mut Value) {
    match value {
        Value::Table(table) => {
            table.iter_mut().for_each(|(_, inner)| prune(inner));
            table.retain(|_, inner| !inner.as_table().is_some_and(toml::Table::is_empty));
        }
        Value::Array(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
}

/// Changes a table that means `old` so that it means `new`. A field that does not differ keeps its text, or stays
/// left out.
pub(super) fn update(table: &mut dyn TableLike, old: &toml::Table, new: &toml::Table) {
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        table.remove(key);
    }
    for (key, wanted) in new {
        let before = old.get(key);
        if before == Some(wanted) {
            continue;
        }
        match table.get_mut(key) {
            Some(item) => update_item(item, before, wanted),
            None => {
                table.insert(key, Item::Value(edited(wanted)));
            }
        }
    }
}

fn update_item(item: &mut Item, old: Option<&Value>, new: &Value) {
    if let (Some(Value::Table(old)), Value::Table(new)) = (old, new)
        && let Some(table) = item.as_table_like_mut()
    {
        return update(table, old, new);
    }
    if let (Some(Value::Array(old)), Value::Array(new)) = (old, new) {
        let done = match item {
            Item::ArrayOfTables(tables) => update_tables(tables, old, new),
            Item::Value(toml_edit::Value::Array(array)) => update_array(array, old, new),
            _ => false,
        };
        if done {
            return;
        }
    }
    let mut value = edited(new);
    if let Item::Value(before) = item {
        *value.decor_mut() = before.decor().clone();
    }
    *item = Item::Value(value);
}

/// For each new element, the place of the old one that it continues: the same value, else the same id, else the same
/// place; none twice.
fn matched(old: &[Value], new: &[Value]) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> = vec![None; new.len()];
    let mut taken = vec![false; old.len()];
    let id = |value: &Value| value.get("id").cloned();
    let same_value = |at: usize, to: usize| old[at] == new[to];
    let same_id = |at: usize, to: usize| id(&old[at]).is_some() && id(&old[at]) == id(&new[to]);
    let same_place = |at: usize, to: usize| {
        at == to && old[at].is_table() && id(&old[at]).is_none() && id(&new[to]).is_none()
    };
    let rules: [&dyn Fn(usize, usize) -> bool; 3] = [&same_value, &same_id, &same_place];
    for rule in rules {
        for (to, place) in found.iter_mut().enumerate().filter(|(_, place)| place.is_none()) {
            *place = (0..old.len()).find(|at| !taken[*at] && rule(*at, to));
            if let Some(at) = *place {
                taken[at] = true;
            }
        }
    }
    found
}

/// Changes `[[tables]]`; returns false if elements would have to move, because their place in the text is their
/// place in the list.
fn update_tables(tables: &mut ArrayOfTables, old: &[Value], new: &[Value]) -> bool {
    let places = matched(old, new);
    let kept: Vec<usize> = places.iter().map_while(|place| *place).collect();
    let is_appended = places[kept.len()..].iter().all(Option::is_none);
    let in_order = kept.is_sorted();
    let are_tables = new.iter().all(Value::is_table) && tables.len() == old.len();
    if !is_appended || !in_order || !are_tables || new.is_empty() {
        return false;
    }
    for (place, wanted) in places.iter().zip(new) {
        let (Some(at), Some(wanted)) = (place, wanted.as_table()) else { continue };
        if let (Some(table), Some(before)) = (tables.get_mut(*at), old[*at].as_table()) {
            update(table, before, wanted);
        }
    }
    for at in (0..old.len()).rev().filter(|at| !kept.contains(at)) {
        tables.remove(at);
    }
    for wanted in new[kept.len()..].iter().filter_map(Value::as_table) {
        tables.push(filled(wanted));
    }
    true
}

/// Changes an inline array; elements keep their formatting.
fn update_array(array: &mut Array, old: &[Value], new: &[Value]) -> bool {
    if array.len() != old.len() {
        return false;
    }
    let before: Vec<toml_edit::Value> = array.iter().cloned().collect();
    let mut elements: Vec<toml_edit::Value> = Vec::with_capacity(new.len());
    for (place, wanted) in matched(old, new).into_iter().zip(new) {
        let mut element = match place {
            Some(at) => before[at].clone(),
            None => {
                let mut element = edited(wanted);
                // On a line of its own where the others are.
                let like = if elements.is_empty() { before.first() } else { before.get(1) };
                match like.or(before.first()) {
                    Some(like) => {
                        let prefix = like.decor().prefix().and_then(|text| text.as_str());
                        element.decor_mut().set_prefix(indentation(prefix.unwrap_or(" ")));
                    }
                    None if !elements.is_empty() => element.decor_mut().set_prefix(" "),
                    None => {}
                }
                element
            }
        };
        if let (Some(at), Some(wanted)) = (place, wanted.as_table())
            && let (Some(table), Some(old)) = (element.as_inline_table_mut(), old[at].as_table())
        {
            update(table, old, wanted);
        }
        elements.push(element);
    }
    array.clear();
    elements.into_iter().for_each(|element| array.push_formatted(element));
    true
}

/// The white space of a prefix, without the comments in it.
fn indentation(prefix: &str) -> String {
    match prefix.rsplit_once('\n') {
        Some((_, spaces)) => format!("\n{spaces}"),
        None => prefix.to_owned(),
    }
}

/// A table with these fields.
fn filled(fields: &toml::Table) -> Table {
    let mut table = Table::new();
    for (key, value) in fields {
        table.insert(key, Item::Value(edited(value)));
    }
    table
}

/// A value as text.
pub(super) fn edited(value: &Value) -> toml_edit::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(flag) => (*flag).into(),
        Value::Datetime(time) => match time.to_string().parse::<toml_edit::Datetime>() {
            Ok(time) => time.into(),
            Err(_) => time.to_string().into(),
        },
        Value::Array(list) => toml_edit::Value::Array(list.iter().map(edited).collect::<Array>()),
        Value::Table(fields) => {
            let mut table = InlineTable::new();
            for (key, value) in fields {
                table.insert(key, edited(value));
            }
            toml_edit::Value::InlineTable(table)
        }
    }
}
