"""The handler that the generated REST endpoint for inputs names: see estreamer.rest.inputs."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

from estreamer.rest.inputs import InputHandler

__all__ = ["InputHandler"]
