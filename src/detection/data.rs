//! Reading the lists in `data/`: lines of fields parted by tabs; `#` begins a comment, empty lines mean nothing.

/// The lines of a list, each as its fields.
pub(super) fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    lines(text).map(|line| line.split('\t').map(str::trim).collect())
}

/// The lines that say something.
pub(super) fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}
