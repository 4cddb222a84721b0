use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

fn read<T: for<'de> Deserialize<'de>>(header: &str, record: &str) -> Result<T, String> {
    let names: Vec<String> = header.split(',').map(str::to_owned).collect();
    let mut bytes = record.as_bytes().to_vec();
    T::deserialize(Record::new(&names, &mut bytes)).map_err(|error| error.to_string())
}

#[derive(Debug, Deserialize, PartialEq)]
struct User {
    name: String,
    age: Option<u8>,
    #[serde(default)]
    is_admin: bool,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

#[test]
fn fields_are_found_by_the_columns_names_in_any_order() {
    let wanted = User { name: "ann, \"a\"".into(), age: Some(3), is_admin: true };
    assert_eq!(read("age,is_admin,more,name", r#"3,true,x,"ann, ""a""""#), Ok(wanted));
    assert_eq!(read("name,age", "bob,"), Ok(User { name: "bob".into(), age: None, is_admin: false }));
}

#[test]
fn records_are_read_as_many_types() {
    assert_eq!(read("a,b,c", "-1, 2.5 ,é"), Ok((-1i64, 2.5f64, 'é')));
    assert_eq!(read("a", "alone"), Ok("alone".to_owned()));
    assert_eq!(read("a,b", "7,8"), Ok(7u32));
    assert_eq!(read("a,b", "red,green"), Ok((Colour::Red, Colour::Green)));
    assert_eq!(read("a,b,c", "1,2,3"), Ok(vec![1u8, 2, 3]));
    let map: BTreeMap<String, String> = [("a".into(), "1".into()), ("b".into(), "\n".into())].into();
    assert_eq!(read("a,b", "1,\"\n\""), Ok(map));
    let value: Value = serde_json::json!({"a": 1, "b": -2, "c": 0.5, "d": true, "e": "", "f": "1x"});
    assert_eq!(read("a,b,c,d,e,f", "1,-2,0.5,true,,1x"), Ok(value));
    assert_eq!(read::<(Option<String>, Option<String>)>("a,b", "\"\","), Ok((None, None)));
}

#[test]
fn what_does_not_fit_is_told_with_its_column() {
    for (error, wanted) in [
        (read::<User>("name,age", "ann,old"), "column age: old: invalid digit found in string"),
        (read::<User>("name,age", "ann,256"), "column age: 256: number too large to fit in target type"),
        (read::<User>("age", "3"), "missing field `name`"),
        (read::<User>("name,is_admin", "ann,yes"), "column is_admin: yes: provided string was not `true` or `false`"),
    ] {
        assert_eq!(error.unwrap_err(), wanted);
    }
    assert_eq!(read::<(u8, u8)>("a", "1").unwrap_err(), "invalid length 1, expected a tuple of size 2");
    assert_eq!(read::<(char,)>("letter", "ab").unwrap_err(), "column letter: it isn't a character");
    assert_eq!(read::<(Vec<u8>,)>("list", "ab").unwrap_err(), "column list: it isn't a sequence");
    assert_eq!(
        read::<(Colour,)>("colour", "blue").unwrap_err(),
        "column colour: unknown variant `blue`, expected `red` or `green`"
    );
}

proptest! {
    #[test]
    fn fields_are_those_that_the_crate_csv_finds(record in "[ab\", é]{1,24}") {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(record.as_bytes());
        let theirs: Vec<String> = reader.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
        let mut bytes = record.as_bytes().to_vec();
        let ours: Vec<String> = Fields(Some(&mut bytes)).map(str::to_owned).collect();
        prop_assert_eq!(ours, theirs);
    }
}
