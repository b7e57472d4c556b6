"""Runs the scripts that standard input lists as JSON, in one process; prints what each printed, as JSON."""

import contextlib
import io
import json
import sys
import traceback

printed = []
for script in json.load(sys.stdin):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            exec(compile(script, "recipe", "exec"), {"__name__": "recipe"})
        except Exception:
            output.write(traceback.format_exc())
    printed.append(output.getvalue().strip())
sys.stdout.write("\n" + json.dumps(printed))
