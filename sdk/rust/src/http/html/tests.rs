use super::form::Form;
use super::page::{Page, PageForm};

fn form(text: &str) -> PageForm {
    let mut page = Page::read(text);
    assert_eq!(page.forms.len(), 1, "{page:?}");
    page.forms.remove(0)
}

fn pairs(list: &[(String, String)]) -> Vec<(&str, &str)> {
    list.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn links_are_found_with_their_texts() {
    let page = Page::read(
        "<!doctype html><A HREF=/a/b?x=1&amp;y=2>one <b>two</b></A> no <a name=x>text</a>\
         <map><area\thref='c'></map><!-- <a href=d>no</a> --><a href=\"&#x65;\">f",
    );
    let links: Vec<_> = page.links.iter().map(|link| (link.href.as_str(), link.text.as_str())).collect();
    assert_eq!(links, [("/a/b?x=1&y=2", "one two"), ("c", ""), ("e", "f")]);
}

#[test]
fn tags_in_scripts_and_texts_are_none() {
    let page = Page::read(
        "<script src=s.js>if (a<b) document.write('<a href=no><img src=no>')</script><title><a href=no></title>\
         <style>a{content:'<img src=no>'}</style><img src=i.png><p title='<img src=no>'>",
    );
    assert_eq!(page.assets, ["s.js", "i.png"]);
    assert!(page.links.is_empty());
}

#[test]
fn assets_are_what_a_browser_loads() {
    let page = Page::read(
        "<base href=/x/><base href=/y/><link rel='Shortcut ICON' href=f.ico><link rel=stylesheet href=s.css>\
         <link rel=canonical href=no><link rel=next href=no><script>no</script><img alt=no><input type=image src=b.png>",
    );
    assert_eq!(page.assets, ["f.ico", "s.css", "b.png"]);
    assert_eq!(page.base.as_deref(), Some("/x/"));
}

#[test]
fn a_form_has_the_fields_that_a_browser_would_send() {
    let form = form(
        "<input name=outside><form id=f name=n action='/go?a' method=POST enctype=Multipart/Form-Data>\
         <input type=hidden name=csrf value='a&quot;b'><input name=empty><input value=nameless>\
         <input name=off disabled><input type=file name=file><input type=reset name=reset><input type=button name=b>\
         <input type=checkbox name=c><input type=checkbox name=c value=1 checked><input type=radio name=r checked>\
         <textarea name=t>\nline\n<b></textarea><input name=later form=f>\
         <select name=s><option>one<option value=2 selected>two</option></select>\
         <select name=first><option disabled>no<option> a  b </select><select name=none multiple><option>x</select>\
         <button type=button name=b>no</button><button name=do value=it>x</button><input type=submit name=do value=that>\
         </form><input name=after><input name=owned form=f value=1><input name=lost form=g>",
    );
    assert_eq!((form.id.as_deref(), form.name.as_deref(), form.action.as_str()), (Some("f"), Some("n"), "/go?a"));
    assert!(form.is_post && form.is_multipart);
    let expected = [
        ("csrf", "a\"b"),
        ("empty", ""),
        ("c", "1"),
        ("r", "on"),
        ("t", "line\n<b>"),
        ("s", "2"),
        ("first", "a b"),
        ("later", ""),
        ("owned", "1"),
    ];
    assert_eq!(pairs(&form.fields), expected);
    assert_eq!(pairs(&form.buttons), [("do", "it"), ("do", "that")]);
}

#[test]
fn a_form_is_filled_in() {
    let page = form("<form><input name=a value=1><input name=b><input name=a value=2><button name=go value=x></form>");
    let form = Form::new(&page, "http://h/p?old=1#part".to_owned());
    let filled = form.clone().set("a", "3").set("c", "4 5").add("c", "6").clear("b");
    assert_eq!(pairs(filled.fields()), [("a", "3"), ("c", "4 5"), ("c", "6")]);
    assert_eq!(form.get("a"), Some("1"));
    assert!(format!("{:?}", filled.request()).contains("\"http://h/p?a=3&c=4+5&c=6&go=x\""));
}

#[test]
#[should_panic(expected = "the form has no button go=y")]
fn a_button_that_is_not_there_is_told() {
    let page = form("<form><button name=go value=x></form>");
    let _ = Form::new(&page, "http://h/".to_owned()).press("go", "y");
}

#[test]
fn no_page_makes_it_panic() {
    let whole =
        "<form><select name=a><option>b<textarea name=c>d</textarea><a href=e>f<base href><button name=g></form a=b>";
    for end in 0..=whole.len() {
        Page::read(&whole[..end]);
        Page::read(&whole[end..]);
    }
    for text in
        ["", "<", "</", "<!", "&", "<a", "<a href", "<a href=", "<form", "</form x=y>", "<option>", "\0<\u{1f600}="]
    {
        Page::read(text);
    }
}
