//! Addresses and their parts travel as text, in JSON and in CBOR alike: a reader in another language needs no schema.
//!
//! Decoding goes through the parser, so a decoded value obeys the grammar. It accepts other spellings than the canonical
//! one; a signed encoding that must be unique is compared with its re-encoding, as for every signed body.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Address, AddressError, Label, Name, Path};

macro_rules! as_text {
    ($type:ty, $what:literal) => {
        impl FromStr for $type {
            type Err = AddressError;

            fn from_str(input: &str) -> Result<Self, AddressError> {
                <$type>::parse(input)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!($what, " as a string"))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        <$type>::parse(text).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Visitor)
            }
        }

        impl<C> Encode<C> for $type {
            fn encode<W: encode::Write>(
                &self,
                encoder: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                encoder.str(&self.to_string())?;
                Ok(())
            }
        }

        impl<'b, C> Decode<'b, C> for $type {
            fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                let at = decoder.position();
                <$type>::parse(decoder.str()?).map_err(|error| decode::Error::custom(error).at(at))
            }
        }
    };
}

as_text!(Address, "a bzzz address");
as_text!(Name, "a name");
as_text!(Label, "a name");
as_text!(Path, "a path");
