use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn rows(text: &str) -> Vec<&str> {
    let table = find(text).unwrap();
    let Table::Json { starts } = &table else { panic!("no JSON") };
    let ends = starts.iter().skip(1).map(|end| *end as usize).chain([text.len()]);
    let rows = starts.iter().zip(ends).map(|(start, end)| table.trim(text.as_bytes(), *start as usize..end));
    rows.map(|row| std::str::from_utf8(row).unwrap()).collect()
}

fn refusal(text: &str) -> String {
    find(text).unwrap_err().to_string()
}

#[test]
fn rows_are_the_elements_byte_by_byte() {
    assert_eq!(rows("[]"), [""; 0]);
    assert_eq!(rows(" \n[ ] \n"), [""; 0]);
    assert_eq!(rows("[1,\"a, ]\" , {\"b\": [2,\n3]}\n,null ]\n\n"), ["1", "\"a, ]\"", "{\"b\": [2,\n3]}", "null"]);
    assert_eq!(rows("\u{feff}[\"é\",[]]"), ["\"é\"", "[]"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, wanted) in [
        ("", "it isn't a JSON array, whose elements would be the rows: it begins with nothing"),
        ("{\"rows\": [1]}", "it begins with '{'"),
        ("name\nann", "it begins with 'n'"),
        ("[1,\n2 3]", "line 2, column 3: not valid JSON: expected `,` or `]`"),
        ("[1,]", "line 1, column 4: not valid JSON: trailing comma"),
        ("[1, {\"a\": }]", "line 1, column 11: not valid JSON"),
        ("[1", "line 1, column 2: not valid JSON: EOF while parsing a list"),
        ("[1]\n[2]", "line 2, column 1: not valid JSON: trailing characters"),
    ] {
        assert!(refusal(text).contains(wanted), "{text:?}: {}", refusal(text));
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        "[\\\\\"\\],\\[{}: \n]{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn rows_are_what_serde_json_reads(values in prop::collection::vec(value(), 0..12), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) }.unwrap();
        let read: Vec<Value> = rows(&text).into_iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn any_text_is_read_as_serde_json_would(text in "[\\[\\]{}:,\" 1a\n]{0,16}") {
        match serde_json::from_str::<Vec<Value>>(&text) {
            Err(_) => prop_assert!(find(&text).is_err()),
            Ok(values) => {
                let read: Vec<Value> = rows(&text).into_iter().map(|row| serde_json::from_str(row).unwrap()).collect();
                prop_assert_eq!(read, values);
            }
        }
    }
}
