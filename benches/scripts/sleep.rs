//! A virtual user that does nothing but wait.

use throng::prelude::*;

#[scenario]
fn default() {
    sleep(1);
}
