"""Whole configurations: the Java microservice's, everything at once, nothing at all, and values checked together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from omero_ms_thumbnail.config import (
    OmeroSettings,
    OmeroWebSettings,
    SessionStoreSettings,
    Settings,
    TlsSettings,
    TracingSettings,
    checks,
    load_settings,
)
from omero_ms_thumbnail.omero.permits import JOIN_PERMITS
from tests.unit.config.conftest import STORE

if TYPE_CHECKING:
    from tests.unit.config.conftest import Configure

JAVA = Path(__file__).parent / "data" / "java-0.7.0-config.yaml"


def test_the_java_microservices_file_works_unchanged() -> None:
    settings = load_settings(JAVA, {})
    assert settings == Settings(
        port=8080,
        request_timeout=15.0,
        omero=OmeroSettings(host="localhost", port=4064, secure=True),
        omero_web=OmeroWebSettings(session_cookie_name="sessionid"),
        session_stores=(SessionStoreSettings(type="redis", uri="redis://:@localhost:6379/1", synchronicity="async"),),
        http_tracing=TracingSettings(enabled=False),
        jmx_metrics_enabled=True,
        notes=(
            (
                f"{JAVA}, line 14: session-store.synchronicity: the key has no meaning here:"
                " every session store is asked without blocking"
            ),
            (
                f"{JAVA}, line 23: jmx-metrics.enabled: the key has no meaning here:"
                " there is no JVM to measure, and /metrics is always served"
            ),
        ),
    )


def test_every_key_reaches_its_setting(configure: Configure) -> None:
    Path("ca.pem").touch()
    settings = configure(
        """
host: 127.0.0.1
port: 8081
workers: 4
event-bus-send-timeout: 2500
worker_pool_size: 6
max-longest-side: 512
thumbnails_batch: 100
cache-control: no-store
omero:
  host: omero.example.org
  port: 14064
  secure: true
  tls: {verify: yes, ca_file: ca.pem}
  session_idle_timeout: 1.5
  connect_timeout: 3
  thumbnail_stores: 2
  message_size_max: 64 MiB
omero.web:
  session_cookie_name: __Host-omero
  accept_session_key_header: false
  accept_bsession: off
  accept_jsonp: no
  secret_key: present
  secret_key_fallbacks: [former, oldest]
session-store:
  type: files
  directory: sessions
  key-prefix: omero
  version: 2
  synchronicity: sync
