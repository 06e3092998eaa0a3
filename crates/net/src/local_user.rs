//! Which user of this machine is at the other end of a connection.
//!
//! A loopback address says "from this machine", and a machine may have many users. The kernel knows whose socket the other end
//! is: `/proc/net/tcp` and `/proc/net/tcp6` (proc(5)) list each socket of the network namespace with the user who made it. The
//! other end of a connection stands there with *its* address as the local one, whoever dialled.
//!
//! What always holds: nobody is taken for a user on a guess. A socket that no process holds any more is listed under user 0
//! (waiting for its last packets, or not accepted yet), so a line counts only while it has an inode, and only in a state in
//! which both ends once agreed. A table that is there and does not show the other end, or that cannot be read to its end,
//! gives [`OtherEnd::Unseen`]; only a table that does not exist or that this process may not read gives [`OtherEnd::NoTable`].
//! Nothing that another user can bring about turns the one into the other.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The kernel's tables. An IPv4 connection of an IPv6 socket is in the second one, with mapped addresses.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// The table is no snapshot: a line may be missed when its neighbours come and go while it is read. So what is not found is looked for again.
const READS: usize = 3;
/// The user who may do everything anyway.
const ROOT: u32 = 0;
/// States in which the other end has, or had, an established connection (`include/net/tcp_states.h`): ESTABLISHED, FIN_WAIT1,
/// FIN_WAIT2, CLOSE_WAIT. A socket that listens or still dials is not the other end of anything.
const CONNECTED: [u8; 4] = [0x01, 0x04, 0x05, 0x08];

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherEnd {
    /// This user (uid, as this process's user namespace numbers it).
    User(u32),
    /// No process of this machine, as far as the table shows.
    Unseen,
    /// This system has no such table, or does not let this process read it.
    NoTable,
}

impl OtherEnd {
    /// Whether it is certain that the other end belongs to the user of this process, or to root.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self, Self::User(uid) if is_trusted(uid))
    }
}

/// The user of this process (effective uid): the one that its own sockets are listed under.
#[must_use]
pub fn this_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn is_trusted(uid: u32) -> bool {
    uid == ROOT || uid == this_user()
}

/// Looks for the user at the other end of a TCP connection.
///
/// `peer` holds the addresses that the other end may have: one, unless a name was dialled. `here` is our own address in the
/// connection, and exact where it is given. Without it (libp2p does not tell it for a connection that we dialled) all
/// connected sockets with a peer address count, and one that is not ours wins: a port is shared by connections of
/// one listener, which are of one user.
///
/// Blocks for some milliseconds: to read a table the kernel walks all the buckets that it has for connections, and their number grows
/// with the machine's memory. What is not there is looked for in both tables, three times.
#[must_use]
pub fn other_end(peer: &[SocketAddr], here: Option<SocketAddr>) -> OtherEnd {
    let mut end = OtherEnd::NoTable;
    for _ in 0..READS {
        end = look_once(peer, here);
        if end != OtherEnd::Unseen {
            break;
        }
    }
    end
}

fn look_once(peer: &[SocketAddr], here: Option<SocketAddr>) -> OtherEnd {
    let mut tables = Vec::with_capacity(TABLES.len());
    for path in TABLES {
        match File::open(path) {
            Ok(file) => tables.push(BufReader::new(file)),
            // IPv6 may be switched off.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {}
            // Too many open files, say, which others can bring about.
            Err(error) => {
                tracing::warn!(path, %error, "could not look up whose connection it is");
                return OtherEnd::Unseen;
            }
        }
    }
    if tables.is_empty() {
        return OtherEnd::NoTable;
    }
    find(tables, peer, here).unwrap_or_else(|error| {
        tracing::warn!(%error, "could not look up whose connection it is");
        OtherEnd::Unseen
    })
}

