//! Writes an inventory as TOML, in the format of the inventory files.

use crate::catalog::toml_update::prune;
use crate::domain::inventory::Inventory;
use crate::domain::lists;
use crate::domain::lists::ListItem;
use std::io;
use std::io::Write;

/// Writes an inventory, one document at a time; `written` is called after each.
pub(crate) fn write(
    inventory: &Inventory,
    out: impl Write,
    written: impl FnMut(),
) -> io::Result<()> {
    let mut writer = Writer { inventory, out, written };
    lists::visit_all(&mut writer).into_iter().collect::<io::Result<()>>()?;
    writer.out.flush()
}

struct Writer<'a, W, F> {
    inventory: &'a Inventory,
    out: W,
    written: F,
}

impl<W: Write, F: FnMut()> lists::ListVisitor for Writer<'_, W, F> {
    type Out = io::Result<()>;
    fn visit<T: ListItem>(&mut self) -> io::Result<()> {
        for document in T::of(self.inventory) {
            let mut value = toml::Value::try_from(document).map_err(io::Error::other)?;
            prune(&mut value);
            let list = toml::Table::from_iter([(T::LIST.to_owned(), vec![value].into())]);
            let text = toml::to_string(&list).map_err(io::Error::other)?;
            self.out.write_all(text.as_bytes())?;
            self.out.write_all(b"\n")?;
            (self.written)();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{files, synth};

    #[test]
    fn a_written_inventory_is_parsed_back_unchanged() {
        for inventory in [files::example(), synth::inventory(50, 7)] {
            let mut text = Vec::new();
            let mut documents = 0;
            write(&inventory, &mut text, || documents += 1).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert_eq!(files::parse(&[("x.toml".into(), text)]).unwrap(), inventory);
            assert!(documents > inventory.flights.len());
        }
    }
}
