//! How many requests of a call to one destination may wait for their answers at the same time. Pure.

use crate::delivery::load::MOST_AT_ONCE;

/// Before the first answer of a destination of which nothing is known, or that stopped taking them. Where all of them fail, these are what a
/// destination in trouble has to bear of one call.
const FIRST: usize = 16;

/// However many were taken: as many as all calls together may have.
const MOST: usize = MOST_AT_ONCE;

/// How a batch ended, as far as this is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The destination took it.
    Taken,
    /// It did not.
    Stopped,
}

/// Opens by one with every batch that was taken, so that only a destination that keeps up is asked for more.
#[derive(Debug)]
pub struct Window {
    width: usize,
    on_the_way: usize,
}

impl Window {
    /// One for a destination that kept up with so many in an earlier call, if there was one.
    pub fn of(kept_up: usize) -> Self {
        Self { width: kept_up.clamp(FIRST, MOST), on_the_way: 0 }
    }

    /// With how many the destination keeps up.
    pub fn width(&self) -> usize {
        self.width
    }

    /// True if one more must wait.
    pub fn is_full(&self) -> bool {
        self.on_the_way >= self.width
    }

    /// A batch leaves.
    pub fn leave(&mut self) {
        self.on_the_way += 1;
    }

    /// A batch is settled.
    pub fn settle(&mut self, ended: Ended) {
        self.on_the_way = self.on_the_way.saturating_sub(1);
        self.width = match ended {
            Ended::Taken => MOST.min(self.width + 1),
            Ended::Stopped => FIRST,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(window: &mut Window) -> usize {
        while !window.is_full() {
            window.leave();
        }
        window.on_the_way
    }

    #[test]
    fn every_batch_that_is_taken_makes_room_for_one_more_up_to_the_most() {
        let mut window = Window::of(0);
        for width in (FIRST..=MOST).chain([MOST; 3]) {
            assert_eq!(fill(&mut window), width);
            window.settle(Ended::Taken);
        }
    }

    #[test]
    fn one_that_is_stopped_closes_it_to_what_a_destination_in_trouble_can_bear() {
        for kept_up in [0, MOST] {
            let mut window = Window::of(kept_up);
            window.settle(Ended::Stopped);
            for _ in 0..3 {
                assert_eq!(fill(&mut window), FIRST);
                window.settle(Ended::Stopped);
            }
        }
    }

    #[test]
    fn it_begins_as_wide_as_it_was_before_within_its_bounds() {
        assert_eq!([0, FIRST + 1, usize::MAX].map(|kept_up| fill(&mut Window::of(kept_up))), [FIRST, FIRST + 1, MOST]);
    }
}
