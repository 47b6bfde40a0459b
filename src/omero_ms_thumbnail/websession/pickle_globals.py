"""Which names a session's pickle may contain: the standard library's data types, and what is not Python's own.

A pickle names the classes and functions that make its values. Nothing that it names is imported or called here, so no
name can do harm; but one such as ``os.system`` says that the session was made by an attacker, and a session that an
attacker made is not to be believed in its other parts either. Therefore a name of Python's standard library has to be
one of a type of data (`pickle_types`). Names of Django, of OMERO.web and of other applications are not this module's to
refuse: a site may keep instances of its own classes in its sessions.
"""

from __future__ import annotations

import re
import sys

from .decode_error import SessionDecodeError
from .pickle_types import is_data

# The modules of Python 2 that Python 3 has under another name or not at all, but for those whose names an application
# may well have too (test, user); and what later Pythons than 3.11 have left out, so that all of them refuse alike.
_NOT_IN_EVERY_PYTHON = """
    BaseHTTPServer Bastion CGIHTTPServer ConfigParser Cookie DocXMLRPCServer HTMLParser MimeWriter Queue
    SimpleHTTPServer SimpleXMLRPCServer SocketServer StringIO Tix Tkinter UserDict UserList UserString __builtin__
    _winreg anydbm cPickle cStringIO ce commands compiler cookielib copy_reg dbhash dircache dl dumbdbm dummy_thread
    dummy_threading exceptions fpformat future_builtins gdbm htmlentitydefs htmllib httplib ihooks imputil
    markupbase md5 mhlib mimetools mimify multifile mutex new nt os2 popen2 posix posixfile repr rexec rfc822 riscos
    robotparser sets sgmllib sha statvfs strop thread toaiff ttk urllib2 urlparse whichdb xmllib xmlrpclib
    _bootlocale aifc asynchat asyncore audioop binhex cgi cgitb chunk crypt distutils formatter imghdr imp lib2to3
    macpath mailcap msilib nis nntplib ossaudiodev parser pipes smtpd sndhdr spwd sunau symbol telnetlib uu xdrlib
"""
_STANDARD_LIBRARY = sys.stdlib_module_names | frozenset(_NOT_IN_EVERY_PYTHON.split())

_IDENTIFIERS = re.compile(r"[A-Za-z0-9_.]{1,60}")


def check_name(module: str, name: str) -> None:
    """Return if a session's pickle may name this; raise `SessionDecodeError` with reason ``pickle-global`` if not."""
    full_name = f"{module}.{name}"
    is_pythons = module.partition(".")[0] in _STANDARD_LIBRARY
    if is_pythons and is_data(module, name):
        return
    if is_pythons or _goes_astray(name):
        # A name can be anything, line ends and a megabyte included; the log is told what looks like one.
        raise refused(full_name if _IDENTIFIERS.fullmatch(full_name) else "something that is no possible name")


def refused(what: str) -> SessionDecodeError:
    """The error for what no session has a use for."""
    return SessionDecodeError(
        "pickle-global",
        f"its pickle names {what}, which is no type of data; if an application of this OMERO.web keeps it in the "
        "session, have it keep plain data there; if none does, find out who else can write to this store",
    )


def _goes_astray(name: str) -> bool:
    """Whether the name leads through another module (``os.system``) or inside an object (``f.__globals__``).

    What a pickler writes is where a class or function is defined, never where it was imported to. The last part alone
    says nothing: there is ``django.utils.translation.gettext``.
    """
    if "." not in name:
        return name.startswith("__")
    *way, last = name.split(".")
    return last.startswith("__") or any(part in _STANDARD_LIBRARY or part.startswith("__") for part in way)
