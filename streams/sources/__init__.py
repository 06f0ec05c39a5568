"""The ways in: what sellers really have becomes notifications (contract §2), one module for each source.

A mapping is a pure function of what a reader has parsed: cells of a report's row, a transaction, a mail's plain fields,
a webhook's body. Its laws:

- What comes out is valid by construction: `entries.Entry.say` is the only place that makes a notification, and it asks
  the same decoder as the worker.
- What is not recognised is counted with a reason (`findings.REASONS`), never guessed.
- No personal field of a source (names, addresses, relay addresses, comments, texts of messages) is in any output byte.
- The same entry gives the same bytes, whoever reads it, whenever, in whatever order.

Each module says at its head where its shapes come from and how certain they are, by these grades: [A] Amazon's own
document, schema or staff answer; [T] seen in several independent public tools or fixtures; [1] one tool only; [I] our
inference. Whatever a real sample may correct stands in a table at the module's beginning.
"""
