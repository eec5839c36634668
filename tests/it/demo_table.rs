//! The tables that the demo prints, in terminals of every width.

#[path = "../../examples/table.rs"]
mod table;

use unicode_width::UnicodeWidthStr as _;

#[test]
fn demo_table_is_never_wider_than_the_terminal() {
    let header = ["Tenant", "Mailbox", "Planted attack", "Found", "Notified", "Remediation", "Verified"];
    let row = [
        "wide-world-importers.example",
        "megan.bowen-with-a-long-name@wide-world-importers.example",
        "an inbox rule without a name that deletes everything about invoices",
        "High 100",
        "1×",
        "Completed",
        "yes",
    ];
    assert!(table::new_table(&header).width().is_some(), "the width of the terminal is used");
    for width in [40_u16, 60, 80, 100, 120, 200] {
        let mut table = table::table_of_width(&header, width);
        table.add_row(row);
        let text = table.to_string();
        assert!(text.lines().all(|line| line.width() <= width.into()), "{width}:\n{text}");
        let shown: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        assert!(shown.contains("Tenant") || width < 60, "{text}");
    }
}
