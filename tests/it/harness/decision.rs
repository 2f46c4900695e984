//! A decision as the page received it.

use serde_json::{Value, json};

/// The decision for one placement.
#[derive(Clone, Debug)]
pub struct Decision(pub Value);

impl Decision {
    pub fn is_filled(&self) -> bool {
        self.0["fill"] == true
    }

    pub fn id(&self) -> &str {
        self.text("/decision_id")
    }

    /// The no-fill reason; empty if the decision is filled.
    pub fn reason(&self) -> &str {
        self.0["reason"].as_str().unwrap_or("")
    }

    /// Id of the advertiser; empty for a no-fill.
    pub fn advertiser(&self) -> &str {
        self.0["advertiser"]["id"].as_str().unwrap_or("")
    }

    pub fn creative(&self) -> &str {
        self.text("/creative/id")
    }

    pub fn label(&self) -> &str {
        self.text("/label/text")
    }

    pub fn is_test(&self) -> bool {
        self.0["test"] == true
    }

    pub fn impression_url(&self) -> &str {
        self.text("/event_urls/impression")
    }

    pub fn viewable_url(&self) -> &str {
        self.text("/event_urls/viewable")
    }

    pub fn copy_url(&self) -> &str {
        self.text("/creative/command/copy_url")
    }

    pub fn click_url(&self, cta: &str) -> &str {
        let ctas = self.0["creative"]["ctas"].as_array().unwrap();
        let found = ctas.iter().find(|candidate| candidate["id"] == cta);
        found.and_then(|cta| cta["click_url"].as_str()).unwrap()
    }

    /// Every URL that reports an event of this decision.
    pub fn urls(&self) -> Vec<String> {
        let mut urls = vec![self.impression_url().to_owned(), self.viewable_url().to_owned()];
        let ctas = self.0["creative"]["ctas"].as_array().unwrap();
        urls.extend(ctas.iter().map(|cta| cta["click_url"].as_str().unwrap().to_owned()));
        urls.extend(self.0["creative"]["command"]["copy_url"].as_str().map(str::to_owned));
        urls
    }

    /// The string at a JSON pointer.
    pub fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| {
            panic!("{pointer} is not a string in {:#}", self.0);
        })
    }
}

/// The reference page: a European article on AI infrastructure, with a reader in Germany.
pub fn reference() -> Value {
    json!({
        "publisher": "eu-tech-news",
        "page": {
            "url": "https://news.example/ai-infrastructure/x",
            "language": "en",
            "topics": ["ai-infrastructure"],
            "entities": [{ "name": "@alibaba cloud", "role": "subject" }, "european-commission"],
            "keywords": ["data centre"],
            "region": "eu",
        },
        "viewer": { "region": "DE" },
        "placements": [{ "name": "article-end", "styles": ["terminal", "card"] }],
    })
}

/// The reference page with another topic and no entities.
pub fn page_on(topic: &str) -> Value {
    let mut page = reference();
    page["page"]["topics"] = json!([topic]);
    page["page"]["entities"] = json!([]);
    page
}

/// The reference page with one value set at a JSON pointer, whose parent must exist.
pub fn reference_with(pointer: &str, value: Value) -> Value {
    let mut page = reference();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    page.pointer_mut(parent).unwrap()[name] = value;
    page
}
