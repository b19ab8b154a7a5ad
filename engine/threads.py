"""Numpy's own threads, kept out of the way while ours share the cores."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """Have OpenBLAS compute in the calling thread.

    Its workers spin after each small product, on cores that others need; and while a process is
    started (a fork stops them) a product begun in another thread may wait for them for ever.
    """
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
