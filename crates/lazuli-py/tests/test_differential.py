"""A seeded sample of the differential tests; `cargo xtask differential` runs as many as wanted."""

import pytest

from cases import CASES

differential = pytest.importorskip("differential")
pytest.importorskip("mlx.core")

# About 4,000 calls over all operations.
CALLS = max(1, 4000 // len(CASES))


@pytest.mark.parametrize("name", differential.present())
def test_same_as_the_reference(name: str) -> None:
    failures = [f for seed in range(CALLS) if (f := differential.check(name, seed))]
    assert not failures, "\n".join(map(str, failures[:5]))
