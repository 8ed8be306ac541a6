"""Work of the queue. A message is a nudge: the row says what is to be done, and a sweep nudges again."""

from trades.tasks.imports import files_sweep_task, import_nudge, import_work_task, imports_sweep_task

__all__ = ["files_sweep_task", "import_nudge", "import_work_task", "imports_sweep_task"]
