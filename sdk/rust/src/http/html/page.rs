//! Reads a page, token by token, into what can be followed on it.

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};
use std::borrow::Cow;
use std::convert::Infallible;

/// What was found, as it stands on the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) base: Option<String>,
    pub(super) links: Vec<Anchor>,
    pub(super) forms: Vec<PageForm>,
    pub(super) assets: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) href: String,
    pub(super) text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageForm {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) action: String,
    pub(super) is_post: bool,
    pub(super) is_multipart: bool,
    /// Names and values of what would be sent.
    pub(super) fields: Vec<(String, String)>,
    /// Those of buttons, of which the pressed one is sent.
    pub(super) buttons: Vec<(String, String)>,
}

/// The elements and texts so far.
#[derive(Default)]
struct Reader {
    page: Page,
    /// The start tag that is being read.
    tag: Option<Tag>,
    /// Whether the last link is open.
    in_link: bool,
    /// The form that is open, by its place.
    form: Option<usize>,
    textarea: Option<Control>,
    select: Option<Select>,
    /// Controls that name their form, which may come later.
    elsewhere: Vec<(String, Control)>,
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

/// What a form sends, and where that is kept.
#[derive(Clone)]
struct Control {
    /// The attribute `form`.
    owner: Option<String>,
    is_button: bool,
    name: String,
    value: String,
}

struct Select {
    control: Control,
    is_multiple: bool,
    options: Vec<Choice>,
    in_option: bool,
}

struct Choice {
    value: Option<String>,
    text: String,
    is_selected: bool,
    is_disabled: bool,
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let mut reader = Reader::default();
        let see = |event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
            reader.see(event);
            None
        };
        let mut emitter = CallbackEmitter::new(see);
        // Or tags in the texts of scripts would count.
        emitter.naively_switch_states(true);
        // Reads to the end: no event yields anything.
        Tokenizer::new_with_emitter(text, emitter).for_each(drop);
        reader.finish()
    }
}

impl Tag {
    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The first attribute of this name.
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn own(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|of| of.trim().eq_ignore_ascii_case(value))
    }

    /// What it sends, unless it sends nothing: without a name, or disabled.
    fn control(&self, is_button: bool) -> Option<Control> {
        let name = self.own("name").filter(|name| !name.is_empty() && !self.has("disabled"))?;
        let value = self.own("value").unwrap_or_default();
        Some(Control { owner: self.own("form"), is_button, name, value })
    }
}

