"""What connect() costs: many connections, one after the other, to a listener on loopback.

Arguments: host and port. Writes one JSON object with the median.
"""

import json
import socket
import statistics
import struct
import sys
import time

WARM_UP = 500
CONNECTS = 5000
# Closed with RST: thousands of ports in TIME_WAIT would change what is measured.
LINGER = struct.pack("ii", 1, 0)


def once(address: tuple[str, int]) -> float:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        start = time.perf_counter()
        client.connect(address)
        return time.perf_counter() - start


if __name__ == "__main__":
    where = (sys.argv[1], int(sys.argv[2]))
    for _ in range(WARM_UP):
        once(where)
    print(json.dumps({"seconds": statistics.median(once(where) for _ in range(CONNECTS))}))
