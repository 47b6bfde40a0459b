"""Reads pickles without running them: a stack machine that knows plain data only.

A pickle is a program. Python's own unpickler runs it: it imports the modules the program names and calls what it finds
there, so whoever can write one value into the cache can run code in every process that reads it. This machine has no
instruction that imports, looks up or calls anything. What a program names becomes a `Placeholder`, unless
`pickle_globals` refuses the name and the pickle with it; calling it, making an instance of it or giving it a state
moves values about on the stack and does nothing else.

Understood are all operations of protocols 0 to 5, written by Python 2 and 3, but for the out-of-band buffers that need
a second channel and for copyreg's extension codes, which nobody but the writing process can tell the meaning of. Where
Python would have built something out of plain data by a call, there is a placeholder (OrderedDict, Decimal, UUID), but
for what functions of our own make of it (`pickle_values`): sets and bytes in old protocols, dates and times in all.

Time and memory are linear in the size of the pickle: one operation adds at most one value, no operation copies a
value, and no key can be expensive to hash (`pickle_keys`). No step recurses, so depth costs nothing either. What values
take in memory is added up while they are made (`Machine.charge`), with what CPython's `sys.getsizeof` says of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import plain_pickles
from .decode_error import SessionDecodeError
from .pickle_bytes import damaged
from .pickle_machine import Machine
from .pickle_operations import OPERATIONS

if TYPE_CHECKING:
    from .limits import Limits

_MAX_ESCAPES = 60_000


def loads(data: bytes, limits: Limits) -> object:
    """The value that data begins with the pickle of; what follows its end is nobody's, as to Python's own unpickler.

    Raises `SessionDecodeError` if the pickle is damaged, cut off or exceeds a limit.
    """
    if len(data) >= plain_pickles.LARGE:
        plain = plain_pickles.read(data, limits)
        if plain is not None:
            return plain
    # Text of protocol 0 is undone escape by escape, which is the one thing here that one operation does often.
    if data.count(b"\\") > _MAX_ESCAPES:
        raise SessionDecodeError("too-large", f"its pickle has more than {_MAX_ESCAPES} escapes")
    try:
        return Machine(data, limits).run(OPERATIONS)
    except (IndexError, KeyError):
        raise damaged("it is cut off, or an operation lacks its operand") from None
    except ValueError:
        # Numbers and text that do not parse; without the cause, as it carries the bytes.
        raise damaged("a literal cannot be read") from None