impl Reader {
    fn see(&mut self, event: CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.tag = Some(Tag { name: text_of(name).into_owned(), attributes: Vec::new() });
            }
            CallbackEvent::AttributeName { name } => {
                if let Some(tag) = &mut self.tag {
                    tag.attributes.push((text_of(name).into_owned(), String::new()));
                }
            }
            CallbackEvent::AttributeValue { value } => {
                if let Some((_, last)) = self.tag.as_mut().and_then(|tag| tag.attributes.last_mut()) {
                    last.push_str(&text_of(value));
                }
            }
            CallbackEvent::CloseStartTag { .. } => {
                if let Some(tag) = self.tag.take() {
                    self.open(&tag);
                }
            }
            CallbackEvent::EndTag { name } => {
                // Attributes of an end tag are seen before it.
                self.tag = None;
                self.close(&text_of(name));
            }
            CallbackEvent::String { value } => self.text(&text_of(value)),
            CallbackEvent::Comment { .. } | CallbackEvent::Doctype { .. } | CallbackEvent::Error(_) => {}
        }
    }

    fn open(&mut self, tag: &Tag) {
        match tag.name.as_str() {
            "base" if self.page.base.is_none() => self.page.base = tag.own("href"),
            "a" | "area" => {
                self.in_link = tag.has("href") && tag.name == "a";
                self.page.links.extend(tag.own("href").map(|href| Anchor { href, text: String::new() }));
            }
            "img" | "script" => self.page.assets.extend(tag.own("src")),
            "link" if loads(tag) => self.page.assets.extend(tag.own("href")),
            // A form in a form is none.
            "form" if self.form.is_none() => {
                self.form = Some(self.page.forms.len());
                self.page.forms.push(PageForm {
                    id: tag.own("id"),
                    name: tag.own("name"),
                    action: tag.own("action").unwrap_or_default(),
                    is_post: tag.is("method", "post"),
                    is_multipart: tag.is("enctype", "multipart/form-data"),
                    ..PageForm::default()
                });
            }
            "input" => self.input(tag),
            "button" if !tag.is("type", "button") && !tag.is("type", "reset") => self.add(tag.control(true)),
            "textarea" => self.textarea = tag.control(false).map(|control| Control { value: String::new(), ..control }),
            "select" => {
                self.close_select();
                let of =
                    |control| Select { control, is_multiple: tag.has("multiple"), options: vec![], in_option: false };
                self.select = tag.control(false).map(of);
            }
            "option" => {
                if let Some(select) = &mut self.select {
                    select.in_option = true;
                    let (is_selected, is_disabled) = (tag.has("selected"), tag.has("disabled"));
                    select.options.push(Choice {
                        value: tag.own("value"),
                        text: String::new(),
                        is_selected,
                        is_disabled,
                    });
                }
            }
            _ => {}
        }
    }

    fn input(&mut self, tag: &Tag) {
        let kind = tag.get("type").unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "checkbox" | "radio" if !tag.has("checked") => {}
            "checkbox" | "radio" => {
                let value = tag.own("value").unwrap_or_else(|| "on".to_owned());
                self.add(tag.control(false).map(|control| Control { value, ..control }));
            }
            "submit" => self.add(tag.control(true)),
            "image" => {
                self.page.assets.extend(tag.own("src"));
                self.add(tag.control(true));
            }
            "button" | "reset" | "file" => {}
            _ => self.add(tag.control(false)),
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "a" => self.in_link = false,
            "form" => self.form = None,
            "textarea" => {
                let textarea = self.textarea.take();
                // The line break after the start tag is none of the text.
                self.add(textarea.map(|control| {
                    let value = control.value.strip_prefix('\n').unwrap_or(&control.value).to_owned();
                    Control { value, ..control }
                }));
            }
            "option" => {
                if let Some(select) = &mut self.select {
                    select.in_option = false;
                }
            }
            "select" => self.close_select(),
            _ => {}
        }
    }

    fn close_select(&mut self) {
        let Some(Select { control, is_multiple, options, .. }) = self.select.take() else { return };
        let is_chosen = options.iter().any(|option| option.is_selected);
        let mut chosen: Vec<_> = options.iter().filter(|option| option.is_selected && !option.is_disabled).collect();
        if !is_multiple {
            // The last one that is selected, or the first of all.
            chosen.drain(..chosen.len().saturating_sub(1));
            if !is_chosen {
                chosen.extend(options.iter().find(|option| !option.is_disabled));
            }
        }
        for option in chosen {
            let text = || option.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let value = option.value.clone().unwrap_or_else(text);
            self.add(Some(Control { value, ..control.clone() }));
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_link
            && let Some(link) = self.page.links.last_mut()
        {
            link.text.push_str(text);
        }
        if let Some(textarea) = &mut self.textarea {
            textarea.value.push_str(text);
        }
        if let Some(select) = self.select.as_mut().filter(|select| select.in_option)
            && let Some(option) = select.options.last_mut()
        {
            option.text.push_str(text);
        }
    }

    /// Adds a control to the form that it names, or else to the one that is open.
    fn add(&mut self, control: Option<Control>) {
        let Some(control) = control else { return };
        match (&control.owner, self.form) {
            (Some(owner), _) => self.elsewhere.push((owner.clone(), control)),
            (None, Some(form)) => put(&mut self.page.forms[form], control),
            (None, None) => {}
        }
    }

    fn finish(mut self) -> Page {
        self.close_select();
        for (owner, control) in self.elsewhere {
            let form = self.page.forms.iter_mut().find(|form| form.id.as_deref() == Some(&*owner));
            if let Some(form) = form {
                put(form, control);
            }
        }
        self.page
    }
}

fn put(form: &mut PageForm, control: Control) {
    let list = if control.is_button { &mut form.buttons } else { &mut form.fields };
    list.push((control.name, control.value));
}

/// Whether a browser loads what a `<link>` names.
fn loads(tag: &Tag) -> bool {
    const LOADED: [&str; 6] = ["stylesheet", "icon", "apple-touch-icon", "manifest", "preload", "modulepreload"];
    let words = tag.get("rel").unwrap_or_default().split_ascii_whitespace();
    let mut words = words.map(str::to_ascii_lowercase);
    words.any(|word| LOADED.contains(&word.as_str()))
}

/// What comes of text is text.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
