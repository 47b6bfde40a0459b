# ruff: noqa: RUF009 - key and block make dataclass fields, which ruff cannot know
"""OMERO.web's public user, by the names of its settings (``PUBLIC_*`` in omeroweb/settings.py)."""

from __future__ import annotations

from dataclasses import dataclass

from .definition import block, key
from .kinds import RegularExpression, Switch, Text, WholeNumber


@dataclass(frozen=True, slots=True)
class PublicCacheSettings:
    """Where OMERO.web shares its public user's OMERO session between its workers."""

    enabled: bool = key(
        "omero.web.public.cache.enabled",
        Switch(),
        False,
        "Whether OMERO.web keeps it in its cache. Where that is the Redis of the sessions, this service joins the same"
        " OMERO session while it lasts, in place of one of its own.",
    )
    timeout: int = key(
        "omero.web.public.cache.timeout",
        WholeNumber(0, 10 * 365 * 86_400),
        86_400,
        "How many seconds OMERO.web keeps it. Nothing depends on it here: Redis says when it goes.",
    )
    # the last, as it hides what makes the others
    key: str = key(
        "omero.web.public.cache.key",
        Text("the name of a key in OMERO.web's cache", r"[!-~]+"),
        "omero.web.public.cache.key",
        "The key under which it is kept.",
    )


@dataclass(frozen=True, slots=True)
class PublicSettings:
    """OMERO.web's public user: who is answered without being logged in, and what."""

    enabled: bool = key(
        "omero.web.public.enabled",
        Switch(),
        False,
        "Answer requests of nobody who is logged in as the public user, where omero.web.public.url_filter lets their"
        " path through. To be as in OMERO.web.",
    )
    user: str | None = key(
        "omero.web.public.user",
        Text("the name of an OMERO user", r"[ -~]+"),
        None,
        "The public user's name in OMERO.",
        default_note="none: it has to be given for a public user",
    )
    password: str | None = key(
        "omero.web.public.password",
        Text("printable text", r"[ -~]+"),
        None,
        "The public user's password.",
        is_secret=True,
        default_note="none: it has to be given for a public user",
    )
    url_filter: str | None = key(
        "omero.web.public.url_filter",
        RegularExpression(),
        None,
        "A regular expression that is looked for in the path of a request, percent-decoded and with omero.web.prefix,"
        " without the query: as in OMERO.web, anywhere in it unless the expression begins with ^.",
        default_note="none: it matches nothing",
    )
    server_id: int = key(
        "omero.web.public.server_id",
        WholeNumber(1, 1_000_000),
        1,
        "The OMERO.server of the public user, where omero.servers has several.",
    )
    get_only: bool = key(
        "omero.web.public.get_only",
        Switch(),
        True,
        "As in OMERO.web: the public user is answered GET alone. Of this service that is so in any case, and HEAD.",
    )
    cache: PublicCacheSettings = block(PublicCacheSettings)
