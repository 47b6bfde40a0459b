"""Every diagnosis that `check` can make, written down once: the report and `docs/troubleshooting.md` both read it here.

Here are those about configuration and OMERO; those about sessions are in `session_diagnoses`, about OMERO's files in
`folder_diagnoses`, about the Redis with pictures in `cache_diagnoses`. A diagnosis is added and used by the step that
can tell; a test sees to it that each is used.
"""

from __future__ import annotations

from . import cache_diagnoses as cache_diagnoses
from . import folder_diagnoses as folder_diagnoses
from . import session_diagnoses as session_diagnoses
from .diagnosis import DIAGNOSES as DIAGNOSES
from .diagnosis import Diagnosis as Diagnosis
from .diagnosis import diagnosis as _diagnosis
from .names import (
    CONFIGURATION,
    JOIN,
    OMERO_WEB,
    PUBLIC,
    QUERY,
    REACHABLE,
    ROUTER,
    ROWS,
    STORED,
    THUMBNAIL,
    TLS,
    WEBSOCKET,
)

CONFIGURATION_MISSING = _diagnosis(
    "configuration-missing",
    CONFIGURATION,
    "There is no configuration file",
    "The command was started in another folder than the service, or the file was not installed.",
    "Name the file with `--config`, or let the settings be found in an OMERO.web with `--omeroweb-dir`.",
)
CONFIGURATION_WRONG = _diagnosis(
    "configuration-wrong",
    CONFIGURATION,
    "The configuration cannot be used",
    "A key is misspelt, or a value is not what its key takes; the service would not start with it either.",
    "Change the lines named; `docs/configuration.md` has every key.",
)
CANNOT_START = _diagnosis(
    "cannot-start",
    CONFIGURATION,
    "The service would not start with this configuration",
    "Something that it names is not there or may not be used: an extra that is not installed, a file, a folder, an"
    " address to listen on.",
    "Do what the sentence says; `serve` says the same.",
)
CORS_ALLOW_ALL = _diagnosis(
    "cors-every-origin",
    CONFIGURATION,
    "Every site that somebody visits may read what that person may see",
    "`omero.web.cors_origin_allow_all` is true. A browser sends the session cookie along, and gives a page of any"
    " origin the pictures, private ones too.",
    "Name the sites that need it in `omero.web.cors_origin_whitelist`, and take `omero.web.cors_origin_allow_all` out,"
    " here and in OMERO.web.",
)

