//! Every limit of the HTTP side in one place, with the reason for each number.
use std::{ops::RangeInclusive, time::Duration};

/// Bytes of a request's body. A command file of 10,000 tasks is a tenth of it.
pub(crate) const BODY: usize = 1 << 20;

/// Bytes of a request's first line and headers together, and of what is read ahead.
pub(crate) const HEAD: usize = 16 << 10;

/// Headers of a request.
pub(crate) const HEADERS: usize = 64;

/// For the whole of a request's headers to arrive, and for the next request of a connection that is kept open.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(10);

/// For a request to be answered, its body's arrival included. A scheduler has [`ANNOUNCE_TIME`] to come up.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(60);

/// For a scheduler to say that its first state is on disk: 10,000 tasks on a slow network file system take seconds.
pub(crate) const ANNOUNCE_TIME: Duration = Duration::from_secs(45);

/// For a scheduler to answer on its control socket; it syncs a file before it does.
pub(crate) const CONTROL_TIME: Duration = Duration::from_secs(15);

/// Connections at once. Beyond it, the one that has been idle longest makes room.
pub(crate) const CONNECTIONS: usize = 512;

/// File descriptors that are not for connections: logs, state, schedulers, the library of the GPU driver.
pub(crate) const OTHER_DESCRIPTORS: usize = 40;

/// Connections that there is room for, however few descriptors there are.
pub(crate) const FEWEST_CONNECTIONS: usize = 8;

/// With nobody connected for so long, memory is given back. Longer than between two looks of a program that comes every 15 s.
pub(crate) const REST: Duration = Duration::from_secs(30);

/// For requests in flight to be answered when the daemon ends.
pub(crate) const FAREWELL_TIME: Duration = Duration::from_secs(10);

/// Threads for what reads files or waits for a scheduler. With every one of them waiting, what needs none (health, a right
/// secret) is answered still.
pub(crate) const BLOCKING_THREADS: usize = 64;

/// Logins at once. Beyond it, the one that was used longest ago ends.
pub(crate) const SESSIONS: usize = 1024;

/// A login that nobody uses ends after so long, and after `session-hours` in any case.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(24 * 3600);

/// A login whose use is noted on disk this seldom ends at most so much earlier after a daemon that was killed.
pub(crate) const SESSION_NOTED: Duration = Duration::from_secs(3600);

/// Until logins that could not be written are tried again.
pub(crate) const SESSION_RETRY: Duration = Duration::from_secs(10);

/// For a login or logout to reach the disk before it is answered. A disk that takes longer does not keep anyone out.
pub(crate) const SESSION_SAVED: Duration = Duration::from_secs(2);

/// Wrong tries that an address has before it is slowed.
pub(crate) const WRONG_TRIES: u32 = 10;

/// An address that is slowed gets one more try in so long: 43,200 a day.
pub(crate) const WRONG_TRY_EVERY: Duration = Duration::from_secs(2);

/// Addresses whose wrong tries are remembered.
pub(crate) const ADDRESSES: usize = 4096;

/// Ports tried after the one in the settings.
pub(crate) const PORTS: u16 = 100;

/// Bytes of a log that one answer carries at most.
pub(crate) const LOG_BYTES: u64 = 1 << 20;

/// Lines of a log that one answer carries at most.
pub(crate) const LOG_LINES: u64 = 10_000;

/// Logs whose lines are known at once: a MiB each at most, a few KiB for all but giants.
pub(crate) const KNOWN_LOGS: usize = 64;

/// Bytes whose lines are counted before a question about a log is answered; what is beyond is counted in the background.
pub(crate) const LOG_COUNTED_AT_ONCE: u64 = 4 << 20;

/// Bytes of a log that are read at once while it is sent whole.
pub(crate) const LOG_CHUNK: usize = 256 << 10;

/// Searches through logs at once; others wait for their turn.
pub(crate) const SEARCHES: usize = 2;

/// Hits that a search sends; beyond, they are counted.
pub(crate) const HITS: u64 = 1000;

/// And the most that may be asked for.
pub(crate) const MOST_HITS: u64 = 10_000;

/// Lines before and after a hit.
pub(crate) const HIT_CONTEXT: u64 = 20;

