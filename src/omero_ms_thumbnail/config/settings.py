# ruff: noqa: RUF009 - key, block and repeated make dataclass fields, which ruff cannot know
"""The settings: every key of the configuration with its kind, default and meaning, and nothing about reading it.

The names, and the mixture of dashes and underscores, are those of the Java microservice's `conf/config.yaml`, which
has to work unchanged; new keys follow the spelling of their neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..omero.address import DEFAULT_PORTS, OmeroAddress, parse_omero_address
from .definition import block, key, repeated
from .kinds import (
    Choice,
    FilePath,
    Host,
    HttpUrl,
    Lines,
    Milliseconds,
    OmeroHost,
    Seconds,
    Size,
    StoreUri,
    Switch,
    Text,
    WholeNumber,
)
from .omero_servers import DATA_DIR, PORT, OmeroServerSettings, ServerId, named
from .public_user import PublicSettings

StoreType = Literal["redis", "postgres", "files", "memory"]


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Whether the certificate of OMERO's router is checked."""

    verify: bool = key(
        "omero.tls.verify",
        Switch(),
        False,
        "Check OMERO's certificate and the host name in it. Without, the connection is encrypted but anybody could"
        " answer it, as with every other OMERO client; OMERO's stock set-up has no certificate to check.",
    )
    ca_file: Path | None = key(
        "omero.tls.ca_file",
        FilePath("the path of a file with certificates in PEM form"),
        None,
        "Certificates to trust instead of the system's: OMERO's own one, where it is self-signed.",
        default_note="the system's certificates",
    )


@dataclass(frozen=True, slots=True)
class OmeroSettings:
    """The OMERO.server, reached through its Glacier2 router. Spans are in seconds.

    As `loading` makes them, port and secure are what they come to together with the host.
    """

    host: str = key(
        "omero.host",
        OmeroHost(),
        "localhost",
        "The host of OMERO.server. Or a URL, as OMERO's clients and `omero.web.server_list` take it: with `wss://` Ice"
        " is spoken over WebSocket, through a web server that hands a path on to OMERO; with `ws://` the same without"
        " TLS. `ssl://` and `tcp://` are what a host without them is by `omero.secure`.",
    )
    port: int = key(
        "omero.port",
        PORT,
        DEFAULT_PORTS["ssl"],
        "The port of OMERO.server. One in the URL of `omero.host` wins.",
        default_note=f"{DEFAULT_PORTS['ssl']}, or {DEFAULT_PORTS['tcp']} without TLS; {DEFAULT_PORTS['wss']} for wss://,"
        f" {DEFAULT_PORTS['ws']} for ws://",
    )
    secure: bool = key(
        "omero.secure",
        Switch(),
        True,
        "TLS; false for plain TCP. Where `omero.host` is a URL, that says it, and this key may only say the same.",
        default_note="true, or what the URL in omero.host says",
    )
    session_idle_timeout: float = key(
        "omero.session_idle_timeout",
        Seconds(1, 3600),
        60.0,
        "How long this service stays joined to an OMERO session that nobody asks for. That does not keep the session"
        " alive: OMERO ends one that has had no call for omero.sessions.timeout (10 minutes unless changed there).",
    )
    joined_sessions: int = key(
        "omero.joined_sessions",
        WholeNumber(1, 1_000_000),
        2000,
        "How many OMERO sessions each worker process keeps joined at most. Above that, those that were asked for"
        " longest ago are left first; where all are in use, further users are answered with status 503. Of several"
        " OMERO.servers each has so many.",
    )
    connect_timeout: float = key(
        "omero.connect_timeout",
        Seconds(0.1, 300),
        10.0,
        "How long connecting to OMERO and joining a session may take.",
    )
    thumbnail_stores: int = key(
        "omero.thumbnail_stores",
        WholeNumber(1, 64),
        4,
        "How many ThumbnailStores a joined session opens at most: so many calls for one user are answered at once.",
    )
    message_size_max: int = key(
        "omero.message_size_max",
        Size(1 << 20, (1 << 31) - 1),
        26 << 20,
        "The largest message accepted from OMERO (Ice.MessageSizeMax). Reading one takes up to three times as much"
        " memory for a moment. To be raised with max-longest-side: a thumbnail takes up to 1.6 bytes a pixel.",
    )
    data_dir: Path | None = key(
        "omero.data_dir",
        DATA_DIR,
        None,
        "OMERO's own omero.data.dir, where this service can read the folder `Thumbnails` in it: on the same machine, or"
        " mounted. Thumbnails that OMERO has stored are then read from its files once OMERO has said that they may be"
        " seen. A read-only mount of that folder alone is enough: nothing else in there is opened. `omero.data.dir` in"
        " a block `omero.server`, as the image-region service has it, means the same.",
        default_note="none: OMERO is asked for every thumbnail",
    )
    tls: TlsSettings = block(TlsSettings)
    #: where there are several: all of them, that of requests that name none first (see `completed`)
    servers: tuple[OmeroServerSettings, ...] = repeated(OmeroServerSettings, at_least=0)

    @property
    def all_servers(self) -> tuple[OmeroServerSettings, ...]:
        """Every OMERO.server that there is; the first is that of requests that name none."""
        return self.servers or (OmeroServerSettings(1, "", self.host, self.port, self.secure, self.data_dir),)

    def server(self, server_id: ServerId) -> OmeroServerSettings | None:
        """The one that a session's ``connector.server_id`` names; None if there is none of that name or number."""
        return named(server_id, self.servers) if self.servers else self.all_servers[0]

    @property
    def address(self) -> OmeroAddress:
        """Where it is. Raises ValueError where host, port and secure were not read together and do not fit."""
        return parse_omero_address(self.host, self.port, self.secure)


