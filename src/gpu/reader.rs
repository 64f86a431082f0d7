//! A source on a thread of its own, with a watchdog: a driver call that never returns holds up nobody.
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gpuyard_core::model::{Mono, Now, Snapshot};

use crate::{GpuSource, SourceError};

type Reading = Result<Arc<Snapshot>, SourceError>;

/// Reads a source for several callers. Whoever asks while a reading is under way waits for one that begins after the
/// asking, and all who wait for the same one share it.
pub struct GpuReader {
    name: String,
    shared: Arc<Shared>,
    /// `Some`: the source cannot block, and is read by whoever asks.
    inline: Option<Mutex<Box<dyn GpuSource>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    asked: Condvar,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    /// Readings are numbered from 1. `wanted`: the last one that somebody asked for.
    wanted: u64,
    started: u64,
    done: u64,
    /// The time that the next reading is made for.
    asked_at: Option<Now>,
    /// While a reading is under way: when it began.
    busy: Option<(Mono, Instant)>,
    /// Somebody has waited in vain for the reading that is under way.
    hung: bool,
    /// What reading `done` gave.
    last: Option<Reading>,
    /// The last that succeeded.
    good: Option<Arc<Snapshot>>,
    /// The thread has ended, or must.
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement: a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GpuReader {
    /// Puts `source` on a thread. A source that cannot block stays without one, and costs no hand-over; so does any
    /// source when no thread can be had.
    pub fn spawn(source: Box<dyn GpuSource>) -> GpuReader {
        let name = source.name().to_owned();
        let shared = Arc::new(Shared::default());
        if !source.may_block() {
            return GpuReader {
                name,
                shared,
                inline: Some(Mutex::new(source)),
            };
        }
        let source = Arc::new(Mutex::new(Some(source)));
        let (theirs, state) = (Arc::clone(&source), Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("gpu-reader".into()).spawn(move || {
            let taken = theirs.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(source) = taken {
                serve(source, &state);
            }
        });
        let mut inline = None;
        if let Err(error) = thread {
            tracing::warn!(%error, "no thread for reading GPUs: a hanging driver would hang this program");
            inline = source
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .map(Mutex::new);
        }
        GpuReader { name, shared, inline }
    }

    /// The source's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A snapshot that was begun after this call, waited for as long as `patience`. Once a reading has outlasted
    /// somebody's patience, every call answers [`SourceError::Hung`] at once until the source comes back.
    pub fn read(&self, now: Now, patience: Duration) -> Reading {
        if let Some(source) = &self.inline {
            let reading = source
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .snapshot(now)
                .map(Arc::new);
            self.shared.lock().keep(reading.clone());
            return reading;
        }
        let mut state = self.shared.lock();
        if let (true, Some((since, _))) = (state.hung, state.busy) {
            return Err(SourceError::Hung { since });
        }
        let ticket = state.started + 1;
        let behind_another = state.busy.is_some();
        state.wanted = state.wanted.max(ticket);
        state.asked_at = Some(now);
        // Whoever wakes wants the lock.
        drop(state);
        self.shared.asked.notify_one();
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        while state.done < ticket && !state.closed {
            let Some(left) = deadline
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                break;
            };
            state = self
                .shared
                .answered
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if state.done >= ticket
            && let Some(reading) = &state.last
        {
            return reading.clone();
        }
        if state.closed {
            return Err(SourceError::ReaderGone);
        }
        let since = state.busy.map_or(now.mono, |(since, _)| since);
        // Hung is what was under way for as long as we waited: ours, or the one before it. Not ours where it had to
        // wait for that one, and has not had the time.
        let had_the_time = |began: Instant| state.started < ticket || !behind_another || began.elapsed() >= patience;
        state.hung |= state.busy.is_some_and(|(_, began)| had_the_time(began));
        Err(SourceError::Hung { since })
    }

    /// The last snapshot that succeeded and when it was taken, whatever has happened since. Never waits.
    pub fn latest(&self) -> Option<(Arc<Snapshot>, Mono)> {
        let good = self.shared.lock().good.clone()?;
        let taken = good.mono;
        Some((good, taken))
    }
}

impl Drop for GpuReader {
    /// Tells the thread to end. It is not waited for: it may hang.
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.asked.notify_all();
    }
}

impl State {
    fn keep(&mut self, reading: Reading) {
        if let Ok(snapshot) = &reading {
            self.good = Some(Arc::clone(snapshot));
        }
        self.last = Some(reading);
    }
}

/// Marks the reader closed when the thread ends, by a panic in a source too.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.answered.notify_all();
    }
}

