"""What can go wrong, and the exit code of each: one sentence of cause, one of cure."""


class TinyrecError(Exception):
    """Anything the user can fix; the command line prints it as one line and exits with `exit_code`."""

    exit_code = 1

    def __str__(self) -> str:
        """The message, with what cannot be printed escaped, such as a newline in a name in somebody's zip file."""
        return "".join(its if its.isprintable() else repr(its)[1:-1] for its in super().__str__())


class UsageError(TinyrecError, ValueError):
    """A wrong flag, name or hyper-parameter."""

    exit_code = 2


class DataError(TinyrecError, ValueError):
    """Ratings that cannot be used as they are."""

    exit_code = 3


class DataWarning(UserWarning):
    """Ratings or predictions that can be used, but look wrong; the command line prints it as one line."""


class BackendError(TinyrecError, RuntimeError):
    """Kernels that cannot run here."""

    exit_code = 4


class FileError(TinyrecError, OSError):
    """A file that is missing, unreadable, foreign, or cannot be written."""

    exit_code = 5


class Diverged(TinyrecError, ArithmeticError):
    """Training reached a number that is not finite."""

    exit_code = 6


class OutOfMemory(TinyrecError, MemoryError):
    """More memory is needed than there is, or than is allowed."""

    exit_code = 7


class Interrupted(TinyrecError):
    """Stopped by a signal."""

    def __init__(self, number: int, what: str):
        super().__init__(what)
        self.exit_code = 128 + number
