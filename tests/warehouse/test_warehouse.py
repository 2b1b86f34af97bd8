"""The stand-in's own promises, checked over the wire: `python -m unittest warehouse.test_warehouse`."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY = rsa.generate_private_key(65537, 2048)
ACCOUNT_HOST = "testorg-testacct.snowflakecomputing.com"
STORAGE_HOST = "sfc-stage.s3.test.amazonaws.com"
ANALYST = {"LOGIN_NAME": "analyst", "PASSWORD": "real-password-of-analyst"}
LOADER = {"LOGIN_NAME": "loader", "PASSWORD": "real-password-of-loader"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Client:
    """One session over raw HTTP, so that the test sees exactly what a driver would."""

    def __init__(self, login: dict[str, str], app: str = "PythonConnector", **data: Any) -> None:
        body = {"data": {**login, "CLIENT_APP_ID": app, "SESSION_PARAMETERS": {}, **data}}
        self.token = "None"
        self.login = self.post("/session/v1/login-request", body)
        if self.login["success"]:
            self.token = self.login["data"]["token"]
            self.master = self.login["data"]["masterToken"]

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(ACCOUNT_HOST, Fixture.ports[0], timeout=30)
        connection.sock = tls(Fixture.ports[0], ACCOUNT_HOST)
        headers = {"Authorization": f'Snowflake Token="{token or self.token}"', "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body or {}) if method == "POST" else None, headers)
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, path: str, body: Any = None, token: str | None = None) -> Any:
        return json.loads(self.call("POST", path, body, token)[1])

    def get(self, path: str) -> Any:
        return json.loads(self.call("GET", path)[1])

    def submit(self, text: str, request_id: str | None = None, **more: Any) -> Any:
        return self.post(f"/queries/v1/query-request?requestId={request_id or uuid.uuid4()}", {"sqlText": text, **more})

    def follow(self, answer: Any) -> Any:
        """Polls as a driver does, for as long as the statement is held."""
        while answer["code"] == "333333":
            answer = self.get(answer["data"]["getResultUrl"])
        return answer

    def sql(self, text: str, request_id: str | None = None, **more: Any) -> Any:
        return self.follow(self.submit(text, request_id, **more))


def tls(port: int, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(Fixture.state / "warehouse-ca.pem"))
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 30), server_hostname=host)


def control(method: str, path: str, body: Any = None) -> Any:
    url = f"http://127.0.0.1:{Fixture.ports[2]}{path}"
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
        return json.load(answer)


def fault(kind: str, **more: Any) -> None:
    control("POST", "/faults", {"kind": kind, **more})


class Fixture:
    """One stand-in for all tests of this file."""

    ports: list[int]
    state: Path


def write_config(directory: Path) -> Path:
    """Writes the demo's configuration with one more user, who has a key pair."""
    package = Path(__file__).parent
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (directory / "key.pub").write_bytes(public)
    text = (package / "demo.toml").read_text().replace('"demo.sql"', f'"{package / "demo.sql"}"')
    config = directory / "config.toml"
    config.write_text(text + '\n[[user]]\nname = "keyholder"\npublic_key_file = "key.pub"\n')
    return config


def jwt(key: rsa.RSAPrivateKey, alg: str = "RS256", **changes: Any) -> str:
    """Makes a key-pair token that is right but for the changes."""
    der = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
    now = int(time.time())
    claims = {
        "iss": f"TESTORG-TESTACCT.KEYHOLDER.SHA256:{fingerprint}",
        "sub": "TESTORG-TESTACCT.KEYHOLDER",
        "iat": now,
        "exp": now + 60,
        **{name: value + now if isinstance(value, int) else value for name, value in changes.items()},
    }
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": alg, "typ": "JWT"}, claims)
    ]
    signature = key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def setUpModule() -> None:
    directory = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(directory.cleanup)
    Fixture.state = Path(directory.name)
    config = write_config(Fixture.state)
    Fixture.ports = [free_port() for _ in range(3)]
    account, storage, port = (f"127.0.0.1:{number}" for number in Fixture.ports)
    command = [sys.executable, "-m", "warehouse", "--listen", account, "--storage-listen", storage]
    command += ["--control", port, "--state", directory.name, "--config", str(config)]
    process = subprocess.Popen(command)
    unittest.addModuleCleanup(process.wait)
    unittest.addModuleCleanup(process.terminate)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            control("GET", "/ready")
            break
        except OSError:
            threading.Event().wait(0.05)
    control("POST", "/settings", {"poll_seconds": 0.3})


