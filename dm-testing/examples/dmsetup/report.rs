//! Reports in columns, for all commands of dmsetup that print some: fields by name, sorted, selected and aligned.

use std::cmp::Ordering;

use crate::Result;
use crate::options::Options;

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

/// Underscores in the names of fields are ignored.
fn find<'c, T>(columns: &'c [Column<T>], name: &str) -> Result<&'c Column<T>> {
    let plain = |name: &str| name.replace('_', "");
    let found = columns.iter().find(|column| plain(column.name) == plain(name));
    Ok(found.ok_or_else(|| format!("Unrecognised field: {name}"))?)
}

impl<T> Column<T> {
    fn compare(&self, a: &T, b: &T) -> Ordering {
        let (a, b) = ((self.show)(a), (self.show)(b));
        if self.is_number { a.parse::<u64>().ok().cmp(&b.parse().ok()) } else { a.cmp(&b) }
    }

    /// The field as a shell variable.
    fn assignment(&self, value: &str) -> String {
        format!("DM_{}='{value}'", self.name.to_uppercase())
    }
}

/// Keeps the rows that match `--select`: all of `field=value` or `field!=value`, separated by commas.
fn select<T>(columns: &[Column<T>], selection: &str, rows: &mut Vec<T>) -> Result<()> {
    for condition in selection.split(',') {
        let (field, value) = condition.split_once('=').ok_or("Selection syntax error.")?;
        let (field, wanted) = field.strip_suffix('!').map_or((field, true), |field| (field, false));
        let column = find(columns, field.trim())?;
        rows.retain(|row| ((column.show)(row) == value.trim().trim_matches(['"', '\''])) == wanted);
    }
    Ok(())
}

fn sort<T>(columns: &[Column<T>], keys: &str, rows: &mut [T]) -> Result<()> {
    for key in keys.split(',').rev() {
        let column = find(columns, key.trim_start_matches(['+', '-']))?;
        rows.sort_by(|a, b| if key.starts_with('-') { column.compare(b, a) } else { column.compare(a, b) });
    }
    Ok(())
}

/// Prints the fields in `--options`, or the default fields, for all rows.
pub(crate) fn print<T>(
    columns: &[Column<T>],
    default: &str,
    keys: &str,
    mut rows: Vec<T>,
    options: &Options,
) -> Result<()> {
    let fields = match options.value("options") {
        Some(more) if more.starts_with('+') => format!("{default},{}", more.trim_start_matches('+')),
        fields => fields.unwrap_or(default).to_owned(),
    };
    let fields = fields.split(',').map(|field| find(columns, field)).collect::<Result<Vec<_>>>()?;
    if let Some(selection) = options.value("select") {
        select(columns, selection, &mut rows)?;
    }
    sort(columns, options.value("sort").unwrap_or(keys), &mut rows)?;
    let cell = |field: &Column<T>, row| {
        let value = (field.show)(row);
        if options.has("nameprefixes") { field.assignment(&value) } else { value }
    };
    let mut table: Vec<Vec<String>> =
        rows.iter().map(|row| fields.iter().map(|field| cell(field, row)).collect()).collect();
    if table.is_empty() {
        return Ok(());
    }
    if !options.has("noheadings") {
        table.insert(0, fields.iter().map(|field| field.heading.to_owned()).collect());
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
            let width = widest.unwrap_or(0).max(field.width);
            // Headings are aligned to the left.
            if field.is_number && index > 0 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let cells: Vec<_> = if is_aligned { padded.collect() } else { row.clone() };
        println!("{}", cells.join(separator));
    }
    Ok(())
}
