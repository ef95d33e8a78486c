//! What a column of a parquet file holds, and how its values are to be understood.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::{ColumnDescriptor, Type};

use super::Kind;

/// The values of a column that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Int32,
    Uint32,
    Int64,
    Uint64,
    Float,
    Double,
    Text,
    /// Days since 1970.
    Date,
    /// Units since 1970, so many in a second.
    Timestamp(i64),
    /// As Impala and older versions of Spark write them: day and nanosecond.
    Int96,
}

impl Stored {
    /// How the column `root`, whose values are described by `leaf`, is to be read as `kind`, or what it
    /// holds instead.
    pub(super) fn new(root: &Type, leaf: &ColumnDescriptor, kind: Kind) -> Result<Self, String> {
        let wanted = match kind {
            Kind::Ids => "ids (whole numbers or text) are needed",
            Kind::Numbers => "numbers are needed",
        };
        let found = match Self::of(root, leaf) {
            Ok(Stored::Text) if kind == Kind::Numbers => "text",
            Ok(Stored::Date) if kind == Kind::Ids => "dates",
            Ok(Stored::Timestamp(_) | Stored::Int96) if kind == Kind::Ids => "timestamps",
            Ok(stored) => return Ok(stored),
            Err(found) => found,
        };
        Err(format!("it holds {found}; {wanted}"))
    }

    fn of(root: &Type, leaf: &ColumnDescriptor) -> Result<Self, &'static str> {
        if root.is_group() {
            return Err(nested(root));
        }
        if is_repeated(root) {
            return Err("lists");
        }
        let logical = leaf.logical_type_ref();
        let converted = leaf.converted_type();
        match logical {
            Some(LogicalType::Decimal(_)) => return Err("decimals"),
            Some(LogicalType::Time(_)) => return Err("times of day"),
            Some(LogicalType::Json | LogicalType::Bson) => return Err("JSON"),
            Some(LogicalType::Uuid) => return Err("UUIDs in binary"),
            Some(LogicalType::Float16) => return Err("16-bit floats"),
            Some(LogicalType::Unknown) => return Err("nothing but nulls"),
            _ => {}
        }
        match converted {
            ConvertedType::DECIMAL => return Err("decimals"),
            ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS => return Err("times of day"),
            ConvertedType::JSON | ConvertedType::BSON => return Err("JSON"),
            ConvertedType::INTERVAL => return Err("intervals"),
            _ => {}
        }
        let is_unsigned = match logical {
            Some(LogicalType::Integer(integer)) => !integer.is_signed,
            _ => matches!(
                converted,
                ConvertedType::UINT_8
                    | ConvertedType::UINT_16
                    | ConvertedType::UINT_32
                    | ConvertedType::UINT_64
            ),
        };
        let is_date = matches!(logical, Some(LogicalType::Date)) || converted == ConvertedType::DATE;
        Ok(match leaf.physical_type() {
            Physical::INT32 if is_date => Stored::Date,
            Physical::INT32 if is_unsigned => Stored::Uint32,
            Physical::INT32 => Stored::Int32,
            Physical::INT64 => match units(logical, converted) {
                Some(units) => Stored::Timestamp(units),
                None if is_unsigned => Stored::Uint64,
                None => Stored::Int64,
            },
            Physical::FLOAT => Stored::Float,
            Physical::DOUBLE => Stored::Double,
            Physical::INT96 => Stored::Int96,
            Physical::BYTE_ARRAY => match logical {
                None | Some(LogicalType::String | LogicalType::Enum) => Stored::Text,
                Some(_) => return Err("values of another type"),
            },
            Physical::BOOLEAN => return Err("true and false"),
            Physical::FIXED_LEN_BYTE_ARRAY => return Err("binary values of one length"),
        })
    }
}

/// How many units of a timestamp make a second.
fn units(logical: Option<&LogicalType>, converted: ConvertedType) -> Option<i64> {
    match (logical, converted) {
        (Some(LogicalType::Timestamp(timestamp)), _) => Some(match timestamp.unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        }),
        (None, ConvertedType::TIMESTAMP_MILLIS) => Some(1_000),
        (None, ConvertedType::TIMESTAMP_MICROS) => Some(1_000_000),
        _ => None,
    }
}

fn nested(root: &Type) -> &'static str {
    let info = root.get_basic_info();
    match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::List), _) | (_, ConvertedType::LIST) => "lists",
        (Some(LogicalType::Map), _) | (_, ConvertedType::MAP) => "maps",
        _ if is_repeated(root) => "lists",
        _ => "groups of columns",
    }
}

fn is_repeated(root: &Type) -> bool {
    let info = root.get_basic_info();
    info.has_repetition() && info.repetition() == Repetition::REPEATED
}
