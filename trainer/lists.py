"""Reads split lists: a name, or a picture and its mask, a line; also those of another machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from kernels.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a list, and where it stands."""

    path: Path
    number: int
    words: tuple[str, ...]

    def error(self, message: str, *, hint: str) -> UserError:
        """An error about this line."""
        return UserError(f"{self.path}, line {self.number}: {message}", hint=hint)

    def file(self, word: str, folder: Path, suffixes: Sequence[str] = ("",)) -> Path:
        """The file that `word` means: itself, or what of its path lies below `folder`.

        Lists are full of absolute paths of the machine they were made on.
        """
        parts = PureWindowsPath(word).parts if "\\" in word else Path(word).parts
        for start in range(len(parts)):
            place = folder.joinpath(*parts[start:])
            for suffix in suffixes:
                candidate = Path(f"{place}{suffix}")
                if candidate.is_file():
                    return candidate
        raise self.error(
            f"no file {word}{_or(suffixes)}, and none below {folder}",
            hint=f"write paths relative to {folder}, or bring the file",
        )


def read(path: Path) -> Iterator[Line]:
    """The lines of a list that say something."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable list ({error})", hint="save it as text") from None
    for number, line in enumerate(text.splitlines(), 1):
        # A tab or a comma lets names hold blanks.
        separator = next((mark for mark in "\t," if mark in line), None)
        words = tuple(word.strip() for word in line.split(separator) if word.strip())
        if words:
            yield Line(path=path, number=number, words=words)


def _or(suffixes: Sequence[str]) -> str:
    named = [suffix for suffix in suffixes if suffix]
    return f" (nor with {', '.join(named)})" if named else ""
