"""Every form of a PostgreSQL URI that the Java service's and Django's configurations use, and what is no such form."""

from __future__ import annotations

from pathlib import Path

import pytest

from omero_ms_thumbnail.addresses import PostgresAddress, parse_postgres_uri
from omero_ms_thumbnail.websession import PostgresSessionStore

HOST = (("host", 5432),)


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("postgresql://host/db", PostgresAddress(HOST, "db")),
        ("postgres://user@host/db", PostgresAddress(HOST, "db", user="user")),
        (
            "postgresql://user:p%40w%2F@host:1/d%2Fb",
            PostgresAddress((("host", 1),), "d/b", user="user", password="p@w/"),
        ),
        ("postgresql://u@a,b:1,[::1]:2/db", PostgresAddress((("a", 5432), ("b", 1), ("::1", 2)), "db", user="u")),
        ("jdbc:postgresql://host:5432/db?user=u&password=p@s+s%2F", PostgresAddress(HOST, "db", "u", "p@s+s/")),
        ("JDBC:postgresql://host/db?ssl=true", PostgresAddress(HOST, "db", ssl_mode="verify-full")),
        ("jdbc:postgresql://host/db?ssl=false", PostgresAddress(HOST, "db")),
        ("postgresql://host/db?sslmode=require", PostgresAddress(HOST, "db", ssl_mode="require")),
        ("postgresql://host/db?sslrootcert=/a.pem", PostgresAddress(HOST, "db", ssl_root_cert=Path("/a.pem"))),
        ("jdbc:postgresql://host/db?currentSchema=omero", PostgresAddress(HOST, "db", schema="omero")),
        ("jdbc:postgresql://host/db?prepareThreshold=0", PostgresAddress(HOST, "db", prepares=False)),
        ("postgresql://host/db?connect_timeout=3", PostgresAddress(HOST, "db", timeout=3.0)),
        ("jdbc:postgresql://host/db?loginTimeout=5&socketTimeout=4", PostgresAddress(HOST, "db", timeout=4.0)),
        ("jdbc:postgresql://host/db?socketTimeout=0&ApplicationName=x", PostgresAddress(HOST, "db")),
    ],
)
def test_uri(uri: str, address: PostgresAddress) -> None:
    assert parse_postgres_uri(uri) == address


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("", "a PostgreSQL URI is"),
        ("mysql://host/db", "a PostgreSQL URI is"),
        ("postgresql://host", "a PostgreSQL URI is"),
        ("postgresql://host/a/b", "a PostgreSQL URI is"),
        ("postgresql:///db", "no possible host"),
        ("postgresql://host:0/db", "no possible host"),
        ("postgresql://host:99999/db", "no possible host"),
        ("postgresql://host/db?sslmode=perhaps", "sslmode in the PostgreSQL URI is one of disable"),
        ("postgresql://host/db?connect_timeout=soon", "whole numbers of seconds"),
        ("postgresql://host/db?options=x", "unknown parameter; known are"),
    ],
)
def test_wrong_uri(uri: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_postgres_uri(uri)


@pytest.mark.parametrize("password", ["s3c/ret", "s3c?ret=1", "s3c#ret", "s3c?/ret"])
def test_password_that_is_not_escaped_is_not_shown(password: str) -> None:
    with pytest.raises(ValueError, match="PostgreSQL URI") as raised:
        parse_postgres_uri(f"postgresql://user:{password}@host:5432/db")
    assert "s3c" not in str(raised.value)


def test_password_is_not_in_repr_or_str() -> None:
    address = parse_postgres_uri("postgresql://user:s3cret@host/db")
    assert "s3cret" not in repr(address) + str(address)
    assert str(address) == "host:5432, database db"


def test_authorities_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sslrootcert in the PostgreSQL URI names no file"):
        PostgresSessionStore(f"postgresql://host/db?sslmode=verify-full&sslrootcert={tmp_path}/none.pem")


@pytest.mark.parametrize(
    ("uri", "mode"),
    [
        ("jdbc:postgresql://h/d?ssl=true", "verify-full"),
        ("jdbc:postgresql://h/d?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory", "require"),
        ("jdbc:postgresql://h/d?sslmode=verify-ca&sslfactory=org.postgresql.ssl.NonValidatingFactory", "require"),
        ("jdbc:postgresql://h/d?ssl=true&sslmode=require", "require"),
        ("jdbc:postgresql://h/d", "prefer"),
        ("jdbc:postgresql://h/d?ssl=false", "prefer"),
        ("postgresql://h/d?sslmode=require", "require"),
        ("postgresql://h/d?sslmode=require&sslrootcert=/ca.pem", "verify-ca"),
        ("postgresql://h/d?sslrootcert=system", "verify-full"),
        ("postgresql://h/d?sslmode=disable", "disable"),
    ],
)
def test_tls_means_what_it_means_to_the_uris_own_client(uri: str, mode: str) -> None:
    assert parse_postgres_uri(uri).ssl_mode == mode