/// Between two looks at a log that grows: a page paints no more often.
pub(crate) const LOG_LOOK: Duration = Duration::from_millis(250);

/// A log that has not grown for so long is watched, not looked at.
pub(crate) const LOG_STILL: Duration = Duration::from_secs(2);

/// Who is further behind a log than this is not sent what lies between.
pub(crate) const LOG_BEHIND: u64 = 4 << 20;

/// Bytes of one event of a log's stream.
pub(crate) const LOG_EVENT: u64 = 64 << 10;

/// Streams of logs at once.
pub(crate) const LOG_STREAMS: usize = 64;

/// Between asking for a ticket and using it.
pub(crate) const TICKET_TIME: Duration = Duration::from_secs(60);

/// Tickets that wait for their use at once.
pub(crate) const TICKETS: usize = 256;

/// Waiting heads of a command file that a preview of rules lists at most: more than anyone reads.
pub(crate) const PREVIEWED_HEADS: usize = 200;

/// Runs that one answer lists at most.
pub(crate) const LISTED_RUNS: usize = gpuyard_core::wire::Runs::MOST;

/// Between two looks at whether there are more ended runs than are kept.
pub(crate) const PRUNE_REST: Duration = Duration::from_secs(60);

/// Until the next one where no run has changed: logs grow old by themselves.
pub(crate) const PRUNE_AT_LEAST: Duration = Duration::from_secs(3600);

/// Between the death of a scheduler that was started again and the next start; doubled at each death.
pub(crate) const RECOVERY_DELAY: Duration = Duration::from_secs(1);

/// And no longer than this.
pub(crate) const RECOVERY_DELAY_MOST: Duration = Duration::from_secs(300);

/// A scheduler that lived so long is started again at once, as if it were its first death.
pub(crate) const GOOD_LIFE: Duration = Duration::from_secs(600);

/// Bytes of one live message, about: a client that reads slowly holds up no more than this.
pub(crate) const MESSAGE: usize = 256 << 10;

/// Bytes of a message from a client of the live connection. A topic's name may hold a path.
pub(crate) const LIVE_REQUEST: usize = 16 << 10;

/// For the first message of a live connection, which shows who it is.
pub(crate) const HELLO_TIME: Duration = Duration::from_secs(10);

/// Between two signs of life; a page takes silence of twice this for a loss.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

/// For a client to take one live message; then it is given up.
pub(crate) const SEND_TIME: Duration = Duration::from_secs(30);

/// Live connections at once, WebSockets and event streams together. A tab has one.
pub(crate) const FEEDS: usize = 384;

/// Topics that one connection listens to: a tab shows a few things at once.
pub(crate) const TOPICS_EACH: usize = 32;

/// Topics that are filled at once, for all clients together.
pub(crate) const TOPICS: usize = 256;

/// Seconds that a client may ask to lie between two messages of a topic.
pub(crate) const RATES: RangeInclusive<f64> = 0.5..=60.0;

/// Keys of a topic that are remembered to be gone; beyond it, who has not heard of all gets a snapshot.
pub(crate) const REMOVED_KEYS: usize = 1024;

/// For a client to answer the end of a live connection.
pub(crate) const PARTING_TIME: Duration = Duration::from_secs(1);

/// An answer about GPUs is given to all who ask within so long: it says how old its reading is, and readings may fail.
pub(crate) const HELD_GPUS: Duration = Duration::from_millis(100);

/// An answer about runs is given until something is new, or for so long: waits end by the clock.
pub(crate) const HELD_RUNS: Duration = Duration::from_secs(1);

/// Ad-hoc tasks that ended while one listened and are told still, the newest: a page that stays open for a month, and who
/// comes to listen then, is not told of every task of that month.
pub(crate) const ENDED_TASKS: usize = 1000;

/// Ad-hoc tasks that one page lists at most, and where nothing is said.
pub(crate) const LISTED_TASKS: u32 = 500;
/// See [`LISTED_TASKS`].
pub(crate) const LISTED_TASKS_USUALLY: u32 = 50;

/// Tags that a page names at most.
pub(crate) const LISTED_TAGS: usize = 200;

/// Ad-hoc tasks that one call cancels at most.
pub(crate) const CANCELLED_TASKS: usize = 10_000;
