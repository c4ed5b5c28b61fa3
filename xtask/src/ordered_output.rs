//! Output of tasks that run at the same time, printed task by task.

use std::io::{self, Write};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The output of several tasks.
///
/// It is held until [`open`](Self::open) is called. Then the output of the first task is printed as it is written, and
/// that of each other task once those before it have finished.
pub(crate) struct OrderedOutput(Mutex<State>);

struct State {
    is_open: bool,
    /// The first task that has not finished, once its output is printed.
    current: usize,
    tasks: Vec<Task>,
}

#[derive(Default)]
struct Task {
    held: Vec<u8>,
    has_finished: bool,
}

impl OrderedOutput {
    /// The output of `count` tasks.
    pub(crate) fn new(count: usize) -> Self {
        let tasks = (0..count).map(|_| Task::default()).collect();
        Self(Mutex::new(State { is_open: false, current: 0, tasks }))
    }

    /// Prints what is held, and later output in order.
    pub(crate) fn open(&self) {
        let mut state = self.state();
        state.is_open = true;
        state.print(&mut io::stdout());
    }

    /// The output of one task, which finishes when this is dropped.
    pub(crate) fn of(&self, task: usize) -> TaskOutput<'_> {
        TaskOutput { output: self, task }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Prints the output of the current task, and of those after it if it has finished.
    fn print(&mut self, out: &mut dyn Write) {
        while let Some(task) = self.tasks.get_mut(self.current).filter(|_| self.is_open) {
            // The tasks continue after the terminal is closed.
            let _ = out.write_all(&mem::take(&mut task.held)).and_then(|()| out.flush());
            if !task.has_finished {
                return;
            }
            self.current = self.current.saturating_add(1);
        }
    }
}

/// The output of one task.
pub(crate) struct TaskOutput<'a> {
    output: &'a OrderedOutput,
    task: usize,
}

impl TaskOutput<'_> {
    fn change(&self, change: impl FnOnce(&mut Task)) {
        let mut state = self.output.state();
        state.tasks.get_mut(self.task).map(change);
        state.print(&mut io::stdout());
    }
}

impl Write for TaskOutput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.change(|task| task.held.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TaskOutput<'_> {
    fn drop(&mut self) {
        self.change(|task| task.has_finished = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(state: &mut State) -> String {
        let mut out = Vec::new();
        state.print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_task_is_printed_after_those_before_it() {
        let mut state = State { is_open: false, current: 0, tasks: vec![Task::default(), Task::default()] };
        state.tasks[0].held = b"a".to_vec();
        state.tasks[1].held = b"x".to_vec();
        assert_eq!(printed(&mut state), "");
        state.is_open = true;
        assert_eq!(printed(&mut state), "a");
        state.tasks[1].has_finished = true;
        state.tasks[0].held = b"b".to_vec();
        assert_eq!(printed(&mut state), "b");
        state.tasks[0].has_finished = true;
        assert_eq!(printed(&mut state), "x");
        assert_eq!(printed(&mut state), "");
    }
}
