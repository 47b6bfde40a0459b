"""The compressions django-redis can wrap a cached value in, told by their first bytes and undone within a bound.

django-redis writes whole frames of one member (``django_redis.compressors``) and leaves values of a few bytes as they
are. Every format is decompressed by its incremental decompressor, so that a small value that claims to be gigabytes
costs no more than the bound.
"""

from __future__ import annotations

import importlib
import lzma
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from .decode_error import SessionDecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

_GZIP_WINDOW_BITS = 31  # zlib's way to say: 32 KiB window, gzip header and trailer
_XZ_MEMORY_BYTES = 10 * 1024 * 1024  # presets 0 to 6; django-redis writes 4
_ZSTD_WINDOW_LOG_MAX = {100: 23}  # ZSTD_d_windowLogMax of zstd.h: 2**23 bytes


class _Decompressor(Protocol):
    """What zlib's, lzma's, zstd's and lz4's incremental decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _zlib() -> _Decompressor:
    return zlib.decompressobj()


def _gzip() -> _Decompressor:
    return zlib.decompressobj(_GZIP_WINDOW_BITS)


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


def _zstd() -> _Decompressor:
    module = _optional("zstd", "compression.zstd", "backports.zstd", "pyzstd")
    decompressor: _Decompressor = module.ZstdDecompressor(None, _ZSTD_WINDOW_LOG_MAX)
    return decompressor


def _lz4() -> _Decompressor:
    decompressor: _Decompressor = _optional("lz4", "lz4.frame").LZ4FrameDecompressor()
    return decompressor


_BY_FIRST_BYTES: dict[bytes, tuple[str, Callable[[], _Decompressor]]] = {
    # RFC 1950: a 32 KiB window, then the level, which makes the 16 bits a multiple of 31.
    b"\x78\x01": ("zlib", _zlib),
    b"\x78\x5e": ("zlib", _zlib),
    b"\x78\x9c": ("zlib", _zlib),
    b"\x78\xda": ("zlib", _zlib),
    b"\x1f\x8b": ("gzip", _gzip),
    b"\xfd7zXZ\x00": ("xz", _xz),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
    b"\x04\x22\x4d\x18": ("lz4", _lz4),
}


def decompress(value: bytes, max_bytes: int) -> bytes:
    """The value without its compression, or the value itself if it has none.

    Raises `SessionDecodeError` if it is damaged, cut off, followed by anything, larger than max_bytes, or of a format
    whose Python package is not installed.
    """
    for first_bytes, (name, decompressor) in _BY_FIRST_BYTES.items():
        if value.startswith(first_bytes):
            return _bounded(name, decompressor(), value, max_bytes)
    return value


def _bounded(name: str, decompressor: _Decompressor, value: bytes, max_bytes: int) -> bytes:
    try:
        data = decompressor.decompress(value, max_bytes + 1)
    except Exception:  # noqa: BLE001 - each package has an error of its own, lz4's is RuntimeError
        raise SessionDecodeError("compression", f"its {name} compression is damaged") from None
    if len(data) > max_bytes:
        raise SessionDecodeError("too-large", f"it is larger than {max_bytes} bytes after {name} decompression")
    if not decompressor.eof:
        raise SessionDecodeError("compression", f"its {name} compression is cut off")
    if decompressor.unused_data:
        raise SessionDecodeError("compression", f"something follows its {name} compression")
    return data


def _optional(compression: str, *modules: str) -> Any:
    # A module, of which there are no types where it is not installed.
    for module in modules:
        try:
            return importlib.import_module(module)
        except ImportError:
            continue
    package = modules[-1].partition(".")[0]
    raise SessionDecodeError(
        f"{compression}-not-installed",
        f"it is compressed with {compression}, which this service can read after: pip install {package}",
    )
