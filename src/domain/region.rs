//! Countries and country groups: ISO 3166, UN M49, EU, EEA and the operator's custom groups.

use crate::domain::id;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// An ISO 3166-1 country code, such as `DE`. Parsing ignores case and reads `UK` as `GB`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// A country or a country group: `DE`, `eu`, `western-europe`, `150`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Region {
    /// One country.
    Country(Country),
    /// A group, by its id.
    Group(Box<str>),
}

/// The text is not a region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a region: use an ISO 3166 country such as DE, or a group such as eu")]
pub struct InvalidRegion(pub(crate) String);

/// A custom country group, defined by the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionGroup {
    /// Unique id; must not be the id of a built-in group.
    pub(crate) id: String,
    /// Display name.
    pub(crate) name: String,
    /// Its countries and groups.
    pub(crate) members: Vec<Region>,
}

struct Table {
    countries: BTreeMap<Country, &'static str>,
    groups: BTreeMap<&'static str, (&'static str, BTreeSet<Country>)>,
    codes: BTreeMap<String, &'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table =
        Table { countries: BTreeMap::new(), groups: BTreeMap::new(), codes: BTreeMap::new() };
    for line in include_str!("regions.txt").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&'static str> = line.split('\t').collect();
        match fields.as_slice() {
            [code, name] => {
                let code = code.as_bytes().first_chunk().expect("the table holds two-letter codes");
                table.countries.insert(Country(*code), name);
            }
            [id, name, code, members] => {
                let members = members
                    .split(' ')
                    .filter_map(|code| code.as_bytes().first_chunk().map(|code| Country(*code)));
                table.groups.insert(id, (name, members.collect()));
                table.codes.insert(code.to_ascii_lowercase(), id);
            }
            _ => unreachable!("the table's lines have two or four fields"),
        }
    }
    table
});

impl Country {
    /// The two letters.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("country codes are ASCII letters")
    }

    /// The English name.
    pub(crate) fn name(self) -> &'static str {
        TABLE.countries.get(&self).copied().unwrap_or("")
    }
}

impl FromStr for Country {
    type Err = InvalidRegion;
    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let letters = text
            .as_bytes()
            .try_into()
            .map(|code: [u8; 2]| code.map(|byte| byte.to_ascii_uppercase()));
        let country = letters.map(|code| Country(if code == *b"UK" { *b"GB" } else { code }));
        let known = country.ok().filter(|country| TABLE.countries.contains_key(country));
        known.ok_or_else(|| InvalidRegion(text.to_owned()))
    }
}

impl Region {
    /// The code or id: upper case for a country, lower case for a group.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Region::Country(country) => country.as_str(),
            Region::Group(id) => id,
        }
    }

    /// Whether it is exactly this country, not a group.
    pub(crate) fn is_country(&self, country: Country) -> bool {
        *self == Region::Country(country)
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;
    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let trimmed = text.trim();
        let mut buffer = [0; id::MAX_ID_BYTES];
        // What is longer is neither a code nor an id.
        let Some(lower) = buffer.get_mut(..trimmed.len()) else {
            return Err(InvalidRegion(text.to_owned()));
        };
        lower.copy_from_slice(trimmed.as_bytes());
        lower.make_ascii_lowercase();
        let lower = std::str::from_utf8(lower).unwrap_or_default();
        if let Some(group) = TABLE.codes.get(lower) {
            return Ok(Region::Group((*group).into()));
        }
        if TABLE.groups.contains_key(lower) {
            return Ok(Region::Group(lower.into()));
        }
        if let Ok(country) = lower.parse() {
            return Ok(Region::Country(country));
        }
        let formed = lower.len() > 2
            && lower.len() <= id::MAX_ID_BYTES
            && lower.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if formed { Ok(Region::Group(lower.into())) } else { Err(InvalidRegion(text.to_owned())) }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidRegion;
            fn try_from(text: String) -> Result<Self, InvalidRegion> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(region: $name) -> String {
                region.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "examples": ["DE"] })
            }
        }
    )*};
}

as_text!(Country, Region);

/// All regions and their members, including custom groups.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    groups: BTreeMap<Box<str>, (String, BTreeSet<Country>)>,
    /// For every country, the groups that contain it, smallest first.
    groups_of: BTreeMap<Country, Vec<Region>>,
}

