//! Activities as CSV, one line for each.

use std::borrow::Cow;
use std::io::Write;

use super::InvestigateError;
use crate::casework::Made;

/// Writes a heading and the activities.
pub(super) fn write(made: &Made, out: &mut dyn Write) -> Result<(), InvestigateError> {
    out.write_all(b"Id,Time,Account,Mailbox,Operation,IP,Session,Attribution,Rule,Client,Result\r\n")?;
    made.activities(|row| -> Result<(), InvestigateError> {
        let (id, time) = (row.id.to_string(), row.time.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        let cells = [
            id.as_str(),
            &time,
            row.account,
            row.mailbox,
            row.operation,
            &row.ip,
            row.session,
            row.attribution.as_str(),
            row.rule.as_str(),
            row.client,
            row.result,
        ];
        let line: Vec<Cow<'_, str>> = cells.into_iter().map(cell).collect();
        Ok(write!(out, "{}\r\n", line.join(","))?)
    })
}

/// Quotes a cell that needs it. One that a spreadsheet would take for a formula gets an apostrophe: an attacker chooses these texts.
fn cell(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !is_formula && !text.contains(['"', ',', '\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let mark = if is_formula { "'" } else { "" };
    Cow::Owned(format!("\"{mark}{}\"", text.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        assert_eq!(cell("Send"), "Send");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
    }
}
