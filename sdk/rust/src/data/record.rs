//! One CSV record as a value.
//!
//! This is our own and not the crate `csv`'s, with which a test compares it: the static data of a script is copied into
//! each VU, and that of the crate and of the formatting that its errors need are pages of it. For the same reason
//! nothing here prints with `{:?}`, or what serde found where it expected something else.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt;
use std::str::FromStr;

/// Methods that read a record's first field.
macro_rules! first_field {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            self.next_field()?.$method(visitor)
        })*
    };
}

/// Methods that read a field by its type's `FromStr`.
macro_rules! parsed {
    ($($method:ident $visit:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.parse()?)
        })*
    };
}

/// Why a record isn't what it is read as.
#[derive(Debug)]
pub(super) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("it isn't {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("it isn't {expected}"))
    }
}

/// A record: the columns' names, and what is left of its bytes.
pub(super) struct Record<'a> {
    names: std::slice::Iter<'a, String>,
    fields: Fields<'a>,
    column: &'a str,
}

impl<'a> Record<'a> {
    /// Of a record's bytes without the line's end, which are written over.
    pub(super) fn new(names: &'a [String], bytes: &'a mut [u8]) -> Self {
        Self { names: names.iter(), fields: Fields(Some(bytes)), column: "" }
    }

    fn next_field(&mut self) -> Result<Field<'a>, Error> {
        self.fields.next().map(Field).ok_or_else(|| Error::custom("it has fewer fields"))
    }

    fn in_column(&self, error: &Error) -> Error {
        Error(format!("column {}: {error}", self.column))
    }
}

/// A record's fields, unquoted. Quotes mean what they mean to the host, and so to most programs (RFC 4180).
struct Fields<'a>(Option<&'a mut [u8]>);

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.0.take()?;
        let mut within_quotes = bytes.first() == Some(&b'"');
        let (mut read, mut written) = (usize::from(within_quotes), 0);
        while let Some(byte) = bytes.get(read).copied() {
            if within_quotes && byte == b'"' {
                read += 1;
                if bytes.get(read) != Some(&b'"') {
                    within_quotes = false;
                    continue;
                }
            } else if !within_quotes && byte == b',' {
                break;
            }
            bytes[written] = byte;
            (read, written) = (read + 1, written + 1);
        }
        let (field, rest) = bytes.split_at_mut(read);
        self.0 = rest.split_first_mut().map(|(_, rest)| rest);
        // The host has found that the file is UTF-8.
        Some(std::str::from_utf8(&field[..written]).unwrap_or_default())
    }
}

/// A record is its fields by the columns' names, or in their order, or its first field.
impl<'de> Deserializer<'de> for Record<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.next_field()?.deserialize_option(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.next_field()?.deserialize_enum(name, variants, visitor)
    }

    first_field! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string
    }

    forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct map struct identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Record<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.names.next() else { return Ok(None) };
        self.column = name;
        let name: StrDeserializer<'_, Error> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let field = self.next_field()?;
        seed.deserialize(field).map_err(|error| self.in_column(&error))
    }
}

impl<'de> SeqAccess<'de> for Record<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(field) = self.fields.next() else { return Ok(None) };
        self.column = self.names.next().map_or("", String::as_str);
        seed.deserialize(Field(field)).map(Some).map_err(|error| self.in_column(&error))
    }
}

/// One field, unquoted.
struct Field<'a>(&'a str);

impl Field<'_> {
    fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, Error> {
        self.0.trim().parse().map_err(|error| Error(format!("{}: {error}", self.0)))
    }
}

impl<'de> Deserializer<'de> for Field<'_> {
    type Error = Error;

    /// What the text looks like, for types that take anything.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            text => match (text.parse(), text.parse(), text.parse()) {
                (Ok(number), _, _) => visitor.visit_u64(number),
                (_, Ok(number), _) => visitor.visit_i64(number),
                (_, _, Ok(number)) => visitor.visit_f64(number),
                _ => visitor.visit_str(text),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.0.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.0.as_bytes())
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    parsed! {
        deserialize_bool visit_bool, deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32,
        deserialize_i64 visit_i64, deserialize_i128 visit_i128, deserialize_u8 visit_u8, deserialize_u16 visit_u16,
        deserialize_u32 visit_u32, deserialize_u64 visit_u64, deserialize_u128 visit_u128, deserialize_f32 visit_f32,
        deserialize_f64 visit_f64
    }

    forward_to_deserialize_any! { seq tuple tuple_struct map struct unit_struct identifier }
}

/// Variants without data, by their names.
impl<'de> EnumAccess<'de> for Field<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Field<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Error> {
        Err(Error::custom(VARIANT))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom(VARIANT))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        Err(Error::custom(VARIANT))
    }
}

const VARIANT: &str = "a field holds no variant with data";

#[cfg(test)]
mod tests;