impl Regions {
    /// The built-in table plus `custom` groups. Errors carry the group's index in `custom`.
    pub fn build(custom: &[RegionGroup]) -> Result<Regions, Vec<(usize, String)>> {
        let mut problems = Vec::new();
        let mut groups: BTreeMap<Box<str>, (String, BTreeSet<Country>)> = TABLE
            .groups
            .iter()
            .map(|(id, (name, members))| ((*id).into(), ((*name).to_owned(), members.clone())))
            .collect();
        let by_id: BTreeMap<&str, &RegionGroup> =
            custom.iter().map(|g| (g.id.as_str(), g)).collect();
        for (at, group) in custom.iter().enumerate() {
            if TABLE.groups.contains_key(group.id.as_str()) {
                problems.push((at, format!("`{}` is a built-in group", group.id)));
                continue;
            }
            let mut countries = BTreeSet::new();
            match collect(group, &by_id, &mut Vec::new(), &mut countries) {
                Ok(()) => {
                    groups.insert(group.id.as_str().into(), (group.name.clone(), countries));
                }
                Err(reason) => problems.push((at, reason)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut sized: Vec<_> = groups.iter().map(|(id, (_, of))| (of.len(), id, of)).collect();
        sized.sort();
        let groups_of = TABLE.countries.keys().map(|country| {
            let containing = sized.iter().filter(|(_, _, members)| members.contains(country));
            (*country, containing.map(|(_, id, _)| Region::Group((*id).clone())).collect())
        });
        let groups_of = groups_of.collect();
        Ok(Regions { groups, groups_of })
    }

    /// Whether the region exists.
    pub(crate) fn contains(&self, region: &Region) -> bool {
        match region {
            Region::Country(_) => true,
            Region::Group(id) => self.groups.contains_key(id),
        }
    }

    pub(crate) fn group_ids(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(AsRef::as_ref)
    }

    pub(crate) fn countries(&self) -> impl Iterator<Item = Country> + use<> {
        TABLE.countries.keys().copied()
    }

    /// All countries and groups.
    pub(crate) fn all(&self) -> impl Iterator<Item = Region> {
        let groups = self.groups.keys().map(|id| Region::Group(id.clone()));
        self.countries().map(Region::Country).chain(groups)
    }

    /// Whether `region` contains `country`.
    pub(crate) fn covers(&self, region: &Region, country: Country) -> bool {
        match region {
            Region::Country(this) => *this == country,
            Region::Group(id) => self.groups.get(id).is_some_and(|(_, of)| of.contains(&country)),
        }
    }

    /// Whether `outer` contains all of `inner`.
    pub(crate) fn within(&self, outer: &Region, inner: &Region) -> bool {
        outer == inner
            || match inner {
                Region::Country(country) => self.covers(outer, *country),
                Region::Group(id) => self.groups.get(id).is_some_and(|(_, of)| {
                    !of.is_empty() && of.iter().all(|country| self.covers(outer, *country))
                }),
            }
    }

    /// The country and the groups that contain it, smallest first.
    pub(crate) fn with_groups(&self, country: Country) -> Vec<Region> {
        let groups = self.groups_of.get(&country).into_iter().flatten().cloned();
        std::iter::once(Region::Country(country)).chain(groups).collect()
    }

    /// All regions that contain the region, including itself.
    pub(crate) fn containing(&self, region: &Region) -> Vec<Region> {
        match region {
            Region::Country(country) => self.with_groups(*country),
            Region::Group(_) => self.all().filter(|outer| self.within(outer, region)).collect(),
        }
    }
}

/// Collects the countries of a custom group, resolving nested groups. Fails on unknown regions and
/// on cycles.
fn collect(
    group: &RegionGroup,
    custom: &BTreeMap<&str, &RegionGroup>,
    path: &mut Vec<String>,
    into: &mut BTreeSet<Country>,
) -> Result<(), String> {
    if path.contains(&group.id) {
        return Err(format!("group `{}` contains itself, via {}", group.id, path.join(" → ")));
    }
    path.push(group.id.clone());
    for member in &group.members {
        match member {
            Region::Country(country) => {
                into.insert(*country);
            }
            Region::Group(id) => match (TABLE.groups.get(&**id), custom.get(&**id)) {
                (Some((_, members)), _) => into.extend(members),
                (None, Some(inner)) => collect(inner, custom, path, into)?,
                (None, None) => return Err(format!("unknown region `{id}`")),
            },
        }
    }
    path.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(text: &str) -> Region {
        text.parse().unwrap()
    }

    #[test]
    fn built_in_groups_contain_the_right_countries() {
        let regions = Regions::build(&[]).unwrap();
        let covers =
            |group: &str, country: &str| regions.covers(&region(group), country.parse().unwrap());
        assert!(
            covers("eu", "DE") && !covers("eu", "GB") && !covers("eu", "NO") && !covers("eu", "CH")
        );
        assert!(covers("eea", "NO") && !covers("eea", "CH"));
        assert!(covers("europe", "CH") && covers("150", "CH") && covers("world", "JP"));
        assert!(covers("emea", "ZA") && covers("emea", "AE") && !covers("emea", "US"));
        assert!(regions.within(&region("eea"), &region("eu")));
        assert!(!regions.within(&region("eu"), &region("eea")));
    }

    #[test]
    fn a_region_is_parsed_in_any_case_and_by_its_m49_code() {
        assert_eq!(region("de"), region("DE"));
        assert_eq!(region("uk"), region("GB"));
        assert_eq!(region("EU").as_str(), "eu");
        assert_eq!(region("150").as_str(), "europe");
        assert!("d".parse::<Region>().is_err() && "a b c".parse::<Region>().is_err());
    }

    #[test]
    fn a_custom_group_can_contain_groups_but_not_itself() {
        let group = |id: &str, members: &[&str]| RegionGroup {
            id: id.into(),
            name: id.into(),
            members: members.iter().map(|m| region(m)).collect(),
        };
        let regions =
            Regions::build(&[group("dach", &["DE", "AT", "CH"]), group("mine", &["dach", "fr"])]);
        assert!(regions.unwrap().covers(&region("mine"), "CH".parse().unwrap()));
        let cycle = Regions::build(&[group("one", &["two"]), group("two", &["one"])]).unwrap_err();
        assert!(cycle[0].1.contains("contains itself"), "{cycle:?}");
        assert!(Regions::build(&[group("abc", &["nowhere"])]).is_err());
    }
}
