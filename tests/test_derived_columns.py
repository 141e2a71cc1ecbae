"""A derived value may carry the text of several columns."""

from __future__ import annotations

from exnorm.sources.iis import IIS


def test_an_origin_carries_its_own_column_those_it_is_made_of_or_none() -> None:
    assert IIS.columns_of("c-ip") == ("c-ip",)
    assert IIS.columns_of("request") == ("cs-uri-stem", "cs-uri-query")
    assert IIS.columns_of("application") == ()
