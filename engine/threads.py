"""Numpy's own threads, kept out of the way while ours share the cores."""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_VARIABLE = "OPENBLAS_NUM_THREADS"


def no_blas_threads() -> None:
    """Have OpenBLAS start no threads at all; only before numpy is imported for the first time."""
    os.environ.setdefault(_VARIABLE, "1")


def one_blas_thread() -> AbstractContextManager[Any]:
    """Have OpenBLAS compute in the calling thread.

    Its workers spin after each small product, on cores that others need; and while a process is
    started (a fork stops them) a product begun in another thread may wait for them for ever.
    """
    if os.environ.get(_VARIABLE) == "1":
        return nullcontext()
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
