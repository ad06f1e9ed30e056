"""One thing that `doctor` looked at, and how to mend it."""

from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import BaseModel, model_validator

from app.runtime import Runtime


class Check(BaseModel):
    """One thing that was looked at; ``mend`` is a sentence unless it is ``OK``."""

    name: str
    verdict: Literal["OK", "WARN", "FAIL"]
    found: str
    mend: str = ""

    @model_validator(mode="after")
    def _says_how_to_mend_it(self) -> "Check":
        if (self.verdict == "OK") == bool(self.mend):
            raise ValueError(f"{self.name}: what is wrong needs a mend, and nothing else does")
        return self


Look = Callable[[Runtime], Iterator[Check]]


def ok(name: str, found: str) -> Check:
    """Nothing is to be done."""
    return Check(name=name, verdict="OK", found=found)


def warn(name: str, found: str, mend: str) -> Check:
    """It works, and could be better or soon will not."""
    return Check(name=name, verdict="WARN", found=found, mend=mend)


def fail(name: str, found: str, mend: str) -> Check:
    """It does not work."""
    return Check(name=name, verdict="FAIL", found=found, mend=mend)
