//! One line of text.

use super::geometry::Point;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// The name of a block.
    Head,
    /// Small text.
    Body,
    /// Small text that quotes code or a shape.
    Code,
}

impl Style {
    /// The size of the font in pixels.
    pub(super) const fn size(self) -> i32 {
        match self {
            Self::Head => 14,
            Self::Body | Self::Code => 12,
        }
    }

    /// From one baseline to the next.
    pub(super) const fn line_height(self) -> i32 {
        self.size() + 4
    }
}

/// Where the point of a text lies on its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) at: Point,
    pub(super) anchor: Anchor,
    pub(super) style: Style,
    pub(super) text: String,
}
