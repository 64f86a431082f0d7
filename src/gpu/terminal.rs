//! The `tmux` or `screen` that a process was started in, by what these leave in its environment.
use gpuyard_core::wire::{Multiplexer, Terminal};

use crate::procfs::variable;

/// What `TMUX` and `TMUX_PANE`, or `STY`, say; the server need not live any more. Anyone can write anything into an
/// environment, and `attach` is there to be typed: only what needs no quoting becomes part of it.
pub(crate) fn terminal_of(environ: &[u8]) -> Option<Terminal> {
    tmux(environ).or_else(|| screen(environ))
}

/// `TMUX=/tmp/tmux-1000/default,4711,3`: socket, server, number of the session.
fn tmux(environ: &[u8]) -> Option<Terminal> {
    let mut parts = variable(environ, "TMUX")?.rsplitn(3, ',');
    let session = parts.next()?.parse::<u32>().ok()?;
    let server_pid = parts.next()?.parse().ok().filter(|pid| *pid > 1)?;
    let socket = parts.next()?;
    let pane = variable(environ, "TMUX_PANE").filter(|pane| is_number(pane, '%'));
    let attach = match socket.rsplit_once('/') {
        Some((folder, "default")) if folder.starts_with("/tmp/tmux-") => Some(format!("tmux attach -t '${session}'")),
        _ => is_plain(socket).then(|| format!("tmux -S {socket} attach -t '${session}'")),
    };
    Some(Terminal {
        kind: Multiplexer::Tmux,
        server_pid,
        session: Some(format!("${session}")),
        pane: pane.map(str::to_owned),
        attach,
    })
}

/// `STY=4711.train`: server and name.
fn screen(environ: &[u8]) -> Option<Terminal> {
    let session = variable(environ, "STY")?;
    let (server, _) = session.split_once('.')?;
    Some(Terminal {
        kind: Multiplexer::Screen,
        server_pid: server.parse().ok().filter(|pid| *pid > 1)?,
        session: Some(session.to_owned()),
        pane: None,
        attach: is_plain(session).then(|| format!("screen -x {session}")),
    })
}

fn is_number(text: &str, mark: char) -> bool {
    text.strip_prefix(mark)
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@:".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(environ: &str) -> Option<Terminal> {
        terminal_of(environ.replace(' ', "\0").as_bytes())
    }

    #[test]
    fn sessions_are_told_with_the_way_into_them() {
        let tmux = of("A=b TMUX=/tmp/tmux-1000/default,4711,3 TMUX_PANE=%7").unwrap();
        assert_eq!((tmux.kind, tmux.server_pid), (Multiplexer::Tmux, 4711));
        assert_eq!(
            (tmux.session.as_deref(), tmux.pane.as_deref()),
            (Some("$3"), Some("%7"))
        );
        assert_eq!(tmux.attach.as_deref(), Some("tmux attach -t '$3'"));
        let named = of("TMUX=/run/user/5/lab,4711,0 TMUX_PANE=7").unwrap();
        assert_eq!(named.pane, None);
        assert_eq!(named.attach.as_deref(), Some("tmux -S /run/user/5/lab attach -t '$0'"));
        let screen = of("STY=815.pts-3.gpu1").unwrap();
        assert_eq!((screen.kind, screen.server_pid), (Multiplexer::Screen, 815));
        assert_eq!(screen.attach.as_deref(), Some("screen -x 815.pts-3.gpu1"));
    }

    #[test]
    fn what_is_odd_is_not_handed_to_a_shell() {
        assert_eq!(of("TMUX=/tmp/x;reboot,7,0").unwrap().attach, None);
        assert_eq!(of("STY=7.$(reboot)").unwrap().attach, None);
        for odd in [
            "",
            "TMUX=",
            "TMUX=a,b,c",
            "TMUX=/tmp/x,1,0",
            "STY=train",
            "STY=0.x",
            "TERM=screen",
        ] {
            assert_eq!(of(odd), None, "{odd}");
        }
    }
}
