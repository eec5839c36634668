//! Tables of the demo, never wider than the terminal.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};

/// The width where there is no terminal.
const WIDTH_IN_A_PIPE: u16 = 120;

/// Returns an empty table with the width of the terminal. `COLUMNS` is the width if the output goes elsewhere.
pub fn new_table(header: &[&str]) -> Table {
    let of_variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = Table::new().width().or_else(of_variable).unwrap_or(WIDTH_IN_A_PIPE);
    table_of_width(header, width)
}

/// Returns an empty table that is at most this wide. Longer cells get more lines.
pub fn table_of_width(header: &[&str], width: u16) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width).set_header(header.iter().copied());
    table
}
