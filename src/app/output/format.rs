//! How amounts, lengths of time and moments are written for people.
use gpuyard_core::model::{Lang, Memory};
use jiff::{Timestamp, tz::TimeZone};

/// A length of time: `0.4s`, `12s`, `3m05s`, `2h07m`, `5d03h`.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 9.95 {
        return format!("{seconds:.1}s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3600..86400 => format!("{}h{:02}m", whole / 3600, whole % 3600 / 60),
        _ => format!("{}d{:02}h", whole / 86400, whole % 86400 / 3600),
    }
}

/// Seconds from one moment to another, at least 0 (clocks are set back now and then).
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

/// How long it still is until a moment.
pub(crate) fn left_until(moment: Timestamp, now: Timestamp, lang: Lang) -> String {
    let length = duration(seconds_between(now, moment));
    say!(lang, "{length} left", "还剩 {length}")
}

/// A moment on this host's clock: `14:03:22` today, else `11-21 14:03`, with the year once that is another.
pub(crate) fn moment(moment: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (then, today) = (moment.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let pattern = if then.date() == today.date() {
        "%H:%M:%S"
    } else if then.year() == today.year() {
        "%m-%d %H:%M"
    } else {
        "%Y-%m-%d"
    };
    then.strftime(pattern).to_string()
}

/// A memory bar: `████░░░░ 11.9/24 GiB`.
pub(crate) fn memory_bar(memory: Memory, cells: usize) -> String {
    let share = if memory.total.0 == 0 {
        0.0
    } else {
        memory.used.0 as f64 / memory.total.0 as f64
    };
    let mut full = (share.clamp(0.0, 1.0) * cells as f64).round() as usize;
    // Something in use is never shown as nothing, something free never as full.
    if memory.used.0 > 0 && full == 0 {
        full = 1;
    }
    if memory.used < memory.total && full == cells {
        full = cells - 1;
    }
    format!(
        "{}{} {}",
        "█".repeat(full),
        "░".repeat(cells - full),
        memory.used.of(memory.total)
    )
}

/// GiB as command files have them: `20`, `0.5`.
pub(crate) fn gib(amount: f64) -> String {
    format!("{amount} GiB")
}

/// `0,1,3` or, for runs of three and more, `0-3,7`.
pub(crate) fn indices(list: &[u32]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < list.len() {
        let run = list[at..]
            .windows(2)
            .take_while(|pair| pair[0].checked_add(1) == Some(pair[1]))
            .count();
        if run >= 2 {
            parts.push(format!("{}-{}", list[at], list[at + run]));
            at += run + 1;
        } else {
            parts.push(list[at].to_string());
            at += 1;
        }
    }
    parts.join(",")
}

/// What there is to read, or a dash.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::model::Bytes;

    use super::*;

    #[test]
    fn lengths_of_time_have_two_units_at_most() {
        for (seconds, text) in [
            (-3.0, "0.0s"),
            (0.04, "0.0s"),
            (9.94, "9.9s"),
            (9.96, "10s"),
            (59.4, "59s"),
            (59.6, "1m00s"),
            (185.0, "3m05s"),
            (7620.0, "2h07m"),
            (86400.0 * 5.0 + 3600.0 * 3.0, "5d03h"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn moments_are_as_long_as_they_need_to_be() {
        let now: Timestamp = "2026-11-23T14:03:22Z".parse().unwrap();
        for (then, text) in [
            ("2026-11-23T01:02:03Z", "01:02:03"),
            ("2026-11-21T01:02:03Z", "11-21 01:02"),
            ("2025-12-31T01:02:03Z", "2025-12-31"),
        ] {
            assert_eq!(moment(then.parse().unwrap(), now, &TimeZone::UTC), text);
        }
    }

    #[test]
    fn what_is_left_is_never_below_nothing() {
        let now: Timestamp = "2026-11-23T14:03:22Z".parse().unwrap();
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(left_until(at("2026-11-23T14:00:00Z"), now, Lang::Zh), "还剩 0.0s");
        assert_eq!(left_until(at("2026-11-23T14:04:00Z"), now, Lang::En), "38s left");
    }

    #[test]
    fn a_bar_is_never_quite_full_or_empty_unless_it_is() {
        let memory = |used: u64| Memory {
            used: Bytes(used),
            free: Bytes((24 << 30) - used),
            total: Bytes(24 << 30),
        };
        assert_eq!(memory_bar(memory(0), 4), "░░░░ 0/24 GiB");
        assert_eq!(memory_bar(memory(1 << 20), 4), "█░░░ 0/24 GiB");
        assert_eq!(memory_bar(memory(12 << 30), 4), "██░░ 12/24 GiB");
        assert_eq!(memory_bar(memory((24 << 30) - 1), 4), "███░ 24/24 GiB");
        assert_eq!(memory_bar(memory(24 << 30), 4), "████ 24/24 GiB");
        let none = Memory {
            used: Bytes(0),
            free: Bytes(0),
            total: Bytes(0),
        };
        assert_eq!(memory_bar(none, 2), "░░ 0/0 B");
    }

    #[test]
    fn indices_in_a_row_are_joined() {
        assert_eq!(indices(&[]), "");
        assert_eq!(indices(&[3]), "3");
        assert_eq!(indices(&[0, 1]), "0,1");
        assert_eq!(indices(&[0, 1, 2, 3, 7]), "0-3,7");
    }
}
