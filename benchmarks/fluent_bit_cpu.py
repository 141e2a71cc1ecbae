"""CPU of a whole Fluent Bit: no filter, a Lua filter that splits, renames and joins, and ``exchange``.

    python benchmarks/fluent_bit_cpu.py --rows 200000

Fluent Bit (the binary that FLUENT_BIT names, else the one on the PATH) tails one log of the rows of
``tracking_rows`` from its head to its end, to the output ``null``. The Lua filter does the least there is
to do by hand: it splits a row at commas (and at quotes where there are any), escapes the values and joins
them as CEF under the names that ``exchange`` gives them. It knows no header, refuses nothing and maps no
events. The filter without rows costs its start, from byte code as an installed package has it; that is in all
figures. It measures the exnorm that is installed for this Python. ``--log FILE`` takes a log of another type
instead, without the Lua filter, which would not fit it; ``other_logs.make_log`` makes one of a sample.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tracking_rows

from exnorm.engine.kernel import describe_path
from exnorm.fluentbit import build as builder
from exnorm.sources.message_tracking import COLUMNS_2016

LUA_WAY = "Lua: split, rename, join"
LUA = """
local keys = {
  "rt", "src", "shost", "dvc", "dvchost", "cs5", "cs4", "sourceServiceName", "act", "cs1", "cs2", "cs3",
  "duser", "outcome", "in", "cn1", "ad.related-recipient-address", "ad.reference", "msg", "suser", "cs6",
  "ad.message-info", "ad.directionality", "ad.tenant-id", "ad.original-client-ip",
  "ad.original-server-ip", "ad.custom-data", "ad.transport-traffic-type", "externalId", "deviceVersion",
}
local function split(line)
  local cells, n, at, length = {}, 0, 1, #line
  while at <= length + 1 do
    n = n + 1
    if line:byte(at) == 34 then
      local close = at + 1
      while true do
        close = line:find('"', close, true)
        if not close then return nil end
        if line:byte(close + 1) ~= 34 then break end
        close = close + 2
      end
      cells[n] = line:sub(at + 1, close - 1):gsub('""', '"')
      at = close + 2
    else
      local comma = line:find(",", at, true) or length + 1
      cells[n] = line:sub(at, comma - 1)
      at = comma + 1
    end
  end
  return cells
end
function convert(tag, time, record)
  local line = record["log"]
  if not line or line:byte(1) == 35 then return -1, time, record end
  local cells = split(line)
  if not cells or #cells ~= 30 then return 0, time, record end
  local pairs_, n = {}, 0
  for i = 1, 30 do
    local value = cells[i]
    if value ~= "" then
      if value:find("[\\\\=]") then value = value:gsub("[\\\\=]", "\\\\%0") end
      n = n + 1
      pairs_[n] = keys[i] .. "=" .. value
    end
  end
  local event = cells[9]
  return 2, time, {
    cef = "CEF:0|Microsoft|Exchange Server|" .. cells[30] .. "|" .. event .. "|" .. event .. "|1|"
      .. table.concat(pairs_, " ")
  }
end
"""


def write_log(path: Path, rows: int) -> Path:
    """A log with its header."""
    with path.open("w", encoding="utf-8", newline="\r\n") as file:
        file.write("#Software: Microsoft Exchange Server\n")
        file.write(f"#Version: {tracking_rows.VERSION}\n#Log-type: Message Tracking Log\n")
        file.write(f"#Fields: {','.join(COLUMNS_2016)}\n")
        file.writelines(f"{row}\n" for row in tracking_rows.make_rows(rows))
    return path


def write_config(folder: Path, log: Path, filters: list[dict[str, Any]], plugin: Path) -> Path:
    """A configuration that reads the log once; JSON is YAML."""
    source = {
        "name": "tail", "tag": "exchange.log", "path": str(log), "path_key": "filename",
        "read_from_head": True, "exit_on_eof": True, "buffer_chunk_size": "512k", "buffer_max_size": "2M",
    }  # fmt: skip
    content = {
        "service": {"flush": 1, "grace": 1, "log_level": "error"},
        "plugins": [str(plugin)],
        "pipeline": {
            "inputs": [source],
            "filters": [{"match": "*", **one} for one in filters],
            "outputs": [{"name": "null", "match": "*"}],
        },
    }
    path = folder / "fluent-bit.yaml"
    path.write_text(json.dumps(content))
    return path


def install(folder: Path) -> Path:
    """A copy of exnorm with its byte code, as an installed package has it; the folder that holds it."""
    package = Path(builder.site_path()) / "exnorm"
    shutil.copytree(package, folder / "exnorm", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder / "exnorm", quiet=2)
    return folder


def measure(binary: str, config: Path) -> float:
    """The CPU seconds, of user and system, of one run to the end of the log."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([binary, "-q", "-c", str(config)], check=True, stdin=subprocess.DEVNULL, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure each way in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    if given.log and not given.log.is_file():
        parser.error(f"no such file: '{given.log}'")
    binary = os.environ.get("FLUENT_BIT") or shutil.which("fluent-bit")
    if binary is None:
        print("no Fluent Bit: set FLUENT_BIT, or put fluent-bit on PATH", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugin, script = folder / builder.FILE_NAME, folder / "a.lua"
        log = given.log or write_log(folder / "MSGTRK2026010100-1.LOG", given.rows)
        rows = log.read_bytes().count(b"\n")
        builder.build(plugin, site=install(folder / "site"))
        script.write_text(LUA)
        ways: dict[str, list[dict[str, Any]]] = {
            "no filter": [],
            **({} if given.log else {LUA_WAY: [{"name": "lua", "script": str(script), "call": "convert"}]}),
            "`exchange`, `format cef`": [{"name": "exchange", "format": "cef"}],
            "`exchange`, `format json`": [{"name": "exchange", "format": "json"}],
        }
        least: dict[str, float] = {}
        for _ in range(given.times):
            for what, filters in ways.items():
                seconds = measure(binary, write_config(folder, log, filters, plugin))
                least[what] = min(seconds, least.get(what, seconds))
    print(f"exnorm at {builder.site_path()}; {rows} lines; {describe_path()}\n")
    print("| what | CPU s | us a line | against Lua |\n|---|---|---|---|")
    for what, seconds in least.items():
        against = f"{seconds / least[LUA_WAY]:.2f}" if LUA_WAY in least else ""
        print(f"| {what} | {seconds:.2f} | {seconds / rows * 1e6:.2f} | {against} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
