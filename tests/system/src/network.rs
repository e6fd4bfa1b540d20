//! Services in network namespaces of their own: between them and what they need, packets can be made to vanish. Neither
//! end is told of it and no connection is closed; that is what tells a partition from a kill.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

/// Begin of the addresses, which are set aside for tests of networks (RFC 2544): no real network has them.
const BLOCK: [u8; 2] = [198, 18];
/// The last digit of this process's own address.
const HOST: u8 = 1;
/// Name of the bridge in its namespace.
const BRIDGE: &str = "bridge0";

/// A bridge that leads nowhere else, with this process at it. It is gone when this, or the process, is.
#[derive(Debug)]
pub struct Network {
    subnet: u8,
    hub: Namespace,
    homes: u8,
}

/// A network namespace with an address that the network's members can reach.
#[derive(Debug)]
pub struct Home {
    namespace: Namespace,
    address: Ipv4Addr,
}

/// What vanishes between a service and somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everything.
    Both,
    /// What the service sends.
    Out,
    /// What is sent to the service.
    In,
}

impl Way {
    /// Each one.
    pub const ALL: [Self; 3] = [Self::Both, Self::Out, Self::In];
}

impl Network {
    /// Makes one. Panics with the reason and what to do where this is not permitted.
    pub fn new() -> Self {
        // Two tests of this process are not to take the same addresses.
        static MAKING: Mutex<u8> = Mutex::new(0);
        let mut made = MAKING.lock().expect("nothing panics here that goes on");
        *made += 1;
        let process = std::process::id();
        let link = format!("emf{process:x}-{made}");
        let subnet = free_subnet(process.to_le_bytes()[0].wrapping_add(*made));
        let hub = Namespace::new();
        hub.ip(&["link", "add", "name", BRIDGE, "type", "bridge"]);
        hub.ip(&["link", "set", BRIDGE, "up"]);
        carry_out(&["ip", "link", "add", &link, "type", "veth", "peer", "name", "host", "netns", &hub.pid()]);
        hub.attach("host");
        let network = Self { subnet, hub, homes: 0 };
        carry_out(&["ip", "address", "add", &format!("{}/24", network.address()), "dev", &link]);
        carry_out(&["ip", "link", "set", &link, "up"]);
        network
    }

    /// Where this process's servers are for those at home in it.
    pub fn address(&self) -> Ipv4Addr {
        self.member(HOST)
    }

    /// One more namespace.
    pub fn home(&mut self) -> Home {
        self.homes += 1;
        let port = format!("port{}", self.homes);
        let namespace = Namespace::new();
        let pid = namespace.pid();
        self.hub.ip(&["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &pid]);
        self.hub.attach(&port);
        let address = self.member(HOST + self.homes);
        namespace.ip(&["address", "add", &format!("{address}/24"), "dev", "eth0"]);
        for link in ["eth0", "lo"] {
            namespace.ip(&["link", "set", link, "up"]);
        }
        Home { namespace, address }
    }

    fn member(&self, number: u8) -> Ipv4Addr {
        let [first, second] = BLOCK;
        Ipv4Addr::new(first, second, self.subnet, number)
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// What a program is called with to live here; it keeps the process id that it is started under.
    pub(crate) fn entrance(&self) -> Entrance {
        self.namespace.entrance()
    }

    /// Lets packets between here and a server vanish until [`Home::heal`].
    pub fn lose(&self, way: Way, server: SocketAddr) {
        let (ip, port) = (server.ip().to_string(), server.port().to_string());
        let out = ["OUTPUT", "--destination", &ip, "--protocol", "tcp", "--dport", &port];
        let into = ["INPUT", "--source", &ip, "--protocol", "tcp", "--sport", &port];
        let rules = match way {
            Way::Both => vec![out, into],
            Way::Out => vec![out],
            Way::In => vec![into],
        };
        for rule in rules {
            self.iptables(&[&["--append"], rule.as_slice(), &["--jump", "DROP"]].concat());
        }
    }

    /// Lets everything through again. How many packets have vanished.
    pub fn heal(&self) -> u64 {
        let told = self.iptables(&["--list", "--numeric", "--verbose", "--exact"]);
        let rules = told.lines().filter(|line| line.contains(" DROP "));
        let vanished = rules.filter_map(|rule| rule.split_whitespace().next()?.parse::<u64>().ok()).sum();
        self.iptables(&["--flush"]);
        vanished
    }

    fn iptables(&self, arguments: &[&str]) -> String {
        self.namespace.carry_out(&[&["iptables", "--wait"], arguments].concat())
    }
}

/// The way into a namespace.
#[derive(Clone, Debug)]
pub(crate) struct Entrance(String);

impl Entrance {
    /// A command line's first words.
    pub(crate) fn words(&self) -> [&str; 3] {
        ["nsenter", &self.0, "--"]
    }
}

impl fmt::Display for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// A namespace without a name, so that nothing of it can be left behind: it lives as long as somebody lives in it.
#[derive(Debug)]
struct Namespace {
    /// Lives in it, and ends with its standard input.
    holder: Child,
}

impl Namespace {
    fn new() -> Self {
        let words = ["unshare", "--net", "--", "sh", "-c", "echo up; read -r _"];
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = command.spawn().unwrap_or_else(|error| refused(&words, &error));
        let mut said = String::new();
        let told = BufReader::new(holder.stdout.take().expect("it is piped")).read_line(&mut said);
        if told.is_err() || said != "up\n" {
            let mut why = String::new();
            let _ = holder.stderr.take().expect("it is piped").read_to_string(&mut why);
            let _ = holder.wait();
            refused(&words, &why);
        }
        Self { holder }
    }

    fn pid(&self) -> String {
        self.holder.id().to_string()
    }

    fn entrance(&self) -> Entrance {
        Entrance(format!("--net=/proc/{}/ns/net", self.pid()))
    }

    /// Puts a link onto the bridge here.
    fn attach(&self, link: &str) {
        self.ip(&["link", "set", link, "master", BRIDGE, "up"]);
    }

    fn ip(&self, arguments: &[&str]) {
        self.carry_out(&[&["ip"], arguments].concat());
    }

    fn carry_out(&self, words: &[&str]) -> String {
        carry_out(&[self.entrance().words().as_slice(), words].concat())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// A third digit that no address of this machine has, from this one on.
fn free_subnet(from: u8) -> u8 {
    let taken = carry_out(&["ip", "-4", "-oneline", "address"]);
    let [first, second] = BLOCK;
    let is_free = |subnet: &u8| !taken.contains(&format!(" {first}.{second}.{subnet}."));
    let all = (0..=u8::MAX).map(|more| from.wrapping_add(more));
    all.into_iter().find(is_free).expect("nobody has 256 such networks")
}

/// What a command says. Panics with the reason when it is refused.
fn carry_out(words: &[&str]) -> String {
    let said = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = said.unwrap_or_else(|error| refused(words, &error));
    if !status.success() {
        refused(words, &String::from_utf8_lossy(&stderr));
    }
    String::from_utf8_lossy(&stdout).into_owned()
}

/// Nothing is left out silently.
fn refused(words: &[&str], why: &dyn fmt::Display) -> ! {
    panic!(
        "partitions need network namespaces, and `{}` was refused: {}\nRun this as root on Linux, where CAP_SYS_ADMIN \
         and CAP_NET_ADMIN are given (in a container: --privileged); `make setup` installs ip and iptables",
        words.join(" "),
        why.to_string().trim()
    )
}
