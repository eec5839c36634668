//! Activities as CSV, one line for each.

use std::borrow::Cow;
use std::io::Write;

use base::marks::turns_or_hides;

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

/// The beginnings of a formula. East Asian versions of spreadsheets read the full-width ones as well.
const FORMULAS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Quotes a cell that needs it. One that a spreadsheet would take for a formula gets an apostrophe: an attacker chooses these texts.
/// Spaces before it do not count, because some programs drop them. Control characters and marks that nobody sees are left out: a
/// terminal would obey them.
pub(in crate::cli) fn cell(text: &str) -> Cow<'_, str> {
    let is_left_out = |c: char| turns_or_hides(c) || (c.is_control() && !matches!(c, '\t' | '\r' | '\n'));
    if text.contains(is_left_out) {
        return Cow::Owned(cell(&text.replace(is_left_out, "")).into_owned());
    }
    let is_unseen = |c: char| c.is_whitespace();
    let is_formula = text.starts_with(['\t', '\r']) || text.trim_start_matches(is_unseen).starts_with(FORMULAS);
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
        for formula in ["＝1+1", "＋1", "－1", "＠SUM(A1)", " =1+1", "\u{a0}=1", "\n=1"] {
            assert_eq!(cell(formula), format!("\"'{formula}\""), "{formula:?}");
        }
        for (text, cell_of) in
            [("\u{200b}=1", "\"'=1\""), ("\u{feff}@x", "\"'@x\""), ("a\u{1b}[31m\u{9b}b\u{202e}", "a[31mb")]
        {
            assert_eq!(cell(text), cell_of, "{text:?}");
        }
    }
}
