//! Reports in columns, for all commands of dmsetup that print some: fields by name, sorted, selected and aligned.

use std::cmp::Ordering;

use crate::Result;
use crate::options::Options;
use crate::select::Selection;

/// A column: the name of its field, heading, minimum width, whether it is a number, and the function that prints it for
/// a row.
pub(crate) struct Column<T> {
    name: &'static str,
    heading: &'static str,
    width: usize,
    is_number: bool,
    show: fn(&T) -> String,
}

pub(crate) const fn text<T>(
    name: &'static str,
    heading: &'static str,
    width: usize,
    show: fn(&T) -> String,
) -> Column<T> {
    Column { name, heading, width, is_number: false, show }
}

pub(crate) const fn number<T>(
    name: &'static str,
    heading: &'static str,
    width: usize,
    show: fn(&T) -> String,
) -> Column<T> {
    Column { name, heading, width, is_number: true, show }
}

/// Underscores and capital letters in the names of fields are for reading only.
pub(crate) fn find<'c, T>(columns: &'c [Column<T>], name: &str) -> Result<&'c Column<T>> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let found = columns.iter().find(|column| plain(column.name) == plain(name));
    Ok(found.ok_or_else(|| format!("Unrecognised field: {name}"))?)
}

impl<T> Column<T> {
    pub(crate) fn show(&self, row: &T) -> String {
        (self.show)(row)
    }

    pub(crate) const fn is_number(&self) -> bool {
        self.is_number
    }

    fn compare(&self, a: &T, b: &T) -> Ordering {
        let (a, b) = ((self.show)(a), (self.show)(b));
        if self.is_number { a.parse::<u64>().ok().cmp(&b.parse().ok()) } else { a.cmp(&b) }
    }
}

fn sort<T>(columns: &[Column<T>], keys: &str, rows: &mut [T]) -> Result<()> {
    for key in keys.split(',').filter(|key| !key.is_empty()).rev() {
        let column = find(columns, key.trim_start_matches(['+', '-']))?;
        rows.sort_by(|a, b| if key.starts_with('-') { column.compare(b, a) } else { column.compare(a, b) });
    }
    Ok(())
}

/// A word that stands for several fields.
pub(crate) type Group = (&'static str, &'static str);

/// A field of a row: a column, or whether the row is selected.
enum Field<'c, T> {
    Column(&'c Column<T>),
    Selected,
}

impl<'c, T> Field<'c, T> {
    /// The fields that a list names.
    fn parse(columns: &'c [Column<T>], groups: &[Group], list: &str) -> Result<Vec<Self>> {
        let mut fields = Vec::new();
        for name in list.split(',').filter(|name| !name.is_empty()) {
            match groups.iter().find(|(group, _)| *group == name) {
                Some((_, all)) => fields.extend(Self::parse(columns, &[], all)?),
                None if name == "selected" => fields.push(Self::Selected),
                None => fields.push(Self::Column(find(columns, name)?)),
            }
        }
        Ok(fields)
    }

    const fn heading(&self) -> &'static str {
        match self {
            Self::Column(column) => column.heading,
            Self::Selected => "Selected",
        }
    }

    const fn width(&self) -> usize {
        match self {
            Self::Column(column) => column.width,
            Self::Selected => 8,
        }
    }

    const fn is_number(&self) -> bool {
        match self {
            Self::Column(column) => column.is_number,
            Self::Selected => true,
        }
    }

    /// The text of the field in a row, as an assignment for a shell with `--nameprefixes`.
    fn cell(&self, row: &T, selection: &Selection<'_, T>, options: &Options) -> String {
        let (name, value) = match self {
            Self::Column(column) => (column.name, column.show(row)),
            Self::Selected => ("selected", u8::from(selection.has(row)).to_string()),
        };
        let quote = if options.has("unquoted") { "" } else { "'" };
        if options.has("nameprefixes") { format!("DM_{}={quote}{value}{quote}", name.to_uppercase()) } else { value }
    }
}

/// Prints the fields in `--options`, or those that a report has by default, of the rows that `--select` selects.
pub(crate) fn print<T>(
    (columns, groups): (&[Column<T>], &[Group]),
    default: &str,
    keys: &str,
    mut rows: Vec<T>,
    options: &Options,
) -> Result<()> {
    let fields = match options.value("options") {
        Some(more) if more.starts_with('+') => format!("{default},{}", more.trim_start_matches('+')),
        fields => fields.unwrap_or(default).to_owned(),
    };
    let fields = Field::parse(columns, groups, &fields)?;
    let selection = Selection::parse(columns, options.value("select").unwrap_or_default())?;
    if !fields.iter().any(|field| matches!(field, Field::Selected)) {
        rows.retain(|row| selection.has(row));
    }
    sort(columns, options.value("sort").unwrap_or(keys), &mut rows)?;
    let mut table: Vec<Vec<String>> =
        rows.iter().map(|row| fields.iter().map(|field| field.cell(row, &selection, options)).collect()).collect();
    if table.is_empty() {
        return Ok(());
    }
    if !options.has("noheadings") {
        table.insert(0, fields.iter().map(|field| field.heading().to_owned()).collect());
    }
    if options.has("rows") {
        let column = |at: usize| table.iter().filter_map(|row| row.get(at).cloned()).collect();
        table = (0..fields.len()).map(column).collect();
    }
    let is_aligned = !["noheadings", "nameprefixes", "rows", "separator"].iter().any(|option| options.has(option));
    let separator = options.value("separator").unwrap_or(if options.has("noheadings") { ":" } else { " " });
    for (index, row) in table.iter().enumerate() {
        let padded = row.iter().enumerate().zip(&fields).map(|((at, cell), field)| {
            let widest = table.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
            let width = widest.unwrap_or(0).max(field.width());
            // Headings are aligned to the left.
            if field.is_number() && index > 0 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let cells: Vec<_> = if is_aligned { padded.collect() } else { row.clone() };
        println!("{}", cells.join(separator));
    }
    Ok(())
}
