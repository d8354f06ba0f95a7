"""From a settings file and the environment to checked values, or to every fault at once with its place and its fix."""

from __future__ import annotations

from connector.runtime.config.load import Origin, load, overriding, secret_faults
from connector.runtime.config.show import to_toml, visible

__all__ = ["Origin", "load", "overriding", "secret_faults", "to_toml", "visible"]
