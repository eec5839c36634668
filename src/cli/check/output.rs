//! Writes what was found, for people or for programs.

use std::io::{Result, Write};

use crate::cli::output;
use crate::cli::scan::printable;
use crate::readiness::ItemState;

use super::{Format, Found};

/// Writes everything as JSON, or what is not fine as a table.
pub(super) fn write(found: &Found, format: Format, out: &mut dyn Write) -> Result<()> {
    match format {
        Format::Json => {
            output::write_pretty_json(out, found)?;
            writeln!(out)
        }
        Format::Table => write_table(found, out),
    }
}

fn write_table(found: &Found, out: &mut dyn Write) -> Result<()> {
    let mut table = output::table(["Tenant", "Item", "State", "Detail", "Fix"]);
    let ours = found.ours.iter().map(|item| ("Tenantwatch", item));
    let of_tenants = found.tenants.iter().flat_map(|of| of.items.iter().map(|item| (of.domain.as_str(), item)));
    let mut rows = 0_usize;
    for (name, item) in ours.chain(of_tenants.clone()).filter(|(_, item)| item.state != ItemState::Ok) {
        let mend = if is_page(&item.mend) { "the page below" } else { &item.mend };
        // The administrators of a tenant choose what its services answer.
        let texts = [name, &item.item, item.state.as_str(), &item.detail, mend];
        table.add_row(texts.map(printable));
        rows += 1;
    }
    if rows > 0 {
        writeln!(out, "{table}")?;
    }
    // Nobody can open a link that a table has broken.
    for (name, item) in of_tenants.filter(|(_, item)| is_page(&item.mend)) {
        writeln!(out, "{}: {}", printable(name), printable(&item.mend))?;
    }
    let all = || found.ours.iter().chain(found.tenants.iter().flat_map(|of| &of.items));
    let count = |state| all().filter(|item| item.state == state).count();
    let (ok, missing, unknown) = (count(ItemState::Ok), count(ItemState::Missing), count(ItemState::Unknown));
    let tenants = match found.tenants.len() {
        1 => "1 tenant".to_owned(),
        count => format!("{count} tenants"),
    };
    writeln!(out, "{tenants} checked: {ok} items ok, {missing} missing, {unknown} unknown")
}

fn is_page(mend: &str) -> bool {
    mend.starts_with("https://")
}
