"""The diagnoses about the store of the sessions, and the sessions in it.

What each advises is run by a test: `tests/unit/websession/test_redis_causes.py`,
`tests/unit/websession/test_postgres_advice.py`.
"""

from __future__ import annotations

from .diagnosis import diagnosis
from .names import CLOCK, SESSION, SESSION_STORE, SESSIONS

STORE_PASSWORD = diagnosis(
    "session-store-password",
    SESSION_STORE,
    "The session store refuses the user name or password",
    "The password in `session-store.uri` is wrong or missing, or a character in it is not percent-encoded.",
    "Use the password of Redis's `requirepass` or ACL user, or of the PostgreSQL user; write / ? # @ % in it as %2F %3F"
    " %23 %40 %25.",
)
STORE_PERMISSION = diagnosis(
    "session-store-permission",
    SESSION_STORE,
    "The session store does not permit its user to read sessions",
    "The user in `session-store.uri` was given less than reading sessions takes.",
    "In Redis: `ACL SETUSER <user> +ping +select +getrange ~*django.contrib.sessions.cache*`. In PostgreSQL:"
    " `GRANT CONNECT ON DATABASE <database> TO <user>`, `GRANT SELECT ON django_session TO <user>`, and where the table"
    " is in a schema of its own `GRANT USAGE ON SCHEMA <schema> TO <user>`.",
)
POSTGRES_NOT_LET_IN = diagnosis(
    "session-store-pg-hba",
    SESSION_STORE,
    "PostgreSQL does not let this user in from this machine",
    "Its `pg_hba.conf` has no line for user, database and this machine, or only one for connections with TLS"
    " (`hostssl`); or there is no such role, or it has no LOGIN.",
    "Add `host <database> <user> <address>/32 scram-sha-256` to `pg_hba.conf`, with the address of this machine, then"
    " `SELECT pg_reload_conf()`; where TLS is a must, `sslmode=require` in `session-store.uri`; `ALTER ROLE <user>"
    " LOGIN` where it is a group's.",
)
POSTGRES_WITHOUT_TLS = diagnosis(
    "session-store-without-tls",
    SESSION_STORE,
    "PostgreSQL does not take TLS, and the configuration asks for it",
    "Its `ssl` is off, and `session-store.uri` has `ssl=true` or an `sslmode` that takes TLS only.",
    "Set `ssl = on` in `postgresql.conf`, with a certificate; or write `sslmode=prefer` into `session-store.uri`.",
)
POSTGRES_FULL = diagnosis(
    "session-store-full",
    SESSION_STORE,
    "PostgreSQL has no connection left",
    "Its `max_connections` or the role's `CONNECTION LIMIT` are taken, by OMERO.server and OMERO.web among others. Each"
    " worker takes four at most.",
    "Raise `max_connections` in `postgresql.conf`, or `ALTER ROLE <user> CONNECTION LIMIT -1`; or set fewer `workers`.",
)
POSTGRES_POOLER = diagnosis(
    "session-store-pooler",
    SESSION_STORE,
    "A pooler in front of PostgreSQL forgets prepared statements",
    "`session-store.uri` names a pgbouncer or the like that gives each transaction another connection.",
    "Add `prepareThreshold=0` to the parameters of `session-store.uri`.",
)
STORE_DATABASE = diagnosis(
    "session-store-database",
    SESSION_STORE,
    "The database has no sessions table",
    "The name at the end of `session-store.uri` is that of another database, such as OMERO.server's own, or OMERO.web's"
    " tables are in a schema of their own.",
    "Use the database in `omero config get omero.web.databases`; where there is a schema, add `currentSchema=<schema>`"
    " to the parameters of `session-store.uri`, and in PostgreSQL `GRANT USAGE ON SCHEMA <schema> TO <user>`.",
)
STORE_FOLDER = diagnosis(
    "session-store-folder",
    SESSION_STORE,
    "The folder of session files cannot be entered",
    "It does not exist, belongs to another user, or each service has a `/tmp` of its own (systemd's `PrivateTmp`).",
    "Make `session-store.directory` Django's SESSION_FILE_PATH (`/tmp` unless changed) as OMERO.web itself sees it, and"
    " let this service's user enter it.",
)
STORE_UNREACHABLE = diagnosis(
    "session-store-unreachable",
    SESSION_STORE,
    "The session store cannot be reached",
    "It does not run, or it listens on another host, port or interface than `session-store.uri` names.",
    "Start it; compare `session-store.uri` with its `port` and `bind` (Redis) or `listen_addresses` (PostgreSQL); look"
    " for a firewall between.",
)
STORE_SOCKET = diagnosis(
    "session-store-socket",
    SESSION_STORE,
    "Redis does not answer at its socket",
    "It does not run, its `unixsocket` is another path or is off, or this service's user may not use the socket.",
    "Start it; compare the path in `session-store.uri` with Redis's `unixsocket`; let this service's user use it by"
    " `unixsocketperm 770` and Redis's group.",
)
STORE_SLOW = diagnosis(
    "session-store-slow",
    SESSION_STORE,
    "The session store does not answer in time",
    "A firewall drops packets, the store is overloaded, or something else listens on its port.",
    "Try its own client from this machine (`redis-cli -u …`, `psql`); check the port.",
)
NOT_REDIS = diagnosis(
    "session-store-not-redis",
    SESSION_STORE,
    "What listens on the port does not answer as Redis does",
    "`session-store.uri` has another service's port; or it says `rediss://` to a Redis without TLS, or `redis://` to"
    " one with TLS.",
    "Write Redis's port (6379 unless changed) into `session-store.uri`, and the scheme that it speaks.",
)
NOT_POSTGRES = diagnosis(
    "session-store-not-postgres",
    SESSION_STORE,
    "What listens on the port does not answer as PostgreSQL does",
    "`session-store.uri` has another service's port, or `session-store.type` is `postgres` where it should be `redis`.",
    "Write PostgreSQL's port (5432 unless changed) into `session-store.uri`, or the right `session-store.type`.",
)
STORE_CERTIFICATE = diagnosis(
    "session-store-certificate",
    SESSION_STORE,
    "The session store's certificate is not accepted",
    "It is self-signed, expired, or for another host name.",
    "Name its authority in the environment variable SSL_CERT_FILE. Or, in the parameters of `session-store.uri`: for"
    " Redis `verifyPeer=NONE`, which verifies nothing; for PostgreSQL `sslrootcert=<file>` with the authority's"
    " certificate, `sslmode=verify-ca` where only the host's name is not in it, or `sslmode=require`, which verifies"
    " nothing.",
)
STORE_REFUSES = diagnosis(
    "session-store-refuses",
    SESSION_STORE,
    "The session store refuses to answer",
    "The database number may be above Redis's `databases`, or the store is still loading.",
    "Read the sentence of the step and the store's own log.",
)
CLOCK_DIFFERS = diagnosis(
    "clock",
    CLOCK,
    "The clocks of this machine and the session store differ",
    "One of them is not set by NTP. Expiry of sessions and validity of certificates are judged by the clock.",
    "Set both clocks with chrony or systemd-timesyncd.",
)