/// The thread: one reading after another, as they are asked for.
fn serve(mut source: Box<dyn GpuSource>, shared: &Shared) {
    let _closing = Closing(shared);
    loop {
        let now = {
            let mut state = shared.lock();
            loop {
                if state.closed {
                    return;
                }
                match state.asked_at {
                    Some(now) if state.wanted > state.done => {
                        state.started += 1;
                        state.busy = Some((now.mono, Instant::now()));
                        break now;
                    }
                    _ => state = shared.asked.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            }
        };
        let reading = source.snapshot(now).map(Arc::new);
        let mut state = shared.lock();
        if state.hung {
            tracing::info!("the GPU driver answers again");
        }
        (state.busy, state.hung, state.done) = (None, false, state.started);
        state.keep(reading);
        // Whoever wakes wants the lock.
        drop(state);
        shared.answered.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc::{Receiver, Sender, channel};

    use gpuyard_core::model::{Gpu, Vendor};
    use jiff::Timestamp;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(20);

    fn at(ms: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            mono: Mono(ms),
        }
    }

    /// Answers when it is told to.
    struct Told(Receiver<Result<(), SourceError>>);

    impl GpuSource for Told {
        fn name(&self) -> &str {
            "told"
        }

        fn snapshot(&mut self, now: Now) -> Result<Snapshot, SourceError> {
            let gpus = vec![Gpu::new(0, "a", Vendor::Simulated)];
            self.0.recv().unwrap().map(|()| Snapshot {
                taken_at: now.wall,
                mono: now.mono,
                source: "told".into(),
                gpus,
            })
        }
    }

    fn told() -> (Sender<Result<(), SourceError>>, GpuReader) {
        let (sender, receiver) = channel();
        (sender, GpuReader::spawn(Box::new(Told(receiver))))
    }

    #[test]
    fn a_reading_comes_back_and_is_kept() {
        let (driver, reader) = told();
        assert!(reader.latest().is_none());
        driver.send(Ok(())).unwrap();
        assert_eq!(reader.read(at(7), LONG).unwrap().mono, Mono(7));
        let error = SourceError::Simulated { message: "no".into() };
        driver.send(Err(error.clone())).unwrap();
        assert_eq!(reader.read(at(8), LONG), Err(error));
        assert_eq!(reader.latest().unwrap().1, Mono(7), "the last good one stays");
    }

    #[test]
    fn a_hang_is_told_at_once_until_the_source_comes_back() {
        let (driver, reader) = told();
        driver.send(Ok(())).unwrap();
        reader.read(at(1), LONG).unwrap();
        assert_eq!(reader.read(at(2), SHORT), Err(SourceError::Hung { since: Mono(2) }));
        let began = Instant::now();
        assert_eq!(reader.read(at(3), LONG), Err(SourceError::Hung { since: Mono(2) }));
        assert!(
            began.elapsed() < LONG,
            "a long patience is not used up on a source that is known to hang"
        );
        assert_eq!(reader.latest().unwrap().1, Mono(1));
        driver.send(Ok(())).unwrap();
        let deadline = Instant::now() + LONG;
        while reader.latest().unwrap().1 != Mono(2) {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        driver.send(Ok(())).unwrap();
        assert_eq!(reader.read(at(4), LONG).unwrap().mono, Mono(4));
    }

    #[test]
    fn callers_who_wait_for_the_same_reading_share_it() {
        let (driver, reader) = told();
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| reader.read(at(5), LONG).unwrap()))
                .collect();
            // One is under way for the first to ask, and at most one more for all who asked meanwhile… or came late,
            // each their own.
            for _ in 0..8 {
                driver.send(Ok(())).unwrap();
            }
            assert!(all.into_iter().all(|caller| caller.join().unwrap().mono == Mono(5)));
        });
    }

    #[test]
    fn a_source_that_panics_is_an_error_and_no_hang() {
        let (driver, reader) = told();
        drop(driver);
        assert_eq!(reader.read(at(1), LONG), Err(SourceError::ReaderGone));
        assert_eq!(reader.read(at(2), LONG), Err(SourceError::ReaderGone));
    }

    #[test]
    fn dropping_the_reader_ends_its_thread() {
        let (driver, reader) = told();
        driver.send(Ok(())).unwrap();
        reader.read(at(1), LONG).unwrap();
        drop(reader);
        let deadline = Instant::now() + LONG;
        while driver.send(Ok(())).is_ok() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    }
}
