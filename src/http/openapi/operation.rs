//! One operation: a path, a method, who uses it, what it takes and what it answers.

use crate::http::openapi::answer::Answer;
use serde_json::Value;
use serde_json::json;

/// A row of the document.
pub(super) struct Operation {
    /// With its parameters in braces.
    pub path: &'static str,
    /// In lower case.
    pub method: &'static str,
    /// The operation object.
    pub said: Value,
}

/// Where an operation is, if not on the public listener alone.
#[derive(Clone, Copy)]
pub(super) enum Listener {
    /// The operations one alone.
    Operations,
    /// Both.
    Both,
}

/// Which key an operation needs.
#[derive(Clone, Copy)]
pub(super) enum Key {
    /// Some are understood, none is needed.
    Optional,
    /// One is needed; the description says whose.
    Required,
}

/// An operation without parameters, body, answers or key, on the public listener. `id` is the name
/// that generated clients give it.
pub(super) fn operation(method: &'static str, path: &'static str, id: &str) -> Operation {
    let said = json!({ "operationId": id, "tags": [], "x-listener": "public", "responses": {} });
    Operation { path, method, said }
}

impl Operation {
    /// Where it is; whoever has the operations listener's address elsewhere sets it there.
    pub fn on(mut self, listener: Listener) -> Operation {
        let address = json!({
            "url": "http://127.0.0.1:8081",
            "description": "The operations listener, where it is by default.",
        });
        match listener {
            Listener::Operations => {
                self.said["x-listener"] = json!("operations");
                self.said["servers"] = json!([address]);
            }
            Listener::Both => self.said["x-listener"] = json!("both"),
        }
        self
    }

    /// Its group.
    pub fn tag(mut self, tag: &str) -> Operation {
        self.said["tags"] = json!([tag]);
        self
    }

    /// In a few words, then in a few sentences: what it does, and who uses it.
    pub fn says(mut self, summary: &str, description: &str) -> Operation {
        self.said["summary"] = json!(summary);
        self.said["description"] = json!(description);
        self
    }

    /// Which key it needs. Whichever it is, an unknown key is refused.
    pub fn key(mut self, key: Key) -> Operation {
        self.said["security"] = match key {
            Key::Optional => json!([{}, { "bearer": [] }]),
            Key::Required => json!([{ "bearer": [] }]),
        };
        let refused = "A key is needed, or this one is not known, has expired or was revoked.";
        self.answers(Answer::problem(401, &["key_required"], refused))
    }

    /// Its parameters.
    pub fn takes(mut self, parameters: impl IntoIterator<Item = Value>) -> Operation {
        let list = parameters.into_iter().collect::<Vec<_>>();
        match self.said.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(before) => before.extend(list),
            None => self.said["parameters"] = json!(list),
        }
        self
    }

    /// Its body: the same schema in each of these formats.
    pub fn body(mut self, formats: &[&str], schema: &Value, examples: &Value) -> Operation {
        let media = json!({ "schema": schema, "examples": examples });
        let content: serde_json::Map<String, Value> =
            formats.iter().map(|format| ((*format).to_owned(), media.clone())).collect();
        self.said["requestBody"] = json!({ "required": true, "content": content });
        let slow = "The body did not arrive in time; the connection is closed.";
        self.answers(Answer::problem(408, &["body_too_slow"], slow)).answers(Answer::problem(
            413,
            &["body_too_large"],
            "The body is longer than `GET /v1/limits` allows.",
        ))
    }

    /// One of its answers.
    pub fn answers(mut self, answer: Answer) -> Operation {
        self.said["responses"][answer.status.to_string()] = answer.said;
        self
    }
}
