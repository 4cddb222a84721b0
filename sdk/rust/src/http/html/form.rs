//! Forms, filled in and sent.

use super::page::PageForm;
use crate::http::body::encode_pairs;
use crate::http::{Method, Multipart, Request, Response, form};

/// A form of a page, with the values that stand in it: hidden fields, what is checked and selected.
///
/// ```no_run
/// use throng::prelude::*;
///
/// let page = http::get(format!("{}/forms", env("TARGET"))).html();
/// let login = page.form("login").expect("a form of this id or name");
/// let res = login.set("username", "ann").set("password", "secret").submit();
/// check!(res, "logged in" => |r| r.url().ends_with("/account"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    action: String,
    is_post: bool,
    is_multipart: bool,
    fields: Vec<(String, String)>,
    buttons: Vec<(String, String)>,
    pressed: usize,
}

impl Form {
    pub(super) fn new(form: &PageForm, action: String) -> Self {
        Self {
            action,
            is_post: form.is_post,
            is_multipart: form.is_multipart,
            fields: form.fields.clone(),
            buttons: form.buttons.clone(),
            pressed: 0,
        }
    }

    /// [`Method::Get`] or [`Method::Post`].
    pub fn method(&self) -> Method {
        if self.is_post { Method::Post } else { Method::Get }
    }

    /// Where it is sent.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Names and values of what will be sent, the pressed button aside.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The value of the first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Fills a field in. Where there are more of this name, such as checkboxes, this value stands for all of them; where
    /// there is none, it is added, as by ticking a box.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        let place = self.fields.iter().position(|(known, _)| known == name).unwrap_or(self.fields.len());
        self = self.clear(name);
        self.fields.insert(place, (name.to_owned(), value.into()));
        self
    }

    /// Adds a value beside those that the field has, as by ticking one more box.
    #[must_use]
    pub fn add(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Takes a field out, as by unticking its boxes.
    #[must_use]
    pub fn clear(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self
    }

    /// Presses the button of this name and value instead of the first one.
    ///
    /// # Panics
    ///
    /// When there is no such button.
    #[must_use]
    #[track_caller]
    pub fn press(mut self, name: &str, value: &str) -> Self {
        let is_it = |(known, of): &(String, String)| known == name && of == value;
        match self.buttons.iter().position(is_it) {
            Some(place) => self.pressed = place,
            None => panic!("the form has no button {name}={value}, only {:?}", self.buttons),
        }
        self
    }

    /// The request that sends it, for headers and tags.
    pub fn request(&self) -> Request {
        let pairs = || self.fields.iter().chain(self.buttons.get(self.pressed)).map(|(name, value)| (name, value));
        if !self.is_post {
            // As by a browser, the action's own query goes.
            let place = self.action.find(['?', '#']).unwrap_or(self.action.len());
            return Request::get(format!("{}?{}", &self.action[..place], encode_pairs(pairs())));
        }
        let request = Request::post(&self.action);
        if self.is_multipart {
            request.body(pairs().fold(Multipart::new(), |body, (name, value)| body.field(name, value)))
        } else {
            request.body(form(pairs()))
        }
    }

    /// Sends it, as if its button were pressed.
    #[track_caller]
    pub fn submit(&self) -> Response {
        self.request().send()
    }
}
