//! Characters that nobody sees and that change what people see.

/// Returns whether a character turns the direction of text or hides in it: direction marks and overrides, zero-width and invisible
/// characters, separators of lines, tags. Selectors of a variant, which emoji need, are none.
pub fn turns_or_hides(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