OMERO_WEB_UNREADABLE = _diagnosis(
    "omeroweb-unreadable",
    OMERO_WEB,
    "OMERO.web's configuration cannot be read",
    "The folder is not that of an OMERO.web (its OMERODIR), or this user may not read `etc/grid/config.xml` in it.",
    "Name the folder that OMERO.web's environment variable OMERODIR names, and run `check` as a user who may read it.",
)
OMERO_WEB_ENGINE = _diagnosis(
    "omeroweb-session-engine",
    OMERO_WEB,
    "OMERO.web keeps its sessions elsewhere",
    "OMERO.web's `omero.web.session_engine` is not the one that `session-store.type` reads. Its default keeps sessions"
    " in files.",
    "Either `omero config set omero.web.session_engine django.contrib.sessions.backends.cache` and point"
    " `omero.web.caches` to Redis, then restart OMERO.web; or set `session-store.type` to what OMERO.web uses.",
)
OMERO_WEB_CACHE = _diagnosis(
    "omeroweb-cache",
    OMERO_WEB,
    "OMERO.web uses another Redis, database or key",
    "`omero.web.caches` names another LOCATION, KEY_PREFIX or VERSION than the block `session-store`.",
    "Make `session-store.uri`, `session-store.key-prefix` and `session-store.version` what `omero.web.caches` says.",
)
OMERO_WEB_COOKIE = _diagnosis(
    "omeroweb-cookie-name",
    OMERO_WEB,
    "OMERO.web's session cookie has another name",
    "`omero.web.session_cookie_name` is not the same here and in OMERO.web, so nobody would ever be recognised.",
    "Write OMERO.web's name into the configuration under `omero.web: session_cookie_name`.",
)
OMERO_WEB_SERVER = _diagnosis(
    "omeroweb-server",
    OMERO_WEB,
    "OMERO.web uses another OMERO.server",
    "`omero.web.server_list` does not have the `omero.host` and `omero.port` of the configuration. That may be two"
    " names for one host.",
    "Make `omero.host` and `omero.port` what OMERO.web uses: a session is known to its own OMERO.server only.",
)
OMERO_WEB_SERVERS = _diagnosis(
    "omeroweb-servers",
    OMERO_WEB,
    "OMERO.web lets people choose from OMERO.servers that are missing here",
    "`omero.web.server_list` has several, and a session says of which it is. Sessions of one that `omero.servers` does"
    " not have are answered with status 403; without the list, all go to `omero.host`, which knows its own only.",
    "Write the line that is shown, with `secure: false` for a server without TLS.",
)
OMERO_WEB_PREFIX = _diagnosis(
    "omeroweb-prefix",
    OMERO_WEB,
    "OMERO.web is below another path",
    "`omero.web.prefix` is not the same here and in OMERO.web: pages ask for paths that this service does not know, and"
    " `omero.web.public.url_filter` is looked for in other ones.",
    "Write the line that is shown.",
)
OMERO_WEB_PUBLIC = _diagnosis(
    "omeroweb-public-user",
    OMERO_WEB,
    "OMERO.web's public user is not as in the configuration",
    "OMERO.web answers whoever is not logged in as its public user, for the paths that `omero.web.public.url_filter`"
    " lets through. Where this service does not do the same, pages of public data have no thumbnails, or show more than"
    " OMERO.web does.",
    "Write the line that is shown; the password goes into a file that only the service's user may read.",
)
OMERO_WEB_CORS = _diagnosis(
    "omeroweb-origins",
    OMERO_WEB,
    "OMERO.web lets pages of other origins show pictures than this service does",
    "`omero.web.cors_origin_whitelist` or `omero.web.cors_origin_allow_all` is not the same here and in OMERO.web.",
    "Write the line that is shown, or change OMERO.web.",
)

OMERO_NAME = _diagnosis(
    "omero-host-name",
    REACHABLE,
    "The name of OMERO's host does not resolve",
    "`omero.host` is misspelt, or this machine's DNS does not know it.",
    "Correct `omero.host`; try `getent hosts <name>` on this machine.",
)
OMERO_REFUSED = _diagnosis(
    "omero-refused",
    REACHABLE,
    "OMERO refuses the connection",
    "OMERO is down, or its router listens on another port or interface: nothing is at `omero.port`.",
    "On OMERO's machine: `omero admin status`, then `omero config get omero.ports.ssl` (4064 unless changed). Where"
    " `omero.host` begins with `wss://` or `ws://`, it is the web server in front that has to run and listen there.",
)
OMERO_FIREWALL = _diagnosis(
    "omero-firewall",
    REACHABLE,
    "OMERO's host does not answer",
    "A firewall drops the packets, or the host is down.",
    "Open `omero.port`, or the port of the URL in `omero.host`, from this machine to OMERO's; try"
    " `nc -vz <host> <port>`.",
)
OMERO_UNREACHABLE = _diagnosis(
    "omero-unreachable",
    REACHABLE,
    "There is no way to OMERO's host",
    "This machine has no route to it, or a firewall rejects the connection.",
    "Check the network between; try `ping` and `nc -vz <host> <port>`.",
)

