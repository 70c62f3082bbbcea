//! What threads of other processes have used of a processor.

use std::{
    fs,
    iter::Sum,
    ops::Sub,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

/// How long a worker may need to tidy up after its last answer.
const REST: Duration = Duration::from_millis(2);

/// A thread, as the kernel counts its time.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    schedstat: PathBuf,
}

/// Times of a thread; the difference of two is what happened between them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Times {
    /// On a processor.
    pub(crate) ran: Duration,
    /// Ready to run, while others ran.
    pub(crate) waited: Duration,
}

impl Sub for Times {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(earlier.ran),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}

impl Sum for Times {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, times| Self {
            ran: sum.ran + times.ran,
            waited: sum.waited + times.waited,
        })
    }
}

/// The times of several threads together, once each of them rests.
///
/// # Errors
///
/// As of [`Thread::times`].
pub(crate) fn times(threads: &[Thread]) -> Result<Times> {
    threads.iter().map(Thread::times).sum()
}

impl Thread {
    /// The thread of a process that bears a name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn named(process: u32, name: &str) -> Result<Self> {
        tasks(process)?
            .into_iter()
            .find(|task| {
                fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name)
            })
            .map(|task| Self::at(&task))
            .with_context(|| format!("found no thread {name} in process {process}"))
    }

    /// All threads that a process has now.
    ///
    /// # Errors
    ///
    /// There is no such process.
    pub(crate) fn all(process: u32) -> Result<Vec<Self>> {
        Ok(tasks(process)?.iter().map(|task| Self::at(task)).collect())
    }

    /// The first thread of a process.
    pub(crate) fn main(process: u32) -> Self {
        Self::at(Path::new(&format!("/proc/{process}/task/{process}")))
    }

    fn at(task: &Path) -> Self {
        Self { schedstat: task.join("schedstat") }
    }

    /// Its times, once it rests: the kernel adds up what a thread has used when it stops running.
    ///
    /// # Errors
    ///
    /// The thread has ended, or the kernel counts no such times.
    pub(crate) fn times(&self) -> Result<Times> {
        let mut last = self.read()?;
        loop {
            thread::sleep(REST);
            let now = self.read()?;
            if now == last {
                ensure!(now.ran > Duration::ZERO, "found a kernel that counts no thread's time");
                return Ok(now);
            }
            last = now;
        }
    }

    fn read(&self) -> Result<Times> {
        let path = self.schedstat.display();
        let text =
            fs::read_to_string(&self.schedstat).with_context(|| format!("cannot read {path}"))?;
        parse(&text).with_context(|| format!("{path}: found `{text}`, expected three numbers"))
    }
}

/// The folders of a process's threads.
fn tasks(process: u32) -> Result<Vec<PathBuf>> {
    let tasks = PathBuf::from(format!("/proc/{process}/task"));
    let entries =
        fs::read_dir(&tasks).with_context(|| format!("cannot read {}", tasks.display()))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// Nanoseconds run, nanoseconds waited, and how often it ran.
fn parse(text: &str) -> Option<Times> {
    let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten().map(Duration::from_nanos);
    Some(Times { ran: next()?, waited: next()? })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let times = parse("5000 70 3\n").unwrap();
        assert_eq!(times.ran, Duration::from_nanos(5000));
        assert_eq!(times.waited, Duration::from_nanos(70));
        assert_eq!(parse("x y z"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn work_of_a_thread_shows_in_its_times() {
        let (ready, is_ready) = mpsc::channel();
        let (begin, began) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let worker = thread::Builder::new().name("busy".into()).spawn(move || {
            // By now it has its name.
            ready.send(()).unwrap();
            began.recv().unwrap();
            let sum = (0..10_000_000_u64).fold(0, |sum, number| sum ^ std::hint::black_box(number));
            std::hint::black_box(sum);
            ready.send(()).unwrap();
            // Rests until it was looked at.
            ended.recv().unwrap_err();
        });
        is_ready.recv().unwrap();
        let thread = Thread::named(std::process::id(), "busy").unwrap();
        let before = thread.read().unwrap();
        begin.send(()).unwrap();
        is_ready.recv().unwrap();
        let used = thread.times().unwrap() - before;
        let all = Thread::all(std::process::id()).unwrap();
        assert!(all.iter().any(|known| known.schedstat == thread.schedstat), "{all:?}");
        drop(end);
        worker.unwrap().join().unwrap();
        // No bound from above: how long it takes is up to the machine.
        assert!(used.ran > Duration::from_millis(1), "{used:?}");
    }

    #[test]
    fn times_of_threads_add_up() {
        let times = |ran, waited| Times {
            ran: Duration::from_nanos(ran),
            waited: Duration::from_nanos(waited),
        };
        let sum: Times = [times(5, 1), times(7, 2)].into_iter().sum();
        assert_eq!(sum, times(12, 3));
    }

    #[test]
    fn a_thread_that_is_not_there_is_named() {
        let error = Thread::named(std::process::id(), "no such name").unwrap_err().to_string();
        assert!(error.contains("no thread no such name"), "{error}");
    }
}
