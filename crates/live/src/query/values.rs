//! The different values of an answer, each once, in bounded memory.

use std::borrow::Cow;

use crate::dictionary::{Dictionary, Texts};
use crate::encode::Cell;
use crate::error::Fault;
use crate::limits::{VALUES_BYTES_MAX, VALUES_MAX};

use super::part::Part;
use onepixel_view::Dimension;

use crate::axis::{class_name, column};

/// Numbers for values, from 0 on, with what is counted of each.
#[derive(Default)]
pub(super) struct Values<T> {
    dictionary: Dictionary,
    pub(super) counts: Vec<T>,
}

impl<T: Default> Values<T> {
    /// What is counted of the value, and its number.
    pub(super) fn entry(&mut self, value: &[u8]) -> Result<(usize, &mut T), Fault> {
        let number = self.dictionary.number(value) as usize;
        if number == self.counts.len() {
            if number >= VALUES_MAX || self.dictionary.size_bytes() > VALUES_BYTES_MAX {
                return Err(Fault::TooManyValues);
            }
            self.counts.push(T::default());
        }
        match self.counts.get_mut(number) {
            Some(count) => Ok((number, count)),
            None => Err(Fault::TooManyValues),
        }
    }

    /// The value behind a number.
    pub(super) fn value(&self, number: usize) -> &[u8] {
        u32::try_from(number).map_or(&[], |number| self.dictionary.text(number))
    }
}

/// A value as it was put in; what is not UTF-8 in a damaged file is shown as such.
pub(super) fn shown(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}

/// A chunk's values along a dimension, and each event's.
pub(super) struct Axis {
    names: Names,
    pub(super) codes: Vec<u16>,
}

enum Names {
    Texts(Texts),
    Cells(Vec<String>),
}

impl Axis {
    /// Site and class are read from the cells, everything else from its column. Entry and exit are the page.
    pub(super) fn of(part: &mut Part<'_>, dimension: Dimension) -> Result<Self, Fault> {
        let column = match dimension {
            Dimension::Entry | Dimension::Exit => column(Dimension::Page),
            _ => column(dimension),
        };
        if let Some(column) = column {
            let texts = part.chunk.texts(column)?;
            let codes = part.chunk.codes(column, &texts)?;
            return Ok(Self { names: Names::Texts(texts), codes });
        }
        let name = |cell: &Cell| match dimension {
            Dimension::Site => cell.site.clone(),
            _ => class_name(cell.class).to_owned(),
        };
        part.read_cells()?;
        let names = Names::Cells(part.cells.iter().map(name).collect());
        Ok(Self { names, codes: part.cell_codes.iter().map(|code| code / 2).collect() })
    }

    /// Different values.
    pub(super) fn len(&self) -> usize {
        match &self.names {
            Names::Texts(texts) => texts.len(),
            Names::Cells(names) => names.len(),
        }
    }

    /// The value behind a code.
    pub(super) fn name(&self, code: usize) -> &[u8] {
        match &self.names {
            Names::Texts(texts) => texts.get(code),
            Names::Cells(names) => names.get(code).map_or(&[], String::as_bytes),
        }
    }
}
