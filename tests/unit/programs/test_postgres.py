"""The programs' own PostgreSQL client, against a real server."""

from __future__ import annotations

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._programs.postgres import (
    Address,
    BadAddress,
    Connection,
    ServerError,
    address_in,
    literal,
)
from tests.unit.programs.conftest import PASSWORD, Server, free_port


def connect(server: Server, user: str = "shop", password: str = PASSWORD) -> Connection:
    return Connection(address_in(server.environment(user, password), "DATABASE_URL"))


@pytest.mark.parametrize("user", ["shop", "old", "plain"], ids=["scram", "md5", "password"])
def test_it_logs_in_by_each_method(server: Server, user: str) -> None:
    connection = connect(server, user)
    assert connection.query("select current_user") == [[user]]
    connection.close()


@pytest.mark.parametrize("user", ["shop", "old", "plain"])
def test_a_wrong_password_is_refused_and_not_repeated(server: Server, user: str) -> None:
    with pytest.raises(ServerError, match="password authentication failed") as caught:
        connect(server, user, "not-the-password")
    assert caught.value.code == "28P01"
    assert not caught.value.passes
    assert "not-the-password" not in str(caught.value)


def test_values_come_as_text_and_null_as_none(server: Server) -> None:
    connection = connect(server)
    assert connection.query("select 1, null, true, 'ä', ''") == [["1", None, "t", "ä", ""]]
    assert connection.query(f"select {literal(PASSWORD)}") == [[PASSWORD]]
    assert connection.query("") == []


def test_a_session_goes_on_after_an_error(server: Server) -> None:
    connection = connect(server)
    with pytest.raises(ServerError, match="does not exist") as caught:
        connection.query("select * from nothing")
    assert caught.value.code == "42P01"
    assert connection.query("select 2") == [["2"]]


def test_a_server_without_tls_is_refused_where_tls_is_required(server: Server) -> None:
    address = address_in({**server.environment(), "PGSSLMODE": "require"}, "DATABASE_URL")
    with pytest.raises(ServerError, match="the server has no TLS, but sslmode is require"):
        Connection(address)


def test_a_session_that_the_server_ended_is_a_lost_connection(server: Server) -> None:
    mine, other = connect(server), connect(server)
    ((pid,),) = mine.query("select pg_backend_pid()")
    other.query(f"select pg_terminate_backend({pid})")
    with pytest.raises((OSError, ServerError)) as caught:
        mine.query("select 1")
    assert isinstance(caught.value, OSError) or caught.value.passes


def test_where_nothing_listens_the_connection_is_refused() -> None:
    with pytest.raises(ConnectionRefusedError):
        Connection(Address("127.0.0.1", free_port(), "shop", "shop", ""))


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (
            "postgresql://shop:p%40ss@db:6432/orders?sslmode=require",
            ("db", 6432, "orders", "shop", "p@ss", "require"),
        ),
        ("postgres://shop@db/orders", ("db", 5432, "orders", "shop", "", "prefer")),
        ("postgresql+psycopg2://shop:x@db/orders", ("db", 5432, "orders", "shop", "x", "prefer")),
        (
            "jdbc:postgresql://db:5432/orders?user=shop&password=x",
            ("db", 5432, "orders", "shop", "x", "prefer"),
        ),
        ("postgresql://shop@[::1]/", ("::1", 5432, "shop", "shop", "", "prefer")),
    ],
)
def test_urls_are_read(url: str, wanted: tuple[object, ...]) -> None:
    found = address_in({"DATABASE_URL": url}, "DATABASE_URL")
    assert (found.host, found.port, found.database, found.user, found.password, found.sslmode) == wanted


def test_what_a_url_leaves_out_comes_from_the_variables_of_libpq() -> None:
    environment = {"URL": "postgresql://db/orders", "PGUSER": "shop", "PGPASSWORD": "x", "PGHOST": "other"}
    found = address_in(environment, "URL")
    assert (found.host, found.user, found.password) == ("db", "shop", "x")


def test_an_address_survives_its_own_url() -> None:
    address = Address("db", 5432, "my orders", "shop", PASSWORD)
    assert address_in({"URL": address.url()}, "URL") == address
    assert PASSWORD not in str(address)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "neither URL nor PGHOST says where the database is"),
        ({"URL": "mysql://shop:hush@db/x"}, r"URL must begin with postgresql://"),
        ({"URL": "postgresql://shop:hush@db:port/x"}, "URL is no URL that can be read"),
        ({"PGHOST": "db", "PGPORT": "hush"}, "port is not a number"),
        ({"PGHOST": "db", "PGSSLMODE": "hush"}, "sslmode is none of"),
    ],
)
def test_a_bad_address_is_told_without_its_value(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadAddress, match=sentence) as caught:
        address_in(environment, "URL")
    assert "hush" not in str(caught.value)
