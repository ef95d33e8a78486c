//! Rectangles and points on whole pixels, so that a drawing is the same bytes everywhere.

/// A point: x to the right, y down.
pub(super) type Point = (i32, i32);

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Rect {
    pub(super) const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self { x, y, width, height }
    }

    pub(super) const fn center(self) -> Point {
        (self.x + self.width / 2, self.y + self.height / 2)
    }

    /// The middle of the left side.
    pub(super) const fn left(self) -> Point {
        (self.x, self.center().1)
    }

    /// The middle of the right side.
    pub(super) const fn right(self) -> Point {
        (self.x + self.width, self.center().1)
    }

    /// The middle of the upper side.
    pub(super) const fn top(self) -> Point {
        (self.center().0, self.y)
    }

    /// The middle of the lower side.
    pub(super) const fn bottom(self) -> Point {
        (self.center().0, self.y + self.height)
    }
}
