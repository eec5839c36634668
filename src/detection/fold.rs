//! Reduces text to the letters that people see, so that case, accents, invisible characters and look-alikes make no difference.
//!
//! Compatibility forms (full-width and mathematical letters) are resolved by NFKC, look-alikes by the table of confusables of
//! Unicode Technical Standard #39 (<https://www.unicode.org/reports/tr39/>, through the crate `unicode-security`).

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::skeleton;

/// Returns `text` in lower case, without accents and invisible characters, with single spaces and with Latin letters for
/// everything that looks like one.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return plain(text);
    }
    let compatible: String = text.nfkc().filter(|ch| !is_invisible(*ch)).collect();
    let mut latin = String::with_capacity(compatible.len());
    for part in compatible.split_inclusive(|ch: char| !ch.is_alphanumeric()) {
        let is_mixed = part.chars().any(|ch| ch.is_ascii_alphabetic());
        latin.extend(part.chars().map(|ch| {
            let weak = || if is_mixed { weak_look_alike(ch) } else { None };
            latin_look_alike(ch).or_else(weak).unwrap_or(ch)
        }));
    }
    plain(&latin)
}

/// Returns the Latin letter that people read a small letter as within a Latin word, although the two differ. Alone it proves nothing:
/// whole words of Russian and Greek consist of such letters.
pub(super) fn weak_look_alike(ch: char) -> Option<char> {
    Some(match ch {
        'к' | 'κ' => 'k',
        'т' | 'τ' => 't',
        'м' => 'm',
        'п' | 'η' => 'n',
        'в' | 'β' | '\u{A7B5}' | 'ь' => 'b',
        'н' => 'h',
        'и' => 'u',
        'г' => 'r',
        'ω' | 'ш' => 'w',
        'ε' => 'e',
        'λ' => 'l',
        _ => return None,
    })
}

/// Returns `text` in lower case, without accents and control characters and with single spaces. Everything else stays as it is
/// written: text that matches a list only once it is [`folded`] was made to look like it.
///
/// Fingerprints contain this form. It must not change.
pub(super) fn plain(text: &str) -> String {
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

/// Returns the [`plain`] form with a space for every hidden character, so that those part words that they are in.
pub(super) fn as_written(text: &str) -> String {
    let is_accent = |ch: char| ch != GRAPHEME_JOINER && matches!(ch, '\u{0300}'..='\u{036F}');
    let parted: String = text.chars().map(|ch| if is_invisible(ch) && !is_accent(ch) { ' ' } else { ch }).collect();
    plain(&parted)
}

/// Returns the ASCII letter or digit that a character of another script looks like, in lower case. A capital counts as it is
/// written, else by its small letter: `В` looks like `B`, and `в` like nothing Latin.
pub(super) fn latin_look_alike(ch: char) -> Option<char> {
    if ch.is_ascii() {
        return None;
    }
    if let Some(latin) = drawn_capital(ch) {
        return Some(latin);
    }
    let mut lower = ch.to_lowercase();
    let small = lower.next().filter(|small| *small != ch && lower.next().is_none());
    // A capital I counts as the letter that it is, not as the small L that it looks like.
    let as_written = prototype(ch).filter(|latin| small.is_none() || *latin != 'l');
    as_written.or_else(|| small.and_then(prototype)).or_else(|| prototype(ch))
}

/// The letters in small capitals, in the order of the alphabet. The table of confusables has half of them.
const SMALL_CAPITALS: &str = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡxʏᴢ";

/// Returns the letter of a small capital, or of a capital in a black circle or square. NFKC resolves only those in white ones.
fn drawn_capital(ch: char) -> Option<char> {
    let place = match ch {
        '\u{1F150}'..='\u{1F169}' => u32::from(ch) - 0x1F150,
        '\u{1F170}'..='\u{1F189}' => u32::from(ch) - 0x1F170,
        _ => u32::try_from(SMALL_CAPITALS.chars().position(|small| small == ch)?).ok()?,
    };
    char::from_u32(u32::from('a') + place)
}

fn prototype(ch: char) -> Option<char> {
    let mut buffer = [0; 4];
    let mut prototype = skeleton(ch.encode_utf8(&mut buffer));
    match (prototype.next(), prototype.next()) {
        (Some(latin), None) if latin.is_ascii_alphanumeric() => Some(latin.to_ascii_lowercase()),
        _ => None,
    }
}

/// Stands among the accents and is none.
pub(super) const GRAPHEME_JOINER: char = '\u{034F}';

/// Returns whether a character shows nothing: controls, zero-width characters, direction marks, combining accents, variation
/// selectors, fillers.
pub(super) fn is_invisible(ch: char) -> bool {
    (ch.is_control() && !ch.is_whitespace())
        || matches!(ch, '\u{00AD}' | '\u{0300}'..='\u{036F}' | '\u{061C}' | '\u{115F}' | '\u{1160}'
            | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E01EF}')
}

/// Returns the plain form of a letter of the languages whose words and folders are known.
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

    #[test]
    fn look_alikes_of_every_kind_become_latin_letters() {
        for text in [
            "раssword",
            "ｐａｓｓｗｏｒｄ",
            "𝗽𝗮𝘀𝘀𝘄𝗼𝗿𝗱",
            "pαssword",
            "p\u{200D}assword",
            "ΡASSWORD",
            "ᴘᴀꜱꜱᴡᴏʀᴅ",
            "ⓟⓐⓢⓢⓦⓞⓡⓓ",
            "🅿🅰🆂🆂🆆🅾🆁🅳",
            "🅟🅐🅢🅢🅦🅞🅡🅓",
        ] {
            assert_eq!(folded(text), "password", "{text}");
        }
    }

    #[test]
    fn capitals_and_small_letters_within_latin_words_become_latin() {
        for (text, expected) in [
            ("Вank", "bank"),
            ("Нacked", "hacked"),
            ("ТRANSFER", "transfer"),
            ("Мalware", "malware"),
            ("Κennwort", "kennwort"),
            ("banк", "bank"),
            ("remiттance", "remittance"),
            ("Νotes", "notes"),
            ("faкtura", "faktura"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
        assert_eq!(folded("нет"), "нeт", "a whole word of another script keeps its own letters");
    }

    #[test]
    fn plain_form_keeps_other_scripts() {
        assert_eq!(plain("Пароль"), "пароль");
        assert_eq!(plain("раssword"), "раssword");
    }
}