http-tracing: {enabled: true, zipkin-url: 'http://localhost:9411/api/v2/spans'}
jmx-metrics: {enabled: true}
vertx-metrics: {enabled: true}
"""
    )
    assert settings == Settings(
        host="127.0.0.1",
        port=8081,
        workers=4,
        request_timeout=2.5,
        worker_pool_size=6,
        max_longest_side=512,
        thumbnails_batch=100,
        cache_control="no-store",
        omero=OmeroSettings(
            host="omero.example.org",
            port=14064,
            tls=TlsSettings(verify=True, ca_file=Path("ca.pem")),
            session_idle_timeout=1.5,
            connect_timeout=3.0,
            thumbnail_stores=2,
            message_size_max=64 * 1024 * 1024,
        ),
        omero_web=OmeroWebSettings(
            session_cookie_name="__Host-omero",
            accept_session_key_header=False,
            accept_bsession=False,
            accept_jsonp=False,
            secret_key="present",
            secret_key_fallbacks=("former", "oldest"),
        ),
        session_stores=(
            SessionStoreSettings(
                type="files", directory=Path("sessions"), key_prefix="omero", version=2, synchronicity="sync"
            ),
        ),
        http_tracing=TracingSettings(enabled=True, zipkin_url="http://localhost:9411/api/v2/spans"),
        jmx_metrics_enabled=True,
        vertx_metrics_enabled=True,
        notes=settings.notes,
    )
    assert settings.notes == (
        (
            "c.yaml, line 31: session-store.synchronicity: the key has no meaning here:"
            " every session store is asked without blocking"
        ),
        (
            "c.yaml, line 33: jmx-metrics.enabled: the key has no meaning here:"
            " there is no JVM to measure, and /metrics is always served"
        ),
        (
            "c.yaml, line 34: vertx-metrics.enabled: the key has no meaning here:"
            " there is no Vert.x to measure, and /metrics is always served"
        ),
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "omero:\nsession-store:\n", "---\n~\n"])
def test_an_empty_file_lacks_only_the_session_store(configure: Configure, text: str) -> None:
    assert configure.problems(text) == [
        "c.yaml: session-store.uri: the type redis needs it; write one such as redis://localhost:6379/1"
    ]
    environ = {"OMERO_MS_THUMBNAIL_SESSION_STORE_URI": "redis://localhost"}
    assert configure(text, environ) == Settings(session_stores=(SessionStoreSettings(uri="redis://localhost"),))


def test_all_problems_are_told_at_once(configure: Configure) -> None:
    assert configure.problems(
        "prot: 8080\nworkers: 0\nomero: {prt: 1}\nsession-store: {type: postgres}\n",
        {"OMERO_MS_THUMBNAIL_PORT": "eighty", "OMERO_MS_THUMBNAIL_HOTS": "x"},
    ) == [
        "c.yaml, line 1: prot: there is no such key; did you mean port?",
        "c.yaml, line 3: omero.prt: there is no such key; did you mean omero.port?",
        "environment: OMERO_MS_THUMBNAIL_HOTS: there is no such variable; did you mean OMERO_MS_THUMBNAIL_HOST?",
        "environment: OMERO_MS_THUMBNAIL_PORT: 'eighty' is not a whole number from 1 to 65535",
        "c.yaml, line 2: workers: 0 is not a whole number from 1 to 256",
        (
            "c.yaml, line 4: session-store.uri: the type postgres needs it;"
            " write one such as postgresql://user@localhost:5432/omero"
        ),
    ]


def test_plain_tcp_has_a_default_port_of_its_own(configure: Configure) -> None:
    assert configure(STORE + "omero.secure: false").omero.port == 4063
    assert configure(STORE + "omero: {secure: false, port: 4064}").omero.port == 4064
    assert configure(STORE + "omero: {secure: true}").omero.port == 4064
    assert configure(STORE + "omero: {secure: false}", {"OMERO_MS_THUMBNAIL_OMERO_PORT": "5000"}).omero.port == 5000


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "omero.secure: false\nomero.tls.verify: true",
            (
                "c.yaml, line 3: omero.tls.verify: plain TCP (omero.secure: false) has no certificate to verify;"
                " change one of them"
            ),
        ),
        (
            "omero.tls.ca_file: c.yaml",
            "c.yaml, line 2: omero.tls.ca_file: no certificate is checked against it; write omero.tls.verify: true too",
        ),
        (
            "omero:\n  tls: {verify: true, ca_file: gone.pem}",
            "c.yaml, line 3: omero.tls.ca_file: there is no file gone.pem; name one that there is",
        ),
    ],
)
def test_tls_settings_that_do_not_go_together(configure: Configure, text: str, sentence: str) -> None:
    assert configure.problems(STORE + text) == [sentence]


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (
            "{type: redis}",
            "c.yaml, line 1: session-store.uri: the type redis needs it; write one such as redis://localhost:6379/1",
        ),
        (
            "{type: files}",
            "c.yaml, line 1: session-store.directory: the type files needs it; name OMERO.web's session folder",
        ),
        (
            "{type: redis, uri: 'jdbc:postgresql://localhost/omero'}",
            (
                "c.yaml, line 1: session-store.uri:"
                " the URI is one of postgres, but session-store.type is redis; change one of them"
            ),
        ),
        (
            "{type: postgres, uri: 'redis://localhost'}",
            (
                "c.yaml, line 1: session-store.uri:"
                " the URI is one of redis, but session-store.type is postgres; change one of them"
            ),
        ),
        (
            "{type: mysql}",
            "c.yaml, line 1: session-store.type: 'mysql' is not one of redis, postgres, files, memory",
        ),
    ],
)
def test_a_session_store_that_lacks_something(configure: Configure, block: str, sentence: str) -> None:
    assert configure.problems(f"session-store: {block}\n") == [sentence]


def test_the_memory_store_needs_nothing_else(configure: Configure) -> None:
    assert configure("session-store.type: memory").session_stores == (SessionStoreSettings(type="memory"),)


def test_several_session_stores_keep_their_order(configure: Configure) -> None:
    text = """