class Logins(unittest.TestCase):
    def test_each_wrong_credential_is_refused_with_its_code(self) -> None:
        cases = [
            ({"LOGIN_NAME": "analyst", "PASSWORD": "wrong"}, "390100"),
            ({"LOGIN_NAME": "nobody", "PASSWORD": "wrong"}, "390100"),
            ({"LOGIN_NAME": "analyst"}, "390100"),
            ({"LOGIN_NAME": "analyst", "AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": "a.b.c"}, "390144"),
            ({"LOGIN_NAME": "analyst", "AUTHENTICATOR": "OAUTH", "TOKEN": "x"}, "390303"),
            ({"LOGIN_NAME": "loader", "AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN", "TOKEN": "real-pat-of-analyst"}, "394400"),
        ]
        for login, code in cases:
            with self.subTest(login=login):
                self.assertEqual(Client(login).login["code"], code)

    def test_a_key_pair_token_must_be_right_in_every_part(self) -> None:
        def login(token: str) -> Any:
            return Client({"LOGIN_NAME": "keyholder", "AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": token}).login

        self.assertTrue(login(jwt(KEY))["success"])
        head, claims, signature = jwt(KEY).split(".")
        _, other_claims, _ = jwt(KEY, sub="TESTORG-TESTACCT.ANALYST").split(".")
        wrong = {
            "key": jwt(rsa.generate_private_key(65537, 2048)),
            "signature": f"{head}.{other_claims}.{signature}",
            "no signature": f"{head}.{claims}.",
            "algorithm": jwt(KEY, alg="none"),
            "issuer": jwt(KEY, iss="TESTORG-TESTACCT.KEYHOLDER.SHA256:AAAA"),
            "account": jwt(KEY, sub="OTHER.KEYHOLDER"),
            "expired": jwt(KEY, iat=-120, exp=-60),
            "from the future": jwt(KEY, iat=600, exp=660),
            "too long a life": jwt(KEY, exp=7200),
        }
        for what, token in wrong.items():
            with self.subTest(what=what):
                self.assertEqual(login(token)["code"], "390144")

    def test_an_oauth_token_is_granted_to_the_client_with_the_secret_only(self) -> None:
        def grant(secret: str) -> tuple[int, Any]:
            connection = http.client.HTTPSConnection(ACCOUNT_HOST, timeout=30)
            connection.sock = tls(Fixture.ports[0], ACCOUNT_HOST)
            basic = base64.b64encode(f"analyst-client:{secret}".encode()).decode()
            headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
            try:
                connection.request("POST", "/oauth/token-request", "grant_type=client_credentials", headers)
                answer = connection.getresponse()
                return answer.status, json.load(answer)
            finally:
                connection.close()

        self.assertEqual(grant("wrong")[0], 401)
        token = grant("real-oauth-secret-of-analyst")[1]["access_token"]
        login = {"LOGIN_NAME": "analyst", "AUTHENTICATOR": "OAUTH", "TOKEN": token}
        self.assertTrue(Client(login).login["success"])
        self.assertEqual(Client({**login, "LOGIN_NAME": "loader"}).login["code"], "390303")
        control("POST", "/expire", {"what": "oauth"})
        self.assertEqual(Client(login).login["code"], "390318")

    def test_an_expired_session_is_renewed_by_its_master_token_only(self) -> None:
        client = Client(ANALYST)
        control("POST", "/expire", {"what": "session"})
        self.assertEqual(client.sql("select 1")["code"], "390112")
        renewal = {"oldSessionToken": client.token, "requestType": "RENEW"}
        self.assertEqual(client.post("/session/token-request", renewal)["code"], "390104")
        renewed = client.post("/session/token-request", renewal, token=client.master)
        client.token = renewed["data"]["sessionToken"]
        self.assertTrue(client.sql("select 1")["success"])

    def test_an_expired_master_token_ends_it(self) -> None:
        client = Client(ANALYST)
        control("POST", "/expire", {"what": "all"})
        renewal = {"oldSessionToken": client.token, "requestType": "RENEW"}
        self.assertEqual(client.post("/session/token-request", renewal, token=client.master)["code"], "390114")

    def test_a_closed_session_is_gone(self) -> None:
        client = Client(ANALYST)
        client.post("/session?delete=true")
        self.assertEqual(client.sql("select 1")["code"], "390111")


