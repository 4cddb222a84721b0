//! Colours of the terminal.

/// What a piece of text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    Bold,
    Green,
    Red,
    White,
    Cyan,
    FaintWhite,
    FaintCyan,
}

/// Adds colours, or leaves text as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    colour: bool,
}

impl Paint {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour }
    }

    pub(super) fn wrap(self, text: &str, style: Style) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Green => "32",
            Style::Red => "31",
            Style::White => "37",
            Style::Cyan => "36",
            Style::FaintWhite => "2;37",
            Style::FaintCyan => "2;36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Green for what holds, red for what doesn't.
    pub(super) fn verdict(self, text: &str, ok: bool) -> String {
        self.wrap(text, if ok { Style::Green } else { Style::Red })
    }
}