/// The look-up in the text of the tables.
fn find(tables: Vec<impl BufRead>, peer: &[SocketAddr], here: Option<SocketAddr>) -> io::Result<OtherEnd> {
    let peer: Vec<_> = peer.iter().map(canonical).collect();
    let here = here.as_ref().map(canonical);
    let mut found = OtherEnd::Unseen;
    for table in tables {
        for line in table.lines() {
            let line = line?;
            let Some(socket) = Socket::parse(&line) else { continue };
            if !peer.contains(&socket.local) || here.is_some_and(|here| here != socket.remote) {
                continue;
            }
            found = OtherEnd::User(socket.uid);
            // Both addresses name one socket.
            if here.is_some() || !is_trusted(socket.uid) {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// A connected socket that some process holds.
struct Socket {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    uid: u32,
}

impl Socket {
    /// Reads a line; none for the heading, and for what is no such socket.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = address(fields.next()?)?;
        let remote = address(fields.next()?)?;
        let state = u8::from_str_radix(fields.next()?, 16).ok()?;
        // Queues, timer, retransmissions.
        let mut fields = fields.skip(3);
        let uid = fields.next()?.parse().ok()?;
        let _timeout = fields.next()?;
        let inode: u64 = fields.next()?.parse().ok()?;
        (CONNECTED.contains(&state) && inode != 0).then_some(Self { local, remote, uid })
    }
}

/// `0100007F:1F90`: the address as words of 32 bits in this machine's byte order, the port as a number.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (n, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(n * 8)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((ip.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

/// An IPv4 address in IPv6 form is that IPv4 address; scopes and flow labels are not in the table.
fn canonical(address: &SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    /// A user who is neither root nor us.
    fn stranger() -> u32 {
        this_user().wrapping_add(4_711)
    }

    fn word(bytes: [u8; 4]) -> String {
        format!("{:08X}", u32::from_ne_bytes(bytes))
    }

    fn hex(address: &str) -> String {
        let address: SocketAddr = address.parse().unwrap();
        let ip: String = match address.ip() {
            IpAddr::V4(ip) => word(ip.octets()),
            IpAddr::V6(ip) => ip
                .octets()
                .chunks_exact(4)
                .map(|w| word(w.try_into().unwrap()))
                .collect(),
        };
        format!("{ip}:{:04X}", address.port())
    }

    fn row(local: &str, remote: &str, state: &str, uid: u32, inode: u64) -> String {
        format!(
            "   0: {} {} {state} 00000000:00000000 00:00000000 00000000 {uid:5}        0 {inode} 1 0000000013d058a9 20 4 30 10 -1\n",
            hex(local),
            hex(remote)
        )
    }

    fn look(rows: &[String], peer: &[&str], here: Option<&str>) -> OtherEnd {
        let text = format!("{HEAD}{}", rows.concat());
        let peer: Vec<SocketAddr> = peer.iter().map(|p| p.parse().unwrap()).collect();
        find(vec![text.as_bytes()], &peer, here.map(|h| h.parse().unwrap())).unwrap()
    }

    const NODE: &str = "127.0.0.1:8080";
    const CLIENT: &str = "127.0.0.1:40000";

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_a_real_table_is_read() {
        let line = "   3: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 65534        0 4243 1 0000000000000000 20 4 30 10 -1";
        let socket = Socket::parse(line).unwrap();
        assert_eq!(socket.local, ("127.0.0.1".parse().unwrap(), 40_000));
        assert_eq!(socket.remote, ("127.0.0.1".parse().unwrap(), 8_080));
        assert_eq!(socket.uid, 65_534);
        assert!(Socket::parse(HEAD).is_none());
        assert!(Socket::parse("").is_none());
        assert!(Socket::parse("   3: 0100007F:9C40 0100007F:1F90 01").is_none());
    }

    #[test]
    fn the_line_of_the_other_end_counts_and_not_our_own() {
        let rows = [
            row(NODE, CLIENT, "01", this_user(), 7),
            row(CLIENT, NODE, "01", stranger(), 8),
        ];
        assert_eq!(look(&rows, &[CLIENT], Some(NODE)), OtherEnd::User(stranger()));
        assert_eq!(look(&rows[..1], &[CLIENT], Some(NODE)), OtherEnd::Unseen);
        let other = [row(CLIENT, "127.0.0.1:9", "01", this_user(), 8)];
        assert_eq!(
            look(&other, &[CLIENT], Some(NODE)),
            OtherEnd::Unseen,
            "another connection from that port"
        );
    }

    #[test]
    fn a_socket_without_a_holder_is_not_roots() {
        for (state, inode) in [("06", 0), ("05", 0), ("04", 0), ("01", 0), ("02", 9), ("0A", 9)] {
            let rows = [row(CLIENT, NODE, state, 0, inode)];
            assert_eq!(look(&rows, &[CLIENT], Some(NODE)), OtherEnd::Unseen, "{state} {inode}");
        }
        // A client that has said all, and waits for the answer.
        let rows = [row(CLIENT, NODE, "05", 0, 9)];
        assert_eq!(look(&rows, &[CLIENT], Some(NODE)), OtherEnd::User(0));
    }

    #[test]
    fn mapped_addresses_are_those_that_they_map() {
        let rows = [row(
            "[::ffff:127.0.0.1]:40000",
            "[::ffff:127.0.0.1]:8080",
            "01",
            stranger(),
            8,
        )];
        assert_eq!(look(&rows, &[CLIENT], Some(NODE)), OtherEnd::User(stranger()));
        let rows = [row(CLIENT, NODE, "01", stranger(), 8)];
        assert_eq!(
            look(&rows, &["[::ffff:127.0.0.1]:40000"], None),
            OtherEnd::User(stranger())
        );
        let rows = [row("[::1]:40000", "[::1]:8080", "01", stranger(), 8)];
        assert_eq!(
            look(&rows, &["[::1]:40000"], Some("[::1]:8080")),
            OtherEnd::User(stranger())
        );
    }

    #[test]
    fn of_several_that_it_may_be_a_stranger_wins() {
        let rows = [
            row(NODE, "127.0.0.1:50000", "01", this_user(), 7),
            row("[::1]:8080", "[::1]:50001", "01", stranger(), 8),
            row(NODE, "127.0.0.1:50002", "01", this_user(), 9),
        ];
        assert_eq!(look(&rows, &[NODE], None), OtherEnd::User(this_user()));
        assert_eq!(look(&rows, &[NODE, "[::1]:8080"], None), OtherEnd::User(stranger()));
        assert_eq!(look(&rows, &["127.0.0.1:1"], None), OtherEnd::Unseen);
    }

    #[test]
    fn only_root_and_this_user_are_trusted() {
        assert!(OtherEnd::User(0).is_ours());
        assert!(OtherEnd::User(this_user()).is_ours());
        assert!(!OtherEnd::User(stranger()).is_ours());
        assert!(!OtherEnd::Unseen.is_ours());
        assert!(!OtherEnd::NoTable.is_ours());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn both_ends_of_a_real_connection_are_found() {
        for bind in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(bind) else {
                assert!(bind.contains("::"), "{bind}");
                continue;
            };
            let mut to = listener.local_addr().unwrap();
            if to.ip().is_unspecified() {
                // Both kinds of addresses meet here.
                to.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
            }
            let dialled = TcpStream::connect(to).unwrap();
            let (accepted, peer) = listener.accept().unwrap();
            let ours = OtherEnd::User(this_user());
            assert_eq!(other_end(&[peer], accepted.local_addr().ok()), ours, "{bind}");
            assert_eq!(other_end(&[to], dialled.local_addr().ok()), ours, "{bind}");
            assert_eq!(other_end(&[to], None), ours, "{bind}");
            drop(dialled);
            // Closed by its process: nobody's, although the kernel still has it.
            assert_eq!(
                other_end(&[peer], accepted.local_addr().ok()),
                OtherEnd::Unseen,
                "{bind}"
            );
        }
    }
}
