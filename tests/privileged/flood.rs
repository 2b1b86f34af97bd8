//! Many connections at once: each has its flow, and nothing is left over.

use std::io::Write as _;

use agent::kernel::Counter;

use crate::harness::{Bench, counted};

#[test]
fn no_connection_of_twenty_thousand_is_without_its_flow() {
    // Resets at the end: 20,000 ports in TIME_WAIT would be most of those that there are.
    const PROGRAM: &str = r"
import socket, struct, sys, threading
failed = []
def run():
    for _ in range(2500):
        try:
            s = socket.create_connection((sys.argv[1], 443))
            if s.recv(64) != b'PROXY':
                failed.append('answer')
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            s.close()
        except OSError as e:
            failed.append(str(e))
threads = [threading.Thread(target=run) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print('failed', len(failed), *set(failed), flush=True)
";
    const CONNECTIONS: usize = 20_000;
    let bench = Bench::new();
    let kernel = bench.enforced();
    let host = bench.snowflake.address.ip().to_string();
    let mut client = bench.start(&bench.agents(), PROGRAM, &[&host]);
    let (mut missing, mut strangers) = (0, 0);
    for _ in 0..CONNECTIONS {
        let mut stream = bench.listeners.accept();
        match bench.listeners.flow(&kernel, &stream) {
            None => missing += 1,
            Some(flow) if flow.tgid != client.pid() => strangers += 1,
            Some(_) => {}
        }
        stream.write_all(b"PROXY").unwrap();
    }
    assert_eq!(client.line(), "failed 0");
    println!(
        "{CONNECTIONS} connections, {missing} without a flow, {strangers} of another process, \
         {} flows left, {} direct",
        kernel.flow_count(),
        bench.snowflake.direct(),
    );
    assert_eq!((missing, strangers), (0, 0));
    assert_eq!(kernel.flow_count(), 0);
    assert_eq!(bench.snowflake.direct(), 0);
    assert_eq!(
        counted(&kernel, Counter::FlowsPublished),
        CONNECTIONS as u64
    );
    assert_eq!(counted(&kernel, Counter::FlowMapFull), 0);
    assert_eq!(counted(&kernel, Counter::DroppedStray), 0);
}
