//! Texts of records, as they stand in sentences.

use super::fold::is_invisible;

/// A text from a record as it may stand in a sentence: one line, nothing invisible, not endless.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 160;
    let visible = text.chars().filter(|ch| !is_invisible(*ch));
    let mut out: String = visible.map(|ch| if ch.is_whitespace() { ' ' } else { ch }).take(LONGEST + 1).collect();
    if out.chars().count() > LONGEST {
        out.pop();
        out.push('…');
    }
    out.trim().to_owned()
}

/// The first few of many, for a sentence.
pub(super) fn listed<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 5;
    let all: Vec<&str> = texts.into_iter().collect();
    let mut out: Vec<String> = all.iter().take(MOST).map(|text| shown(text)).collect();
    if all.len() > MOST {
        out.push(format!("{} more", all.len() - MOST));
    }
    out.join(", ")
}
