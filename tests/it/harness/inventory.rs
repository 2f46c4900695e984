//! The example inventory as TOML text, for tests that change it before serving.

use std::path::Path;

const FILES: [&str; 6] = ["topics", "entities", "publishers", "house", "others", "zahid-host"];

/// The whole example inventory as one document.
pub fn example() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/inventory");
    let read = |name: &&str| std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
    FILES.iter().map(read).collect::<Vec<_>>().join("\n")
}

/// Copies the example's images into a folder with an inventory file.
pub fn copy_images_into(folder: &Path) {
    let to = folder.join("pictures");
    std::fs::create_dir_all(&to).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/inventory/pictures");
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The example with the first occurrence of `from` replaced.
pub fn example_with(from: &str, to: &str) -> String {
    replace_once(&example(), from, to)
}

/// Replaces the first occurrence of `from`, which must exist.
pub fn replace_once(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "not found: {from}");
    text.replacen(from, to, 1)
}

/// The example with a lifetime budget of the reference campaign that pays for `impressions`.
pub fn with_budget_for(impressions: u64) -> String {
    let budget = "budget = { lifetime_micros = 5_000_000_000, daily_micros = 200_000_000 }";
    example_with(
        budget,
        &format!("budget = {{ lifetime_micros = {} }}", impressions * PRICE_MICROS),
    )
}

/// The example with a reference campaign that pays for clicks, at this price in micros.
pub fn paid_by_click(price_micros: u64) -> String {
    let flight = "campaign = \"zahid-launch\"\ntier = \"standard\"\n";
    let by_impression = "pricing = \"cpm\"\nprice_micros = 8_000_000";
    let by_click = format!("pricing = \"cpc\"\nprice_micros = {price_micros}");
    example_with(&format!("{flight}{by_impression}"), &format!("{flight}{by_click}"))
}

/// Price of one impression of the reference campaign, in micros.
pub const PRICE_MICROS: u64 = 8_000;

/// The example in which `eu-tech-news` declares the origins of its pages.
pub fn with_origins() -> String {
    let line = "page_urls = \"path\"";
    let origins = "origins = [\"https://news.example\"]\nstaging_origins = [\"https://staging.news.example\"]";
    example_with(line, &format!("{line}\n{origins}"))
}
