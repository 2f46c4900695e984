//! What comes back: statuses, formats, headers.

use crate::http::openapi::example;
use serde_json::Value;
use serde_json::json;

/// One status with what comes with it.
pub(super) struct Answer {
    /// The status.
    pub status: u16,
    /// The response object.
    pub said: Value,
}

impl Answer {
    /// An answer without a body.
    pub fn bare(status: u16, description: &str) -> Answer {
        Answer { status, said: json!({ "description": description }) }
    }

    /// A JSON document.
    pub fn json(status: u16, schema: &Value, description: &str) -> Answer {
        Answer::bare(status, description).in_format("application/json", schema.clone())
    }

    /// Text of a format.
    pub fn text(status: u16, format: &str, description: &str) -> Answer {
        Answer::bare(status, description).in_format(format, json!({ "type": "string" }))
    }

    /// Problem details with one of these codes.
    pub fn problem(status: u16, codes: &[&str], description: &str) -> Answer {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let quoted: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let words = format!("{description} Code: {}.", quoted.join(" or "));
        let mut answer = Answer::bare(status, &words).in_format("application/problem+json", schema);
        answer.said["x-codes"] = json!(codes);
        answer.example("application/problem+json", example::problem(status, codes))
    }

    /// The same in another format.
    pub fn in_format(mut self, format: &str, schema: Value) -> Answer {
        self.said["content"][format] = json!({ "schema": schema });
        self
    }

    /// An example of a format.
    pub fn example(mut self, format: &str, value: Value) -> Answer {
        self.said["content"][format]["example"] = value;
        self
    }

    /// A header of [`headers`] that may come with it.
    pub fn header(mut self, name: &str) -> Answer {
        let path = format!("#/components/headers/{name}");
        self.said["headers"][name] = json!({ "$ref": path });
        self
    }
}

/// Headers that mean something beyond HTTP, or whose values a caller reads.
pub(super) fn headers() -> Value {
    json!({
        "Adjacent-Recorded": {
            "description": "The event is on disk: only this acknowledges. Without it a sender may \
                send again; a repetition is never counted twice.",
            "schema": { "const": "1" },
        },
        "Retry-After": {
            "description": "When to try again, in seconds.",
            "schema": { "type": "integer", "minimum": 1 },
        },
        "Location": {
            "description": "The landing page that the campaign stored.",
            "schema": { "type": "string", "format": "uri" },
        },
        "Adjacent-No-Fill": {
            "description": "Why there is no unit: the decision's reasons, or the dialect's for a \
                unit that the caller does not take.",
            "schema": { "type": "string" },
        },
        "Adjacent-Ignored": {
            "description": "Fields of the request that were passed over unread, by their paths: all \
                that names a reader among them.",
            "schema": { "type": "string" },
        },
        "ETag": {
            "description": "Names this very version: for `If-None-Match`, and for `If-Match` where \
                it can be changed.",
            "schema": { "type": "string" },
        },
    })
}