REDIS_OTHER_DATABASE = diagnosis(
    "redis-database",
    SESSIONS,
    "OMERO.web's sessions are in another database of this Redis",
    "The number at the end of `session-store.uri` is not that of LOCATION in OMERO.web's `omero.web.caches`.",
    "Change the number at the end of `session-store.uri` to the one named.",
)
REDIS_KEY_PREFIX = diagnosis(
    "redis-key-prefix",
    SESSIONS,
    "OMERO.web's sessions have another key prefix or version",
    "OMERO.web's `omero.web.caches` has a KEY_PREFIX or VERSION that the configuration does not.",
    "Set `session-store.key-prefix` and `session-store.version` to those named.",
)
NO_SESSIONS = diagnosis(
    "no-sessions",
    SESSIONS,
    "There is no OMERO.web session in the store",
    "OMERO.web keeps its sessions elsewhere: in files (its default), in a database, or in another Redis. Or nobody is"
    " logged in at the moment.",
    "Log in to OMERO.web and try again. If there is still none: `omero config get omero.web.session_engine` must say"
    " `django.contrib.sessions.backends.cache`; if it says file or db, set it or `session-store.type` accordingly.",
)
LOOKING_NOT_ALLOWED = diagnosis(
    "redis-without-scan",
    SESSIONS,
    "This Redis does not let anybody look through it",
    "Its user may only read single sessions, or SCAN and INFO were renamed, as managed ones have it. Thumbnails need"
    " neither.",
    "Nothing. To know whether sessions are found, give `--session` a cookie.",
)
SESSION_FORMAT = diagnosis(
    "session-format",
    SESSIONS,
    "Sessions in the store cannot be read",
    "OMERO.web's cache uses a serializer or compressor that is not known here or whose package is not installed; or"
    " what is there was damaged or is not from OMERO.web.",
    "Install the package that the step names; or use Django's own or django-redis's default serializer.",
)

