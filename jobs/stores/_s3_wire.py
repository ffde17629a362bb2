"""Connections that give up: every send and every receive keeps to the allowance of the operation under way.

A time-out of a socket alone bounds a silence, not a call: one byte in every 19 seconds is never silent. So the time
left of the operation is looked at before each step, and from the first byte of a message on, each `idle` seconds must
have moved `floor` bytes a second. What breaks a rule raises TimeoutError, which botocore takes for a read time-out.

botocore has no door for another kind of connection; its table of pools by scheme is the smallest place to reach into.
"""

from __future__ import annotations

import io
import socket
import time
from typing import TYPE_CHECKING, Any

from jobs.stores._s3_patience import allowance

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE_BYTES = 256 << 10


def pace(client: Any) -> None:
    """Have the client's connections from now on be of this kind."""
    pools = client._endpoint.http_session._pool_classes_by_scheme  # noqa: SLF001  # see above
    pools.update({scheme: _paced(pool) for scheme, pool in pools.items()})


class PacedSocket:
    """A connected socket that keeps to the allowance; the rest of it is the socket's own."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._sending: bool | None = None
        self._since, self._moved = 0.0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def sendall(self, data: Any) -> None:
        """Send all of it, piece by piece: a time-out of the socket's own `sendall` would bound the whole."""
        left = memoryview(data).cast("B")
        while left:
            self.before(sending=True)
            count = self._inner.send(left[:PIECE_BYTES])
            self.after(count)
            left = left[count:]

    def makefile(self, mode: str = "rb", buffering: int = -1) -> Any:
        """What http.client reads answers through."""
        assert mode == "rb"
        raw = _PacedReader(self, self._inner.makefile("rb", 0))
        return io.BufferedReader(raw) if buffering else raw

    def before(self, *, sending: bool) -> None:
        """A step begins: bound it. Raises TimeoutError where no time is left."""
        if sending is not self._sending:  # another message
            self._sending, self._since = sending, 0.0
        self._inner.settimeout(allowance().seconds())

    def after(self, count: int) -> None:
        """A step is done. Raises TimeoutError where the message is too slow."""
        now, given = time.monotonic(), allowance()
        if not self._since:
            self._since, self._moved = now, 0
        self._moved += count
        if now - self._since >= given.idle:
            if self._moved < given.floor * given.idle:
                raise TimeoutError("too slow")
            self._since, self._moved = now, 0


class _PacedReader(io.RawIOBase):
    def __init__(self, paced: PacedSocket, inner: Any) -> None:
        super().__init__()
        self._paced, self._inner = paced, inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._paced.before(sending=False)
        count: int = self._inner.readinto(buffer)
        self._paced.after(count)
        return count

    def close(self) -> None:
        self._inner.close()
        super().close()


def _paced(pool: Any) -> Any:
    def connect(self: Any) -> None:
        pool.ConnectionCls.connect(self)
        self.sock = PacedSocket(self.sock)

    connection = type(f"Paced{pool.ConnectionCls.__name__}", (pool.ConnectionCls,), {"connect": connect})
    return type(f"Paced{pool.__name__}", (pool,), {"ConnectionCls": connection})
