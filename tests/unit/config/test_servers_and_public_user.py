"""`omero.servers` beside `omero.host`, and `omero.web.public`: what is meant, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from omero_ms_thumbnail.config import ConfigError, Settings, load_settings

_STORE = "session-store: {type: memory}\n"


def _load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = folder / "config.yaml"
    file.write_text(_STORE + text)
    return load_settings(file, environ or {})


def _servers(settings: Settings) -> list[tuple[int, str]]:
    return [(one.id, str(one)) for one in settings.omero.all_servers]


@pytest.mark.parametrize(
    ("omero", "expected"),
    [
        ("{host: a}", [(1, "a:4064")]),
        ("{servers: [{id: 1, host: a}, {id: 2, host: b, secure: false}]}", [(1, "a:4064"), (2, "b:4063")]),
        # one alone is a list too: sessions of another are refused
        ("{servers: {id: 3, host: a, port: 5}}", [(3, "a:5")]),
        # omero.host is the first, where no other has the number, or it is one of them
        ("{host: a, servers: [{id: 2, host: b}]}", [(1, "a:4064"), (2, "b:4064")]),
        ("{host: b, servers: [{id: 1, host: a}, {id: 2, host: b}]}", [(2, "b:4064"), (1, "a:4064")]),
        ("{host: c, servers: [{id: 1, host: a}]}", [(1, "a:4064")]),
        ("{servers: [{id: 1, host: 'wss://a/omero-wss'}]}", [(1, "wss://a:443/omero-wss")]),
    ],
)
def test_which_servers_there_are(tmp_path: Path, omero: str, expected: list[tuple[int, str]]) -> None:
    settings = _load(tmp_path, f"omero: {omero}\n")
    assert _servers(settings) == expected
    # the last but one is told that omero.host is not used
    assert bool(settings.warnings) == omero.startswith("{host: c")


@pytest.mark.parametrize(
    ("omero", "folders"),
    [
        ("{data_dir: /A}", [(1, "/A")]),
        ("{servers: [{id: 1, host: a, data_dir: /A}, {id: 2, host: b}]}", [(1, "/A"), (2, None)]),
        ("{host: a, data_dir: /A, servers: [{id: 2, host: b, data_dir: /B}]}", [(1, "/A"), (2, "/B")]),
        # the same server in both: what one of them says counts
        ("{host: a, data_dir: /A, servers: [{id: 1, host: a}, {id: 2, host: b}]}", [(1, "/A"), (2, None)]),
        ("{host: a, servers: [{id: 1, host: a, data_dir: /A}, {id: 2, host: b}]}", [(1, "/A"), (2, None)]),
    ],
)
def test_whose_folder_is_whose(tmp_path: Path, omero: str, folders: list[tuple[int, str | None]]) -> None:
    servers = _load(tmp_path, f"omero: {omero}\n").omero.all_servers
    assert [(one.id, one.data_dir and str(one.data_dir)) for one in servers] == folders


def test_which_of_them_a_session_means(tmp_path: Path) -> None:
    omero = _load(
        tmp_path, "omero: {servers: [{id: 1, host: a}, {id: 2, host: b, name: '1'}, {id: 7, host: c}]}\n"
    ).omero
    named = {said: omero.server(said) for said in (None, 1, "1", " 1 ", 2, "2", 7, 3, "3", "", "c", "1.0", "²", 0, -1)}
    found = {said: one.id for said, one in named.items() if one is not None}
    assert found == {None: 1, 1: 1, "1": 1, " 1 ": 1, 2: 2, "2": 2, 7: 7}
    by_name = _load(tmp_path, "omero: {servers: [{id: 1, host: a}, {id: 2, host: b, name: second}]}\n").omero
    one = by_name.server("second")
    assert one is not None
    assert one.id == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("omero: {servers: [{id: 1}]}", "omero.servers.host"),
        ("omero: {servers: [{host: a}]}", "omero.servers.id"),
        (
            "omero: {servers: [{id: 1, host: a}, {id: 1, host: b}]}",
            "omero.servers.id: 1 is the number of more than one",
        ),
        ("omero: {servers: [{id: 1, host: 'wss://a', secure: false}]}", "omero.servers.host"),
        ("omero: {servers: [{id: 0, host: a}]}", "omero.servers.id"),
        (
            "omero: {servers: [{id: 1, host: a, data_dir: /A}, {id: 2, host: b, data_dir: /A}]}",
            "omero.servers.data_dir: /A is the folder of more than one of them",
        ),
        (
            "omero: {data_dir: /A, servers: [{id: 1, host: a}]}",
            "omero.data_dir: it is that of the OMERO at omero.host; write data_dir into one of omero.servers",
        ),
        ("omero: {servers: [[a, 4064, name]]}", "omero.servers"),
        ("omero.web: {public: {enabled: true, password: p}}", "omero.web.public.user"),
        ("omero.web: {public: {enabled: true, user: u}}", "omero.web.public.password"),
        ("omero.web: {public: {url_filter: '('}}", "omero.web.public.url_filter"),
        (
            "omero.servers: [{id: 1, host: a}]\nomero.web.public: {enabled: true, user: u, password: p, server_id: 2}",
            "omero.web.public.server_id",
        ),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text + "\n")
    assert len(str(caught.value).splitlines()) == 1
    assert named in str(caught.value)


def test_the_password_may_stand_in_a_file_or_a_variable_and_is_in_no_repr(tmp_path: Path) -> None:
    secret = "Very/Secret#Password"
    (tmp_path / "password").write_text(secret + "\n")
    (tmp_path / "password").chmod(0o600)
    text = "omero.web: {public: {enabled: true, user: u, url_filter: /, password_file: password}}\n"
    settings = _load(tmp_path, text)
    assert settings.omero_web.public.password == secret
    assert secret not in repr(settings)
    without = text.replace(", password_file: password", "")
    by_variable = _load(tmp_path, without, {"OMERO_MS_THUMBNAIL_OMERO_WEB_PUBLIC_PASSWORD": secret})
    assert by_variable == settings


def test_a_public_user_without_a_filter_is_warned_of(tmp_path: Path) -> None:
    settings = _load(tmp_path, "omero.web: {public: {enabled: true, user: u, password: p}}\n")
    assert "url_filter" in settings.warnings[0]
