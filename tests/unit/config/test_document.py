"""The file as YAML: what is not YAML, what is there twice, what is unknown, and how blocks may be written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from omero_ms_thumbnail.config import ConfigError, load_settings
from tests.unit.config.conftest import STORE

if TYPE_CHECKING:
    from tests.unit.config.conftest import Configure

IN_QUOTES = "has to stand in quotes"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port: 8080\n host: x\n", "c.yaml, line 2, column 6: this is not YAML: mapping values are not allowed here"),
        ("port: [8080\n", "c.yaml, line 2, column 1: this is not YAML: expected ',' or ']', but got '<stream end>'"),
        (
            "a: 1\n\tb: 2\n",
            "c.yaml, line 2, column 1: this is not YAML: found character '\\t' that cannot start any token",
        ),
        (
            'host: "x\n',
            "c.yaml, line 2, column 1: this is not YAML: found unexpected end of stream",
        ),
        (
            "port: 1\n---\nport: 2\n",
            "c.yaml, line 2, column 1: this is not YAML: a second document begins here; keep one",
        ),
        ("a: 1\nb: \x01\n", "c.yaml, line 2: the file holds a control character; take it out"),
        ("- port\n", "c.yaml: the file does not hold keys with values; write lines such as port: 8080"),
        ("port\n", "c.yaml: the file does not hold keys with values; write lines such as port: 8080"),
        (
            "omero.web.secret_key: *secret\n",
            (
                "c.yaml, line 1, column 23: this is not YAML: an alias that stands for nothing;"
                f" a value that begins with * {IN_QUOTES}"
            ),
        ),
        (
            "a: &secret 1\nb: &secret 2\n",
            (
                "c.yaml, line 2, column 4: this is not YAML: an anchor that is there twice;"
                f" a value that begins with & {IN_QUOTES}"
            ),
        ),
        (
            "omero.web.secret_key: !sec!ret\n",
            f"c.yaml, line 1, column 23: this is not YAML: an unknown tag; a value that begins with ! {IN_QUOTES}",
        ),
        ("port: " + "[" * 3000, "c.yaml: blocks or lists are nested too deeply to be read"),
    ],
)
def test_what_is_not_yaml(configure: Configure, text: str, sentence: str) -> None:
    assert configure.problems(text) == [sentence]


def test_a_tag_is_never_acted_upon(configure: Configure) -> None:
    sentence = f"the value has a tag; a value that begins with ! {IN_QUOTES}"
    assert configure.problems(
        f"{STORE}host: !!python/object/apply:os.mkdir [ran]\nomero.web.secret_key: !secret\n"
    ) == [
        f"c.yaml, line 2: host: {sentence}",
        f"c.yaml, line 3: omero.web.secret_key: {sentence}",
    ]
    assert configure.problems(f"{STORE}host: !!python/name:os.system x\n") == [f"c.yaml, line 2: host: {sentence}"]
    assert not Path("ran").exists()


def test_a_missing_file() -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(Path("conf/gone.yaml"), {})
    assert str(raised.value) == "conf/gone.yaml: there is no such file; write one, or name yours with --config"


def test_files_that_cannot_be_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin.yaml").write_bytes(b"port: 1\nhost: m\xfcnster\n")
    Path("large.yaml").write_bytes(b"#" * 2_000_000)
    for path, sentence in {
        ".": ".: the file cannot be read (Is a directory)",
        "latin.yaml": "latin.yaml, line 2: the file is not UTF-8 text; save it as UTF-8",
        "large.yaml": "large.yaml: the file is larger than 1048576 bytes, which no configuration is",
    }.items():
        with pytest.raises(ConfigError) as raised:
            load_settings(Path(path), {})
        assert str(raised.value) == sentence


def test_a_byte_order_mark_is_no_part_of_the_first_key(configure: Configure) -> None:
    assert configure("\ufeffport: 81\n" + STORE).port == 81


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port: 1\nport: 1\n", "c.yaml, line 3: port: it is given twice, here and on line 2; keep one"),
        (
            "omero: {host: a}\nomero: {port: 1}\n",
            "c.yaml, line 3: omero: it is given twice, here and on line 2; keep one",
        ),
        (
            "omero:\n  host: a\nomero.host: a\n",
            "c.yaml, line 4: omero.host: it is given twice, here and on line 3; keep one",
        ),
        (
            "omero:\n  tls:\n    verify: false\nomero.tls: {verify: false}\n",
            "c.yaml, line 5: omero.tls.verify: it is given twice, here and on line 4; keep one",
        ),
        (
            "session-store.uri-file: x\n",
            (
                "c.yaml, line 2: session-store.uri-file: it is given twice,"
                " here and as session-store.uri on line 1; keep one"
            ),
        ),
    ],
)
def test_what_is_given_twice(configure: Configure, text: str, sentence: str) -> None:
    assert configure.problems(STORE + text) == [sentence]


@pytest.mark.parametrize(
    "text",
    [
        "omero:\n  tls:\n    verify: true\n",
        "omero:\n  tls.verify: true\n",
        "omero.tls:\n  verify: true\n",
        "omero.tls.verify: true\n",
    ],
)
def test_a_dot_and_a_block_are_the_same(configure: Configure, text: str) -> None:
    assert configure(STORE + text).omero.tls.verify is True


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("prot", "did you mean port?"),
        ("Port", "did you mean port?"),
        ("max_longest_side", "did you mean max-longest-side?"),
        ("session_store", "did you mean session-store?"),
        ("session-store.url", "did you mean session-store.uri?"),
        ("session-store.uri_file", "did you mean session-store.uri-file?"),
        ("omero.tls.cafile", "did you mean omero.tls.ca_file?"),
        ("omero-web", "did you mean omero.web?"),
        ("session_cookie_name", "did you mean omero.web.session_cookie_name?"),
        ("omero.web.cookie_name", "did you mean omero.web.session_cookie_name?"),
        ("omero.web.xyzzy", "docs/configuration.md lists those that there are"),
        ("xyzzy", "docs/configuration.md lists those that there are"),
        ("<<", "docs/configuration.md lists those that there are"),
    ],
)
def test_an_unknown_key_brings_up_the_nearest(configure: Configure, name: str, hint: str) -> None:
    assert configure.problems(f"{STORE}{name}: 1\n") == [f"c.yaml, line 2: {name}: there is no such key; {hint}"]


def test_a_block_is_not_a_value(configure: Configure) -> None:
    assert configure.problems(f"{STORE}omero: localhost\nhttp-tracing: [1]\n? [a]\n: 1\n") == [
        (
            "c.yaml, line 2: omero: it is a block and takes no value itself; indent its keys below it:"
            " host, port, secure, session_idle_timeout, joined_sessions, connect_timeout, thumbnail_stores,"
            " message_size_max, data_dir"
        ),
        (
            "c.yaml, line 3: http-tracing: it is a block and takes no value itself; indent its keys below it:"
            " enabled, zipkin-url, otlp-url"
        ),
        "c.yaml, line 4: a key has to be a word; put it in quotes if it is one",
    ]
    assert configure.problems("session-store: [redis, {uri: 'redis://localhost'}]") == [
        "c.yaml, line 1: session-store: an item of the list is not a block of keys",
        "c.yaml: session-store.uri: the type redis needs it; write one such as redis://localhost:6379/1",
    ]


def test_a_block_inside_itself_ends(configure: Configure) -> None:
    assert configure.problems(f"{STORE}omero: &o\n  tls: *o\n") == [
        "c.yaml, line 3: omero.tls.tls: there is no such key; did you mean omero.tls?"
    ]


def test_a_flood_of_aliases_is_not_written_out(configure: Configure) -> None:
    flood = "".join(f"  - &l{n} [{', '.join([f'*l{n - 1}'] * 9) if n else 'x'}]\n" for n in range(40))
    (problem,) = configure.problems(f"{STORE}omero.web.secret_key_fallbacks:\n{flood}")
    assert problem == (
        "c.yaml, line 2: omero.web.secret_key_fallbacks: an item of the list is not text; put each in quotes"
    )
