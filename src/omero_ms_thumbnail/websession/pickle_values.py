"""Values that a pickle makes by a call: bytes in old protocols, dates and times, as functions of our own.

Nothing that a pickle names is looked up. Where the name is one of these and the arguments are what a pickler writes for
it, the value is made here; of any other arguments there is none, and an exception. What has a hash that is known
beforehand (what has a time zone or is a duration) has none here, so that it is no key.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any, Final

SETS: Final = {
    "builtins.set": False,
    "builtins.frozenset": True,
    "__builtin__.set": False,
    "__builtin__.frozenset": True,
}
"""Names that are called with a list of members, and whether what they make is frozen."""

_DATE, _TIME, _DATETIME = 4, 6, 10
#: time zones that are no more than a distance from UTC: there are some 40 in the world
_ZONES_MOST: Final = 50
_NAME_MOST: Final = 100
#: a year, a month with the bit that tells an hour from the same one before it, a day of any month, and a time
_SOUND: Final = re.compile(
    rb"[\x01-\x26].[\x01-\x0c\x81-\x8c][\x01-\x1c][\x00-\x17][\x00-\x3b][\x00-\x3b][\x00-\x0e]..", re.DOTALL
)


class NoValueError(ValueError):
    """Of these arguments nothing is made here."""


class Timedelta(datetime.timedelta):
    """A duration that is no key: the hashes of chosen ones are all the same."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


class AwareDatetime(datetime.datetime):
    """A date and time in a time zone, and no key."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


class AwareTime(datetime.time):
    """A time in a time zone, and no key."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


class FrozenSet(frozenset[object]):
    """A frozen set that is no key."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


def _no_bytes() -> bytes:
    return b""


# What a state says is taken as it is by the types of `datetime`. Made anew, each part of it is looked at, which takes
# as long as all else; most are seen to be sound without.


def _date(state: object) -> datetime.date:
    if type(state) is not bytes or len(state) != _DATE:
        raise NoValueError
    return _NEW_DATE(state).replace()  # type: ignore[no-any-return]


def _datetime(state: object, zone: object = None) -> datetime.datetime:
    if type(state) is not bytes or len(state) != _DATETIME:
        raise NoValueError
    if type(zone) is datetime.timezone:
        made: datetime.datetime = _NEW_AWARE_DATETIME(state, zone)
    elif zone is None:
        made = _NEW_DATETIME(state)
    else:
        raise NoValueError
    return made if _SOUND.fullmatch(state) else made.replace()


def _time(state: object, zone: object = None) -> datetime.time:
    if type(state) is not bytes or len(state) != _TIME:
        raise NoValueError
    if type(zone) is datetime.timezone:
        return _NEW_AWARE_TIME(state, zone).replace()  # type: ignore[no-any-return]
    if zone is not None:
        raise NoValueError
    return _NEW_TIME(state).replace()  # type: ignore[no-any-return]


#: called with what pickles hold, of which the types' signatures say nothing
_NEW_DATE: Final[Any] = datetime.date
_NEW_DATETIME: Final[Any] = datetime.datetime
_NEW_TIME: Final[Any] = datetime.time
_NEW_AWARE_DATETIME: Final[Any] = AwareDatetime
_NEW_AWARE_TIME: Final[Any] = AwareTime


_ENCODE: Final = "_codecs.encode"
_TIMEZONE: Final = "datetime.timezone"
FUNCTIONS: Final[dict[str, Callable[..., object]]] = {
    "builtins.bytes": _no_bytes,
    "__builtin__.bytes": _no_bytes,
    "datetime.date": _date,
    "datetime.datetime": _datetime,
    "datetime.time": _time,
    "datetime.timedelta": Timedelta,
}
"""What makes values by these names, whichever pickle calls it."""

NAMES: Final = frozenset({*FUNCTIONS, _ENCODE, _TIMEZONE, *SETS})
"""All that make a value."""


class Values:
    """What makes the values of one pickle.

    spend is called with the bytes of each text that is made into bytes: it may be as often as one likes.
    """

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend
        self._zones: dict[tuple[str, object], datetime.timezone] = {}

    def maker(self, name: str) -> Callable[..., object] | None:
        """What makes values by that name, which is as CPython's picklers write it in protocols 0 to 5.

        It raises TypeError or ValueError for arguments that no pickler writes.
        """
        # none is kept here, as it keeps this
        if name == _ENCODE:
            return self._encoded
        if name == _TIMEZONE:
            return self._timezone
        return FUNCTIONS.get(name)

    def _encoded(self, text: object, encoding: object) -> bytes:
        if type(text) is not str or encoding != "latin1":
            raise NoValueError
        self._spend(len(text))
        return text.encode("latin-1")

    def _timezone(self, offset: object, name: object = None) -> datetime.timezone:
        """One for each offset and name, and no more than some, as a time zone's hash is that of its offset."""
        if type(offset) is not Timedelta or not (name is None or (type(name) is str and len(name) <= _NAME_MOST)):
            raise NoValueError
        zone = self._zones.get((str(offset), name))
        if zone is None:
            if len(self._zones) >= _ZONES_MOST:
                raise NoValueError
            distance = datetime.timedelta(offset.days, offset.seconds, offset.microseconds)
            zone = datetime.timezone(distance) if name is None else datetime.timezone(distance, str(name))
            self._zones[str(offset), name] = zone
        return zone
