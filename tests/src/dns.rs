//! A DNS server of the tests' own, over UDP and TCP on one port of loopback. What it answers is scripted; what it was asked is
//! kept. Everything it gives may be remembered for an hour, so that whoever remembers is found out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// In lower case, without the dot at its end.
    pub name: String,
    /// Whether IPv6 addresses are wanted, not IPv4.
    pub ipv6: bool,
    /// Whether it came over TCP.
    pub tcp: bool,
}

/// How a question is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With those of the addresses that are of the family; none is an answer, too.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// SERVFAIL.
    Failure,
    /// Not at all.
    Silence,
    /// Over UDP: that it does not fit. Over TCP: so.
    OverTcp(Box<Answer>),
    /// Over UDP: that it does not fit, with the first of the addresses. Over TCP: not at all.
    CutShort(Vec<IpAddr>),
    /// First waits, then answers so.
    After(Duration, Box<Answer>),
}

impl Answer {
    /// [`Answer::Addresses`] from texts.
    pub fn addresses(texts: &[&str]) -> Self {
        Self::Addresses(texts.iter().map(|text| text.parse().expect("an address")).collect())
    }
}

type Script = Box<dyn Fn(&Question) -> Answer + Send>;

struct State {
    script: Mutex<Script>,
    questions: Mutex<Vec<Question>>,
}

/// A running server. Stops when dropped.
pub struct DnsServer {
    address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl DnsServer {
    /// Knows no name yet.
    pub async fn start() -> Self {
        for _ in 0..100 {
            let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = tcp.local_addr().expect("bound");
            // Somebody else may have this one.
            let Ok(udp) = UdpSocket::bind(address).await else { continue };
            return Self::serve(address, udp, tcp);
        }
        panic!("no port is free for UDP and TCP");
    }

    fn serve(address: SocketAddr, udp: UdpSocket, tcp: TcpListener) -> Self {
        let state = State { script: Mutex::new(Box::new(|_| Answer::NoSuchName)), questions: Mutex::default() };
        let state = Arc::new(state);
        let mut tasks = JoinSet::new();
        tasks.spawn(over_udp(Arc::new(udp), Arc::clone(&state)));
        tasks.spawn(over_tcp(tcp, Arc::clone(&state)));
        Self { address, state, _tasks: tasks }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on answers every question so.
    pub fn answer(&self, answer: Answer) {
        self.script(move |_| answer.clone());
    }

    /// From now on asks `script`.
    pub fn script(&self, script: impl Fn(&Question) -> Answer + Send + 'static) {
        *self.state.script.lock() = Box::new(script);
    }

    /// All questions so far.
    pub fn questions(&self) -> Vec<Question> {
        self.state.questions.lock().clone()
    }
}

async fn over_udp(socket: Arc<UdpSocket>, state: Arc<State>) {
    let mut tasks = JoinSet::new();
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let (message, socket, state) = (buffer[..length].to_vec(), Arc::clone(&socket), Arc::clone(&state));
        tasks.spawn(async move {
            if let Some(reply) = reply(&state, &message, false).await {
                let _ = socket.send_to(&reply, from).await;
            }
        });
    }
}

async fn over_tcp(listener: TcpListener, state: Arc<State>) {
    let mut tasks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        tasks.spawn(connection(stream, Arc::clone(&state)));
    }
}

async fn connection(mut stream: TcpStream, state: Arc<State>) {
    while let Ok(length) = stream.read_u16().await {
        let mut message = vec![0; length.into()];
        if stream.read_exact(&mut message).await.is_err() {
            return;
        }
        let Some(reply) = reply(&state, &message, true).await else { return };
        let framed = [&(reply.len() as u16).to_be_bytes(), reply.as_slice()].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

/// The message that answers `message`, if anything does.
async fn reply(state: &State, message: &[u8], tcp: bool) -> Option<Vec<u8>> {
    let (question, end) = parse(message, tcp)?;
    state.questions.lock().push(question.clone());
    let mut answer = (state.script.lock())(&question);
    loop {
        let (code, cut_short, addresses) = match answer {
            Answer::After(delay, then) => {
                tokio::time::sleep(delay).await;
                answer = *then;
                continue;
            }
            Answer::OverTcp(then) if tcp => {
                answer = *then;
                continue;
            }
            Answer::Silence => return None,
            Answer::CutShort(_) if tcp => return None,
            Answer::OverTcp(_) => (0, true, Vec::new()),
            Answer::CutShort(addresses) => (0, true, addresses.into_iter().take(1).collect()),
            Answer::Addresses(addresses) => (0, false, addresses),
            Answer::Failure => (2, false, Vec::new()),
            Answer::NoSuchName => (3, false, Vec::new()),
        };
        let addresses: Vec<_> = addresses.into_iter().filter(|address| address.is_ipv6() == question.ipv6).collect();
        return Some(encode(&message[..end], code, cut_short, &addresses));
    }
}

/// The question, and where it ends. `None` for what a resolver does not send.
fn parse(message: &[u8], tcp: bool) -> Option<(Question, usize)> {
    const HEADER: usize = 12;
    let (mut labels, mut at) = (Vec::new(), HEADER);
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let ipv6 = match message.get(at..at + 4)? {
        [0, 1, 0, 1] => false,
        [0, 28, 0, 1] => true,
        _ => return None,
    };
    Some((Question { name: labels.join("."), ipv6, tcp }, at + 4))
}

/// `asked` is the message up to the end of its question.
fn encode(asked: &[u8], code: u8, cut_short: bool, addresses: &[IpAddr]) -> Vec<u8> {
    const TTL_S: u32 = 3600;
    let mut reply = asked.to_vec();
    // An answer, authoritative, recursion desired and available.
    reply[2] = 0x85 | if cut_short { 0x02 } else { 0 };
    reply[3] = 0x80 | code;
    reply[6..8].copy_from_slice(&(addresses.len() as u16).to_be_bytes());
    // Neither authorities nor the additional record with which resolvers say how much they take.
    reply[8..12].fill(0);
    for address in addresses {
        let (kind, octets) = match address {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (28, address.octets().to_vec()),
        };
        // The name is the question's.
        reply.extend([0xc0, 12, 0, kind, 0, 1]);
        reply.extend(TTL_S.to_be_bytes());
        reply.extend((octets.len() as u16).to_be_bytes());
        reply.extend(octets);
    }
    reply
}
