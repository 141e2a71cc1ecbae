"""``exnorm.syslogng.Parser``, for the ``python()`` parser of syslog-ng: replaces a row by
its finished line.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exnorm.errors import NormalizerError, SettingsError, quote, suggest
from exnorm.files.rejects import RejectFile
from exnorm.malloc import hold_freed_memory
from exnorm.model import Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.rate_limit import Rarely
from exnorm.relay.headers import Headers
from exnorm.settings import NAMES, make_settings
from exnorm.syslogng.lines import Lines

if TYPE_CHECKING:

    class _Base:
        """Stands for syslog-ng's own class outside of syslog-ng."""
else:
    try:
        from syslogng import LogParser as _Base  # syslog-ng 4 wants it
    except ImportError:
        _Base = object

TAGS, REASON, IDENTITY = "exnorm.tags", "exnorm.reason", "exnorm.id"
"""The name-value pairs that a message gets: what did not parse and why, or the event's stable name."""
_OWN = ("file_key", "host_key", "state", "rejects")
_FILE_KEY, _HOST_KEY = "FILE_NAME", "HOST"


class Parser(_Base):
    """Replaces a row by its finished line; drops header lines; passes all other messages on.

    Options are settings by name (``taxonomy``, ``format``, ``profile``, ...), ``config`` for a file of them,
    ``file_key`` and ``host_key`` (name-value pairs with the file and the host that a row is from; by default
    ``FILE_NAME`` and ``HOST``), ``state`` (a file for the header lines of logs, over a restart) and
    ``rejects`` (a file for lines that do not parse). A line that does not parse is passed on unchanged, with
    ``_exnormparsefailure`` in ``${exnorm.tags}`` and the reason in ``${exnorm.reason}``.
    """

    def init(self, options: Mapping[Any, Any]) -> bool:
        """Read the options; syslog-ng does not start if this returns ``False``."""
        self._rarely = Rarely()
        self._lock = threading.Lock()
        try:
            self._open({_read(name).lower().replace("-", "_"): _read(text) for name, text in options.items()})
        except NormalizerError as error:
            for fault in error.args or (error,):
                _log("error", f"exnorm: {fault}")
            return False
        return True

    def _open(self, options: dict[str, str]) -> None:
        hold_freed_memory()
        for name in options:
            if name not in (*NAMES, *_OWN, "config"):
                raise SettingsError(f"option {quote(name)} is not known{suggest(name, (*NAMES, *_OWN))}")
        own = {name: options.pop(name) for name in _OWN if name in options}
        layers: list[Mapping[str, Any]] = []
        if "config" in options:
            layers.append(_read_config(options.pop("config")))
        settings = make_settings(*layers, options)
        if settings.per_recipient:
            raise SettingsError("per_recipient: a message of syslog-ng cannot become several")
        if settings.on_error == "stop":
            raise SettingsError("on_error: got 'stop'; expected 'tag' or 'skip'")
        self._file_key = own.get("file_key", _FILE_KEY)
        self._host_key = own.get("host_key", _HOST_KEY)

        def report(text: str) -> None:
            _log("error", f"exnorm: {text}")

        headers = Headers(Path(own["state"]) if own.get("state") else None, report)
        rejects = RejectFile(Path(own["rejects"]), report) if own.get("rejects") else None
        reject: Callable[[Unparsed], None] = (lambda line: None) if rejects is None else rejects.add
        self._lines = Lines(Normalizer.from_settings(settings), headers, reject, self._note_error)

    def parse(self, log_message: Any) -> bool:
        """Handle one message; ``False`` drops it, as for header lines."""
        with self._lock:
            text = _read(log_message["MESSAGE"])
            path, host = _read(log_message[self._file_key]), _read(log_message[self._host_key])
            try:
                found = self._lines.take(text, path, host)
            except Exception as error:  # whatever it is, the message goes on as it came
                self._note_error(error)
                return True
        if found is None:
            return True
        if not found:
            return False
        log_message["MESSAGE"] = "\n".join(line.text for line in found).encode("utf-8", "surrogateescape")
        reason = next((line.reason for line in found if line.reason), "")
        if reason:
            log_message[TAGS] = Unparsed.TAG
            log_message[REASON] = reason.encode("utf-8", "replace")
        else:
            log_message[IDENTITY] = found[0].identity
        return True

    def _note_error(self, error: Exception) -> None:
        """Report an error by its type, once a minute, because its text may quote a row."""
        times = self._rarely.count(type(error).__name__)
        if times:
            _log("error", f"exnorm: a message is left as it came: {type(error).__name__} ({times} times)")


def _read(value: Any) -> str:
    """Return text of a message or of an option, which syslog-ng 3 gives as bytes."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value or "")


def _read_config(path: str) -> Mapping[str, Any]:
    from exnorm.settings import read_config

    try:
        return read_config(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"config: cannot read {quote(path)}: {reason}") from None


def _log(level: str, text: str) -> None:
    """Write to syslog-ng's own log, else to standard error."""
    try:
        logger = import_module("syslogng").Logger()
    except (ImportError, AttributeError):
        print(text, file=sys.stderr)
    else:
        getattr(logger, level)(text)
