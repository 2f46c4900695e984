use super::*;
use crate::catalog::{files, synth, toml_writer};
use proptest::prelude::*;

/// Lines that begin pieces, and what makes a line no beginning or a piece no inventory.
const LINES: [&str; 17] = [
    "[[topics]]",
    "[[topics]]",
    "[[entities]]",
    " [[topics]]",
    "[[ topics ]] # spaces",
    "[[topics]]\r",
    "[topics.name]",
    "[[nothing]]",
    "id = \"a\"",
    "id = \"b\"",
    "name = \"c\"",
    "name = \"\"\"",
    "\"\"\"",
    "aliases = [",
    "]",
    "# [[topics]]",
    "topics = []",
];

/// What a file says when it is read as a whole.
fn whole(text: &str) -> Option<Inventory> {
    Document::parse("x.toml", text).ok()?.into_value()
}

#[test]
fn an_inventory_of_many_pieces_is_read_as_a_whole_would_be() {
    let mut text = Vec::new();
    toml_writer::write(&synth::inventory(300, 1), &mut text, || {}).unwrap();
    let text = String::from_utf8(text).unwrap();
    for bytes in [1, 1_000, PIECE_BYTES] {
        let read = in_pieces_of(bytes, "x.toml", &text).expect("it has entries only");
        assert!(Some(read) == whole(&text), "pieces of {bytes} bytes");
    }
    for (name, text) in files::EXAMPLE {
        let read = read(name, text).expect("files without problems are read in pieces");
        assert!(Some(read) == whole(text), "{name}");
    }
}

#[test]
fn the_start_of_an_entry_in_a_text_of_several_lines_divides_nothing() {
    let text = "[[topics]]\nid = \"a\"\nname = \"\"\"\n[[topics]]\nid = \"b\"\n\"\"\"\n";
    assert_eq!(in_pieces_of(1, "x.toml", text), None);
    assert_eq!(read("x.toml", text), whole(text));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn what_is_read_in_pieces_is_what_is_read_as_a_whole(
        lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..12),
        bytes in 1usize..40,
    ) {
        let text = lines.join("\n");
        if let Some(read) = in_pieces_of(bytes, "x.toml", &text) {
            prop_assert_eq!(Some(read), whole(&text));
        }
    }
}
