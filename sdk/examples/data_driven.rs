//! Users and orders from files: each VU logs in as a user of its own, and each order is sent once in the whole test.
//!
//!     throng run data_driven.rs -e TARGET=http://127.0.0.1:8080

use serde::{Deserialize, Serialize};
use throng::prelude::*;

/// A line of `users.csv`, whose first line names these fields.
#[derive(Deserialize)]
struct User {
    name: String,
    password: String,
    /// Empty for those who have no discount.
    discount: Option<f64>,
}

/// An element of the array in `orders.json`.
#[derive(Deserialize, Serialize)]
struct Order {
    article: String,
    count: u32,
}

static USERS: data::Csv<User> = data::csv!("users.csv");
static ORDERS: data::Json<Order> = data::json!("orders.json");

#[options]
fn options() -> Options {
    Options::new().vus(3).iterations(8).threshold("checks", "rate==1")
}

#[scenario]
fn default() {
    let user = USERS.for_vu();
    let login = json!({ "name": user.name, "password": user.password });
    let res = http::Request::post(format!("{}/echo", env("TARGET"))).json(&login).name("login").send();
    check!(res, "logged in" => |r| r.status() == 200);

    // There are fewer orders than iterations: the last ones have none.
    let Some(order) = ORDERS.unique_for_iteration() else { return };
    let price = f64::from(order.count) * (1.0 - user.discount.unwrap_or(0.0));
    let res = http::Request::post(format!("{}/echo?price={price}", env("TARGET"))).json(&order).name("order").send();
    check!(res, "ordered" => |r| r.text().contains(&order.article));
}
