"""The store against a real Redis Cluster: sessions on every node, and a node that goes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from redis.cluster import RedisCluster

from omero_ms_thumbnail.websession import RedisSessionStore, SessionStoreUnavailable
from omero_ms_thumbnail.websession.redis_store import redis_client
from tests.unit.websession.redis_cluster import cluster
from tests.unit.websession.redis_server import free_port

pytestmark = pytest.mark.long

PASSWORD = "S3cret-of-the-cluster"
KEY_PREFIX = ":1:django.contrib.sessions.cache"


def opened(hosts: str, password: str = PASSWORD) -> RedisSessionStore:
    return RedisSessionStore(f"redis-cluster://:{password}@{hosts}", timeout=30)


async def test_sessions_on_every_node_and_a_node_that_goes(tmp_path: Path) -> None:
    with cluster(tmp_path, PASSWORD) as nodes:
        ids = [f"abcdefgh{number:04}" for number in range(60)]
        client = RedisCluster(host="127.0.0.1", port=nodes[0].port, password=PASSWORD)
        for session_id in ids:
            session = {"connector": {"omero_session_key": session_id}}
            client.set(KEY_PREFIX + session_id, pickle.dumps(session), ex=1000)
        of_node = {session_id: client.get_node_from_key(KEY_PREFIX + session_id).port for session_id in ids}
        client.close()
        assert len(set(of_node.values())) == 3

        store = opened(f"127.0.0.1:{free_port()},127.0.0.1:{nodes[1].port}")
        try:
            for session_id in ids:
                found = await store.get(session_id)
                assert found is not None
                assert found.omero_session_key == session_id
            assert await store.get("unknownunknown00") is None
            await store.ping()
            assert store.describe().startswith("Redis at the cluster of 127.0.0.1:")
            gone = nodes[2]
            gone.kill()
            for session_id, port in of_node.items():
                if port == gone.port:
                    with pytest.raises(SessionStoreUnavailable):
                        await store.get(session_id)
                    break
        finally:
            await store.close()

        store = opened(f"127.0.0.1:{nodes[0].port}", "wrong")
        try:
            with pytest.raises(SessionStoreUnavailable) as raised:
                await store.get(ids[0])
            assert "wrong" not in str(raised.value)
        finally:
            await store.close()


async def test_no_node_and_no_cluster(redis_server: object) -> None:
    for port in (free_port(), redis_server.port):  # type: ignore[attr-defined]
        store = RedisSessionStore(f"redis-cluster://127.0.0.1:{port}", timeout=30)
        try:
            with pytest.raises(SessionStoreUnavailable, match=r"Redis at the cluster of 127\.0\.0\.1"):
                await store.ping()
        finally:
            await store.close()


def test_a_cluster_is_no_single_redis() -> None:
    with pytest.raises(ValueError, match="cannot be used here"):
        redis_client("redis-cluster://host")
