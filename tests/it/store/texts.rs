//! Limits of rows, keys and texts, before any store is asked.

use std::collections::BTreeSet;

use table_store::{Entity, PartitionKey, RowKey, parts_together};

use super::{entity, key};

#[test]
fn many_and_large_rows_are_divided_into_parts() {
    let rows = |sizes: &[usize]| -> Vec<Entity> {
        let row = |(number, size): (usize, &usize)| {
            let mut entity = entity("parts", &format!("row{number:03}"));
            entity.set_whole_text("Whole", &"x".repeat(*size));
            entity
        };
        sizes.iter().enumerate().map(row).collect()
    };
    let lengths = |rows: &[Entity]| parts_together(rows).iter().map(|part| part.len()).collect::<Vec<_>>();
    assert_eq!(lengths(&rows(&[1; 250])), [100, 100, 50]);
    assert_eq!(lengths(&rows(&[200_000, 200_000, 300_000, 10, 10])), [2, 3]);
    assert_eq!(lengths(&rows(&[600_000, 600_000])), [1, 1]);
    assert_eq!(lengths(&[]), [0; 0]);
}

#[test]
fn no_text_that_could_reach_into_a_request_becomes_a_key() {
    let hostile = [
        "o'brien",
        "x',RowKey='y",
        "a/b",
        "a\\b",
        "a#b",
        "a?b",
        "a%2Fb",
        "a b",
        "A",
        "ü",
        "",
        "a\n",
        "a\u{0}",
        "a+b",
        "a(b)",
    ];
    for text in hostile {
        assert!(PartitionKey::parse(text).is_err(), "{text:?}");
        assert!(RowKey::parse(text).is_err(), "{text:?}");
    }
    assert!(RowKey::parse(&"a".repeat(256)).is_err());
    assert!(RowKey::parse(&"a".repeat(255)).is_ok());
}

#[test]
fn a_text_is_cut_between_characters_and_says_so() {
    let mut entity = Entity::new(key("p", "r"));
    entity.set_text("Text", &"😀".repeat(20_000));
    let text = entity.text("Text").unwrap();
    assert!(text.ends_with(" … [cut]"));
    assert!(text.encode_utf16().count() <= 30_000);
    let kept: BTreeSet<char> = text.trim_end_matches(" … [cut]").chars().collect();
    assert_eq!(kept, BTreeSet::from(['😀']));
}
