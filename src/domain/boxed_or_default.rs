//! Memory-saving storage for document fields that usually have their default value.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

/// A type whose default value is available as a static reference.
pub(crate) trait StaticDefault: Default + PartialEq + 'static {
    const DEFAULT: &'static Self;
}

/// A `T` stored on the heap, or one null pointer if it has its default value. Dereferences and
/// serialises like `T`.
#[derive(Clone, Debug)]
pub struct BoxedOrDefault<T>(Option<Box<T>>);

impl<T> Default for BoxedOrDefault<T> {
    fn default() -> Self {
        BoxedOrDefault(None)
    }
}

impl<T> BoxedOrDefault<T> {
    /// Whether it is stored as the default.
    pub(crate) fn is_default(&self) -> bool {
        self.0.is_none()
    }
}

impl<T: StaticDefault> From<T> for BoxedOrDefault<T> {
    fn from(value: T) -> Self {
        BoxedOrDefault((value != *T::DEFAULT).then(|| Box::new(value)))
    }
}

impl<T: StaticDefault> Deref for BoxedOrDefault<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::DEFAULT)
    }
}

impl<T: StaticDefault> DerefMut for BoxedOrDefault<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: StaticDefault> PartialEq for BoxedOrDefault<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: StaticDefault + Serialize> Serialize for BoxedOrDefault<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: StaticDefault + Deserialize<'de>> Deserialize<'de> for BoxedOrDefault<T> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        T::deserialize(source).map(BoxedOrDefault::from)
    }
}

impl<T: JsonSchema> JsonSchema for BoxedOrDefault<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
