"""What may be said of an unexpected error: its type and the line it came from."""

from __future__ import annotations


def place_of(error: BaseException) -> str:
    """Name an error and the line it came from; never its text, which may quote a person's data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    place = "/".join(code.co_filename.rsplit("/", 2)[-2:])
    return f"{type(error).__name__} at {place}:{trace.tb_lineno}"
