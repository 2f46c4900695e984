//! Lists of documents without spare room: a list that grows as it is read has room for four entries, and most have
//! one or two.

use serde::{Deserialize, Deserializer};

/// A list with room for its entries only.
pub(crate) fn deserialize<'de, T, D>(source: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let mut list = Vec::<T>::deserialize(source)?;
    list.shrink_to_fit();
    Ok(list)
}

#[cfg(test)]
mod tests {
    use crate::domain::targeting::Clause;

    #[test]
    fn a_list_that_was_read_has_room_for_its_entries_only() {
        let read: Clause<String> =
            serde_json::from_str(r#"{"any": ["a"], "none": ["b"]}"#).unwrap();
        assert_eq!((read.any.capacity(), read.none.capacity()), (1, 1));
    }
}
