"""The `dueclock` command: the door, and what a person sees when something fails.

A failure that a person can mend is one sentence on standard error and the exit status of its `UserError`; Ctrl-C leaves
quietly with 130, a closed pipe with 141. A bug of ours shows its traceback, and so does everything with
`DUECLOCK_DEBUG=1`. The commands themselves are in this folder: parse, call, print.

Nearly every command comes to hold a secret (a login, a token, a key, a target's address), and those that hold none read
what buyers wrote. So no command leaves a core, and neither does what it starts: that is settled here, before the first
file is read.

This module keeps to syntax that old Pythons can read, so that they too get a sentence: it checks the version before it
imports anything of ours.
"""

import errno
import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a check for those who run the source where no installer has checked
    sys.stderr.write(
        f"dueclock needs Python 3.11 or later and this is {sys.version.split()[0]}; install a newer one.\n"
    )
    raise SystemExit(1)

CTRL_C = 130
CLOSED_PIPE = 141


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave with its exit status."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the rest of the process, before any import
    if sys.stdout is None:
        return _told("Standard output is closed; leave it open, or send it to /dev/null.", 1)
    try:
        import click

        from agents.cli.commands import dueclock
        from agents.errors import ReaderGoneError, UserError
        from deploy.private import leave_no_core
    except KeyboardInterrupt:
        return CTRL_C

    leave_no_core()
    wants_tracebacks = os.environ.get("DUECLOCK_DEBUG", "") not in ("", "0")
    try:
        status = dueclock.main(args=arguments, prog_name="dueclock", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        if wants_tracebacks:
            raise
        return _told(error.sentence, error.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return CTRL_C
    except (BrokenPipeError, ReaderGoneError):
        _drop_stdout()
        return CLOSED_PIPE
    except OSError as error:
        if wants_tracebacks or (sentence := _sentence_of(error)) is None:
            raise
        _drop_stdout()
        return _told(sentence, 1)
    return status if isinstance(status, int) else 0


def _sentence_of(error: OSError) -> str | None:
    """What a person can mend about a disk or a folder; None for every other error of the system."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}; free some space and try again."
    if error.filename and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return f"Cannot write {error.filename} ({error.strerror}); make it writable for you, or choose another place."
    return None


def _told(sentence: str, status: int) -> int:
    sys.stderr.write(f"dueclock: {sentence}\n")
    return status


def _drop_stdout() -> None:
    """What is still buffered can go nowhere; without this the interpreter complains about it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
