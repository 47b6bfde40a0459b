"""The configuration: ``conf/config.yaml`` and the environment become typed settings, or sentences on what is wrong."""

from .config_error import ConfigError
from .loading import load_settings
from .omero_servers import OmeroServerSettings, ServerId, names
from .public_user import PublicSettings
from .settings import (
    LoggingSettings,
    OmeroSettings,
    OmeroWebSettings,
    SessionStoreSettings,
    Settings,
    StoreType,
    TlsSettings,
    TracingSettings,
)
from .uris import StoreAddress, parse_store_uri, redact_uri

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
