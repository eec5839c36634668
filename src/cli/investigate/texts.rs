//! Words of the report for people: whose act it is, and texts of an attacker's choice.

use crate::investigation::Attributed;
use crate::notify::defang;

/// Endings of files that are no top-level domains, so that no program makes a link of such a name.
const ENDINGS: [&str; 28] = [
    "7z", "bmp", "csv", "doc", "docm", "docx", "eml", "gif", "htm", "html", "jpeg", "jpg", "json", "log", "msg", "odt",
    "pdf", "png", "ppt", "pptx", "pst", "rtf", "txt", "xls", "xlsb", "xlsm", "xlsx", "xml",
];

/// Returns an answer to the question whose act it was.
pub(super) fn whose(attributed: Attributed) -> &'static str {
    match attributed {
        Attributed::Proven => "attacker (proven)",
        Attributed::Linked => "attacker (linked)",
        Attributed::Likely => "attacker (likely)",
        Attributed::Owner => "owner",
        Attributed::Microsoft => "Microsoft",
        Attributed::Response => "response",
        Attributed::Unclear => "unclear",
    }
}

/// Returns a text of which no program makes a link. Versions and names of files can be read as they are.
pub(super) fn harmless(text: &str) -> String {
    let defanged = defang(text);
    let mut parts = defanged.split("[.]");
    let mut safe = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        safe.push_str(if ends_a_domain(part) { "[.]" } else { "." });
        safe.push_str(part);
    }
    safe
}

/// Returns whether the label behind a dot can be that of a domain.
fn ends_a_domain(after: &str) -> bool {
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(after.len());
    let (label, rest) = after.split_at(end);
    let is_number = !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    let is_of_file = ENDINGS.iter().any(|ending| ending.eq_ignore_ascii_case(label));
    let is_last = rest.chars().next().is_none_or(|c| c.is_whitespace() || "\"'),;»”".contains(c));
    !(is_number || (is_of_file && is_last))
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn versions_and_names_of_files_stay_readable() {
        for text in ["axios/1.7.9", "Mozilla/5.0 Chrome/131.0.0.0", "Plan 2.1.xlsx", "\"a.PDF\", b.docx", "."] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn domains_stay_defanged() {
        for (text, expected) in [
            ("https://evil.example/a.pdf", "https:[//]evil[.]example/a.pdf"),
            ("pay.xlsx.evil.com", "pay.xlsx[.]evil[.]com"),
            ("1.evil.7.com/x", "1[.]evil.7[.]com/x"),
            ("update.zip a.com", "update[.]zip a[.]com"),
            ("a.pdf/x a.pdf@b", "a[.]pdf/x a[.]pdf[@]b"),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }
}
