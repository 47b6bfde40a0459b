"""The Java service's example configuration, in each form that it has had, and the image-region service's.

Written down by their keys, after the public history of `glencoesoftware/omero-ms-thumbnail` (``conf.json.example``,
2017; ``src/dist/conf/config.yaml``, since 2018) and `glencoesoftware/omero-ms-image-region`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from omero_ms_thumbnail.config import ConfigError, load_settings

OMERO = "port: 8080\nomero: {host: localhost, port: 4064}\n"
WEB = 'omero.web: {session_cookie_name: "sessionid"}\n'
REDIS = 'redis: {uri: "redis://127.0.0.1:6379/0"}\n'
JDBC = (
    "session-store: {type: postgres, synchronicity: async,"
    ' uri: "jdbc:postgresql://localhost:5432/omero_database?user=omero&password=omero"}\n'
)
STORE = 'session-store: {type: "redis", synchronicity: "async", uri: "redis://:@localhost:6379/1"}\n'
ZIPKIN = 'http-tracing: {enabled: false, zipkin-url: "http://localhost:9411/api/v2/spans"}\n'

ACCEPTED = {
    "JDBC stores, December 2018": OMERO + WEB + JDBC,
    "links for the URIs, January 2019": OMERO + WEB + JDBC,
    "October 2019": OMERO + WEB + JDBC + ZIPKIN + "jmx-metrics: {enabled: true}\n",
    "white space, October 2019": OMERO + WEB + JDBC + ZIPKIN + "jmx-metrics:\n    enabled: true\n",
    "for production, February 2023": OMERO + WEB + STORE + ZIPKIN + "jmx-metrics: {enabled: true}\n",
    "lettuce's form, June 2025": OMERO + WEB + STORE + ZIPKIN + "jmx-metrics: {enabled: true}\n",
    "the bus's time-out, March 2026": OMERO + WEB + STORE + ZIPKIN + "event-bus-send-timeout: 15000\n",
    "tracing off, March 2026": OMERO + WEB + STORE + "http-tracing: {enabled: false}\njmx-metrics: {enabled: true}\n",
    "tracing with an empty address": OMERO + STORE + 'http-tracing: {enabled: false, zipkin-url: ""}\n',
}
REFUSED = {
    "conf.json, May 2017": (
        (
            '{"debug": true, "port": 8080, "omero": {"server": "localhost", "port": 4064},'
            ' "redis": {"host": "localhost", "port": 6379, "password": "secret", "db": 1}}'
        ),
        ["logging: with level: DEBUG", "the host of OMERO.server is omero.host", "session-store: with type: redis"],
    ),
    "conf.json with a URI, May 2017": (
        (
            '{"debug": true, "port": 8080, "omero": {"host": "localhost", "port": 4064},'
            ' "redis": {"uri": "redis://secret@localhost:6379/1"}}'
        ),
        ["logging: with level: DEBUG", "session-store: with type: redis"],
    ),
    "YAML, February 2018": (OMERO + REDIS, ["session-store: with type: redis"]),
    "core 0.3.0, March 2018": (OMERO + WEB + REDIS, ["session-store: with type: redis"]),
    "documentation, May 2018": (OMERO + WEB + REDIS, ["session-store: with type: redis"]),
    "metrics, October 2019": (OMERO + WEB + JDBC + "jmx-metrics-enabled: true\n", ["jmx-metrics: with enabled"]),
    "the image-region service": (
        OMERO + WEB + STORE + "max-active-channels: 6\nomero.server:\n    omero.data.dir: /OMERO\n"
        "    omero.db.pass: secret\n    omero.script_repo_root: /opt/omero/lib/scripts\n"
        'cache-control-header: "private, max-age=3600"\nvertx-metrics: {enabled: true}\n',
        [
            "no channels to choose here",
            "line 8: omero.server.omero.db.pass: there is no such key; of the settings of OMERO.server itself",
            "line 9: omero.server.omero.script_repo_root: there is no such key",
            "cache-control, its name here",
        ],
    ),
}


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("generation", ACCEPTED)
def test_accepted(generation: str, tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, ACCEPTED[generation]), {})
    assert (settings.port, settings.omero.host, settings.omero.port) == (8080, "localhost", 4064)
    assert not settings.http_tracing.enabled


@pytest.mark.parametrize(
    "text",
    [
        "omero.server:\n    omero.data.dir: /OMERO\n",
        "omero.server: {omero: {data: {dir: /OMERO}}}\n",
        "omero.server.omero.data.dir: /OMERO\n",
        "omero.data_dir: /OMERO\n",
    ],
)
def test_omeros_folder_as_the_image_region_service_has_it(text: str, tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, WEB + STORE + text), {})
    assert settings.omero.data_dir == Path("/OMERO")
    assert not settings.warnings
    variables = {"OMERO_MS_THUMBNAIL_OMERO_DATA_DIR": "/srv/omero"}
    assert load_settings(written(tmp_path, WEB + STORE + text), variables).omero.data_dir == Path("/srv/omero")


def test_omeros_folder_said_twice_or_as_no_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data_dir: it is given twice, here and as omero.server.omero.data.dir"):
        load_settings(written(tmp_path, STORE + "omero.server.omero.data.dir: /a\nomero.data_dir: /b\n"), {})
    with pytest.raises(ConfigError, match=r"omero.server.omero.data.dir: 1 is not the path of a folder that has the"):
        load_settings(written(tmp_path, STORE + "omero.server.omero.data.dir: 1\n"), {})


@pytest.mark.parametrize("generation", REFUSED)
def test_refused_with_what_to_write(generation: str, tmp_path: Path) -> None:
    text, sentences = REFUSED[generation]
    with pytest.raises(ConfigError) as raised:
        load_settings(written(tmp_path, text), {})
    for sentence in sentences:
        assert sentence in str(raised.value)
    assert "secret" not in str(raised.value)