TLS_TO_PLAIN_PORT = _diagnosis(
    "tls-to-plain-port",
    TLS,
    "TLS was tried on OMERO's plain TCP port",
    "`omero.port` is the port without TLS (4063 unless changed), and `omero.secure` is true.",
    "Set `omero.port` to the TLS port (4064 unless changed), or `omero.secure: false`.",
)
PLAIN_TO_TLS_PORT = _diagnosis(
    "plain-to-tls-port",
    TLS,
    "Plain TCP was tried on OMERO's TLS port",
    "`omero.secure` is false, and `omero.port` is the port with TLS (4064 unless changed).",
    "Set `omero.secure: true`, or `omero.port` to the port without TLS (4063 unless changed).",
)
WS_TO_TLS_PORT = _diagnosis(
    "ws-to-tls-port",
    TLS,
    "WebSocket without TLS was tried on a port with TLS",
    "`omero.host` begins with `ws://`, and what listens there wants TLS, as a web server does on port 443 and OMERO"
    " itself on 4066.",
    "Write `wss://` in `omero.host`.",
)
WSS_TO_PLAIN_PORT = _diagnosis(
    "wss-to-plain-port",
    TLS,
    "TLS was tried on a port for WebSocket or HTTP without TLS",
    "`omero.host` begins with `wss://`, and its port is that of a web server without TLS (80), or of OMERO's own"
    " WebSocket without TLS (4065).",
    "Take the port out of `omero.host`, for 443, or write the one with TLS; or write `ws://`.",
)
NOT_ICE = _diagnosis(
    "omero-not-ice",
    TLS,
    "What listens on OMERO's port is not OMERO",
    "`omero.port` is wrong: a web server or another service is there.",
    "Set `omero.port` to that of OMERO's router: 4064 with TLS, 4063 without, unless changed.",
)
CERTIFICATE_UNTRUSTED = _diagnosis(
    "tls-certificate-untrusted",
    TLS,
    "OMERO's certificate is not trusted",
    "It is self-signed (as `omero certificates` makes it), or from an authority that this machine does not know.",
    "Name the certificate, or its authority's, in `omero.tls.ca_file`; or switch `omero.tls.verify` off.",
)
CERTIFICATE_NAME = _diagnosis(
    "tls-certificate-name",
    TLS,
    "OMERO's certificate is for another host name",
    "`omero.host` is an address or alias that the certificate does not have.",
    "Write a name from the certificate into `omero.host`; or make a certificate that has this one.",
)
CERTIFICATE_DATES = _diagnosis(
    "tls-certificate-dates",
    TLS,
    "OMERO's certificate has expired or is not valid yet",
    "It was not renewed, or the clock of this machine is wrong.",
    "Renew it (`omero certificates` for a self-signed one) and restart OMERO, or the web server where `omero.host`"
    " begins with `wss://`; check `date` on this machine.",
)
CERTIFICATE_ENDS_SOON = _diagnosis(
    "tls-certificate-ends-soon",
    TLS,
    "OMERO's certificate expires soon or has expired, and nothing verifies it",
    "It was not renewed. Clients that verify will refuse it.",
    "Renew it and restart OMERO, or the web server where `omero.host` begins with `wss://`.",
)
ANONYMOUS_ONLY = _diagnosis(
    "tls-anonymous-only",
    TLS,
    "OMERO offers anonymous TLS only, and the configuration asks for a certificate",
    "A stock OMERO.server has no certificate (ADH suites only), so there is nothing that `omero.tls.verify` could"
    " verify.",
    "Make a certificate on OMERO's machine with the plugin omero-certificates and restart OMERO; or switch"
    " `omero.tls.verify` off.",
)
TLS_OLD = _diagnosis(
    "tls-old-version",
    TLS,
    "OMERO's router offers nothing newer than TLS 1.0 or 1.1",
    "OMERO's documented default is `omero.glacier2.IceSSL.Protocols=tls1` with anonymous suites, which is TLS 1.0 and"
    " nothing newer. It works, and new OpenSSLs and policies of machines refuse it one after the other.",
    "On OMERO's machine: install omero-certificates, run `omero certificates` (it sets"
    " `omero.glacier2.IceSSL.Protocols` to `TLS1_2,TLS1_3`, `omero.glacier2.IceSSL.Ciphers`, and a certificate), and"
    " restart OMERO. Or, without a certificate: `omero config set omero.glacier2.IceSSL.Protocols TLS1_2`.",
)
TLS_NO_COMMON = _diagnosis(
    "tls-no-common-cipher",
    TLS,
    "TLS with OMERO fails: no common protocol or cipher",
    "The crypto policy of this machine forbids what OMERO offers (anonymous suites, TLS 1.0), or OMERO's"
    " `omero.glacier2.IceSSL.Ciphers` was narrowed; or `omero.tls.verify` is on, which takes TLS 1.2, and OMERO's"
    " `omero.glacier2.IceSSL.Protocols` stops below.",
    "Make a certificate with omero-certificates, which also sets `omero.glacier2.IceSSL.Protocols` to"
    " `TLS1_2,TLS1_3`; or allow OMERO's ciphers in the machine's policy (`update-crypto-policies --show`).",
)

