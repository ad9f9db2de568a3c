//! How many requests of a call to one destination may wait for their answers at the same time. Pure.

/// Before the first answer. Where all of them fail, these are what a destination in trouble has to bear of one call.
const FIRST: usize = 12;

/// However many were taken. A whole core makes a request of text that compresses well in two milliseconds, so with this many an answer that
/// takes fifty keeps it waiting for nothing. What they hold in memory is bounded by the budget.
const MOST: usize = 24;

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

impl Default for Window {
    fn default() -> Self {
        Self { width: FIRST, on_the_way: 0 }
    }
}

impl Window {
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
        if ended == Ended::Taken {
            self.width = MOST.min(self.width + 1);
        }
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
        let mut window = Window::default();
        for width in (FIRST..=MOST).chain([MOST; 3]) {
            assert_eq!(fill(&mut window), width);
            window.settle(Ended::Taken);
        }
    }

    #[test]
    fn one_that_is_stopped_makes_room_for_itself_alone() {
        let mut window = Window::default();
        for _ in 0..3 {
            assert_eq!(fill(&mut window), FIRST);
            window.settle(Ended::Stopped);
        }
    }
}
