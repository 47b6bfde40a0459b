"""The diagnoses about the Redis that pictures are shared through. What they advise is run by a test."""

from __future__ import annotations

from .diagnosis import diagnosis
from .names import SHARED_CACHE

CACHE_UNREACHABLE = diagnosis(
    "shared-cache-unreachable",
    SHARED_CACHE,
    "The Redis of `cache.redis-uri` does not answer",
    "It does not run, listens elsewhere, wants another password, or is too slow. Thumbnails are shown all the same:"
    " workers ask OMERO for what each of them does not have.",
    "Start it; compare `cache.redis-uri` with its `port`, `bind` and `requirepass`; in a password write / ? # @ % as"
    " %2F %3F %23 %40 %25.",
)
CACHE_REFUSES = diagnosis(
    "shared-cache-refuses",
    SHARED_CACHE,
    "The Redis of `cache.redis-uri` does not permit what sharing pictures takes",
    "Its user was given less, a command was renamed, as managed ones have it, or it is a replica that takes no writes."
    " No script is run, and nothing about the whole server is asked.",
    "Let the user in `cache.redis-uri` have: `ACL SETUSER <user> +ping +select +get +set +unlink +hset +hincrby +hmget"
    " +pttl +pexpire ~omero-ms-thumbnail:*`; in a Redis Cluster `+cluster|slots +command` too. Or take"
    " `cache.redis-uri` out.",
)
CACHE_FULL = diagnosis(
    "shared-cache-full",
    SHARED_CACHE,
    "The Redis of `cache.redis-uri` leaves too little room for pictures",
    "Its `maxmemory` is less than what else is in it and `cache.redis-memory` together. With `noeviction` it then takes"
    " nothing new, log-ins of OMERO.web among that if its sessions are there; with another `maxmemory-policy` it drops"
    " what it likes, sessions too.",
    "Raise its `maxmemory`, or lower `cache.redis-memory` on every machine.",
)
CACHE_PER_USER = diagnosis(
    "shared-cache-per-user",
    SHARED_CACHE,
    "In Redis, pictures are kept for each user apart",
    "There is no `cache.secret`. Without one nothing tells a picture that the service wrote from what somebody else put"
    " into that Redis, so what one user was given is shown to that user alone, and each costs OMERO the same again.",
    "Write what `openssl rand -hex 32` prints into a file that only the service's user can read, the same on every"
    " machine, and its path into `cache: secret_file`.",
)