class Statements(unittest.TestCase):
    def test_the_application_decides_the_format(self) -> None:
        for app, form in (("PythonConnector", "arrow"), ("Go", "arrow"), ("JDBC", "arrow"), ("JavaScript", "json"), ("", "json")):
            with self.subTest(app=app):
                self.assertEqual(Client(ANALYST, app).sql("select 1")["data"]["queryResultFormat"], form)
        forced = Client(ANALYST).sql("select 1", parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "JSON"})
        self.assertEqual(forced["data"]["rowset"], [["1"]])

    def test_a_repeated_request_is_executed_once(self) -> None:
        client, request = Client(ANALYST), str(uuid.uuid4())
        client.sql("create or replace table once (id int)")
        first = client.sql("insert into once values (1)", request)
        second = client.sql("insert into once values (1)", request)
        self.assertEqual(first["data"]["queryId"], second["data"]["queryId"])
        self.assertEqual(len([row for row in control("GET", "/executed") if row["request_id"] == request]), 1)

    def test_a_lost_answer_was_executed_and_is_found_again(self) -> None:
        client, request = Client(ANALYST, "JavaScript"), str(uuid.uuid4())
        fault("reset_after", sql="system$lost")
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            client.sql("select 'system$lost'", request)
        self.assertEqual(client.sql("select 'system$lost'", request)["data"]["rowset"], [["system$lost"]])
        self.assertEqual(len([row for row in control("GET", "/executed") if row["request_id"] == request]), 1)

    def test_a_long_statement_is_polled(self) -> None:
        client = Client(ANALYST, "JavaScript")
        answer = client.submit("select system$wait(1)")
        self.assertEqual(answer["code"], "333333")
        answer = client.follow(answer)
        self.assertEqual(answer["data"]["rowset"], [["waited 1 seconds"]])

    def test_an_asynchronous_statement_is_monitored_and_fetched_by_id(self) -> None:
        client = Client(ANALYST, "JavaScript")
        answer = client.submit("select 42", asyncExec=True)
        self.assertEqual(answer["code"], "333334")
        query_id = answer["data"]["queryId"]
        while client.get(f"/monitoring/queries/{query_id}")["data"]["queries"][0]["status"] == "RUNNING":
            pass
        self.assertEqual(client.get(f"/queries/{query_id}/result")["data"]["rowset"], [["42"]])
        scanned = client.sql(f"select * from table(result_scan('{query_id}'))")
        self.assertEqual(scanned["data"]["rowset"], [["42"]])

    def test_results_belong_to_the_user_and_not_to_the_session(self) -> None:
        query_id = Client(ANALYST).sql("select 1")["data"]["queryId"]
        path = f"/queries/{query_id}/result"
        self.assertTrue(Client(ANALYST).get(path)["success"])
        self.assertFalse(Client(LOADER).get(path)["success"])
        self.assertFalse(Client(LOADER).sql(f"select * from table(result_scan('{query_id}'))")["success"])
        self.assertFalse(Client(LOADER).post(f"/queries/{query_id}/abort-request")["success"])
        self.assertEqual(Client(LOADER).get(f"/monitoring/queries/{query_id}")["data"]["queries"], [])

    def test_both_kinds_of_abort_end_the_statement_with_000604(self) -> None:
        client = Client(ANALYST)
        for by_id in (True, False):
            with self.subTest(by_id=by_id):
                request = str(uuid.uuid4())
                query_id = client.submit("select system$wait(60)", request)["data"]["queryId"]
                path = f"/queries/{query_id}/abort-request" if by_id else "/queries/v1/abort-request"
                self.assertTrue(client.post(path, {"requestId": request})["success"])
                ended = client.get(f"/queries/{query_id}/result")
                self.assertEqual((ended["code"], ended["data"]["sqlState"]), ("000604", "57014"))
                self.assertEqual(client.post(path, {"requestId": request})["code"], "000605")

    def test_several_statements_need_their_count(self) -> None:
        client = Client(ANALYST, "JavaScript")
        self.assertEqual(client.sql("select 1; select 2")["code"], "000008")
        parent = client.sql("select 1; select ';' ", parameters={"MULTI_STATEMENT_COUNT": 2})["data"]
        self.assertEqual((parent["statementTypeId"], parent["resultTypes"]), (0xA000, "4096,4096"))
        rows = [client.get(f"/queries/{child}/result")["data"]["rowset"] for child in parent["resultIds"].split(",")]
        self.assertEqual(rows, [[["1"]], [[";"]]])

    def test_plain_columns_name_their_table_and_expressions_do_not(self) -> None:
        people = ["DEMO", "PUBLIC", "PEOPLE"]
        for text, tables in (
            ("select name, upper(ssn) as s, ssn as other from people", [people, ["", "", ""], people]),
            ("select * from demo.public.people limit 1", [people] * 6),
            ("select n from (select name as n from people)", [["", "", ""]]),
            ("select 1", [["", "", ""]]),
        ):
            with self.subTest(text=text):
                columns = Client(ANALYST).sql(text)["data"]["rowtype"]
                self.assertEqual([[c["database"], c["schema"], c["table"]] for c in columns], tables)

    def test_describing_runs_nothing(self) -> None:
        client = Client(ANALYST)
        client.sql("create or replace table described (id int)")
        answer = client.sql("insert into described values (?)", describeOnly=True)["data"]
        self.assertEqual((answer["numberOfBinds"], answer["arrayBindSupported"], answer["total"]), (1, True, 0))
        count = client.sql("select count(*) from described", parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "JSON"})
        self.assertEqual(count["data"]["rowset"], [["0"]])

    def test_a_transfer_hands_out_credentials_however_it_is_written(self) -> None:
        client = Client(ANALYST)
        for text, command in (
            ("put file:///tmp/x @st", "UPLOAD"),
            ("/* c */ PUT 'file:///tmp/x' '@st'", "UPLOAD"),
            ("-- c\nget @st file:///tmp/", "DOWNLOAD"),
        ):
            with self.subTest(text=text):
                data = client.sql(text)["data"]
                self.assertEqual(data["command"], command)
                self.assertIn("AWS_SECRET_KEY", data["stageInfo"]["creds"])

    def test_errors_are_envelopes_and_never_http_errors(self) -> None:
        client = Client(ANALYST)
        for text, code in (("selct 1", "001003"), ("select 'a", "001003"), ("select * from nope", "002003"), ("", "000900"), ("call nope()", None)):
            with self.subTest(text=text):
                answer = client.sql(text)
                self.assertFalse(answer["success"])
                self.assertEqual(answer["code"], code or answer["data"]["errorCode"])
        self.assertEqual(client.call("POST", "/api/v2/databases")[0], 404)


