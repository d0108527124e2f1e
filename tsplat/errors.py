"""The ways in which something outside the code can be wrong.

Every message is one line that says what, where and what to do; the CLI prints
it as it is.
"""

from __future__ import annotations

from enum import Enum


class TsplatError(Exception):
    """Base of all errors that a user can cause and mend."""


class ConfigError(TsplatError, ValueError):
    """A setting is outside its range."""


class Fault(Enum):
    """In which way bytes are no valid ``.tsplat`` stream.

    Attributes
    ----------
    NOT_TSPLAT
        They begin as no ``.tsplat`` stream does.
    VERSION
        The stream is of another version of the format.
    FEATURE
        It needs a feature, or a kind of packet, that is not known here.
    HEADER
        A field of the header is out of its range, or contradicts another one.
    CUT_OFF
        The data ends inside the header or a packet.
    CHECKSUM
        The bytes are not those that were written.
    PACKET
        There is no packet where one should start.
    PAYLOAD
        What is in a packet breaks a rule of the format.
    BACKGROUND
        What is in a background packet is no picture of its codec.
    MISSING
        A frame is not there that is asked for, or that a packet builds on.
    LIMIT
        More is claimed than the format, or the application, allows.
    """

    NOT_TSPLAT = "not tsplat"
    VERSION = "version"
    FEATURE = "feature"
    HEADER = "header"
    CUT_OFF = "cut off"
    CHECKSUM = "checksum"
    PACKET = "packet"
    PAYLOAD = "payload"
    BACKGROUND = "background"
    MISSING = "missing"
    LIMIT = "limit"


class BitstreamError(TsplatError, ValueError):
    """Bytes are not a valid ``.tsplat`` stream.

    Parameters
    ----------
    kind : Fault
        In which way.
    message : str
        What is wrong, one line.
    field : str, optional
        Name of the number that is wrong: of the header's field, of a splat's channel, of the limit.
    offset : int, optional
        Byte offset in the file at which it was found.
    frame : int, optional
        Number of the frame that the damage concerns.

    Attributes
    ----------
    kind, message, field, offset, frame
        As given. Whoever knows more of the place adds it before passing the error on.
    """

    def __init__(
        self,
        kind: Fault,
        message: str,
        *,
        field: str | None = None,
        offset: int | None = None,
        frame: int | None = None,
    ):
        super().__init__(kind, message)
        self.kind = kind
        self.message = message
        self.field = field
        self.offset = offset
        self.frame = frame

    def __str__(self) -> str:
        where = [f"frame {self.frame}"] if self.frame is not None else []
        where += [f"byte {self.offset}"] if self.offset is not None else []
        return f"{self.message} ({', '.join(where)})" if where else self.message


class MediaError(TsplatError, OSError):
    """Pixels could not be read from, or written to, a file or pipe."""


class BackendError(TsplatError, RuntimeError):
    """A compute backend was asked for that this machine does not offer."""


class ModelError(TsplatError, RuntimeError):
    """A matting model is missing, is not what it should be, or cannot be run."""


def reason_of(error: BaseException | None) -> str:
    """What an error of a library or of the system says, one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0]