WEBSOCKET_REDIRECTED = _diagnosis(
    "websocket-redirected",
    WEBSOCKET,
    "The web server sends elsewhere",
    "The URL in `omero.host` is an old one, or one that is for logging in first; clients of OMERO's follow nobody.",
    "Write the URL that is meant into `omero.host`; or let the web server take the request at this path itself.",
)
WEBSOCKET_PATH = _diagnosis(
    "websocket-path",
    WEBSOCKET,
    "OMERO is not at this path of the web server",
    "The path in `omero.host` is misspelt, or the web server does not hand it on to OMERO: a page came, or none was"
    " found.",
    "Write the path that the web server's `location` for OMERO has into `omero.host`; `docs/install.md` has such a"
    " location.",
)
WEBSOCKET_NOT_LET_IN = _diagnosis(
    "websocket-not-let-in",
    WEBSOCKET,
    "The web server does not let this machine in",
    "It asks for a password at this path, lets in some addresses only, or has had enough requests for now. Clients of"
    " OMERO's have no password for a web server.",
    "Let this machine in at this path, without a password.",
)
WEBSOCKET_NOT_UPGRADED = _diagnosis(
    "websocket-not-upgraded",
    WEBSOCKET,
    "What answers takes no WebSocket",
    "The web server in front does not hand on what makes a WebSocket of a request.",
    "In nginx's location: `proxy_http_version 1.1;`, `proxy_set_header Upgrade $http_upgrade;`, `proxy_set_header"
    ' Connection "upgrade";`, and `proxy_pass` to OMERO\'s port for ws (4065 unless changed).',
)
WEBSOCKET_NOBODY_BEHIND = _diagnosis(
    "websocket-nobody-behind",
    WEBSOCKET,
    "The web server has no answer from OMERO",
    "OMERO is down or does not listen for WebSockets, which it does only if told to; or the web server hands on to"
    " another port, or without what makes a WebSocket of a request, on which OMERO hangs up.",
    "On OMERO's machine: `omero config set omero.client.icetransports ssl,tcp,wss,ws` and restart OMERO; compare"
    " `proxy_pass` with `omero.ports.ws` (4065 unless changed). In nginx's location: `proxy_http_version 1.1;`,"
    ' `proxy_set_header Upgrade $http_upgrade;`, `proxy_set_header Connection "upgrade";`.',
)
WEBSOCKET_PLAIN_ICE = _diagnosis(
    "websocket-plain-ice",
    WEBSOCKET,
    "OMERO is there, and no WebSocket",
    "`omero.host` begins with `wss://` or `ws://`, and its port, or the one that the web server in front hands on to,"
    " is one of OMERO's router for Ice alone (4064 and 4063 unless changed).",
    "Write the host alone into `omero.host`; or the port of a web server in front, or of OMERO's own WebSocket (4066"
    " with TLS, 4065 without), to which `proxy_pass` has to lead as well.",
)
WEBSOCKET_NOT_HTTP = _diagnosis(
    "websocket-not-http",
    WEBSOCKET,
    "What listens there speaks no HTTP",
    "The host or port in `omero.host` is that of another service.",
    "Write those of the web server in front of OMERO into `omero.host`.",
)
WEBSOCKET_SILENT = _diagnosis(
    "websocket-silent",
    WEBSOCKET,
    "The port is open, and nobody answers the request for WebSocket",
    "The web server hangs or waits for OMERO, or another service is there; or the web server hands on to OMERO's port"
    " for Ice alone, which hangs up.",
    "Look into the log of the web server in front at this time; compare its `proxy_pass` with `omero.ports.ws` (4065"
    " unless changed).",
)
WEBSOCKET_OTHER = _diagnosis(
    "websocket-other-application",
    WEBSOCKET,
    "A WebSocket is there, and it seems to be another application's",
    "What answers does not agree to `ice.zeroc.com`, by which OMERO is known, or to what was asked for.",
    "Write the path that the web server's `location` for OMERO has into `omero.host`.",
)

