//! Bodies: of limited length, within a deadline, of limited depth.

use crate::http::problem::ApiError;
use actix_web::web::Bytes;
use actix_web::web::Payload;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How deep JSON may be nested.
const DEPTH: usize = 16;

/// Fields that name a person, refused wherever they stand.
const PERSONAL: [&str; 24] = [
    "user", "user_id", "userid", "uid", "email", "email_hash", "hashed_email", "phone", "ip",
    "ip_address", "address", "device_id", "deviceid", "ifa", "idfa", "gaid", "cookie", "cookies",
    "session_id", "visitor_id", "fingerprint", "user_agent", "ppid", "buyeruid",
];

/// Whether a field of this name would name a person.
pub fn is_personal(name: &str) -> bool {
    PERSONAL.contains(&name.to_ascii_lowercase().as_str())
}

/// The whole body, or why not.
pub async fn read(payload: Payload, limit: usize, within: Duration) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(within, payload.to_bytes_limited(limit)).await {
        Err(_) => Err(ApiError::too_slow()),
        Ok(Err(_)) => Err(ApiError::too_large(limit)),
        Ok(Ok(Err(error))) => Err(ApiError::unparsable(format!("the body broke off: {error}"))),
        Ok(Ok(Ok(bytes))) => Ok(bytes),
    }
}

/// A `T` in JSON, and the paths of fields that it does not know. Fields that name a person are
/// refused.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Vec<String>), ApiError> {
    if depth(bytes) > DEPTH {
        return Err(ApiError::unparsable(format!("the body is nested deeper than {DEPTH} levels")));
    }
    let mut ignored = Vec::new();
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let parsed: Result<T, _> =
        serde_ignored::deserialize(&mut source, |path| ignored.push(path.to_string()));
    let value = match parsed.and_then(|value| source.end().map(|()| value)) {
        Ok(value) => value,
        Err(error) if error.is_data() => return Err(refused::<T>(bytes, &error)),
        Err(error) => return Err(ApiError::unparsable(format!("the body is not JSON: {error}"))),
    };
    let last = |path: &String| path.rsplit('.').next().unwrap_or(path).to_owned();
    match ignored.iter().find(|path| is_personal(&last(path))) {
        Some(path) => Err(ApiError::personal(path.clone())),
        None => Ok((value, ignored)),
    }
}

/// Parses once more, to say which field was refused.
fn refused<T: DeserializeOwned>(bytes: &[u8], first: &serde_json::Error) -> ApiError {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut source) {
        Err(error) => {
            let path = error.path().to_string();
            ApiError::refused(path, without_place(&error.into_inner().to_string()))
        }
        Ok(_) => ApiError::refused("", without_place(&first.to_string())),
    }
}

fn without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// How deep objects and lists are nested at the most; brackets in strings do not count where it
/// matters, which is beyond [`DEPTH`].
fn depth(bytes: &[u8]) -> usize {
    // Fewer brackets than levels: almost every body, told without looking at each byte's place.
    let opened = bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opened <= DEPTH {
        return opened;
    }
    let (mut now, mut most, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;

    #[derive(Debug, serde::Deserialize)]
    struct Asked {
        #[serde(default)]
        count: u8,
    }

    fn status(text: &str) -> u16 {
        json::<Asked>(text.as_bytes()).map_or_else(|e| e.status_code().as_u16(), |_| 200)
    }

    #[test]
    fn what_cannot_be_parsed_is_a_400_and_what_is_refused_a_422() {
        assert_eq!(status("{\"count\": 3}"), 200);
        assert_eq!(status("{\"count\": 3"), 400);
        assert_eq!(status("{} {}"), 400);
        assert_eq!(status("{\"count\": \"three\"}"), 422);
        assert_eq!(status("{\"viewer\": {\"email\": \"a@b.example\"}}"), 422);
        assert_eq!(status("{\"User_ID\": 1}"), 422);
        assert_eq!(status(&("[".repeat(17) + &"]".repeat(17))), 400);
    }

    #[test]
    fn unknown_fields_are_named() {
        let (_, ignored) = json::<Asked>(b"{\"a\": 1, \"b\": {\"c\": 2}}").unwrap();
        assert_eq!(ignored, ["a", "b"]);
    }

    #[test]
    fn brackets_in_strings_are_no_depth() {
        assert_eq!(depth(br#"{"a": "[[[[[[[[[[[[[[[[[[[[\"[[", "b": [1]}"#), 2);
    }
}
