"""What tests of several rooms share."""

from __future__ import annotations

import pytest

from exnorm.engine.kernel import describe_path, load_kernel


@pytest.fixture(params=["generated Python", "native kernel"])
def each_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of the ways that rows take, one after the other."""
    monkeypatch.delenv("EXNORM_KERNEL", raising=False)
    if request.param == "generated Python":
        monkeypatch.setenv("EXNORM_KERNEL", "0")
    elif load_kernel() is None:
        pytest.skip("the kernel is not built here")
    assert describe_path() == request.param