ROUTER_SILENT = _diagnosis(
    "omero-router-silent",
    ROUTER,
    "The port is open, and OMERO's router does not answer",
    "OMERO hangs, is starting up, or something else that speaks TLS is on the port.",
    "On OMERO's machine: `omero admin diagnostics`, and look into `var/log/master.err` and Blitz's log.",
)
NOT_A_ROUTER = _diagnosis(
    "omero-not-router",
    ROUTER,
    "Ice is spoken on the port, but it is not OMERO's router",
    "`omero.port` is that of another Ice service, such as IceGrid's registry (4061).",
    "Set `omero.port` to the router's: 4064 with TLS, 4063 without, unless changed.",
)

PUBLIC_REFUSED = _diagnosis(
    "public-user-refused",
    PUBLIC,
    "OMERO does not let the public user in",
    "`omero.web.public.user` or `omero.web.public.password` is wrong, or the user is not active any more. Whoever is"
    " not logged in is answered with status 403.",
    "Take both from OMERO.web (`omero config get omero.web.public.user`), and restart the service: it does not try a"
    " password again for ten minutes that OMERO has refused.",
)
PUBLIC_ADMINISTRATOR = _diagnosis(
    "public-user-administrator",
    PUBLIC,
    "The public user is an administrator",
    "An administrator of OMERO may read everything, and so may whoever is not logged in.",
    "Make a user of its own for it, in the groups whose data is public.",
)
PUBLIC_NOTHING = _diagnosis(
    "public-user-nothing",
    PUBLIC,
    "No path of thumbnails is public",
    "`omero.web.public.url_filter` is found in none of them; it is looked for in the path with `omero.web.prefix`.",
    "Take it from OMERO.web: `omero config get omero.web.public.url_filter`.",
)

OMERO_SESSION_ENDED = _diagnosis(
    "omero-session-ended",
    JOIN,
    "OMERO.web knows the session, and OMERO does not any more",
    "The OMERO session timed out (`omero.sessions.timeout`, 10 minutes without a call unless changed), OMERO was"
    " restarted, which ends every session, somebody ended it, or it belongs to another OMERO.server than `omero.host`.",
    "Log in to OMERO.web again. If it goes on: compare `omero.host` with OMERO.web's `omero.web.server_list`.",
)
OMERO_SLOW = _diagnosis(
    "omero-slow",
    JOIN,
    "OMERO is too slow",
    "OMERO, its database or its storage is overloaded, or `event-bus-send-timeout` is too small for it.",
    "Look at the load of OMERO's machine; raise `event-bus-send-timeout` (ms).",
)
OMERO_BEHIND_ROUTER = _diagnosis(
    "omero-behind-router",
    JOIN,
    "OMERO's router answers, and OMERO behind it cannot work",
    "Blitz is down, is starting or shutting down, or has lost its database.",
    "On OMERO's machine: `omero admin diagnostics`, and look into Blitz's log.",
)
OMERO_NOT_LET_IN = _diagnosis(
    "omero-not-let-in",
    JOIN,
    "OMERO does not let the session in, and does not say that its key is wrong",
    "The user was removed from a group or made inactive, the password has expired, or OMERO is in trouble.",
    "Look for the time of this run in Blitz's log: OMERO writes there why. Logging in to OMERO.web anew tells whether"
    " it is this user or everybody.",
)
OMERO_CONNECTION_LOST = _diagnosis(
    "omero-connection-lost",
    JOIN,
    "The connection to OMERO broke",
    "OMERO was restarted, or what stands between closes connections.",
    "Try again; look into OMERO's `var/log`, and at firewalls and load balancers between.",
)

