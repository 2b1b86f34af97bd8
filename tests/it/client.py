"""What the clients of these tests share: the wire protocol by hand, so that it can be spoken wrongly.

A script ends by printing one JSON value; `Bench::ask` reads it.
"""

import gzip
import http.client
import json
import os
import socket
import ssl
import time
import uuid

HOST = "testorg-testacct.snowflakecomputing.com"
# Nothing here takes long: whoever waits this long has found a hang.
LIMIT = 15


def until(done, seconds: float = 30) -> None:
    """Asks until the answer is true, or the time is up: what follows then tells what is wrong."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.1)


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ["AUTHORITY"])


def plain(host: str = HOST, port: int = 443) -> socket.socket:
    return socket.create_connection((host, port), timeout=LIMIT)


def tls(name: str = HOST, host: str = HOST, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    return (context or trusting()).wrap_socket(plain(host), server_hostname=name)


def rest(stream: socket.socket) -> str:
    """Everything until the other side ends, and how it ended."""
    received = b""
    try:
        while data := stream.recv(65536):
            received += data
    except ConnectionResetError:
        return received.decode("latin-1") + "(reset)"
    except ssl.SSLError as error:
        return received.decode("latin-1") + f"({error.reason})"
    return received.decode("latin-1") + "(end)"


def raw(head: str, body: bytes = b"") -> str:
    """Sends bytes inside TLS; returns status line and body of the answer."""
    stream = tls()
    stream.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n" + body)
    answer = http.client.HTTPResponse(stream)
    answer.begin()
    return f"{answer.status} {answer.read().decode()}"


def request(method: str, path: str, body: object = None, token: str | None = None, **headers: str) -> dict:
    """One exchange on a connection of its own. `headers` may change those that drivers send."""
    if body is not None and not isinstance(body, bytes):
        body = gzip.compress(json.dumps(body).encode())
        headers = {"Content-Encoding": "gzip", **headers}
    sent = {"Accept": "application/snowflake", "Content-Type": "application/json", **headers}
    if token:
        sent["Authorization"] = f'Snowflake Token="{token}"'
    connection = http.client.HTTPSConnection(HOST, timeout=LIMIT, context=trusting())
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in sent.items()})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if text[:2] == b"\x1f\x8b":
        text = gzip.decompress(text)
    try:
        return {"status": answer.status, **json.loads(text)}
    except ValueError:
        return {"status": answer.status, "text": text.decode("latin-1")}


def login(parameters: str = "", **data: object) -> dict:
    facts = {
        # It gets rows as JSON, which needs no library to read.
        "CLIENT_APP_ID": "JavaScript",
        "CLIENT_APP_VERSION": "3.3.0",
        "ACCOUNT_NAME": "TESTORG-TESTACCT",
        "LOGIN_NAME": "agent",
        "PASSWORD": "not-the-real-password",
        "CLIENT_ENVIRONMENT": {"APPLICATION": "test"},
        "SESSION_PARAMETERS": {},
        **data,
    }
    path = f"/session/v1/login-request?request_id={uuid.uuid4()}{parameters}"
    return request("POST", path, {"data": facts})


def session() -> str:
    """Logs in; returns the token."""
    return login()["data"]["token"]


def query(token: str, text: str, request_id: str | None = None, **fields: object) -> dict:
    path = f"/queries/v1/query-request?requestId={request_id or uuid.uuid4()}&request_guid={uuid.uuid4()}"
    body = {"sqlText": text, "asyncExec": False, "sequenceId": 1, "querySubmissionTime": 1, **fields}
    return request("POST", path, body, token)


STATEMENTS = "/api/v2/statements"
PLACEHOLDER = "placeholder-token-of-the-client"


def api(method: str, path: str = "", body: object = None, token: str = PLACEHOLDER, **headers: str) -> dict:
    """One exchange with the SQL API, below its root."""
    sent = {"Authorization": f"Bearer {token}", "Accept": "application/json", **headers}
    sent = {"User-Agent": "test/1.0", "Content-Type": "application/json", **sent}
    connection = http.client.HTTPSConnection(HOST, timeout=LIMIT, context=trusting())
    text = None if body is None else json.dumps(body)
    connection.request(method, STATEMENTS + path, text, {name.replace("_", "-"): value for name, value in sent.items()})
    answer = connection.getresponse()
    received = answer.read()
    connection.close()
    found = {"status": answer.status, "link": answer.getheader("Link")}
    try:
        return {**found, **json.loads(received)}
    except ValueError:
        return {**found, "text": received.decode("latin-1")}


def statement(text: str, query_string: str = "", **fields: object) -> dict:
    return api("POST", query_string, {"statement": text, **fields})


def told(answer: dict) -> list:
    """What a test compares of an answer of the SQL API."""
    return [answer["status"], answer.get("code"), answer.get("data") or answer.get("message") or answer.get("text")]


def shown(answer: dict) -> list:
    """What a test compares of an answer."""
    return [answer["status"], answer.get("code"), answer.get("message") or answer.get("text")]


def rows(answer: dict) -> object:
    """The inline rows, or the refusal."""
    return answer["data"].get("rowset") if answer.get("success") else shown(answer)


def report(value: object) -> None:
    print(json.dumps(value))
