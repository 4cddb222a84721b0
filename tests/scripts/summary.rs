//! A summary of the script's own.

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
    if env_or("SUMMARY", "") == "err" {
        return Err("no paper left".to_owned());
    }
    let iterations = &data["metrics"]["iterations"]["values"]["count"];
    Ok(Summary::new()
        .stdout(format!("{iterations} iterations\n"))
        .stderr("to the error stream\n")
        .file("own.json", data.to_string()))
}
