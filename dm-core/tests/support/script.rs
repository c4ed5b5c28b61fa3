//! The answers to commands, and the record of requests.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use dm_core::{Command, Dm, LogMark, Transport};

use super::answer::Answer;
use super::request::Request;

type Act = Box<dyn Fn(&mut [u8]) -> io::Result<()> + Send + Sync>;

/// A kernel that answers according to a script. Other commands are answered with [`Answer::new`].
pub struct Script {
    version: [u32; 3],
    acts: Vec<(Command, Act)>,
    /// The calls that fail, counted from 1, and their errno.
    refused: Vec<(usize, i32)>,
    log: Option<Vec<String>>,
    expected_devices: usize,
    sent: Mutex<Vec<Request>>,
}

impl Script {
    pub fn new() -> Self {
        let (acts, refused, sent) = (Vec::new(), Vec::new(), Mutex::default());
        Self { version: [4, 48, 0], acts, refused, log: None, expected_devices: 0, sent }
    }

    /// The version that this kernel writes into each answer.
    pub fn interface(mut self, version: [u32; 3]) -> Self {
        self.version = version;
        self
    }

    /// Answers every call of this command with the same answer.
    pub fn answer(self, command: Command, answer: Answer) -> Self {
        let version = self.version;
        self.act(command, move |request| {
            answer.write(version, request);
            Ok(())
        })
    }

    /// Calls a function with the request of every call of this command.
    pub fn act(mut self, command: Command, act: impl Fn(&mut [u8]) -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.acts.push((command, Box::new(act)));
        self
    }

    /// Refuses every call of this command.
    pub fn refuse(self, command: Command, errno: i32) -> Self {
        self.act(command, move |_| Err(io::Error::from_raw_os_error(errno)))
    }

    /// Refuses the n-th call of any command.
    pub fn refuse_nth(mut self, n: usize, errno: i32) -> Self {
        self.refused.push((n, errno));
        self
    }

    /// Makes the kernel's log readable, with these lines for each call.
    pub fn log(mut self, lines: &[&str]) -> Self {
        self.log = Some(lines.iter().map(|&line| line.to_owned()).collect());
        self
    }

    /// Makes the kernel expect about this number of devices.
    pub fn expected_devices(self, expected_devices: usize) -> Self {
        Self { expected_devices, ..self }
    }

    /// A handle on this kernel, and the kernel.
    pub fn start(self) -> (Dm, Arc<Self>) {
        let script = Arc::new(self);
        (Dm::with_transport(Arc::clone(&script)), script)
    }

    /// A handle on this kernel.
    pub fn dm(self) -> Dm {
        self.start().0
    }

    /// Answers a request without recording it.
    pub fn answer_only(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        match self.acts.iter().find(|(of, _)| *of == command) {
            Some((_, act)) => act(request),
            None => {
                Answer::new().write(self.version, request);
                Ok(())
            }
        }
    }

    /// The requests so far.
    pub fn sent(&self) -> Vec<Request> {
        self.sent.lock().unwrap().clone()
    }

    /// The sizes of the requests so far.
    pub fn sizes(&self) -> Vec<usize> {
        self.sent().iter().map(|request| request.bytes.len()).collect()
    }

    /// The one request that a call sends.
    pub fn request_of<R>(call: impl FnOnce(&Dm) -> R) -> Request {
        let (dm, script) = Self::new().start();
        call(&dm);
        let mut sent = script.sent();
        assert_eq!(sent.len(), 1, "one ioctl");
        sent.remove(0)
    }
}

impl Transport for Script {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let calls = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(Request { command, bytes: request.to_vec() });
            sent.len()
        };
        if let Some(&(_, errno)) = self.refused.iter().find(|&&(n, _)| n == calls) {
            Answer::new().write(self.version, request);
            return Err(io::Error::from_raw_os_error(errno));
        }
        self.answer_only(command, request)
    }

    fn expected_devices(&self) -> usize {
        self.expected_devices
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        self.log.as_ref().map(|lines| LogMark::from_fn(|| lines.clone()))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}
