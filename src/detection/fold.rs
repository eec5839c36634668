//! Text as people read it: case, accents, invisible characters and doubled spaces make no difference.

/// Lower case, without accents, control and invisible characters, with single spaces.
pub(super) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars().flat_map(char::to_lowercase) {
        match ch {
            _ if is_invisible(ch) => {}
            _ if ch.is_whitespace() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            _ => match without_accent(ch) {
                Some(plain) => out.push_str(plain),
                None => out.push(ch),
            },
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Characters that show nothing: controls, zero-width characters, direction marks, combining accents, variation selectors.
pub(super) fn is_invisible(ch: char) -> bool {
    (ch.is_control() && !ch.is_whitespace())
        || matches!(ch, '\u{00AD}' | '\u{0300}'..='\u{036F}' | '\u{115F}' | '\u{1160}' | '\u{180B}'..='\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E01EF}')
}

/// The letters of the languages whose words and folders are known.
fn without_accent(ch: char) -> Option<&'static str> {
    Some(match ch {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ą' | 'ă' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ð' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => "o",
        'œ' => "oe",
        'ś' | 'š' => "s",
        'ß' => "ss",
        'ù' | 'ú' | 'û' | 'ü' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        '’' | '‘' | '´' | '`' => "'",
        '‐' | '‑' | '–' | '—' => "-",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_case_and_invisible_characters_make_no_difference() {
        assert_eq!(folded("  R\u{200B}SS\u{00A0} Feeds "), "rss feeds");
        assert_eq!(folded("Éléments supprimés"), "elements supprimes");
        assert_eq!(folded("E\u{301}le\u{301}ments"), "elements");
        assert_eq!(folded("Überweisung Straße"), "uberweisung strasse");
    }
}