class Chunks(unittest.TestCase):
    BIG = "select seq4() as n from table(generator(rowcount => 50000))"

    def fetch(self, url: str, headers: dict[str, str]) -> tuple[int, bytes]:
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection(parts.netloc, timeout=30)
        connection.sock = tls(Fixture.ports[1], parts.netloc)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def test_inline_rows_and_chunks_are_the_whole_result(self) -> None:
        for app in ("PythonConnector", "JavaScript"):
            with self.subTest(app=app):
                data = Client(ANALYST, app).sql(self.BIG)["data"]
                bodies = [gzip.decompress(self.fetch(c["url"], data["chunkHeaders"])[1]) for c in data["chunks"]]
                if app == "JavaScript":
                    rows = data["rowset"] + [row for body in bodies for row in json.loads(b"[" + body + b"]")]
                    found = [int(row[0]) for row in rows]
                else:
                    streams = [base64.b64decode(data["rowsetBase64"]), *bodies]
                    found = [n for s in streams for n in pa.ipc.open_stream(s).read_all()["N"].to_pylist()]
                self.assertEqual(found, list(range(50000)))
                self.assertEqual(data["total"], 50000)

    def test_a_link_needs_its_signature_its_key_and_its_time(self) -> None:
        client = Client(ANALYST)
        data = client.sql(self.BIG)["data"]
        url, headers = data["chunks"][0]["url"], data["chunkHeaders"]
        self.assertEqual(self.fetch(url, {})[0], 400)
        self.assertEqual(self.fetch(url.replace("data_0_0_0", "data_0_1_0"), headers)[0], 403)
        control("POST", "/settings", {"link_seconds": -1})
        expired = client.get(f"/queries/{data['queryId']}/result")["data"]["chunks"][0]["url"]
        control("POST", "/settings", {"link_seconds": 21600})
        status, body = self.fetch(expired, headers)
        self.assertEqual((status, b"AccessDenied" in body), (403, True))
        fault("chunk_403")
        self.assertEqual([self.fetch(url, headers)[0] for _ in range(2)], [403, 200])

    def test_a_chunk_can_be_cut_or_lie(self) -> None:
        for app in ("PythonConnector", "JavaScript"):
            with self.subTest(app=app):
                data = Client(ANALYST, app).sql(self.BIG)["data"]
                chunk, headers = data["chunks"][0], data["chunkHeaders"]
                fault("cut_gzip", path="/results/")
                with self.assertRaises(EOFError):
                    gzip.decompress(self.fetch(chunk["url"], headers)[1])
                fault("row_count", path="/results/")
                body = gzip.decompress(self.fetch(chunk["url"], headers)[1])
                if app == "JavaScript":
                    rows = len(json.loads(b"[" + body + b"]"))
                else:
                    rows = pa.ipc.open_stream(body).read_all().num_rows
                self.assertEqual(rows, chunk["rowCount"] - 1)

    def test_what_is_only_described_has_the_types_of_the_result(self) -> None:
        client = Client(ANALYST)
        text = "select 10000000000 as n, 1.5 as d, 'x' as t, current_date() as day, true as b, current_timestamp() as at"
        streams = [client.sql(text, describeOnly=only)["data"]["rowsetBase64"] for only in (True, False)]
        described, executed = (pa.ipc.open_stream(base64.b64decode(stream)).schema for stream in streams)
        self.assertEqual(described.types, executed.types)


