use proptest::prelude::*;

use super::*;

fn rows(text: &str) -> (Vec<String>, Vec<String>) {
    let table = find(text).unwrap();
    let Table::Csv { header, starts } = &table else { panic!("no CSV") };
    let ends = starts.iter().skip(1).map(|end| *end as usize).chain([text.len()]);
    let rows = starts.iter().zip(ends).map(|(start, end)| table.trim(text.as_bytes(), *start as usize..end));
    (header.clone(), rows.map(|row| String::from_utf8(row.to_vec()).unwrap()).collect())
}

fn refusal(text: &str) -> String {
    find(text).unwrap_err().to_string()
}

#[test]
fn rows_are_those_of_the_file_byte_by_byte() {
    for (text, header, wanted) in [
        ("a,b\n1,2\n3,4\n", vec!["a", "b"], vec!["1,2", "3,4"]),
        ("a,b\r\n1,2\r\n\r\n\n3,4", vec!["a", "b"], vec!["1,2", "3,4"]),
        ("\u{feff}\"a\",b\r1, 2 \r", vec!["a", "b"], vec!["1, 2 "]),
        ("a,b\n\"x\ny\r\n\",\"2\"\"\"\n,\n", vec!["a", "b"], vec!["\"x\ny\r\n\",\"2\"\"\"", ","]),
        ("käse\n\"\"\n\"\n\"\n", vec!["käse"], vec!["\"\"", "\"\n\""]),
        ("only", vec!["only"], vec![]),
        ("only\n\n", vec!["only"], vec![]),
    ] {
        let (found, rows) = rows(text);
        assert_eq!(
            (found, rows),
            (header.into_iter().map(str::to_owned).collect(), wanted.into_iter().map(str::to_owned).collect()),
            "{text:?}"
        );
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for text in ["", "\n\r\n", "\u{feff}"] {
        assert!(refusal(text).contains("it is empty"), "{text:?}");
    }
    let fields = refusal("a,b\n1,2\n\n1,2,3\n1\n1,2\n");
    assert!(
        fields.starts_with("line 4, byte 10 of the file: 3 fields, where the header has 2, and one more"),
        "{fields}"
    );
    assert!(refusal("a,b\n1\n").contains("line 2, byte 5 of the file: 1 fields, where the header has 2;"));
    assert!(refusal("a,b,a\n").contains("two columns are called \"a\""));
    for text in ["a,b\n1,2\n3,\"4\n5,6\n", "a,b\n1,2\n3,\"", "a,b\n1,2\n\"3,4\n\n"] {
        assert!(
            refusal(text).contains("line 3, byte 9 of the file: a double quote opens"),
            "{text:?}: {}",
            refusal(text)
        );
    }
    assert!(refusal("\"a\n").contains("line 1, byte 1 of the file: a double quote"));
}

proptest! {
    #[test]
    fn fields_written_by_the_rules_are_found_again(
        records in (1usize..5).prop_flat_map(|columns| prop::collection::vec(prop::collection::vec("[a\",\r\n é]{0,6}", columns), 1..20)),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let line = |record: &Vec<String>| {
            record.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect::<Vec<_>>().join(",")
        };
        let columns: Vec<String> = (0..records[0].len()).map(|column| format!("c{column}")).collect();
        let lines: Vec<String> = records.iter().map(line).collect();
        let (header, found) = rows(&[&[columns.join(",")], &lines[..]].concat().join(end));
        prop_assert_eq!(header, columns);
        prop_assert_eq!(&found, &lines);
        for (row, record) in found.iter().zip(&records) {
            let mut fields = Records::new(row.as_bytes(), 0);
            prop_assert_eq!(&fields.next().unwrap().fields(&fields), record);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ab\",\r\n\u{feff}]{0,40}") {
        if let Ok(table) = find(&text) {
            let Table::Csv { header, starts } = &table else { panic!("no CSV") };
            let ends = starts.iter().skip(1).map(|end| *end as usize).chain([text.len()]);
            for (start, end) in starts.iter().zip(ends) {
                let row = table.trim(text.as_bytes(), *start as usize..end);
                prop_assert_eq!(fields(row, b""), header.len() + 1);
                prop_assert_eq!(fields(row, b"\nx"), header.len() + 1);
            }
        }
    }
}
