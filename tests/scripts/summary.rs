//! A summary of the script's own, which does what the variable SUMMARY says.

use throng::prelude::*;

#[options]
fn options() -> Value {
    json!({ "vus": 2, "iterations": 10 })
}

#[scenario]
fn default() {
    check!("it runs" => true);
}

#[summary]
fn summarize(data: Value) -> Result<Summary, String> {
    match &*env_or("SUMMARY", "") {
        "err" => return Err("no paper left".to_owned()),
        "panic" => panic!("the printer is on fire"),
        "sleep" => sleep(60),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "files" => {
            return Ok(Summary::new()
                .stdout("three files\n")
                .file("first.txt", "one")
                .file("missing/second.txt", "two")
                .file("third.txt", "three"));
        }
        _ => {}
    }
    let iterations = &data["metrics"]["iterations"]["values"]["count"];
    Ok(Summary::new()
        .stdout(format!("{iterations} iterations\n"))
        .stderr("to the error stream\n")
        .file("own.json", data.to_string()))
}
