"""What a session's pickle may name: types of data in every spelling, and what is not Python's own."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import email.message
import enum
import fractions
import functools
import http
import http.cookiejar
import http.cookies
import ipaddress
import json
import logging
import os
import pickle
import random
import re
import signal
import socket
import ssl
import string
import subprocess
import sys
import time
import types
import urllib.error
import uuid
import zoneinfo
from pathlib import Path, PureWindowsPath
from urllib.parse import urldefrag, urlparse, urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from omero_ms_thumbnail.websession import reading
from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.payload import decode_payload
from omero_ms_thumbnail.websession.pickle_globals import check_name
from omero_ms_thumbnail.websession.placeholder import Placeholder
from omero_ms_thumbnail.websession.reading import SessionReader
from omero_ms_thumbnail.websession.web_session import web_session

LIMITS = Limits()
CONNECTOR = {"omero_session_key": "0b9d4d6c-6ac1", "user_id": 1}
every_protocol = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))

#: what CPython 2.7 (pickle and cPickle, protocols 0 to 2) and 3.13 write and CPython 3.11 does not
OTHER_SPELLINGS = [
    *(
        f"__builtin__.{name}"
        for name in ("object", "unicode", "long", "tuple", "list", "set", "frozenset", "dict", "str")
    ),
    *(f"__builtin__.{name}" for name in ("bytearray", "complex", "xrange")),
    "copy_reg._reconstructor",
    *(f"exceptions.{name}" for name in ("ValueError", "IOError", "StandardError")),
    *(f"pathlib._local.{name}" for name in ("PosixPath", "PureWindowsPath")),
]


class Text(str):
    __slots__ = ()


class Mapping(dict[str, int]):
    pass


class Plain:
    def __init__(self) -> None:
        self.a = 1


Point = collections.namedtuple("Point", "x y")


class Image:
    class Status(models.TextChoices):
        OPEN = "open"

    class Channel(enum.Enum):
        RED = 1


@every_protocol
@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC),
        datetime.datetime(2024, 5, 6, tzinfo=zoneinfo.ZoneInfo("UTC")),
        datetime.date(2024, 5, 6),
        datetime.time(1),
        datetime.timedelta(1),
        decimal.Decimal("1.5"),
        fractions.Fraction(1, 2),
        uuid.UUID(int=7),
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.defaultdict(str),
        collections.deque([1]),
        collections.Counter("a"),
        collections.ChainMap({}),
        [ipaddress.ip_address("::1"), ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_interface("10.0.0.1/8")],
        [Path("a"), PureWindowsPath("a")],
        time.gmtime(0),
        (b"a\xff", b"", bytearray(b"a")),
        ({1}, frozenset([1]), range(3), 1j, object(), int),
        [ValueError("a"), FileNotFoundError(2, "a")],
        [Text("a"), Mapping(a=1), Plain(), Point(1, 2)],
        [Image.Status.OPEN, Image.Channel.RED],
    ],
    ids=lambda value: type(value[0] if isinstance(value, (list, tuple)) else value).__name__,
)
def test_data_beside_a_connector(protocol: int, value: object) -> None:
    session = {"connector": CONNECTOR, "value": value, "list_scripts": [value]}
    found = web_session(decode_payload(pickle.dumps(session, protocol), LIMITS))
    assert found is not None
    assert found.omero_session_key == CONNECTOR["omero_session_key"]


def _jar() -> list[object]:
    cookie = http.cookiejar.Cookie(
        0, "a", "b", None, False, "d", True, False, "/", True, False, None, False, None, None, {}
    )
    return [cookie, http.cookiejar.DefaultCookiePolicy(), http.cookies.SimpleCookie("a=b; path=/")]


@every_protocol
@pytest.mark.parametrize(
    "value",
    [
        [http.HTTPStatus.OK, re.IGNORECASE, re.IGNORECASE | re.MULTILINE, uuid.SafeUUID.safe],
        [signal.SIGTERM, signal.Handlers.SIG_DFL, socket.AF_INET, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2],
        [urlparse("http://a/b?c#d"), urlsplit(b"http://a/b"), urldefrag("http://a#b")],
        [Path("/").stat(), os.terminal_size((80, 24)), os.uname()],
        _jar(),
        types.SimpleNamespace(a=1),
        [array.array("i", [1, 2]), array.array("d", [1.5])],
        [re.compile("a+", re.IGNORECASE), re.compile(b"a")],
        [collections.UserDict(a=1), collections.UserList([1]), collections.UserString("a")],
        [Ellipsis, NotImplemented, slice(1, 2), iter([1]), enumerate([1])],
        [string.Template("$a"), random.Random(1), list[int]],
        [json.JSONDecodeError("a", "b", 0), urllib.error.URLError("a"), TimeoutError("a"), socket.gaierror(1, "a")],
        email.message.EmailMessage(),
    ],
    ids=[
        "enumerations",
        "constants",
        "addresses",
        "records",
        "cookies",
        "namespace",
        "arrays",
        "patterns",
        "containers",
        "iterators",
        "others",
        "exceptions",
        "message",
    ],
)
def test_types_of_data_of_the_standard_library(protocol: int, value: object) -> None:
    session = {"connector": CONNECTOR, "value": value}
    read = decode_payload(pickle.dumps(session, protocol), LIMITS)
    found = web_session(read)
    assert found is not None
    assert found.omero_session_key == CONNECTOR["omero_session_key"]
    if not isinstance(value, list):
        assert isinstance(read["value"], Placeholder)


@pytest.mark.parametrize(
    "full_name",
    [
        "urlparse ParseResult",
        "Cookie SimpleCookie",
        "cookielib Cookie",
        "UserDict UserDict",
        "UserDict IterableUserDict",
        "os _make_stat_result",
        "re _compile",
        "array array",
        "socket error",
        "httplib HTTPMessage",
        "signal SIGTERM",
    ],
)
def test_types_of_data_in_the_spelling_of_python_2(full_name: str) -> None:
    check_name(*full_name.split(" "))


def test_every_enumeration_record_and_exception_of_these_modules() -> None:
    for module in (http, signal, socket, ssl, re, uuid, urllib.parse, os, json.decoder, urllib.error):
        for value in list(vars(module).values()):
            if not isinstance(value, type) or value.__module__ != module.__name__ or value.__name__.startswith("_"):
                continue
            is_record = issubclass(value, tuple) and (hasattr(value, "_fields") or hasattr(value, "n_fields"))
            if issubclass(value, (enum.Enum, Exception)) or is_record:
                check_name(value.__module__, value.__qualname__)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [mark_safe("a"), gettext_lazy("Thumbnails"), MultiValueDict({"a": ["1", "2"]}), ValidationError("a")],
    ids=["safe text", "translation", "query", "error"],
)
def test_what_applications_of_django_keep(protocol: int, value: object) -> None:
    session = {"connector": CONNECTOR, "value": value}
    assert web_session(decode_payload(pickle.dumps(session, protocol), LIMITS)) is not None


@pytest.mark.parametrize("full_name", OTHER_SPELLINGS)
def test_spelling_of_another_python(full_name: str) -> None:
    check_name(*full_name.rsplit(".", 1))


def test_enumerations_of_early_python_3_11_are_named_by_a_call() -> None:
    member = b"cbuiltins\ngetattr\n(capp.models\nStatus\nVOPEN\ntR"
    session = decode_payload(b"}(Vconnector\n}(Vomero_session_key\nVkey\nuVa\n" + member + b"u.", LIMITS)
    assert web_session(session) is not None
    value = session["a"]
    assert isinstance(value, Placeholder)
    assert value.name == "app.models.Status.OPEN"


@pytest.mark.parametrize(
    "full_name",
    [
        "builtins getattr.x",
        "builtins eval",
        "builtins.x y",
        "__builtin__ apply",
        "__builtin__ file",
        "os system",
        "os.path join",
        "posix system",
        "nt system",
        "commands getoutput",
        "popen2 Popen3",
        "distutils.spawn spawn",
        "imp load_source",
        "pipes Template",
        "copyreg add_extension",
        "datetime datetime.now",
        "collections namedtuple",
        "collections OrderedDict.__init__",
        "pathlib Path.touch",
        "zoneinfo ZoneInfo.from_file",
        "types FunctionType",
        "re purge",
        "http.HTTPStatus __call__",
        "http HTTPStatus._generate_next_value_",
        "signal raise_signal",
        "socket create_server",
        "http.cookiejar Cookie.__init__",
        "ctypes CDLL",
        "builtins map",
        "builtins type",
        "functools partial",
        "operator attrgetter",
        "_io open",
        "django.core.management os.system",
        "django.utils.text a.subprocess.run",
        "omeroweb.connector Connector.__init__.__globals__",
    ],
)
def test_all_else_of_python_is_refused(full_name: str) -> None:
    module, name = full_name.split(" ")
    with pytest.raises(SessionDecodeError) as raised:
        check_name(module, name)
    assert raised.value.reason == "pickle-global"
    assert f"{module}.{name}," in str(raised.value)


def test_no_module_of_the_standard_library_is_open() -> None:
    for module in sys.stdlib_module_names:
        for name in ("anything", "a.b"):
            for full in (module, f"{module}.submodule"):
                with pytest.raises(SessionDecodeError):
                    check_name(full, name)


@pytest.mark.parametrize(
    "full_name",
    [
        "omeroweb.connector Connector",
        "django.utils.safestring SafeText",
        "django.core.exceptions ObjectDoesNotExist",
        "pytz _UTC",
        "numpy.core.multiarray scalar",
        "an_application.models Image.Status",
        "oslo.config Option",
        "test.models User",
        "__main__ System",
    ],
)
def test_what_is_not_of_python_is_not_judged(full_name: str) -> None:
    check_name(*full_name.split(" "))


@pytest.mark.parametrize(
    "call",
    [
        b"(cdatetime\ndatetime\nVnow\nt",
        b"(capp\nfunction\nV__globals__\nt",
        b"(capp\nos\nVsystem\nt",
        b"(capp\nmodels\nVos.system\nt",
        b"(cos\nenviron\nVget\nt",
        b"(Vtext\nVformat\nt",
        b"(capp\nA\nK\x01t",
        b"(capp\nA\nVx\nNt",
        b"]",
    ],
)
def test_getattr_is_for_nested_names_only(call: bytes) -> None:
    for getattr_name in (b"cbuiltins\ngetattr\n", b"c__builtin__\ngetattr\n"):
        with pytest.raises(SessionDecodeError) as raised:
            decode_payload(b"}Va\n" + getattr_name + call + b"Rs.", LIMITS)
        assert raised.value.reason == "pickle-global"


@pytest.mark.parametrize("code", [b"\x82\x01", b"\x83\x01\x02", b"\x84\x01\x02\x03\x04"])
def test_extension_codes_are_refused(code: bytes) -> None:
    with pytest.raises(SessionDecodeError, match="registry of extensions") as raised:
        decode_payload(b"\x80\x02}X\x01\x00\x00\x00a" + code + b"s.", LIMITS)
    assert raised.value.reason == "pickle-global"


def test_the_log_names_the_global_and_none_of_the_data(caplog: pytest.LogCaptureFixture) -> None:
    reader = SessionReader("Redis at a-host:6379, database 1")
    attack = functools.partial(print, "PRIVATE")
    for _ in range(3):
        assert reader.read(pickle.dumps({"connector": CONNECTOR, "attack": attack})) is None
    assert reader.unreadable == {"pickle-global": 3}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    text = record.getMessage()
    assert "Redis at a-host:6379, database 1" in text
    assert "functools.partial" in text
    assert "find out who else can write to this store" in text
    assert "PRIVATE" not in text
    assert CONNECTOR["omero_session_key"] not in text


def test_the_log_has_a_line_a_minute_for_each_reason(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((1000.0, 1000.0, 1059.0, 1061.0, 1061.0, 1061.0))
    monkeypatch.setattr(reading, "time", types.SimpleNamespace(monotonic=lambda: next(times)))
    reader = SessionReader("store")
    for _ in range(5):
        reader.read(b"cos\nsystem\n.")
    reader.read(b"damaged")
    numbers = [re.search(r"\((.*), number (\d+);", record.getMessage()) for record in caplog.records]
    assert [found and found.groups() for found in numbers] == [
        ("pickle-global", "1"),
        ("pickle-global", "4"),
        ("pickle", "1"),
    ]


@pytest.mark.parametrize("name", ["a\nFORGED LINE", "x" * 400, "\x1b[2J", "ключ"])
def test_a_name_cannot_write_into_the_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    raw = name.encode()
    payload = b"\x80\x04}\x8c\x01a\x8c\x02osX" + len(raw).to_bytes(4, "little") + raw + b"\x93s."
    reader = SessionReader("store")
    assert reader.read(payload) is None
    assert reader.unreadable == {"pickle-global": 1}
    assert name not in caplog.text
    assert "something that is no possible name" in caplog.text


def test_every_python_judges_alike() -> None:
    """With the names of Python 3.13, which left many modules out."""
    left_out = {"asynchat", "asyncore", "cgi", "crypt", "distutils", "imp", "lib2to3", "pipes", "smtpd", "telnetlib"}
    program = (
        f"import sys; sys.stdlib_module_names -= frozenset({left_out!r})\n"
        "from omero_ms_thumbnail.websession import pickle_globals\n"
        f"print(sorted({left_out!r} - pickle_globals._STANDARD_LIBRARY))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")
