//! Who is at the other end of a connection: its address, and on this machine its user, as the kernel lists it.
use std::{
    fs,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use tokio::sync::OnceCell;

/// The other end of a connection, among the extensions of each of its requests.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    address: SocketAddr,
    local: SocketAddr,
    /// Looked up when it is first asked for, once a connection.
    uid: Arc<OnceCell<Option<u32>>>,
}

impl Peer {
    /// The other end of a connection that was accepted at `local`.
    pub(crate) fn new(address: SocketAddr, local: SocketAddr) -> Peer {
        Peer {
            address,
            local,
            uid: Arc::default(),
        }
    }

    /// Its address.
    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }

    /// The user at the other end, where that is on this machine and the kernel tells.
    pub(crate) async fn uid(&self) -> Option<u32> {
        let (address, local) = (self.address, self.local);
        let look = async || {
            tokio::task::spawn_blocking(move || look(address, local))
                .await
                .ok()
                .flatten()
        };
        *self.uid.get_or_init(look).await
    }

    /// One whose user is known.
    #[cfg(test)]
    pub(crate) fn known(address: SocketAddr, uid: Option<u32>) -> Peer {
        Peer {
            address,
            local: address,
            uid: Arc::new(OnceCell::new_with(Some(uid))),
        }
    }
}

fn look(address: SocketAddr, local: SocketAddr) -> Option<u32> {
    if !is_here(address.ip(), local.ip()) {
        return None;
    }
    // A program may speak IPv6 to an IPv4 address: then its end is in the other list.
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    tables
        .iter()
        .find_map(|path| find_uid(&fs::read_to_string(path).ok()?, address, local))
}

/// Whether both ends are this machine.
fn is_here(peer: IpAddr, local: IpAddr) -> bool {
    peer.to_canonical().is_loopback() || peer.to_canonical() == local.to_canonical()
}

/// The user of the socket that has `peer` as its own end and `local` as its far one.
fn find_uid(table: &str, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid …
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (own, far) = (end(fields.next()?)?, end(fields.next()?)?);
        if !same(own, peer) || !same(far, local) {
            return None;
        }
        let (uid, inode) = (fields.nth(4)?.parse().ok()?, fields.nth(1)?);
        // A socket that its program has closed has no inode, and is listed as root's.
        (inode != "0").then_some(uid)
    })
}

fn same(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical()
}

/// `0100007F:7216`: each 32-bit word of the address in the machine's own byte order, the port in the usual one.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip: IpAddr = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for i in 0..4 {
                bytes[i * 4..][..4].copy_from_slice(&word(i * 8)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_of_this_process_is_its_own_users() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(address) else {
                continue;
            };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, peer) = listener.accept().unwrap();
            let found = look(peer, server.local_addr().unwrap());
            assert_eq!(found, Some(nix::unistd::geteuid().as_raw()));
            drop(client);
        }
    }

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:7216 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0\n\
            1: 0100007F:C350 0100007F:7216 01 00000000:00000000 00:00000000 00000000  1001        0 222 1 0\n\
            2: 0100007F:C351 0100007F:7216 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0\n";
        let local = "127.0.0.1:29206".parse().unwrap();
        let uid = |peer: &str| find_uid(table, peer.parse().unwrap(), local);
        assert_eq!(uid("127.0.0.1:50000"), Some(1001));
        assert_eq!(uid("127.0.0.1:50001"), None, "closed: the kernel calls it root's");
        assert_eq!(uid("127.0.0.1:50002"), None);
        assert_eq!(uid("[::ffff:127.0.0.1]:50000"), Some(1001));
    }

    #[test]
    fn other_machines_have_no_user_here() {
        assert_eq!(
            look("192.0.2.1:5".parse().unwrap(), "192.0.2.2:6".parse().unwrap()),
            None
        );
    }
}
