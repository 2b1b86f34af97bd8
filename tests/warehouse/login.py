"""Credentials, sessions and tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from warehouse.engine import Connection, Engine
from warehouse.settings import Settings, User
from warehouse.wire import Request, Response, json_response

BAD_CREDENTIAL = ("390100", "Incorrect username or password was specified.")
BAD_JWT = ("390144", "JWT token is invalid.")
BAD_OAUTH = ("390303", "Invalid OAuth access token.")
EXPIRED_OAUTH = ("390318", "OAuth access token expired.")
BAD_TOKEN = ("390104", "User must login again to access the service.")
SESSION_GONE = ("390111", "Session no longer exists.  New login required to access the service.")
SESSION_EXPIRED = ("390112", "Your session has expired. Please login again.")
MASTER_EXPIRED = ("390114", "Authentication token has expired.  The user must authenticate again.")

# Snowflake allows a key-pair token to live for an hour at most.
JWT_SECONDS = 3600

# What drivers that ask for Arrow call themselves; all others get JSON.
ARROW_APPS = {
    "PythonConnector": "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT",
    "Go": "GO_QUERY_RESULT_FORMAT",
    "JDBC": "JDBC_QUERY_RESULT_FORMAT",
    ".NET": "DOTNET_QUERY_RESULT_FORMAT",
    "ODBC": "ODBC_QUERY_RESULT_FORMAT",
}


class Refused(Exception):
    """A request is answered with an error envelope, HTTP 200."""

    def __init__(self, reason: tuple[str, str], sql_state: str | None = None, **data: Any) -> None:
        self.code, self.message = reason
        self.data = data
        if sql_state:
            self.data["sqlState"] = sql_state
        super().__init__(self.message)

    def response(self) -> Response:
        body = {"data": self.data or None, "code": self.code, "message": self.message, "success": False}
        return json_response({**body, "headers": None})


@dataclass
class Session:
    """One logged-in session."""

    id: int
    user: User
    app: str
    connection: Connection
    token: str
    token_expires: float
    master: str
    master_expires: float
    parameters: dict[str, Any]
    role: str
    warehouse: str | None
    auth: str
    closed: bool = False
    # Statements of one session run one after the other, as upstream.
    lock: threading.Lock = field(default_factory=threading.Lock)

    def format(self, statement_parameters: dict[str, Any]) -> str:
        """Chooses the result format as Snowflake does: by application, overridden by parameters."""
        name = ARROW_APPS.get(self.app)
        if not name:
            return "json"
        merged = {**self.parameters, **{k.upper(): v for k, v in statement_parameters.items()}}
        wanted = merged.get(name) or merged.get("PYTHON_CONNECTOR_QUERY_RESULT_FORMAT", "ARROW")
        return "json" if str(wanted).upper() == "JSON" else "arrow"


class Logins:
    """Every session and token that exists."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.sessions: dict[int, Session] = {}
        self.by_token: dict[str, Session] = {}
        self.by_master: dict[str, Session] = {}
        self.oauth: dict[str, tuple[User, float]] = {}
        self.ids = count(740_000_000_001)
        self.lock = threading.Lock()

    def login(self, request: Request) -> Response:
        data = request.json().get("data") or {}
        auth, user = self._authenticate(data)
        request.notes.update(auth=auth, user=user.name)
        parameters = _default_parameters()
        parameters.update({k.upper(): v for k, v in (data.get("SESSION_PARAMETERS") or {}).items()})
        query = request.query
        connection = self.engine.connect(
            query.get("databaseName") or user.database,
            query.get("schemaName") or user.schema,
            autocommit=str(parameters["AUTOCOMMIT"]).lower() != "false",
            user=user.name,
        )
        now = time.time()
        session = Session(
            id=next(self.ids),
            user=user,
            app=str(data.get("CLIENT_APP_ID") or ""),
            connection=connection,
            token="ver:3-hint:1-ETMs" + secrets.token_urlsafe(96),
            token_expires=now + self.settings.session_seconds,
            master="ver:3-hint:2-ETMs" + secrets.token_urlsafe(96),
            master_expires=now + self.settings.master_seconds,
            parameters=parameters,
            role=(query.get("roleName") or user.role).upper(),
            warehouse=(query.get("warehouse") or user.warehouse or "").upper() or None,
            auth=auth,
        )
        connection.describe_session(session.id, session.role, session.warehouse)
        with self.lock:
            self.sessions[session.id] = session
            self.by_token[session.token] = session
            self.by_master[session.master] = session
        request.notes["session"] = session.id
        return json_response({"data": self._login_data(session), "code": None, "message": None, "success": True})

    def _login_data(self, session: Session) -> dict[str, Any]:
        return {
            "masterToken": session.master,
            "token": session.token,
            "validityInSeconds": int(self.settings.session_seconds),
            "masterValidityInSeconds": int(self.settings.master_seconds),
            "displayUserName": session.user.name,
            "serverVersion": "9.36.1",
            "firstLogin": False,
            "remMeToken": None,
            "remMeValidityInSeconds": 0,
            "healthCheckInterval": 45,
            "newClientForUpgrade": None,
            "sessionId": session.id,
            "parameters": [{"name": k, "value": v} for k, v in session.parameters.items()],
            "sessionInfo": {
                "databaseName": session.connection.database,
                "schemaName": session.connection.schema,
                "warehouseName": session.warehouse,
                "roleName": session.role,
            },
            "idToken": None,
            "idTokenValidityInSeconds": 0,
            "responseData": None,
            "mfaToken": None,
            "mfaTokenValidityInSeconds": 0,
        }

    def _authenticate(self, data: dict[str, Any]) -> tuple[str, User]:
        kind = str(data.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
        user = self.settings.users.get(str(data.get("LOGIN_NAME") or "").upper())
        token = str(data.get("TOKEN") or "")
        if kind == "OAUTH":
            return "oauth", self._oauth_user(token, user)
        if user is None:
            raise Refused(BAD_CREDENTIAL)
        if kind == "SNOWFLAKE_JWT":
            check_jwt(token, user, self.settings.account)
            return "jwt", user
        if kind == "PROGRAMMATIC_ACCESS_TOKEN":
            if not any(_same(token, known) for known in user.access_tokens):
                raise Refused(("394400", "Programmatic access token is invalid."))
            return "pat", user
        if kind in ("SNOWFLAKE", "USERNAME_PASSWORD_MFA"):
            password = str(data.get("PASSWORD") or "")
            if any(_same(password, known) for known in user.access_tokens):
                return "pat", user
            if user.password and _same(password, user.password):
                return "password", user
        raise Refused(BAD_CREDENTIAL)

    def _oauth_user(self, token: str, claimed: User | None) -> User:
        user, expires = self.oauth.get(token, (None, 0.0))
        if user is None or (claimed is not None and claimed is not user):
            raise Refused(BAD_OAUTH)
        if time.time() >= expires:
            raise Refused(EXPIRED_OAUTH)
        return user

    def oauth_token(self, request: Request) -> Response:
        """Answers the client-credentials grant, as an OAuth token endpoint does."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client = secret = ""
        user = next((u for u in self.settings.users.values() if u.oauth_client_id == client and client), None)
        known = scheme.lower() == "basic" and user is not None and _same(secret, user.oauth_client_secret or "")
        if not known or user is None:
            return json_response({"error": "invalid_client", "error_description": "unknown client"}, 401)
        if form.get("grant_type") != "client_credentials":
            return json_response({"error": "unsupported_grant_type"}, 400)
        token = "ver:1-hint:3-" + secrets.token_urlsafe(48)
        self.oauth[token] = (user, time.time() + self.settings.oauth_seconds)
        request.notes.update(auth="oauth-client", user=user.name)
        lifetime = int(self.settings.oauth_seconds)
        scope = form.get("scope", f"session:role:{user.role}")
        return json_response(
            {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": scope}
        )

    def session(self, request: Request) -> Session:
        """Finds the caller's live session, or raises the code that makes a driver renew."""
        session = self._lookup(self.by_token, request)
        if time.time() >= session.token_expires:
            raise Refused(SESSION_EXPIRED)
        return session

    def _lookup(self, table: dict[str, Session], request: Request) -> Session:
        header = request.headers.get("authorization", "")
        prefix = 'Snowflake Token="'
        token = header[len(prefix) : -1] if header.startswith(prefix) else ""
        session = table.get(token)
        if session is None:
            raise Refused(BAD_TOKEN)
        request.notes.update(user=session.user.name, session=session.id, auth="session")
        if session.closed:
            raise Refused(SESSION_GONE)
        return session

    def renew(self, request: Request) -> Response:
        session = self._lookup(self.by_master, request)
        now = time.time()
        if now >= session.master_expires:
            raise Refused(MASTER_EXPIRED)
        if request.json().get("oldSessionToken") != session.token:
            raise Refused(("390400", "Bad request; the old session token does not belong to the master token."))
        with self.lock:
            del self.by_token[session.token]
            del self.by_master[session.master]
            session.token = "ver:3-hint:1-ETMs" + secrets.token_urlsafe(96)
            session.master = "ver:3-hint:2-ETMs" + secrets.token_urlsafe(96)
            session.token_expires = now + self.settings.session_seconds
            session.master_expires = now + self.settings.master_seconds
            self.by_token[session.token] = session
            self.by_master[session.master] = session
        data = {
            "sessionToken": session.token,
            "validityInSecondsST": int(self.settings.session_seconds),
            "masterToken": session.master,
            "validityInSecondsMT": int(self.settings.master_seconds),
            "sessionId": session.id,
        }
        return json_response({"data": data, "code": None, "message": None, "success": True})

    def close(self, request: Request) -> Response:
        session = self.session(request)
        session.closed = True
        return json_response({"data": None, "code": None, "message": None, "success": True})

    def expire(self, what: str, user: str = "") -> int:
        """Ends the validity of tokens at once; returns how many sessions were hit."""
        hit = [s for s in self.sessions.values() if user.upper() in s.user.name and not s.closed]
        for session in hit:
            if what in ("session", "all"):
                session.token_expires = 0
            if what in ("master", "all"):
                session.master_expires = 0
            if what == "close":
                session.closed = True
        if what == "oauth":
            self.oauth = {token: (owner, 0.0) for token, (owner, _) in self.oauth.items()}
        return len(hit)


def check_jwt(token: str, user: User, account: str) -> None:
    """Verifies a key-pair token: signature, issuer with key fingerprint, subject, times."""
    try:
        head64, claims64, signature64 = token.split(".")
        head, claims = (json.loads(_unbase64(part)) for part in (head64, claims64))
        signature = _unbase64(signature64)
    except (ValueError, binascii.Error) as error:
        raise Refused(BAD_JWT) from error
    if not user.public_key or head.get("alg") != "RS256":
        raise Refused(BAD_JWT)
    key = serialization.load_pem_public_key(user.public_key.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(signature, f"{head64}.{claims64}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise Refused(BAD_JWT) from error
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
    subject = f"{account.upper().replace('.', '-')}.{user.name}"
    now = time.time()
    issued, expires = claims.get("iat", 0), claims.get("exp", 0)
    # A minute of grace for clocks, as upstream.
    in_time = issued - 60 <= now < expires <= issued + JWT_SECONDS + 60
    if claims.get("iss") != f"{subject}.{fingerprint}" or claims.get("sub") != subject or not in_time:
        raise Refused(BAD_JWT)


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _default_parameters() -> dict[str, Any]:
    return {
        "AUTOCOMMIT": True,
        "CLIENT_DISABLE_INCIDENTS": True,
        "CLIENT_MEMORY_LIMIT": 1536,
        "CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX": False,
        "CLIENT_PREFETCH_THREADS": 4,
        "CLIENT_RESULT_CHUNK_SIZE": 160,
        "CLIENT_SESSION_KEEP_ALIVE": False,
        "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": 3600,
        "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 65280,
        "CLIENT_TELEMETRY_ENABLED": True,
        "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
        "QUERY_CONTEXT_CACHE_SIZE": 5,
        "TIMESTAMP_LTZ_OUTPUT_FORMAT": "",
        "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3",
        "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
        "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
        "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
        "TIMEZONE": "Etc/UTC",
        "TIME_OUTPUT_FORMAT": "HH24:MI:SS",
        "BINARY_OUTPUT_FORMAT": "HEX",
    }
