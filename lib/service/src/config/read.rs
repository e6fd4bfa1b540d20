//! Reads a `Config` struct out of the tree; text takes the type of the field it fills.

use super::ConfigError;
use super::layers::{Node, Origin, Value};
use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::collections::BTreeMap;
use std::path::Path;

type Result<T> = std::result::Result<T, ConfigError>;

fn toml_error(error: toml::de::Error) -> ConfigError {
    ConfigError::invalid(error.message())
}

/// Numbers and booleans from text; anything else is read as TOML would.
macro_rules! from_text {
    ($($method:ident $visit:ident $type:ty, $wanted:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.value {
                Value::Text(text) => match text.trim().parse::<$type>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => Err(ConfigError::invalid(format!("expected {}, found {text:?}", $wanted))),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Node {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Value::Text(text) => visitor.visit_string(text),
            Value::Toml(value) => value.deserialize_any(visitor).map_err(toml_error),
            Value::Table(table) => visitor.visit_map(Entries::of(table)),
        }
    }

    from_text! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_i8 visit_i8 i8, "a whole number";
        deserialize_i16 visit_i16 i16, "a whole number";
        deserialize_i32 visit_i32 i32, "a whole number";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number of at least 0";
        deserialize_u64 visit_u64 u64, "a whole number of at least 0";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Value::Text(text) = self.value else { return self.deserialize_any(visitor) };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let nodes =
            items.map(|item| Node { origin: self.origin.clone(), value: Value::Text(item.to_owned()) });
        visitor.visit_seq(serde::de::value::SeqDeserializer::new(nodes))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.value {
            Value::Table(table) => visitor.visit_map(Entries::of(known_only(table, fields)?)),
            _ => Err(ConfigError::invalid("expected a section with keys of its own")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let listed = variants.join(", ");
        let (variant, content) = match self.value {
            Value::Text(text) => (text, None),
            Value::Toml(toml::Value::String(text)) => (text, None),
            Value::Toml(_) => return Err(ConfigError::invalid(format!("expected one of {listed}"))),
            Value::Table(table) => one_variant(table, variants)?,
        };
        if !variants.contains(&variant.as_str()) {
            return Err(ConfigError::invalid(format!("expected one of {listed}, found {variant:?}")));
        }
        visitor.visit_enum(Variant { variant, content })
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct map identifier ignored_any i128 u128
    }
}

impl IntoDeserializer<'_, ConfigError> for Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Refuses keys that are no fields, and turns `key_file` into the content of that file.
fn known_only(table: BTreeMap<String, Node>, fields: &[&'static str]) -> Result<BTreeMap<String, Node>> {
    let table = table.into_iter().map(|(key, node)| {
        let name = if fields.contains(&key.as_str()) { key.as_str() } else { current_name(&key) };
        (name.to_owned(), node)
    });
    let (mut known, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
        table.partition(|(key, _)| fields.contains(&key.as_str()));
    for (key, node) in rest {
        let target = key.strip_suffix("_file").filter(|target| fields.contains(target));
        let Some(target) = target else { return Err(unknown_key(key, &node.origin, fields)) };
        match known.get(target).map(|set| (set.origin.layer(), &set.origin)) {
            Some((layer, origin)) if layer == node.origin.layer() => {
                let (first, second) = (origin.to_string(), node.origin.to_string());
                return Err(ConfigError::SetTwice { key: target.to_owned(), first, second });
            }
            Some((layer, _)) if layer > node.origin.layer() => {}
            _ => drop(known.insert(target.to_owned(), file_content(&key, node)?)),
        }
    }
    Ok(known)
}

/// Keys that were called otherwise in an earlier version.
const RENAMED: [(&str, &str); 1] = [("authorities_file", "ca_file")];

/// What a key is called now.
pub(super) fn current_name(key: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == key).map_or(key, |(_, new)| *new)
}

fn file_content(key: &str, node: Node) -> Result<Node> {
    let (Value::Text(path) | Value::Toml(toml::Value::String(path))) = &node.value else {
        return Err(ConfigError::invalid("expected the path of a file").under(key, &node.origin.to_string()));
    };
    let content = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: Path::new(path).to_owned(), source })?;
    Ok(Node { value: Value::Text(content.trim_end_matches(['\r', '\n']).to_owned()), origin: node.origin })
}

fn unknown_key(key: String, origin: &Origin, fields: &[&'static str]) -> ConfigError {
    let nearest = fields
        .iter()
        .map(|field| (likeness(field, &key), *field))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, field)| field.to_owned());
    let known = fields.iter().map(|field| (*field).to_owned()).collect();
    ConfigError::UnknownKey { key, origin: origin.to_string(), nearest, known }
}

/// How alike two names are, from 0 to 1. Two letters in each other's place are a slip, also in a short name.
fn likeness(one: &str, other: &str) -> f64 {
    if strsim::osa_distance(one, other) == 1 { 0.95 } else { strsim::jaro_winkler(one, other) }
}

fn one_variant(
    table: BTreeMap<String, Node>,
    variants: &'static [&'static str],
) -> Result<(String, Option<Node>)> {
    if let Some((key, node)) = table.iter().find(|(key, _)| !variants.contains(&key.as_str())) {
        return Err(unknown_key(key.clone(), &node.origin, variants));
    }
    // A higher layer may choose another variant than a lower one did.
    let highest = table.values().map(highest_layer).max();
    let mut chosen = table.into_iter().filter(|(_, node)| Some(highest_layer(node)) == highest);
    match (chosen.next(), chosen.next()) {
        (Some((variant, node)), None) => Ok((variant, Some(node))),
        (Some((first, _)), Some((second, _))) => {
            Err(ConfigError::invalid(format!("choose one of {first} and {second}")))
        }
        (None, _) => Err(ConfigError::invalid(format!("expected one of {}", variants.join(", ")))),
    }
}