IMAGE_UNAVAILABLE = _diagnosis(
    "image-unavailable",
    QUERY,
    "The image does not exist, or this user may not read it",
    "The id is wrong, the image was deleted, or it belongs to a group that the user is not in, or to another member of"
    " a private group.",
    "Open the image in OMERO.web as the same user; take an id that its page shows.",
)
NO_IMAGES = _diagnosis(
    "no-images",
    QUERY,
    "This user can read no image at all",
    "Nothing was imported yet, or the user is in no group with images.",
    "Give the cookie of a user who sees images, or `--image` with an id that the user can open.",
)
QUERY_REFUSED = _diagnosis(
    "query-refused",
    QUERY,
    "OMERO refuses the query",
    "OMERO's answer says why; its database may be in trouble, or its version may be too old (5.4 is needed).",
    "Look into Blitz's log at this time.",
)

CONTENT_SLOW = _diagnosis(
    "content-query-slow",
    QUERY,
    "OMERO takes long to say what pictures show, or does not take the question",
    "OMERO's database lacks its indexes or statistics, or OMERO is older than 5.4. The service then keeps no pictures"
    " and has OMERO give each thumbnail.",
    "Let PostgreSQL make its statistics: `vacuumdb --analyze-only omero` (as the user postgres). Compare the indexes"
    " with those of a new OMERO of this version; OMERO's upgrade scripts make them.",
)

STORED_DIFFERS = _diagnosis(
    "stored-thumbnail-differs",
    STORED,
    "The stored thumbnail is not what OMERO draws now",
    "Something stored the picture of other settings as that of these: an earlier version of this service did, when"
    " settings were saved between two looks, and OMERO.web does with `?rdefId=` at its own size. Where the two look"
    " alike, another version of Java or OMERO drew the stored one, and nothing is wrong.",
    "The user named, whose settings they are, saves them once more (OMERO.web: Preview, change something and change it"
    " back, Save): at the next look OMERO draws the thumbnail anew, for everybody who sees it by these settings. An"
    " administrator can delete the row instead: `omero delete Thumbnail:<its number>`.",
)
STORED_EMPTY = _diagnosis(
    "stored-thumbnail-empty",
    STORED,
    "The stored thumbnail has no bytes",
    "OMERO's disk was full when it was stored. OMERO gives it as it is, and OMERO.web shows nothing.",
    "See to the disk of OMERO's data directory; then the user named saves the rendering settings once more, or an"
    " administrator deletes the row: `omero delete Thumbnail:<its number>`.",
)
STORED_FILE_MISSING = _diagnosis(
    "stored-thumbnail-file-missing",
    STORED,
    "OMERO has a row for the thumbnail and no file, and this user may not have it drawn",
    "The image is another's, in a group where only its owner may change what is stored. Its file below `Thumbnails` in"
    " OMERO's data directory was deleted or not restored; or it was a clock, whose file OMERO removes.",
    "The image's owner looks at it, or an administrator runs `omero-ms-thumbnail warm Image:<id>`.",
)
STRETCHED = _diagnosis(
    "thumbnail-stretched",
    ROWS,
    "A stored thumbnail has another shape than its image",
    "It was stored for somebody who asked for that width and height, or by an earlier version of this service for"
    " somebody who may not store any: OMERO then draws a square.",
    "It is shown to nobody who asks for the longest side, as OMERO.web's pages do. To be rid of it, its user or an"
    " administrator deletes the row: `omero delete Thumbnail:<its number>`.",
)

RENDERING_FAILED = _diagnosis(
    "rendering-failed",
    THUMBNAIL,
    "OMERO cannot make the thumbnail of this image",
    "The image's file is missing or cannot be read, or its rendering settings are broken.",
    "Open it in OMERO.web; look into Blitz's log at this time. Try another image with `--image`.",
)
IMPORT_IN_PROGRESS = _diagnosis(
    "import-in-progress",
    THUMBNAIL,
    "OMERO shows a clock instead of the image",
    "The image is still being imported, or its pyramid is being made.",
    "Wait, or take another image with `--image`.",
)
