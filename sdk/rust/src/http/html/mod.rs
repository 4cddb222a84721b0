//! What can be followed on an HTML page: links, forms, assets.

mod form;
mod page;
#[cfg(test)]
mod tests;

pub use form::Form;

use super::{Request, Response};
use crate::bindings::throng::script::http as host;
use page::Page;

/// A page, from [`Response::html`]. It holds what can be followed, not the tree of elements.
///
/// A script that reads pages has about 60 KB more of memory in every VU, mostly the names of HTML's characters.
#[derive(Clone, Debug)]
pub struct Html {
    /// Where the page came from.
    url: String,
    page: Page,
}

/// A link to something that can be requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    url: String,
    text: String,
}

impl Html {
    pub(super) fn of(response: &Response) -> Self {
        Self { url: response.url(), page: Page::read(&response.text()) }
    }

    /// The links `<a href>` and `<area href>` in their order, but for those that can't be requested, such as `mailto:`.
    pub fn links(&self) -> Vec<Link> {
        let links = self.page.links.iter();
        let with_url = |link: &page::Anchor| {
            Some(Link {
                url: self.resolve(&link.href)?,
                text: link.text.split_whitespace().collect::<Vec<_>>().join(" "),
            })
        };
        links.filter_map(with_url).collect()
    }

    /// The first link with this text in it.
    pub fn link(&self, text: &str) -> Option<Link> {
        self.links().into_iter().find(|link| link.text.contains(text))
    }

    /// The forms in their order.
    pub fn forms(&self) -> Vec<Form> {
        self.page.forms.iter().filter_map(|form| self.form_of(form)).collect()
    }

    /// The form of this id or name.
    pub fn form(&self, name: &str) -> Option<Form> {
        let is_it = |form: &&page::PageForm| form.id.as_deref() == Some(name) || form.name.as_deref() == Some(name);
        self.page.forms.iter().find(is_it).and_then(|form| self.form_of(form))
    }

    /// What a browser would load with the page: style sheets and icons, scripts, images; each URL once. Made for
    /// [`batch`](super::batch).
    pub fn assets(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for url in self.page.assets.iter().filter_map(|asset| self.resolve(asset)) {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        urls
    }

    fn form_of(&self, form: &page::PageForm) -> Option<Form> {
        let action = match form.action.trim() {
            "" => self.url.clone(),
            action => self.resolve(action)?,
        };
        Some(Form::new(form, action))
    }

    /// Where a reference on the page leads.
    fn resolve(&self, reference: &str) -> Option<String> {
        let base = self.page.base.as_deref().and_then(|base| host::resolve_url(&self.url, base).ok());
        host::resolve_url(base.as_deref().unwrap_or(&self.url), reference).ok()
    }
}

impl Link {
    /// Where it leads.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its text, with single spaces between words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The request for it, for headers and tags.
    pub fn request(&self) -> Request {
        Request::get(&self.url)
    }

    /// Follows it.
    #[track_caller]
    pub fn click(&self) -> Response {
        self.request().send()
    }
}