session-store:
  - type: redis
    uri: redis://localhost:6379/1
  - type: postgres
    uri: "jdbc:postgresql://localhost:5432/omero?user=u&password=p"
  - type: files
    directory: /tmp
"""
    assert configure(text).session_stores == (
        SessionStoreSettings(type="redis", uri="redis://localhost:6379/1"),
        SessionStoreSettings(type="postgres", uri="jdbc:postgresql://localhost:5432/omero?user=u&password=p"),
        SessionStoreSettings(type="files", directory=Path("/tmp")),
    )
    assert configure.problems(text.replace("    directory: /tmp\n", "    version: one\n")) == [
        "c.yaml, line 8: session-store.version: 'one' is not a whole number from 0 to 1000000",
        "c.yaml, line 7: session-store.directory: the type files needs it; name OMERO.web's session folder",
    ]


def test_variables_do_not_fit_several_session_stores(configure: Configure) -> None:
    text = "session-store:\n- uri: redis://a\n- uri: redis://b\n"
    assert configure.problems(text, {"OMERO_MS_THUMBNAIL_SESSION_STORE_URI": "redis://:secret@c"}) == [
        (
            "environment: OMERO_MS_THUMBNAIL_SESSION_STORE_URI: c.yaml has several blocks in session-store;"
            " write the value into one of them"
        )
    ]
    one = configure("session-store:\n- uri: redis://a\n", {"OMERO_MS_THUMBNAIL_SESSION_STORE_URI": "redis://c"})
    assert one.session_stores == (SessionStoreSettings(uri="redis://c"),)


def test_relative_paths_start_where_they_are_written(configure: Configure) -> None:
    Path("sub").mkdir()
    file = Path("sub/c.yaml")
    file.write_text("session-store: {type: files, directory: sessions}")
    assert load_settings(file, {}).session_stores[0].directory == Path("sub/sessions")
    environ = {"OMERO_MS_THUMBNAIL_SESSION_STORE_DIRECTORY": "sessions"}
    assert load_settings(file, environ).session_stores[0].directory == Path("sessions")
    file.write_text("session-store: {type: files, directory: /srv/sessions}")
    assert load_settings(file, {}).session_stores[0].directory == Path("/srv/sessions")


@pytest.mark.parametrize(("calls", "how_many"), [(7, "9"), (8, "all"), (16, "all"), (100_000, "all")])
def test_calls_that_take_omeros_database_connections_are_a_warning(
    configure: Configure, calls: int, how_many: str
) -> None:
    settings = configure(f"worker_pool_size: {calls}\nsession-store: {{type: memory}}\n")
    assert settings.worker_pool_size == calls
    assert settings.notes == ()
    (warning,) = settings.warnings
    assert warning.startswith(
        f"c.yaml, line 1: worker_pool_size: {calls} calls at once and 2 joins can take {how_many}"
    )
    assert "omero.db.poolsize" in warning


@pytest.mark.parametrize("calls", ["", "worker_pool_size: 1", "worker_pool_size: 6"])
def test_calls_that_leave_some_are_none(configure: Configure, calls: str) -> None:
    assert configure(f"{calls}\nsession-store: {{type: memory}}\n").warnings == ()


def test_one_service_has_four_calls_and_the_joins_of_the_warning(configure: Configure) -> None:
    assert configure("session-store: {type: memory}\n").worker_pool_size == 4
    assert checks._JOINS == JOIN_PERMITS
