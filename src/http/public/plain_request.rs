//! The decision request as pages send it: no unknown field, and lists where lists are expected. Reading it
//! needs no look at every key of the body, and copies no text. Any other request is left to
//! [`body::json`], which says what is wrong or ignored.
//!
//! Each type here is the definition of another one for serde (`remote`), with unknown fields denied.

use crate::domain::event_kinds::EventKinds;
use crate::domain::party::Style;
use crate::http::body;
use crate::http::problem::ApiError;
use crate::http::public::request::{DecisionRequest, Render, ViewerRequest};
use crate::selection::custom_input::CustomInput;
use crate::selection::input_text::InputText;
use crate::selection::page::{Commercial, Role};
use crate::selection::resolve::{EntityInput, FactInput, PageInput, SlotInput};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// Parses the body of `POST /v1/decisions`; also returns the paths of unknown fields.
///
/// # Errors
/// As [`body::json`].
pub(crate) fn from_body(body: &[u8]) -> Result<(DecisionRequest<'_>, Vec<String>), ApiError> {
    match read(body) {
        Some(request) => Ok((request, Vec::new())),
        None => body::json(body),
    }
}

/// The request in a body; `None` if [`body::json`] is needed to read it.
fn read(body: &[u8]) -> Option<DecisionRequest<'_>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut source = serde_json::Deserializer::from_str(text);
    let request = Request::deserialize(&mut source).ok()?;
    source.end().ok()?;
    // Its context keys are the only names that a page chooses.
    let is_refused = !request.page.custom.is_empty() && body::is_refused(body);
    (!is_refused).then_some(request)
}

#[derive(Deserialize)]
#[serde(remote = "DecisionRequest", deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow, deserialize_with = "text")]
    publisher: InputText<'a>,
    #[serde(borrow, default, deserialize_with = "Page::deserialize")]
    page: PageInput<'a>,
    #[serde(borrow, default, deserialize_with = "Viewer::deserialize")]
    viewer: ViewerRequest<'a>,
    #[serde(borrow, deserialize_with = "slots")]
    placements: Vec<SlotInput<'a>>,
    #[serde(default)]
    render: Render,
    #[serde(default)]
    test: bool,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    explain: bool,
    #[serde(borrow, default, deserialize_with = "optional")]
    force_creative: Option<InputText<'a>>,
    #[serde(skip)]
    basic: bool,
}

#[derive(Deserialize)]
#[serde(remote = "ViewerRequest", deny_unknown_fields)]
struct Viewer<'a> {
    #[serde(borrow, default, deserialize_with = "optional")]
    region: Option<InputText<'a>>,
}

macro_rules! page {
    ({$($named:tt)*} {$(
        $(#[$about:meta])* $fact:ident: $value:ty => $same:ty, $reason:ident = $text:literal,
        $sentence:literal, $remedy:literal;
    )*}) => {
        #[derive(Deserialize)]
        #[serde(remote = "PageInput", deny_unknown_fields)]
        struct Page<'a> {
            #[serde(borrow, default, deserialize_with = "optional")]
            url: Option<InputText<'a>>,
            #[serde(borrow, default, deserialize_with = "optional")]
            language: Option<InputText<'a>>,
            #[serde(borrow, default, deserialize_with = "texts")]
            topics: Vec<InputText<'a>>,
            #[serde(borrow, default, deserialize_with = "entities")]
            subject: Vec<EntityInput<'a>>,
            #[serde(borrow, default, deserialize_with = "entities")]
            entities: Vec<EntityInput<'a>>,
            #[serde(borrow, default, deserialize_with = "texts")]
            keywords: Vec<InputText<'a>>,
            #[serde(borrow, default, deserialize_with = "optional")]
            region: Option<InputText<'a>>,
            $(#[serde(default)]
            $fact: Option<FactInput>,)*
            #[serde(default)]
            custom: CustomInput,
            #[serde(default)]
            commercial: Commercial,
            #[serde(borrow, default, deserialize_with = "texts")]
            sensitive: Vec<InputText<'a>>,
            #[serde(borrow, default, deserialize_with = "texts")]
            shown: Vec<InputText<'a>>,
        }
    };
}

