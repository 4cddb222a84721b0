//! A virtual user that reads a row of a data file and waits.

use serde::Deserialize;
use throng::prelude::*;

#[derive(Deserialize)]
struct User {
    id: u64,
    name: String,
    email: String,
}

static USERS: data::Csv<User> = data::csv!("users.csv");

#[scenario]
fn default() {
    let user = USERS.for_iteration();
    assert!(user.id > 0 && user.name.len() < user.email.len());
    sleep(1);
}
