"""The configuration: ``conf/config.yaml`` and the environment become typed settings, or sentences on what is wrong."""

from omero_ms_thumbnail.config.errors import ConfigError
from omero_ms_thumbnail.config.loading import load_settings
from omero_ms_thumbnail.config.omero_servers import OmeroServerSettings, ServerId, names
from omero_ms_thumbnail.config.public_user import PublicSettings
from omero_ms_thumbnail.config.settings import (
    LoggingSettings,
    OmeroSettings,
    OmeroWebSettings,
    SessionStoreSettings,
    Settings,
    StoreType,
    TlsSettings,
    TracingSettings,
)
from omero_ms_thumbnail.config.uris import StoreAddress, parse_store_uri, redact_uri

__all__ = [
    "ConfigError",
    "LoggingSettings",
    "OmeroServerSettings",
    "OmeroSettings",
    "OmeroWebSettings",
    "PublicSettings",
    "ServerId",
    "SessionStoreSettings",
    "Settings",
    "StoreAddress",
    "StoreType",
    "TlsSettings",
    "TracingSettings",
    "load_settings",
    "names",
    "parse_store_uri",
    "redact_uri",
]
