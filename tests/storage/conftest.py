from __future__ import annotations

from tests.fakes.services import dsn, empty_dsn, postgres_server, redis_socket, redis_url

__all__ = ["dsn", "empty_dsn", "postgres_server", "redis_socket", "redis_url"]