class Faults(unittest.TestCase):
    def test_each_fault_is_seen_once_and_then_all_is_well(self) -> None:
        client = Client(ANALYST)
        for kind, expected in (
            ("reset", ConnectionError),
            ("truncate", http.client.IncompleteRead),
            ("broken_json", json.JSONDecodeError),
            ("wrong_certificate", ssl.SSLCertVerificationError),
        ):
            with self.subTest(kind=kind):
                fault(kind, host=ACCOUNT_HOST)
                with self.assertRaises(expected):
                    client.sql("select 1")
                self.assertTrue(client.sql("select 1")["success"])

    def test_a_wrong_certificate_can_be_wrong_in_three_ways(self) -> None:
        for defect in ("name", "issuer", "expired"):
            with self.subTest(defect=defect):
                fault("wrong_certificate", host=ACCOUNT_HOST, defect=defect)
                with self.assertRaises(ssl.SSLCertVerificationError):
                    tls(Fixture.ports[0], ACCOUNT_HOST)

    def test_a_fault_hits_only_what_it_names_and_only_so_often(self) -> None:
        client = Client(ANALYST)
        fault("status", status=429, sql="victim", user="analyst", count=2, skip=1)
        path = "/queries/v1/query-request?requestId="
        self.assertTrue(client.sql("select 1")["success"])
        statuses = [client.call("POST", path + str(uuid.uuid4()), {"sqlText": "select 'victim'"})[0] for _ in range(4)]
        self.assertEqual(statuses, [200, 429, 429, 200])

    def test_broken_arrow_is_valid_json(self) -> None:
        fault("broken_arrow", sql="select 1")
        stream = base64.b64decode(Client(ANALYST).sql("select 1")["data"]["rowsetBase64"])
        with self.assertRaises(pa.ArrowInvalid):
            pa.ipc.open_stream(stream)

    def test_what_arrived_is_recorded_with_its_text(self) -> None:
        Client(ANALYST).sql("select 'seen'")
        rows = [row for row in control("GET", "/received?path=query-request") if row["body"].get("sqlText") == "select 'seen'"]
        self.assertEqual([(row["user"], row["status"], row["host"]) for row in rows], [("ANALYST", 200, ACCOUNT_HOST)])


if __name__ == "__main__":
    unittest.main()
