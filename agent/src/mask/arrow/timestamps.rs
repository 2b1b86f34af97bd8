//! Timestamps in the four ways in which Snowflake writes them.
//!
//! A method sees seconds in the value's own zone: for `TIMESTAMP_TZ` the one that stands beside it,
//! else UTC. So a `TIMESTAMP_LTZ` is cut at the year of UTC, whatever zone a session shows it in.

use std::sync::Arc;

use arrow_array::builder::Int64Builder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, Int32Array, Int64Array, StructArray};
use arrow_buffer::NullBuffer;

use super::columns::OTHER_TYPE;
use super::layout::Timestamp;
use crate::mask::column::Cells;
use crate::mask::rows::RowsError;

/// A value as it stands in its own zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
    /// Minutes, where the type has a zone.
    pub(super) offset: Option<i32>,
}

/// Snowflake writes a zone as minutes with this added.
const OFFSET_BIAS: i32 = 1440;

const SECOND: i64 = 1_000_000_000;

/// Reads the values of a column.
#[derive(Debug)]
pub(super) struct Moments<'a> {
    kind: Timestamp,
    /// Of a second, of an epoch that is scaled.
    units: i64,
    nulls: Option<&'a NullBuffer>,
    epochs: &'a Int64Array,
    fractions: Option<&'a Int32Array>,
    zones: Option<&'a Int32Array>,
}

impl<'a> Moments<'a> {
    pub(super) fn new(kind: Timestamp, scale: u8, array: &'a ArrayRef) -> Result<Self, RowsError> {
        let parts = array.as_struct_opt();
        let part = |position: usize| parts.and_then(|parts| parts.columns().get(position));
        let epochs = match kind {
            Timestamp::Scaled => Some(array),
            Timestamp::Split | Timestamp::ScaledZoned | Timestamp::SplitZoned => part(0),
        };
        let (fractions, zones) = match kind {
            Timestamp::Scaled => (None, None),
            Timestamp::Split => (part(1), None),
            Timestamp::ScaledZoned => (None, part(1)),
            Timestamp::SplitZoned => (part(1), part(2)),
        };
        let epochs = epochs.and_then(|it| it.as_primitive_opt::<Int64Type>());
        Ok(Self {
            kind,
            units: 10_i64
                .checked_pow(u32::from(scale.min(9)))
                .unwrap_or(SECOND),
            nulls: array.nulls(),
            epochs: epochs.ok_or(OTHER_TYPE)?,
            fractions: fractions.and_then(|it| it.as_primitive_opt::<Int32Type>()),
            zones: zones.and_then(|it| it.as_primitive_opt::<Int32Type>()),
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Option<Read>> + '_ {
        (0..self.epochs.len()).map(|row| {
            let is_null = self.nulls.is_some_and(|nulls| nulls.is_null(row));
            (!is_null).then(|| self.read(row))
        })
    }

    fn read(&self, row: usize) -> Read {
        let at = |parts: &Int32Array| parts.values().get(row).copied();
        let epoch = self.epochs.values().get(row).copied().unwrap_or_default();
        let (seconds, nanoseconds) = match self.kind {
            Timestamp::Scaled | Timestamp::ScaledZoned => (
                epoch.div_euclid(self.units),
                epoch.rem_euclid(self.units) * (SECOND / self.units),
            ),
            Timestamp::Split | Timestamp::SplitZoned => {
                (epoch, self.fractions.and_then(at).map_or(0, i64::from))
            }
        };
        let offset = self
            .zones
            .and_then(at)
            .map(|it| it.checked_sub(OFFSET_BIAS));
        let local = match offset {
            None => Some((seconds, None)),
            Some(offset) => {
                offset.and_then(|offset| Some((seconds.checked_add(shift(offset))?, Some(offset))))
            }
        };
        let nanoseconds = u32::try_from(nanoseconds)
            .ok()
            .filter(|it| i64::from(*it) < SECOND);
        local
            .zip(nanoseconds)
            .map(|((seconds, offset), nanoseconds)| Moment {
                seconds,
                nanoseconds,
                offset,
            })
            .ok_or(NotOne)
    }

    /// The epoch and fraction of a moment, as this column has them.
    fn write(&self, moment: Moment) -> Option<(i64, i32)> {
        let seconds = moment.seconds.checked_sub(moment.offset.map_or(0, shift))?;
        match self.kind {
            Timestamp::Scaled | Timestamp::ScaledZoned => {
                let part = i64::from(moment.nanoseconds) / (SECOND / self.units);
                Some((seconds.checked_mul(self.units)?.checked_add(part)?, 0))
            }
            Timestamp::Split | Timestamp::SplitZoned => {
                Some((seconds, i32::try_from(moment.nanoseconds).ok()?))
            }
        }
    }
}

/// Numbers that are no timestamp, as a zone of a hundred years: they become NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotOne;

pub(super) type Read = Result<Moment, NotOne>;

fn shift(offset: i32) -> i64 {
    i64::from(offset) * 60
}

/// Masks a column: zones stay, as masked values have them too.
pub(super) fn column(
    cells: &mut Cells<'_>,
    kind: Timestamp,
    array: &ArrayRef,
) -> Result<ArrayRef, RowsError> {
    let moments = Moments::new(kind, cells.column.field.scale, array)?;
    let mut epochs = Int64Builder::with_capacity(array.len());
    let mut fractions = Vec::with_capacity(array.len());
    let mut zones = Vec::with_capacity(array.len());
    for moment in moments.iter() {
        let masked = moment.and_then(|moment| {
            cells.count_masked();
            let moment = moment.ok()?;
            let (seconds, nanoseconds) = cells
                .masking()?
                .timestamp(moment.seconds, moment.nanoseconds)?;
            let masked = Moment {
                seconds,
                nanoseconds,
                offset: moment.offset,
            };
            Some((moments.write(masked)?, moment.offset.unwrap_or_default()))
        });
        epochs.append_option(masked.map(|((epoch, _), _)| epoch));
        fractions.push(masked.map_or(0, |((_, fraction), _)| fraction));
        zones.push(masked.map_or(OFFSET_BIAS, |(_, offset)| offset + OFFSET_BIAS));
    }
    let epochs = epochs.finish();
    if kind == Timestamp::Scaled {
        return Ok(Arc::new(epochs));
    }
    // The parts are not nullable: what is null is the whole, and zeros stand under it.
    let (_, values, nulls) = epochs.into_parts();
    let epochs: ArrayRef = Arc::new(Int64Array::new(values, None));
    let fractions: ArrayRef = Arc::new(Int32Array::from(fractions));
    let zones: ArrayRef = Arc::new(Int32Array::from(zones));
    let parts = match kind {
        Timestamp::Scaled => vec![epochs],
        Timestamp::Split => vec![epochs, fractions],
        Timestamp::ScaledZoned => vec![epochs, zones],
        Timestamp::SplitZoned => vec![epochs, fractions, zones],
    };
    let fields = array.as_struct_opt().ok_or(OTHER_TYPE)?.fields().clone();
    let column = StructArray::try_new(fields, parts, nulls).map_err(|_error| OTHER_TYPE)?;
    Ok(Arc::new(column))
}
