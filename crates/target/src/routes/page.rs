//! Pages with assets and links.

use super::{Reply, Request};
use crate::refusal::Refusal;
use crate::session::FILLER;
use crate::task::number;

/// Most assets or links of a page.
const ITEMS_MAX: u64 = 1000;
const ASSETS: u64 = 10;
/// Sizes of the assets, in turn; coprime to the number of kinds, so that every kind comes in every size.
const SIZES: [usize; 5] = [300, 2_000, 8_000, 20_000, 60_000];
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0\x1f\xf3\xffa";

pub(crate) fn page(request: &Request) -> Result<Reply, Refusal> {
    let assets = if request.path == "/page" { ASSETS } else { items(request.parameter())? };
    let (mut head, mut body) = (String::new(), String::new());
    for index in 0..assets {
        match index % 3 {
            0 => head += &format!("<link rel=\"stylesheet\" href=\"/asset/{index}\">\n"),
            1 => head += &format!("<script src=\"/asset/{index}\"></script>\n"),
            _ => body += &format!("<img src=\"/asset/{index}\" alt=\"\">\n"),
        }
    }
    Ok(Reply::html(format!(
        "<!DOCTYPE html>\n<html>\n<head><title>A page</title>\n{head}</head>\n<body>\n<h1>{assets} assets</h1>\n\
         {body}</body>\n</html>\n"
    )))
}

pub(crate) fn asset(request: &Request) -> Result<Reply, Refusal> {
    let index = number(request.parameter()).ok_or(Refusal::BadParameter("an asset has a number"))?;
    let (content_type, begin, end): (_, &[u8], &[u8]) = match index % 3 {
        0 => ("text/css", b"body { color: #234; }\n/* ", b" */\n"),
        1 => ("text/javascript", b"\"use strict\";\n// ", b"\n"),
        _ => ("image/png", PNG, b""),
    };
    let size = SIZES[(index % SIZES.len() as u64) as usize];
    let mut body = begin.to_vec();
    body.resize(size - end.len(), FILLER);
    body.extend_from_slice(end);
    Ok(Reply::new(200, content_type, body).with("Cache-Control", "public, max-age=3600"))
}

pub(crate) fn links(request: &Request) -> Result<Reply, Refusal> {
    let (count, index) = request.parameter().split_once('/').unwrap_or((request.parameter(), "0"));
    let count = items(count)?;
    let index = number(index).ok_or(Refusal::BadParameter("a page of links has a number"))?;
    let mut list = String::new();
    for other in (0..count).filter(|other| *other != index) {
        list += &format!("<li><a href=\"/links/{count}/{other}\">Page {other}</a></li>\n");
    }
    Ok(Reply::html(format!(
        "<!DOCTYPE html>\n<html>\n<head><title>Page {index}</title></head>\n<body>\n<ul>\n{list}</ul>\n</body>\n</html>\n"
    )))
}

fn items(text: &str) -> Result<u64, Refusal> {
    number(text).filter(|items| *items <= ITEMS_MAX).ok_or(Refusal::BadParameter("the number is at most 1000"))
}