@dataclass(frozen=True, slots=True)
class OmeroWebSettings:
    """What has to be as in the OMERO.web whose users are served."""

    session_cookie_name: str = key(
        "omero.web.session_cookie_name",
        Text("a cookie's name (letters, digits and any of !#$%&'*+-.^_`|~)", r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"),
        "sessionid",
        "The name of OMERO.web's session cookie.",
    )
    session_cookie_age: float = key(
        "omero.web.session_cookie_age",
        Seconds(1, 10 * 365 * 86_400),
        86_400.0,
        "How long after it was last changed a session in a file ends.",
    )
    accept_session_key_header: bool = key(
        "omero.web.accept_session_key_header",
        Switch(),
        True,
        "Take an OMERO session key from the header X-OMERO-Session-Key.",
    )
    accept_bsession: bool = key(
        "omero.web.accept_bsession",
        Switch(),
        True,
        "Take an OMERO session key from the query parameter bsession.",
    )
    accept_jsonp: bool = key(
        "omero.web.accept_jsonp",
        Switch(),
        True,
        "Answer with JavaScript where the query names a callback, as OMERO.web does. Another site's page can then read"
        " thumbnails of whoever is logged in, if a browser sends it the session cookie (SESSION_COOKIE_SAMESITE of"
        " Django).",
    )
    prefix: str = key(
        "omero.web.prefix",
        Text("a path such as /omero", r"(/[A-Za-z0-9._~-]+)*/?"),
        "",
        "Where OMERO.web is not at the root of its host: every path is answered below this too.",
    )
    cors_origin_whitelist: tuple[str, ...] = key(
        "omero.web.cors_origin_whitelist",
        Lines(),
        (),
        "Origins whose pages may show thumbnails with the cookie of whoever visits them, such as"
        " `https://viewer.example.org`. In a variable: one a line.",
    )
    cors_origin_allow_all: bool = key(
        "omero.web.cors_origin_allow_all",
        Switch(),
        False,
        "Let pages of every origin do so: any site that a user visits can then read what that user may see.",
    )
    secret_key: str | None = key(
        "omero.web.secret_key",
        Text("printable text", r"[ -~]+"),
        None,
        "Django's SECRET_KEY. With it, signatures of sessions in a database or in files are verified."
        " OMERO.web keeps it in `var/django_secret_key`, which the file variant may name.",
        is_secret=True,
        default_note="none: signatures are not verified",
    )
    secret_key_fallbacks: tuple[str, ...] = key(
        "omero.web.secret_key_fallbacks",
        Lines(),
        (),
        "Former secret keys that still verify (Django's SECRET_KEY_FALLBACKS). In a variable or a file: one a line.",
        is_secret=True,
    )
    public: PublicSettings = block(PublicSettings)


@dataclass(frozen=True, slots=True)
class SessionStoreSettings:
    """One place where OMERO.web may keep its sessions."""

    type: StoreType = key(
        "session-store.type",
        Choice[StoreType](get_args(StoreType)),
        "redis",
        "Where OMERO.web keeps its sessions. `memory` is a store inside the process, for trying the service out.",
    )
    uri: str | None = key(
        "session-store.uri",
        StoreUri(),
        None,
        "The store's address, for `redis` and `postgres`: `redis://:password@host:6379/1`, `rediss://…`,"
        " `redis-sentinel://host:26379,host:26379/1#master`, `redis-cluster://host:6379,host:6379`,"
        " `redis-socket:///run/redis.sock`,"
        " `postgresql://user:password@host:5432/database` or"
        " `jdbc:postgresql://host:5432/database?user=user&password=password`.",
        is_secret=True,
        default_note="none: it has to be given for `redis` and `postgres`",
    )
    directory: Path | None = key(
        "session-store.directory",
        FilePath("the path of a folder"),
        None,
        "The folder of the session files, for `files` (Django's SESSION_FILE_PATH).",
        default_note="none: it has to be given for `files`",
    )
    key_prefix: str = key("session-store.key-prefix", Text(), "", "The KEY_PREFIX of OMERO.web's cache, for `redis`.")
    version: int = key(
        "session-store.version",
        WholeNumber(0, 1_000_000),
        1,
        "The VERSION of OMERO.web's cache, for `redis`.",
    )
    synchronicity: Literal["sync", "async"] | None = key(
        "session-store.synchronicity",
        Choice[Literal["sync", "async"]](("sync", "async")),
        None,
        "Nothing any more.",
        default_note="none",
        without_meaning="every session store is asked without blocking",
    )


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Where pictures are kept, told by what they show, and for how long. Sizes are in bytes."""

    life: float = key(
        "cache.life",
        Seconds(0, 86_400),
        5.0,
        "How long a session is believed to see what OMERO said it sees. So long a right that was taken away, or a"
        " rendering that was changed elsewhere, may not be noticed. 0 asks OMERO each time.",
    )
    picture_life: float = key(
        "cache.picture-life",
        Seconds(0, 365 * 86_400),
        86_400.0,
        "How long a picture is kept, to be given to whom OMERO says that it is what they see. 0 keeps none.",
    )
    by_content: bool = key(
        "cache.by-content",
        Switch(),
        True,
        "Tell pictures apart by what they show, by OMERO's own account. `false` is the way back: nothing is kept, and"
        " OMERO is asked to give each thumbnail each time.",
    )
    memory: int = key(
        "cache.memory",
        Size(0, 1 << 40),
        64 << 20,
        "How much memory each worker process uses for thumbnails. 0 keeps none in memory. Several OMERO.servers have"
        " equal parts of it.",
    )
    redis_uri: str | None = key(
        "cache.redis-uri",
        StoreUri(),
        None,
        "A Redis or Redis Cluster that workers and machines share pictures through, in any form of session-store.uri"
        " for `redis`. It may be the one of the sessions. Without `cache.secret` each user has pictures apart there.",
        is_secret=True,
        default_note="none: nothing is shared",
    )
    redis_memory: int = key(
        "cache.redis-memory",
        Size(1 << 20, 1 << 40),
        256 << 20,
        "How much of that Redis's memory pictures take at most, of all workers and machines together, which have to"
        " have the same. Where there is no more room, the oldest go. Its `maxmemory`, if it has one, has to leave so"
        " much beside the sessions in it. Several OMERO.servers have equal parts of it.",
    )
    secret: str | None = key(
        "cache.secret",
        Text("32 printable characters or more, such as `openssl rand -hex 32` prints", r"[ -~]{32,}"),
        None,
        "What all workers and machines that share that Redis know, and nobody else: each picture there is signed with"
        " it, and one that is not is not shown. With it, a picture that one user was given is there for all whom OMERO"
        " shows the same.",
        is_secret=True,
        default_note="none: in Redis, pictures are kept for each user apart",
    )


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Spans of requests, for Zipkin or an OTLP collector."""

    enabled: bool = key(
        "http-tracing.enabled",
        Switch(),
        False,
        "Trace requests: spans are logged, or sent where the URLs say. Needs the extra `tracing`"
        " (`pip install omero-ms-thumbnail[tracing]`).",
    )
    zipkin_url: str | None = key(
        "http-tracing.zipkin-url",
        HttpUrl(),
        None,
        "A Zipkin to send spans to.",
        default_note="none",
    )
    otlp_url: str | None = key(
        "http-tracing.otlp-url",
        HttpUrl("http://localhost:4318/v1/traces"),
        None,
        "An OpenTelemetry collector to send spans to, with OTLP over HTTP.",
        default_note="none",
    )


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """The log. `--log-config` replaces all of it."""

    level: LogLevel = key(
        "logging.level",
        Choice[LogLevel](get_args(LogLevel)),
        "INFO",
        "What is logged: this and all that is graver.",
    )
    format: LogFormat = key(
        "logging.format",
        Choice[LogFormat](get_args(LogFormat)),
        "text",
        "Lines for people, or one JSON object a line for collectors.",
    )
    file: Path | None = key(
        "logging.file",
        FilePath("the path of a file"),
        None,
        "A file to log to. On the first line of a new day it becomes `name.2026-11-24.log.gz` beside it.",
        default_note="none: the log goes to standard error",
    )
    keep: int = key("logging.keep", WholeNumber(1, 3650), 7, "How many files of former days are kept.")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured. Spans are in seconds, sizes in bytes."""

    host: str = key(
        "host",
        Host(),
        "0.0.0.0",  # noqa: S104 - as the Java microservice; behind nginx 127.0.0.1 does
        "The address to listen on; 127.0.0.1 where nginx runs on the same machine.",
    )
    port: int = key("port", PORT, 8080, "The port to listen on.")
    workers: int = key(
        "workers",
        WholeNumber(1, 256),
        1,
        "How many worker processes answer requests. Each joins OMERO sessions of its own.",
    )
    worker_ports: int | None = key(
        "worker-ports",
        PORT,
        None,
        "The first of as many ports as there are workers: each worker listens on one of its own, beside the `port` that"
        " they share. With them nginx can send each user to one worker, which then joins once and remembers for all"
        " (`omero-ms-thumbnail nginx --upstream --workers 2`).",
        default_note="none: workers have `port` alone",
    )
    request_timeout: float = key(
        "event-bus-send-timeout",
        Milliseconds(1, 3_600_000),
        15.0,
        "How long OMERO may take to answer before the request is answered with status 504.",
    )
    shutdown_timeout: float | None = key(
        "shutdown-timeout",
        Seconds(0, 3600),
        None,
        "How long the requests in flight may take to finish once the service is told to stop. Those that take longer"
        " are answered with status 503.",
        default_note="as long as `event-bus-send-timeout`, so that each gets its answer",
    )
    worker_pool_size: int = key(
        "worker_pool_size",
        WholeNumber(1, 100_000),
        4,
        "How many calls that hold one of OMERO's database connections may be under way at once, over all workers"
        " together; joins have 2 of their own. A stock OMERO has 10 (its `omero.db.poolsize`), and whoever logs in"
        " needs one. Two to four are as fast as more. Several services on one OMERO share its connections: give each"
        " its part. Of several OMERO.servers each has so many.",
    )
    max_longest_side: int = key(
        "max-longest-side",
        WholeNumber(1, 10_000),
        4000,
        "The largest thumbnail that may be asked for, in pixels. OMERO draws one that large in some 130 MB of its heap"
        " and keeps none of it; `worker_pool_size` says how many at once. In one request for many, as many pixels may"
        " be asked for as `thumbnails_batch` thumbnails of 2000 x 2000 have.",
    )
    thumbnails_batch: int = key(
        "thumbnails_batch",
        WholeNumber(1, 10_000),
        50,
        "How many thumbnails may be asked for in one request: not less than OMERO.web's omero.web.thumbnails_batch.",
    )
    max_waiting_thumbnails: int = key(
        "max-waiting-thumbnails",
        WholeNumber(1, 1_000_000),
        5000,
        "How many thumbnails each worker process may have asked OMERO for, or have waiting for their turn, before a"
        " request for more is answered with status 503 at once. One OMERO session may have four fifths of them, and"
        " less where others want some. The last of them waits as long as OMERO takes for so many. At most as many"
        " requests wait for the session store. Of several OMERO.servers each has so many.",
    )
    cache_control: str = key(
        "cache-control",
        Text("the value of a Cache-Control header, such as private, no-cache", r"[!-~]([ -~]*[!-~])?"),
        "private, no-cache",
        "The header Cache-Control of a thumbnail. Never let a shared cache keep what one user may see.",
    )
    access_log: bool = key(
        "access-log",
        Switch(),
        True,
        "Log a line for each request: its id, method, path, status, bytes, time, user, and what the caches did.",
    )
    omero: OmeroSettings = block(OmeroSettings)
    omero_web: OmeroWebSettings = block(OmeroWebSettings)
    session_stores: tuple[SessionStoreSettings, ...] = repeated(SessionStoreSettings)
    cache: CacheSettings = block(CacheSettings)
    logging: LoggingSettings = block(LoggingSettings)
    http_tracing: TracingSettings = block(TracingSettings)
    jmx_metrics_enabled: bool = key(
        "jmx-metrics.enabled",
        Switch(),
        False,
        "Nothing any more.",
        without_meaning="there is no JVM to measure, and /metrics is always served",
    )
    vertx_metrics_enabled: bool = key(
        "vertx-metrics.enabled",
        Switch(),
        False,
        "Nothing any more.",
        without_meaning="there is no Vert.x to measure, and /metrics is always served",
    )
    #: lines to log at the start: keys that mean nothing here, or not quite what they meant before
    notes: tuple[str, ...] = ()
    #: lines to log at the start as warnings: secrets that every user of the machine can read, calls that take all of
    #: OMERO's database connections
    warnings: tuple[str, ...] = ()
