//! One operation: path, method, description, parameters, body and responses.

use crate::http::openapi::response::Response;
use serde_json::{Value, json};

/// An operation of the document.
pub(super) struct Operation {
    /// Path with its parameters in braces.
    pub(crate) path: String,
    /// Method in lower case.
    pub(crate) method: String,
    /// The OpenAPI operation object.
    pub(crate) object: Value,
}

/// Listener of an operation, if not only the public one.
#[derive(Clone, Copy)]
pub(super) enum Listener {
    /// Only the operations listener.
    Operations,
    Both,
}

/// Whether an operation requires an API key.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Optional,
    /// The same, but an invalid key is treated as none.
    OptionalOrIgnored,
    /// Required; the description says whose.
    Required,
}

/// An operation on the public listener without parameters, body, responses or key. `id` is its name in
/// generated clients.
pub(super) fn operation(method: &str, path: &str, id: &str) -> Operation {
    let object = json!({ "operationId": id, "tags": [], "x-listener": "public", "responses": {} });
    Operation { path: path.to_owned(), method: method.to_owned(), object }
}

impl Operation {
    /// Sets the listener. The operations URL is the default; clients override it for other addresses.
    pub(crate) fn on(mut self, listener: Listener) -> Operation {
        let server = json!({
            "url": "http://127.0.0.1:8081",
            "description": "The operations listener at its default address.",
        });
        match listener {
            Listener::Operations => {
                self.object["x-listener"] = json!("operations");
                self.object["servers"] = json!([server]);
            }
            Listener::Both => self.object["x-listener"] = json!("both"),
        }
        self
    }

    /// Sets the group.
    pub(crate) fn tag(mut self, tag: &str) -> Operation {
        self.object["tags"] = json!([tag]);
        self
    }

    /// Sets the summary (a few words) and the description (what it does and who uses it).
    pub(crate) fn describe(mut self, summary: &str, description: &str) -> Operation {
        self.object["summary"] = json!(summary);
        self.object["description"] = json!(description);
        self
    }

    /// Sets the key requirement. An invalid key is answered 401, unless it is ignored.
    pub(crate) fn key(mut self, key: Key) -> Operation {
        self.object["security"] = match key {
            Key::Optional | Key::OptionalOrIgnored => json!([{}, { "bearer": [] }]),
            Key::Required => json!([{ "bearer": [] }]),
        };
        match key {
            Key::OptionalOrIgnored => self,
            _ => self.response(Response::problem(401, &["unauthorized"])),
        }
    }

    /// Adds parameters.
    pub(crate) fn parameters(mut self, parameters: impl IntoIterator<Item = Value>) -> Operation {
        let list = parameters.into_iter().collect::<Vec<_>>();
        match self.object.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(before) => before.extend(list),
            None => self.object["parameters"] = json!(list),
        }
        self
    }

    /// Sets the body: the same schema for each of these content types.
    pub(crate) fn body(mut self, formats: &[&str], schema: &Value, examples: &Value) -> Operation {
        let media = json!({ "schema": schema, "examples": examples });
        let content: serde_json::Map<String, Value> =
            formats.iter().map(|format| ((*format).to_owned(), media.clone())).collect();
        self.object["requestBody"] = json!({ "required": true, "content": content });
        self.response(Response::problem(408, &["body_too_slow"]))
            .response(Response::problem(413, &["body_too_large"]))
    }

    /// Adds a response.
    pub(crate) fn response(mut self, response: Response) -> Operation {
        self.object["responses"][response.status.to_string()] = response.object;
        self
    }
}