fn highest_layer(node: &Node) -> u8 {
    match &node.value {
        Value::Table(table) => table.values().map(highest_layer).max().unwrap_or(node.origin.layer()),
        _ => node.origin.layer(),
    }
}

struct Entries {
    left: std::collections::btree_map::IntoIter<String, Node>,
    next: Option<(String, Node)>,
}

impl Entries {
    fn of(table: BTreeMap<String, Node>) -> Self {
        Self { left: table.into_iter(), next: None }
    }
}

impl<'de> MapAccess<'de> for Entries {
    type Error = ConfigError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((key, node)) = self.left.next() else { return Ok(None) };
        self.next = Some((key.clone(), node));
        seed.deserialize(StringDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let (key, node) = self.next.take().ok_or_else(|| ConfigError::invalid("a value without a key"))?;
        let set_by = node.origin.to_string();
        seed.deserialize(node).map_err(|error| error.under(&key, &set_by))
    }
}

struct Variant {
    variant: String,
    content: Option<Node>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = ConfigError;
    type Variant = Content;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Content)> {
        let value = seed.deserialize(StringDeserializer::<ConfigError>::new(self.variant.clone()))?;
        Ok((value, Content { variant: self.variant, content: self.content }))
    }
}

struct Content {
    variant: String,
    content: Option<Node>,
}

impl Content {
    fn read<T>(self, read: impl FnOnce(Node) -> Result<T>) -> Result<T> {
        let empty = Node { origin: Origin::Default, value: Value::Table(BTreeMap::new()) };
        let content = self.content.unwrap_or(empty);
        let set_by = content.origin.to_string();
        read(content).map_err(|error| error.under(&self.variant, &set_by))
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = ConfigError;

    fn unit_variant(self) -> Result<()> {
        match self.content {
            None | Some(Node { value: Value::Table(_), .. }) => Ok(()),
            Some(_) => Err(ConfigError::invalid("takes no value").under(&self.variant, "")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.read(|node| seed.deserialize(node))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        self.read(|node| node.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.read(|node| node.deserialize_struct("", fields, visitor))
    }
}
