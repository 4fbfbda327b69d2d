"""Machine code on disk is never older than the kernels it was made from."""

from kernels import compiled
from kernels.paint import cpu


def test_cached_code_is_dated_by_every_file_of_the_kernels():
    # Whoever updates numba and sees this fail: without the stamp kernels are compiled uncached.
    assert cpu._bands._cache._cache_file._source_stamp == compiled._stamp()
    assert len(compiled._stamp()) > 20
