//! The output of a tour.

use std::error::Error;
use std::fmt::Display;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Prints each step: its purpose, the call, and the reply of the kernel.
pub(crate) struct Tour {
    step: u32,
}

impl Tour {
    pub(crate) fn new(title: &str) -> Self {
        println!("\n== {title} ==");
        Self { step: 0 }
    }

    pub(crate) fn step(&mut self, what: &str, call: &str) {
        self.step += 1;
        println!("\n{}. {what}\n   {call}", self.step);
    }

    pub(crate) fn answer(&self, answer: impl Display) {
        for line in answer.to_string().lines() {
            println!("     {line}");
        }
    }

    /// Prints an error, its causes and the kernel's reasons, each on a line.
    pub(crate) fn error(&self, error: &dyn Error) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.answer(error.to_string().replace("; ", "\n"));
            next = error.source();
        }
    }
}
