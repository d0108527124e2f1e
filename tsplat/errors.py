"""The ways in which something outside the code can be wrong.

Every message is one line that says what, where and what to do; the CLI prints
it as it is.
"""


class TsplatError(Exception):
    """Base of all errors that a user can cause and mend."""


class ConfigError(TsplatError, ValueError):
    """A setting is outside its range."""


class BitstreamError(TsplatError, ValueError):
    """Bytes are not a valid ``.tsplat`` stream.

    Parameters
    ----------
    message : str
        What is wrong, and with which field.
    offset : int, optional
        Byte offset in the file at which it was found.
    frame : int, optional
        Number of the frame that the damage concerns.
    """

    def __init__(self, message: str, *, offset: int | None = None, frame: int | None = None):
        where = [f"frame {frame}"] if frame is not None else []
        where += [f"byte {offset}"] if offset is not None else []
        super().__init__(f"{message} ({', '.join(where)})" if where else message)
        self.message = message
        self.offset = offset
        self.frame = frame


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