NOT_A_SESSION_ID = diagnosis(
    "not-a-session-id",
    SESSION,
    "That is not an OMERO.web session cookie",
    "Django's session ids are 8 to 64 lower-case letters and digits. The value was cut off or changed, or it is an"
    " OMERO session key, a CSRF token or another cookie.",
    "Copy the value of the session cookie from the browser's developer tools (Application or Storage, Cookies).",
)
WRONG_COOKIE = diagnosis(
    "cookie-name",
    SESSION,
    "The cookie has another name than the configuration says",
    "OMERO.web's `omero.web.session_cookie_name` was changed, or the cookie given is not OMERO.web's.",
    "Set `omero.web: session_cookie_name` in the configuration to OMERO.web's cookie, or give the right cookie.",
)
SESSION_UNKNOWN = diagnosis(
    "session-unknown",
    SESSION,
    "The session is not known: it has expired, was logged out, or was tampered with",
    "Other sessions are there, so the store is the right one. OMERO.web forgets a session on logging out and after"
    " `omero.web.session_cookie_age`.",
    "Log in to OMERO.web again and give the new cookie.",
)
SESSION_SIGNATURE = diagnosis(
    "session-signature",
    SESSION,
    "The session's signature is wrong",
    "`omero.web.secret_key` is not OMERO.web's, OMERO.web's was changed since the log-in, or the session was tampered"
    " with.",
    "Set `omero.web: secret_key_file` to OMERO.web's `var/django_secret_key`, and former keys in"
    " `secret_key_fallbacks`; then log in again.",
)
SESSION_DAMAGED = diagnosis(
    "session-damaged",
    SESSION,
    "The session was tampered with, or cannot be read",
    "The bytes in the store are not what Django wrote: damaged, cut off, larger than any session, or in a format that"
    " is not known here.",
    "Log in to OMERO.web again. If it is every session, look at what else writes to the store, and at the serializer"
    " and compressor of OMERO.web's cache.",
)
SESSION_WITHOUT_LOGIN = diagnosis(
    "session-without-login",
    SESSION,
    "Nobody is logged in by this session",
    "It is a Django session without an OMERO session key: before logging in, after logging out, or of another Django"
    " application that shares the Redis.",
    "Log in to OMERO.web and give the cookie of that browser.",
)
SESSION_SERVER = diagnosis(
    "session-of-unknown-server",
    SESSION,
    "The session is of an OMERO.server that is missing here",
    "Its `connector.server_id` names none of `omero.servers`. The service answers it with status 403.",
    "Add that server to `omero.servers`, with its place in OMERO.web's `omero.web.server_list` as `id`;"
    " `--omeroweb-dir` shows the line.",
)
