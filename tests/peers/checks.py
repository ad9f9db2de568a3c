"""Runs the functions of a script whose names begin with `check_`, one after the other, and prints one line for each."""

import sys
import traceback


def run(namespace, *arguments):
    passed = failed = 0
    for name, check in list(namespace.items()):
        if not name.startswith("check_"):
            continue
        title = name[len("check_"):].replace("_", " ")
        try:
            check(*arguments)
            passed += 1
            print(f"ok      {title}")
        except Exception:
            failed += 1
            print(f"FAILED  {title}")
            traceback.print_exc()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
