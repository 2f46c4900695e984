//! The export as a Parquet file: one column per field, timestamps in UTC milliseconds, zstd compression.

use crate::cli::export::row::{CUSTOM, Row};
use crate::cli::export::sink::Sink;
use crate::domain::attribution::Dimension;
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::sync::Arc;

/// Rows per record batch.
const BATCH: usize = 8_192;

/// A Parquet file writer.
pub(super) struct Parquet {
    decoder: Decoder,
    writer: ArrowWriter<File>,
    buffer: Vec<Row>,
}

fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let time = |name: &str| {
        let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()));
        Field::new(name, utc, false)
    };
    let mut fields = vec![text("entry", false), text("kind", true), text("cta", true)];
    fields.extend([time("at"), time("decided_at"), text("decision_id", true)]);
    fields.extend([text("verdict", true), text("reason", true)]);
    fields.push(Field::new("billed_micros", DataType::Int64, false));
    fields.push(text("currency", false));
    fields.extend(Dimension::attributed().map(|dimension| match dimension {
        Dimension::Variant => Field::new(dimension.as_str(), DataType::UInt8, false),
        _ => text(dimension.as_str(), false),
    }));
    fields.push(text(CUSTOM, false));
    Arc::new(Schema::new(fields))
}

impl Parquet {
    pub(super) fn new(file: File) -> anyhow::Result<Parquet> {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(zstd).build();
        let decoder = ReaderBuilder::new(schema()).with_batch_size(BATCH).build_decoder()?;
        let writer = ArrowWriter::try_new(file, schema(), Some(properties))?;
        Ok(Parquet { decoder, writer, buffer: Vec::with_capacity(BATCH) })
    }

    fn write(&mut self) -> anyhow::Result<()> {
        self.decoder.serialize(&self.buffer)?;
        self.buffer.clear();
        if let Some(batch) = self.decoder.flush()? {
            self.writer.write(&batch)?;
        }
        Ok(())
    }
}

impl Sink for Parquet {
    fn write_row(&mut self, row: Row) -> anyhow::Result<()> {
        self.buffer.push(row);
        if self.buffer.len() == BATCH { self.write() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.write()?;
        self.writer.close()?;
        Ok(())
    }
}
