//! JSON that is written piece by piece: keys and punctuation are literals, texts are escaped. Costs a third of a
//! serializer, which escapes the names of fields, too, and looks at texts byte by byte.

use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;

/// JSON being written. The caller passes keys with their punctuation, as `,"key":`.
pub(crate) struct JsonText(Vec<u8>);

impl JsonText {
    /// An empty text with room for this many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> JsonText {
        JsonText(Vec::with_capacity(bytes))
    }

    /// The written bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Appends JSON as it is.
    pub(crate) fn raw(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    /// Appends JSON that was written before.
    pub(crate) fn written(&mut self, json: &[u8]) {
        self.0.extend_from_slice(json);
    }

    /// Appends a text after its key.
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.raw(key);
        // Without an early end the compiler looks at sixteen bytes at once.
        let is_plain = text.bytes().fold(true, |is_plain, byte| {
            is_plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\')
        });
        if is_plain {
            self.raw("\"");
            self.raw(text);
            self.raw("\"");
        } else {
            self.value("", text);
        }
    }

    /// Appends a text, or `null`, after its key.
    pub(crate) fn optional(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(key, text),
            None => {
                self.raw(key);
                self.raw("null");
            }
        }
    }

    /// Appends a time as RFC 3339 after its key.
    pub(crate) fn time(&mut self, key: &str, at: jiff::Timestamp) {
        const PRINTER: DateTimePrinter = DateTimePrinter::new();
        self.raw(key);
        self.raw("\"");
        PRINTER.print_timestamp(&at, &mut self.0).expect("writing to memory does not fail");
        self.raw("\"");
    }

    /// Appends any value after its key, by its serializer. For numbers and rare values.
    pub(crate) fn value(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.raw(key);
        serde_json::to_writer(&mut self.0, value).expect("a reply has only texts as keys");
    }
}
