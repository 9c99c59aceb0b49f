"""What a run was started with, as ``config.toml``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from pinndd import __version__
from pinndd.storage.comparing import differences
from pinndd.storage.reading import FileError, Reading, digest_of
from pinndd.storage.writing import write_atomically

PACKAGES = ("torch", "deepxde", "numpy", "scipy")


class RunConfigError(FileError):
    """A ``config.toml`` that is damaged, or that belongs to other settings."""


def versions() -> dict[str, str]:
    """Return the versions that numbers depend on."""
    found = {"pinndd": __version__, "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}


def hardware(device: str = "cpu") -> dict[str, Any]:
    """Return what times depend on: processor, number of cores, and the accelerator if one was used. No names of machines."""
    found: dict[str, Any] = {"processor": _processor(), "cores": os.cpu_count() or 1}
    if device.startswith("cuda") and torch.cuda.is_available():
        found["accelerator"] = torch.cuda.get_device_name(torch.device(device))
    return found


def _processor() -> str:
    """The name of the processor; Linux tells it in a file only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return found or platform.processor() or platform.machine()


@dataclass(frozen=True)
class RunConfig:
    """Configuration of a run.

    Attributes:
        pde: name of the PDE.
        protocols: those asked for.
        settings: those of the study, as plain values.
        command: the command line that repeats the run.
        module: name of a packaged PDE module, or the absolute path of another; empty if the PDE did not come from a file.
        source: its checksum, see `pinndd.pinn.declare.pde.ModuleSource`.
        skipped: protocols that make no sense for this PDE, and why.
        versions: of Python and the packages.
        replacing: whether another run is still to be removed from the folder.
        asked: who asked for the run and when, where other processes lend a hand; empty otherwise.
    """

    pde: str
    protocols: Sequence[str]
    settings: Mapping[str, Any]
    command: str = ""
    module: str = ""
    source: str = ""
    skipped: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=versions)
    replacing: bool = False
    asked: str = ""

    @property
    def identity(self) -> str:
        """Hash of all that results depend on: the PDE with the checksum of its module, and the settings."""
        return digest_of([self.pde, self.source, dict(self.settings)])

    def going_on(self, folder: Path) -> str:
        """Return the command line that goes on with the run where it lies now."""
        words = shlex.split(self.command) or ["pinndd", "study", self.module or self.pde]
        if "--out" in words:
            place = words.index("--out")
            del words[place : place + 2]
        return shlex.join([*(word for word in words if not word.startswith("--out=")), "--out", str(folder), "--resume"])

    @classmethod
    def of(
        cls,
        pde: str,
        protocols: Sequence[str],
        settings: Any,
        command: str = "",
        module: str = "",
        source: str = "",
        skipped: Mapping[str, str] | None = None,
        sizes: Mapping[str, Any] | None = None,
        asked: str = "",
    ) -> RunConfig:
        """Describe a study that is about to begin; ``settings`` are a dataclass, kept without what is None.

        Where two protocols have a setting of one name, the second is kept under the name of its protocol.
        """
        found = {f.name: getattr(settings, f.name) for f in fields(settings)}
        for protocol, size in (sizes or {}).items():
            mine = {f.name: getattr(size, f.name) for f in fields(size)}
            found |= {f"{protocol} {name}" if name in found else name: value for name, value in mine.items()}
        values = {name: _plain(value) for name, value in found.items() if value is not None}
        return cls(pde, list(protocols), values, command, module, source, dict(skipped or {}), asked=asked)

    def save(self, path: Path) -> None:
        """Write to ``path`` atomically."""
        values = asdict(self)
        with write_atomically(path) as file:
            file.write(to_toml({"checksum": digest_of(values), **values}).encode(errors="surrogateescape"))

    @classmethod
    def load(cls, path: Path) -> RunConfig:
        """Read what `save` wrote.

        Raises:
            RunConfigError: the file is damaged, was changed, or is no configuration of a run.
        """
        reading = Reading(path, "start anew with --overwrite, or choose another folder", RunConfigError)
        values = reading.toml(reading.content())
        # none in files of version 0.2.0 and before
        checksum = values.pop("checksum", None)
        if unknown := sorted(set(values) - {f.name for f in fields(cls)}):
            reading.fail(f"is not the configuration of a run (it has an unknown entry {unknown[0]!r})")
        found = reading.typed(values, cls)
        if checksum is not None and checksum != digest_of(values):
            reading.fail("was changed since it was written: its contents do not match its checksum")
        return found

    def require_same(self, other: RunConfig, path: Path) -> None:
        """Make sure that ``other`` continues this run.

        Raises:
            RunConfigError: the PDE or a setting differs; the differences are named.
        """
        if "budget" in self.settings:
            raise RunConfigError(
                f"run {path} was written by pinndd {self.versions.get('pinndd', '0.1.0')}, whose settings have other names: "
                "'pinndd plot' draws it again; to go on, start anew with --overwrite"
            )
        mine, theirs = (
            {"PDE": each.pde, "checksum of the PDE module": each.source[:8], **each.settings} for each in (self, other)
        )
        if said := differences(mine, theirs):
            raise RunConfigError(
                f"run {path} was started with other settings: {said}; resume with the same settings, or start anew with --overwrite"
            )


def _plain(value: Any) -> Any:
    """A setting as TOML has it; a part that is no plain value, such as a distance, stands as it prints."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool) else repr(value)


def to_toml(values: Mapping[str, Any]) -> str:
    """Write plain values as TOML: one level of tables after the values of the top."""
    top = [f"{_toml_key(k)} = {_toml_value(v)}" for k, v in values.items() if not isinstance(v, Mapping)]
    tables = [
        "\n".join((f"\n[{_toml_key(name)}]", *(f"{_toml_key(k)} = {_toml_value(v)}" for k, v in table.items())))
        for name, table in values.items()
        if isinstance(table, Mapping)
    ]
    return "\n".join((*top, *tables)) + "\n"


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml_value(name)


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(v) for v in value) + "]"
    raise TypeError(f"{value!r} has no TOML form; expected a string, a number, a truth value or a list of these")
