//! The same as `rows_read.rs` without the file: the virtual user makes its row itself.

use throng::prelude::*;

struct User {
    id: u64,
    name: String,
    email: String,
}

#[scenario]
fn default() {
    let id = execution::scenario().map_or(0, |scenario| scenario.iteration_in_test) + 1;
    let user = User { id, name: format!("user number {id}"), email: format!("user.number.{id}@example.test") };
    assert!(user.id > 0 && user.name.len() < user.email.len());
    sleep(1);
}
