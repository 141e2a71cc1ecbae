from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from exnorm.cli import run
from exnorm.fluentbit import build as builder
from exnorm.fluentbit.options import OWN_NAMES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    target = tmp_path / builder.FILE_NAME
    try:
        builder.build(target, site=builder.site_path())
    except builder.BuildError as error:
        pytest.skip(f"the filter cannot be built here: {error}")
    return target


def test_the_filter_exports_what_fluent_bit_looks_for_and_needs_no_library_of_python(built: Path) -> None:
    """The name of the structure follows from the file's name; Python must not start at load time."""
    library = ctypes.CDLL(str(built))
    plugin = (ctypes.c_char * 64).in_dll(library, "filter_exchange_plugin")
    assert int.from_bytes(plugin.raw[:4], sys.byteorder) == 1  # it filters logs
    assert b"libpython" not in built.read_bytes().replace(str(builder.find_libpython()).encode(), b"")


def test_the_source_includes_no_header_of_fluent_bit_or_python() -> None:
    source = builder.find_source().read_text()
    included = re.findall(r"#include\s+[<\"](.*)[>\"]", source)
    assert len(included) > 5
    assert not [name for name in included if "fluent-bit" in name or "Python" in name or "msgpack" in name]


def test_no_warning_is_left_in_the_source(tmp_path: Path) -> None:
    try:
        builder.build(tmp_path / builder.FILE_NAME, extra_flags=("-Werror",))
    except builder.BuildError as error:
        if "failed" in str(error):
            raise
        pytest.skip(str(error))


def test_a_python_without_a_shared_library_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables = {"INSTSONAME": "libpython3.11.a", "LDLIBRARY": "libpython3.11.a", "LIBDIR": str(tmp_path)}
    (tmp_path / "libpython3.11.a").write_text("")
    monkeypatch.setattr(sysconfig, "get_config_var", variables.get)
    with pytest.raises(builder.BuildError, match=r"has no shared library libpython.*--enable-shared"):
        builder.find_libpython()


@pytest.mark.parametrize(
    ("version", "refused"), [((3, 9), True), ((3, 10), False), ((3, 14), False), ((3, 15), True)]
)
def test_only_a_known_python_is_taken(
    version: tuple[int, int], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("the filter is for Linux")
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    if refused:
        with pytest.raises(builder.BuildError, match=r"the filter knows 3\.10 to 3\.14"):
            builder.check_python()
    else:
        builder.check_python()


def test_no_compiler_is_a_clear_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(builder.BuildError, match=r"^no C compiler: cc, gcc and clang not found on PATH$"):
        builder.find_compiler()


def test_a_compiler_that_fails_leaves_an_older_filter_alone(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = built.read_bytes()
    with pytest.raises(builder.BuildError, match="failed: "):
        builder.build(built, site=builder.site_path(), extra_flags=("--no-such-flag",))
    assert built.read_bytes() == before
    assert [path.name for path in built.parent.iterdir()] == [builder.FILE_NAME]


# --- the command line ------------------------------------------------------------------------------


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / builder.FILE_NAME
    monkeypatch.setattr(builder, "filter_path", lambda: path)
    return path


def test_path_prints_where_the_filter_lies(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target.write_text("")
    assert run(["fluentbit", "path"]) == 0
    assert capsys.readouterr().out == f"{target}\n"


def test_path_says_how_to_build_a_filter_that_is_not_there(
    target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fluentbit", "path"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"exnorm: the filter is not built: no {target}; run exnorm fluentbit build\n"


def test_build_builds_it_and_prints_where(
    built: Path, target: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["fluentbit", "build"]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    assert target.stat().st_size > 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert run(["fluentbit", "build", "--output", str(elsewhere)]) == 0
    assert capsys.readouterr().out == f"{elsewhere / builder.FILE_NAME}\n"


def test_build_keeps_the_name_that_fluent_bit_needs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["fluentbit", "build", "--output", str(tmp_path / "filter.so")]) == 2
    assert "expected a folder or a file named flb-filter_exchange.so" in capsys.readouterr().err


def test_build_says_what_is_missing(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "/nowhere/cc")
    assert run(["fluentbit", "build"]) == 2
    assert "fluentbit build: " in capsys.readouterr().err
    assert not target.exists()


# --- what is installed -----------------------------------------------------------------------------


def test_every_key_of_the_filter_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "fluent-bit.md").read_text(encoding="utf-8")
    defaults = {"key_name": "log,message", "file_key": "filename,file,log.file.path", "reserve_data": "off",
                "event_time": "on", "read_header": "on", "state": "none", "log_details": "off",
                "report_every": "300"}  # fmt: skip
    assert set(defaults) == set(OWN_NAMES)
    others = {"host_key": "host.name,...", "host_check": "on", "format": "json"}
    for name, default in {**defaults, **others}.items():
        assert f"| `{name}` | `{default}` |" in page


def test_a_wheel_build_without_a_compiler_still_gives_a_package(tmp_path: Path) -> None:
    setuptools = pytest.importorskip("setuptools")
    if int(setuptools.__version__.split(".")[0]) < 61:
        pytest.skip("this setuptools is older than the build needs")
    import subprocess

    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "*.so", "build", "*.egg-info"))
    ran = subprocess.run(
        [sys.executable, "setup.py", "-q", "build"],
        cwd=source,
        env={**os.environ, "CC": "/nowhere/cc"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (package,) = source.glob("build/lib*/exnorm/fluentbit")
    names = {path.name for path in (package / "deploy").iterdir()}
    assert {"filter_exchange.c", "filter", "service", "README.md"} <= names


def test_no_temporary_prefix_is_baked_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As ``python -m build`` has one, in a folder that anybody can make again when it is gone."""
    environment = tmp_path / "build-env-1"
    environment.mkdir()
    tmp_path.chmod(0o777)
    monkeypatch.setattr(sys, "prefix", str(environment))
    try:
        builder.build(tmp_path / builder.FILE_NAME)
    except builder.BuildError as error:
        if "others may write" in str(error):
            raise
        pytest.skip(str(error))
    content = (tmp_path / builder.FILE_NAME).read_bytes()
    assert str(tmp_path).encode() not in content
    assert sys.base_prefix.encode() in content


@pytest.mark.parametrize("is_missing", [False, True])
def test_a_folder_that_others_could_fill_is_refused(is_missing: bool, tmp_path: Path) -> None:
    prefix = tmp_path / "python"
    if not is_missing:
        prefix.mkdir()
        prefix.chmod(0o777)
    try:
        builder.find_libpython()
    except builder.BuildError as error:
        pytest.skip(str(error))
    with pytest.raises(builder.BuildError, match=r"others may write to .*: the filter would run theirs"):
        builder.build(tmp_path / builder.FILE_NAME, prefix=prefix)


def test_a_way_on_which_others_may_write_is_told_by_its_first_such_folder(tmp_path: Path) -> None:
    (tmp_path / "open" / "inside").mkdir(parents=True)
    (tmp_path / "open").chmod(0o1777)  # as of a temporary folder
    found = builder.find_open_folder(tmp_path / "open" / "inside")
    assert found is not None
    assert found in (tmp_path / "open", *tmp_path.parents)
