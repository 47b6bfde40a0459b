"""The standard library's types of data: what a session's pickle may name without harm.

A name is here if neither naming nor calling it with any arguments, nor giving what comes of it a state, runs code,
opens a file or reaches another machine: values, containers, records, enumerations, exceptions, and the functions that
picklers name to put them together again. CPython 2.7, 3.6, 3.8 and 3.10 to 3.13 were seen to write these, in all their
protocols; the names that Python 2 has for them, which protocols 0 to 2 use to this day, are `_compat_pickle`'s.
"""

from __future__ import annotations

import _compat_pickle
import builtins
import re
from typing import Final

NESTED_NAME: Final = frozenset({"builtins.getattr", "__builtin__.getattr"})
"""Protocols below 4 name what is in a class by a call of this one: ``getattr(<the class>, "<the name>")``."""

INSTANCE_MAKERS: Final = frozenset(
    f"{module}.{function}"
    for module in ("copyreg", "copy_reg")
    for function in ("_reconstructor", "__newobj__", "__newobj_ex__")
)
"""Functions that make an instance of the class they are called with, by the modules of Python 3 and of Python 2."""

_EXCEPTIONS = " ".join(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)
_BUILTINS = (
    "bool bytearray bytes complex dict enumerate float frozenset getattr int iter list long object range reversed set "
    "slice str tuple unicode xrange zip Ellipsis NotImplemented"
)
_PATHS = "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath"
_INSTANCE_MAKERS = "_reconstructor __newobj__ __newobj_ex__"

_VALUES = {
    "__builtin__": _BUILTINS,
    "UserDict": "UserDict",
    "_codecs": "encode",  # bytes in protocols 0 to 2
    "_io": "BytesIO StringIO",
    "_operator": "or_",  # of several members of an enumeration's
    "array": "array _array_reconstructor",
    "builtins": f"{_BUILTINS} {_EXCEPTIONS}",
    "calendar": "Calendar HTMLCalendar TextCalendar",
    "cStringIO": "StringIO",
    "StringIO": "StringIO",
    "collections": "ChainMap Counter OrderedDict UserDict UserList UserString defaultdict deque",
    "copy_reg": _INSTANCE_MAKERS,
    "copyreg": _INSTANCE_MAKERS,
    "datetime": "date datetime time timedelta timezone",
    "decimal": (
        "Context Decimal DecimalTuple Clamped DivisionByZero FloatOperation Inexact InvalidOperation Overflow Rounded "
        "Subnormal Underflow"
    ),
    "difflib": "Match",
    "email._policybase": "Compat32",
    "email.charset": "Charset",
    "email.header": "Header",
    "email.headerregistry": "HeaderRegistry",
    "email.message": "EmailMessage Message MIMEPart",
    "email.policy": "EmailPolicy",
    "exceptions": f"{_EXCEPTIONS} StandardError",
    "fractions": "Fraction",
    "functools": "CacheInfo",
    "http.cookiejar": "Cookie CookieJar DefaultCookiePolicy LWPCookieJar MozillaCookieJar",
    "http.cookies": "BaseCookie Morsel SimpleCookie",
    "inspect": "BoundArguments Parameter Signature _empty",
    "io": "BytesIO StringIO",
    "ipaddress": "IPv4Address IPv4Interface IPv4Network IPv6Address IPv6Interface IPv6Network",
    "itertools": "chain count cycle repeat",
    "logging": "LogRecord",
    "operator": "or_",
    "os": "_make_stat_result _make_statvfs_result stat_result statvfs_result terminal_size",
    "pathlib": _PATHS,
    "pathlib._local": _PATHS,  # Python 3.13
    "platform": "uname_result",
    "posix": "stat_result statvfs_result times_result uname_result",
    "grp": "struct_group",
    "pwd": "struct_passwd",  # pragma: allowlist secret
    "resource": "struct_rusage",
    "random": "Random",
    "re": "Pattern _compile error",
    "shutil": "_ntuple_diskusage usage",
    "statistics": "LinearRegression NormalDist",
    "string": "Template",
    "tarfile": "TarInfo",
    "time": "struct_time",
    "types": "GenericAlias MappingProxyType SimpleNamespace",
    "urllib.parse": ("DefragResult DefragResultBytes ParseResult ParseResultBytes SplitResult SplitResultBytes"),
    "urllib.robotparser": "RequestRate",
    "uuid": "UUID",
    "xml.etree.ElementTree": "Element",
    "zipfile": "ZipInfo",
    "zoneinfo": "ZoneInfo ZoneInfo._unpickle",
    # exceptions whose names do not say so
    "http.client": "HTTPMessage BadStatusLine IncompleteRead InvalidURL LineTooLong NotConnected RemoteDisconnected",
    "queue": "Empty Full",
    "signal": "itimer_error struct_siginfo",
    "socket": "error gaierror herror timeout",
    "ssl": "DefaultVerifyPaths",
    "struct": "error",
    "subprocess": "TimeoutExpired",
    "zlib": "error",
}
_ENUMERATIONS = {
    "calendar": "Day Month",
    "http": "HTTPMethod HTTPStatus",
    "inspect": "_ParameterKind",
    "plistlib": "PlistFormat",
    "pstats": "SortKey",
    "py_compile": "PycInvalidationMode",
    "re": "RegexFlag",
    "signal": "Handlers Sigmasks Signals",
    "socket": "AddressFamily AddressInfo MsgFlag SocketKind",
    "ssl": "AlertDescription Options Purpose SSLErrorNumber TLSVersion VerifyFlags VerifyMode _SSLMethod",
    "uuid": "SafeUUID",
}


def _spellings(table: dict[str, str]) -> frozenset[str]:
    found = set()
    for module, names in table.items():
        for name in names.split():
            found.add(f"{module}.{name}")
            found.add(f"{_compat_pickle.REVERSE_IMPORT_MAPPING.get(module, module)}.{name}")
            found.add(".".join(_compat_pickle.REVERSE_NAME_MAPPING.get((module, name), (module, name))))
    return frozenset(found)


_NAMES = _spellings(_VALUES)
_ENUMERATION_NAMES = _spellings(_ENUMERATIONS)
# The members of some enumerations stand in their modules, and Pythons before 3.11 name them there.
_CONSTANT: Final = re.compile(
    r"signal\.(SIG|ITIMER)[A-Z0-9_]+|socket\.(AF|AI|MSG|SOCK)_[A-Z0-9_]+"
    r"|ssl\.(ALERT_DESCRIPTION|CERT|OP|PROTOCOL|SSL_ERROR|VERIFY)_[A-Za-z0-9_]+"
)
# Everything of the standard library that is called so is an exception; picklers name them where they are defined.
_EXCEPTION = re.compile(r"[A-Za-z0-9_.]+\.[A-Z][A-Za-z0-9]*(Error|Exception|Warning|Defect)")


def is_data(module: str, name: str) -> bool:
    """Whether this name of the standard library is one of a type of data, or of an enumeration's member."""
    full_name = f"{module}.{name}"
    if full_name in _NAMES or full_name in _ENUMERATION_NAMES:
        return True
    if _CONSTANT.fullmatch(full_name):
        return True
    enumeration, _, member = full_name.rpartition(".")
    if enumeration in _ENUMERATION_NAMES:
        return not member.startswith("_")
    return "." not in name and _EXCEPTION.fullmatch(full_name) is not None
