"""What connect() costs: many connections on loopback, one after the other.

Arguments: an address of this host, and the cgroup to measure in, if it is not to be ours. Writes
one JSON object with the median.

Listener and client are one thread: with two, where the scheduler puts them decides the result. The
listener is made before the cgroup is joined, so that only the client's half is in it.
"""

import json
import pathlib
import socket
import statistics
import struct
import sys
import time

WARM_UP = 500
CONNECTS = 5000
# Closed with RST: thousands of ports in TIME_WAIT would change what is measured.
LINGER = struct.pack("ii", 1, 0)


def once(listener: socket.socket) -> float:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        address = listener.getsockname()
        start = time.perf_counter()
        client.connect(address)
        seconds = time.perf_counter() - start
        listener.accept()[0].close()
        return seconds


def main(address: str, cgroup: str | None = None) -> None:
    listener = socket.create_server((address, 0))
    if cgroup:
        pathlib.Path(cgroup, "cgroup.procs").write_text("0")
    for _ in range(WARM_UP):
        once(listener)
    print(json.dumps({"seconds": statistics.median(once(listener) for _ in range(CONNECTS))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