targeting_dimensions!(page);

#[derive(Deserialize)]
#[serde(remote = "SlotInput", deny_unknown_fields)]
struct Slot<'a> {
    #[serde(borrow, deserialize_with = "text")]
    name: InputText<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    key: Option<InputText<'a>>,
    #[serde(default)]
    styles: Vec<Style>,
    #[serde(skip)]
    unreported: EventKinds,
}

/// Text that is borrowed, unless it has escaped characters.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn text<'de, D: Deserializer<'de>>(source: D) -> Result<InputText<'de>, D::Error> {
    Text::deserialize(source).map(|Text(text)| text.into())
}

fn optional<'de, D: Deserializer<'de>>(source: D) -> Result<Option<InputText<'de>>, D::Error> {
    Ok(Option::<Text<'de>>::deserialize(source)?.map(|Text(text)| text.into()))
}

fn texts<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<InputText<'de>>, D::Error> {
    Ok(Vec::<Text<'de>>::deserialize(source)?.into_iter().map(|Text(text)| text.into()).collect())
}

fn slots<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<SlotInput<'de>>, D::Error> {
    #[derive(Deserialize)]
    struct Item<'a>(#[serde(borrow, deserialize_with = "Slot::deserialize")] SlotInput<'a>);

    let items = Vec::<Item<'de>>::deserialize(source)?;
    Ok(items.into_iter().map(|Item(slot)| slot).collect())
}

fn entities<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<EntityInput<'de>>, D::Error> {
    let items = Vec::<Entity<'de>>::deserialize(source)?;
    Ok(items.into_iter().map(|Entity(entity)| entity).collect())
}

/// A name, or an object with `name` and `role`.
struct Entity<'a>(EntityInput<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Entity<'a> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Entity<'a>, D::Error> {
        source.deserialize_any(EntityVisitor)
    }
}

struct EntityVisitor;

