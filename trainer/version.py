"""Which softres this is."""

from importlib.metadata import PackageNotFoundError, version


def writer() -> str:
    """What a contract names as its writer."""
    try:
        return f"softres {version('softres')}"
    except PackageNotFoundError:
        return "softres from an uninstalled checkout"