impl<'de> Visitor<'de> for EntityVisitor {
    type Value = Entity<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or an object with `name` and `role`")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Entity<'de>, E> {
        Ok(Entity(EntityInput::Name(name.into())))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Entity<'de>, E> {
        Ok(Entity(EntityInput::Name(name.to_owned().into())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entity<'de>, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named<'a> {
            #[serde(borrow, deserialize_with = "text")]
            name: InputText<'a>,
            #[serde(default)]
            role: Role,
        }
        let Named { name, role } = Named::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Entity(EntityInput::Named { name, role }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// A value for a field: usually what the field is for.
    fn value(usual: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
        let odd = prop::sample::select(vec![
            json!(null),
            json!(""),
            json!(7),
            json!(-1.5),
            json!(true),
            json!([]),
            json!({}),
            json!(["a", 1]),
            json!({ "name": "a", "role": "subject", "extra": { "email": 1 } }),
            json!([[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]),
        ]);
        prop_oneof![24 => usual, 1 => odd].boxed()
    }

    fn text() -> BoxedStrategy<Value> {
        value("[a-z ]{0,9}|\\PC{0,6}|[\"\\\\/\n]{0,4}|subject|DE".prop_map(Value::from))
    }

    fn list(item: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
        value(prop::collection::vec(item, 0..4).prop_map(Value::from))
    }

    /// An object with some of the fields, now and then one that is unknown or identifies a person.
    fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
        let extra = ["zzz", "email", "page", "name", "custom"].map(|name| (name, text(), 0.02));
        let fields = fields.into_iter().map(|(name, value)| (name, value, 0.6));
        let fields: Vec<_> = fields
            .chain(extra)
            .map(|(name, value, often)| {
                prop::option::weighted(often, value.prop_map(move |value| (name.to_owned(), value)))
            })
            .collect();
        value(fields.prop_map(|found| Value::Object(found.into_iter().flatten().collect())))
    }

    /// Requests of pages, now and then with something wrong.
    pub(in crate::http::public) fn requests() -> BoxedStrategy<Value> {
        let role = value(
            prop::sample::select(vec!["subject", "mention", " subject"]).prop_map(Value::from),
        );
        let entity = prop_oneof![text(), object(vec![("name", text()), ("role", role)])].boxed();
        let entities = prop_oneof![8 => list(entity.clone()), 1 => entity].boxed();
        let custom = object(vec![("author", text()), ("series", list(text())), ("uid", text())]);
        let page = object(vec![
            ("url", text()),
            ("language", text()),
            ("topics", list(text())),
            ("subject", entities.clone()),
            ("entities", entities),
            ("keywords", list(text())),
            ("region", text()),
            ("sentiment", text()),
            ("verified", value(any::<bool>().prop_map(Value::from))),
            ("custom", prop_oneof![custom, list(text())].boxed()),
            ("commercial", value(Just(json!("house_only")))),
            ("sensitive", list(text())),
            ("shown", list(text())),
        ]);
        let styles =
            list(value(prop::sample::select(vec!["card", "terminal"]).prop_map(Value::from)));
        let slot = object(vec![("name", text()), ("key", text()), ("styles", styles)]);
        let flag = || value(any::<bool>().prop_map(Value::from));
        object(vec![
            ("publisher", text()),
            ("page", page),
            ("viewer", object(vec![("region", text())])),
            ("placements", list(slot)),
            ("render", value(Just(json!("html")))),
            ("test", flag()),
            ("strict", flag()),
            ("explain", flag()),
            ("force_creative", text()),
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn a_plain_request_is_the_one_that_the_ordinary_reader_finds(
            request in requests(), pretty: bool, cut in prop::option::weighted(0.05, any::<prop::sample::Index>()),
        ) {
            let write = if pretty { serde_json::to_vec_pretty } else { serde_json::to_vec };
            let mut body = write(&request).unwrap();
            if let Some(cut) = cut {
                body.truncate(cut.index(body.len() + 1));
            }
            if let Some(plain) = read(&body) {
                let ordinary = body::json::<DecisionRequest<'_>>(&body);
                prop_assert!(ordinary.is_ok(), "{:?}", ordinary.err());
                let (ordinary, ignored) = ordinary.unwrap();
                prop_assert_eq!(ignored, Vec::<String>::new());
                prop_assert_eq!(format!("{:?}", plain), format!("{:?}", ordinary));
            }
        }
    }

    #[test]
    fn the_requests_of_pages_are_plain_and_others_are_not() {
        let request = |change: fn(&mut Value)| {
            let mut request = json!({
                "publisher": "a",
                "page": {
                    "url": "https://news.example/a", "language": "en", "topics": ["cloud", "\"quoted\""],
                    "entities": ["b", { "name": "c", "role": "subject" }], "subject": ["d"],
                    "keywords": ["e"], "sentiment": "positive", "custom": { "author": ["f"] },
                    "commercial": "allow", "sensitive": [], "shown": ["g"],
                },
                "viewer": { "region": "DE" },
                "placements": [{ "name": "article-end", "key": "k", "styles": ["card"] }],
                "render": "json",
                "test": false,
            });
            change(&mut request);
            read(&serde_json::to_vec(&request).unwrap()).is_some()
        };
        assert!(request(|_| {}));
        let others: [fn(&mut Value); 6] = [
            |it| it["unknown"] = json!(1),
            |it| it["page"]["email"] = json!("a@b.example"),
            |it| it["page"]["entities"][1]["id"] = json!(1),
            |it| it["page"]["custom"]["email"] = json!("a@b.example"),
            |it| it["placements"][0]["size"] = json!(1),
            |it| it["page"]["topics"] = json!("cloud"),
        ];
        for (at, change) in others.into_iter().enumerate() {
            assert!(!request(change), "{at}");
        }
        assert!(read(b"{\"publisher\":\"\xff\",\"placements\":[]}").is_none(), "not UTF-8");
        assert!(read(b"{\"publisher\":\"a\",\"placements\":[]} {}").is_none(), "two documents");
    }
}
